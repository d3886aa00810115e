/* SPDX-License-Identifier: MIT */
/* A thread that tries addresses of the own space for a case, and tells what it met there. */
#include "probe.h"

static struct test_thread prober;
static uint64_t endpoint, reply;
static unsigned int prober_case; /* the case that it was made in: it dies with that */

__asm__(".text\n"
	".globl probe_read, probe_write, probe_jump\n"
	"probe_read: movq (%rdi), %rax; ud2\n"
	"probe_write: movq %rsi, (%rdi); ud2\n"
	"probe_jump: jmp *%rdi\n");

/* What a thread in the own space meets at the address: 6 (#UD: the access worked), 14 (#PF) or another vector. */
unsigned int probe(const char *how, uint64_t address, uint64_t *value)
{
	struct bh_message message = { 0 };
	struct bh_thread_registers registers;

	if (prober_case != cases_begun) {
		prober_case = cases_begun;
		prober = (struct test_thread){ 0 };
		endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
		reply = object_new(BH_OBJECT_REPLY, 0);
		prober.fault_endpoint = endpoint;
		if (!thread_new(&prober, NULL, 0, OWN_PRIORITY - 1, true)) {
			return 255;
		}
	}
	registers = prober.registers;
	registers.rip = (uint64_t)how;
	registers.rdi = address;
	registers.rsi = *value;
	if (bh_thread_suspend(prober.thread) != BH_OK ||
		bh_thread_write_registers(prober.thread, OWN_BUFFER, &registers) != BH_OK ||
		bh_thread_resume(prober.thread) != BH_OK || bh_receive(endpoint, reply, &message) != BH_OK ||
		bh_thread_read_registers(prober.thread, OWN_BUFFER, &registers) != BH_OK) {
		return 255;
	}
	*value = registers.rax;
	return (unsigned int)(message.word[0] >> 8);
}

unsigned int readable(uint64_t address)
{
	uint64_t value = 0;

	return probe(probe_read, address, &value);
}

unsigned int writable(uint64_t address)
{
	uint64_t value = 0;

	return probe(probe_write, address, &value);
}

bool make_tables(uint64_t space, uint64_t address, unsigned int lowest)
{
	for (uint64_t level = 3; level >= lowest; level--) {
		if (INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, space, address, level) !=
			BH_OK) {
			return false;
		}
	}
	return true;
}
