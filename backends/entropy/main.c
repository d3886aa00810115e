/* SPDX-License-Identifier: MIT */
/* The entropy task: keeps a ring of random bytes full for each of its clients, so that nobody calls it. The bytes are the CPU's: RDSEED where
 * there is one, else RDRAND (AMD APM vol. 3; Intel SDM vol. 1 section 7.3.17). It has no other source, and no memory: nothing that was handed
 * out is kept, and nothing of one client is seen by another.
 *
 * Given by the manifest: argument clients=N; capabilities notification (bit i: client i has taken bytes) and signal:0..; regions ring:0.. */
#include <bulkhead/ring.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#define CLIENTS_MAX 60u
#define TRIES 1000u /* an instruction that fails so often in a row is broken */

#define CPUID_1_ECX_RDRAND (UINT32_C(1) << 30)
#define CPUID_7_EBX_RDSEED (UINT32_C(1) << 18)

struct client {
	struct ring_producer ring;
	uint64_t signal;
};

static struct client clients[CLIENTS_MAX];

static void cpuid(uint32_t leaf, uint32_t *ebx, uint32_t *ecx)
{
	uint32_t eax = leaf;
	uint32_t edx;

	*ecx = 0;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(*ebx), "+c"(*ecx), "=d"(edx));
}

static bool has_rdseed(void)
{
	uint32_t ebx;
	uint32_t ecx;

	cpuid(7, &ebx, &ecx);
	return (ebx & CPUID_7_EBX_RDSEED) != 0;
}

static bool has_rdrand(void)
{
	uint32_t ebx;
	uint32_t ecx;

	cpuid(1, &ebx, &ecx);
	return (ecx & CPUID_1_ECX_RDRAND) != 0;
}

static uint64_t random_word(bool seed)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		uint64_t word;
		bool good;

		if (seed) {
			__asm__ volatile("rdseed %0" : "=r"(word), "=@ccc"(good));
		} else {
			__asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
		}
		if (good) {
			return word;
		}
		__asm__ volatile("pause");
	}
	bh_log("the CPU gives no random numbers");
	bh_exit(BH_EXIT_ABORT);
}

/* Fills the client's ring; then waits for room in it. */
static void serve(struct client *client, bool seed)
{
	int signal = 0;

	do {
		while (ring_space(&client->ring.ring, client->ring.head) >= sizeof(uint64_t)) {
			uint64_t word = random_word(seed);

			(void)ring_write(&client->ring, (const uint8_t *)&word, sizeof(word), &signal);
		}
		ring_ask_for_space(&client->ring.ring);
	} while (ring_space(&client->ring.ring, client->ring.head) >= sizeof(uint64_t));
	if (signal != 0 && bh_signal(client->signal) != BH_OK) {
		bh_log("a client cannot be signalled");
	}
}

static void open_client(uint32_t number)
{
	char name[TASK_INFO_NAME_SIZE];
	struct ring transmit;
	struct ring receive;
	size_t size;
	void *region;

	(void)bh_format(name, sizeof(name), "ring:%u", number);
	region = bh_region_required(name, CONSOLE_MIN_SIZE, &size);
	if (console_attach(region, size, &transmit, &receive) != 0) {
		bh_log("region \"%s\" was written by another version", name);
		bh_exit(BH_EXIT_MISSING);
	}
	clients[number].ring = ring_producer_start(receive);
	(void)bh_format(name, sizeof(name), "signal:%u", number);
	clients[number].signal = bh_capability_required(name);
}

int main(void)
{
	uint64_t count = bh_argument_number("clients", 0);
	uint64_t notification = bh_capability_required("notification");
	bool seed = has_rdseed();
	uint64_t word = UINT64_MAX; /* at first all of them */

	if (count > CLIENTS_MAX || (!seed && !has_rdrand())) {
		bh_log(count > CLIENTS_MAX ? "too many clients" : "this CPU has neither RDSEED nor RDRAND");
		return BH_EXIT_ABORT;
	}
	for (uint32_t i = 0; i < count; i++) {
		open_client(i);
	}
	bh_log("random numbers by %s, %lu clients", seed ? "RDSEED" : "RDRAND", (unsigned long)count);
	bh_ready();
	for (;;) {
		for (uint32_t i = 0; i < count; i++) {
			if ((word >> i & 1) != 0) {
				serve(&clients[i], seed);
			}
		}
		if (bh_wait(notification, &word) != BH_OK) {
			return BH_EXIT_ABORT;
		}
	}
}
