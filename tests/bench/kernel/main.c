/* SPDX-License-Identifier: MIT */
/* The bench's root task: measures system calls, messages and doorbells without any VMM. Prints a line for each path on COM1, then
 * EXIT-DONE. */
#include "paths.h"

uint32_t sample[SAMPLES];

void bench_failed(const char *what)
{
	print("FAILED %s\n", what);
	harness_end(1);
}

void path_report(const char *name, const char *suffix, uint64_t id)
{
	for (unsigned int i = 1; i < SAMPLES; i++) {
		for (unsigned int j = i; j > 0 && sample[j] < sample[j - 1]; j--) {
			uint32_t other = sample[j];
			sample[j] = sample[j - 1];
			sample[j - 1] = other;
		}
	}
	print("EXIT %s%s id %u min %u median %u max %u\n", name, suffix, id, (uint64_t)sample[0],
		(uint64_t)sample[SAMPLES / 2], (uint64_t)sample[SAMPLES - 1]);
}

struct client {
	void (*function)(uint64_t);
	uint64_t argument, notification;
};

static void client_begin(uint64_t argument)
{
	const struct client *client = (const struct client *)argument;

	client->function(client->argument);
	(void)!bh_signal(client->notification);
}

void client_run(void (*function)(uint64_t), uint64_t argument, uint64_t cnode, struct test_thread *thread)
{
	struct client client = { .function = function, .argument = argument };
	uint64_t done = object_new(BH_OBJECT_NOTIFICATION, 0), word;

	client.notification = mint_new(done, BH_RIGHT_WRITE, 1);
	if (cnode != 0) { /* the client's own slot of the same number */
		NEED(bh_cnode_copy(cnode, client.notification, 0, client.notification, BH_RIGHTS_ALL) ==
			BH_OK);
	}
	*thread = (struct test_thread){ .cnode = cnode };
	NEED(thread_new(thread, client_begin, (uint64_t)&client, OWN_PRIORITY - 10, true));
	NEED(bh_thread_resume(thread->thread) == BH_OK);
	NEED(bh_wait(done, &word) == BH_OK);
	NEED(bh_thread_suspend(thread->thread) == BH_OK);
}

#define ECHO_CODE UINT64_C(0x40000000)
extern const uint8_t echo_code[], echo_code_end[];

void echo_new(struct echo *echo)
{
	uint64_t frame, reply = object_new(BH_OBJECT_REPLY, 0),
			space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	volatile uint8_t *code = page_new(&frame);

	NEED(code != NULL);
	for (size_t i = 0; i < (size_t)(echo_code_end - echo_code); i++) {
		code[i] = echo_code[i];
	}
	NEED(map_with_tables(copy_new(frame, BH_RIGHTS_ALL), space, ECHO_CODE,
		     BH_MAP_READ | BH_MAP_EXECUTE) == BH_OK);
	*echo = (struct echo){ .endpoint = object_new(BH_OBJECT_ENDPOINT, 0), .thread = { .space = space } };
	NEED(thread_new(&echo->thread, NULL, 0, OWN_PRIORITY - 5, false));
	echo->thread.registers.rip = ECHO_CODE;
	echo->thread.registers.rbx = echo->endpoint;
	echo->thread.registers.rbp = BH_SYSCALL | BH_SYS_REPLY_RECV;
	echo->thread.registers.r12 = reply;
	NEED(bh_thread_write_registers(echo->thread.thread, OWN_BUFFER, &echo->thread.registers) == BH_OK);
	NEED(bh_thread_receive(echo->thread.thread, echo->endpoint, reply) == BH_OK);
}

void root_task_main(const struct bh_boot_info *info)
{
	harness_start(info);
	measure_calls();
	measure_ports();
	print("EXIT-DONE\n");
	harness_end(0);
}
