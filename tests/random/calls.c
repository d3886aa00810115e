/* SPDX-License-Identifier: MIT */
/* Making calls and counting what came of them. */
#include "random.h"

#include "harness.h"
#include "sweep_call.h"

#define CALLS_BETWEEN_SWEEPS 1000u
#define ROWS (256 + BH_SYS_COUNT + 1) /* labels, then system calls, then unknown numbers */

volatile bool model_busy;
uint64_t calls_made, calls_wanted, calls_succeeded, sweeps_made, run_hash;

/* By label or system call, and error: calls whose capability was believed to be of the right type, and others. */
static uint64_t hits[ROWS][BH_ERROR_COUNT], misses[ROWS][BH_ERROR_COUNT];
static uint64_t since_sweep;

uint64_t random_next(struct caller *caller)
{
	/* splitmix64 */
	uint64_t z = caller->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Which object an invocation is on. */
static uint64_t type_of_label(uint64_t label)
{
	switch (label) {
	case BH_SCHED_CONTROL_CONFIGURE:
		return BH_OBJECT_SCHED_CONTROL;
	case BH_GUEST_SPACE_ROUTE:
		return BH_OBJECT_GUEST_SPACE;
	case BH_FRAME_MAP:
	case BH_FRAME_UNMAP:
		return BH_OBJECT_FRAME;
	case BH_PAGE_TABLE_MAP:
	case BH_PAGE_TABLE_UNMAP:
		return BH_OBJECT_PAGE_TABLE;
	case BH_IRQ_CONTROL_CONFIGURE:
	case BH_IRQ_CONTROL_CONFIGURE_MSI:
		return BH_OBJECT_IRQ_CONTROL;
	case BH_IRQ_BIND:
	case BH_IRQ_ACK:
		return BH_OBJECT_IRQ_HANDLER;
	case BH_IO_SPACE_CONTROL_CONFIGURE:
		return BH_OBJECT_IO_SPACE_CONTROL;
	case BH_IO_SPACE_BIND:
	case BH_IO_SPACE_FAULT:
		return BH_OBJECT_IO_SPACE;
	case BH_IO_PORT_CONTROL_CONFIGURE:
		return BH_OBJECT_IO_PORT_CONTROL;
	case BH_IO_PORTS_MAP:
	case BH_IO_PORTS_UNMAP:
		return BH_OBJECT_IO_PORTS;
	default:
		break;
	}
	switch (label >> 4) {
	case 1:
		return BH_OBJECT_UNTYPED;
	case 2:
		return BH_OBJECT_CNODE;
	case 3:
		return BH_OBJECT_THREAD;
	case 4:
		return BH_OBJECT_SCHED_CONTEXT;
	case 5:
		return BH_OBJECT_ENDPOINT;
	case 6:
		return BH_OBJECT_TIMER;
	case 9:
		return BH_OBJECT_VCPU;
	default:
		return BH_OBJECT_NULL;
	}
}

static uint64_t type_of_system_call(uint64_t number)
{
	switch (number) {
	case BH_SYS_REPLY:
		return BH_OBJECT_REPLY;
	case BH_SYS_SIGNAL:
	case BH_SYS_WAIT:
	case BH_SYS_POLL:
		return BH_OBJECT_NOTIFICATION;
	default:
		return BH_OBJECT_ENDPOINT;
	}
}

static void count(const struct call *call, uint64_t type, enum bh_error error)
{
	uint64_t row = call->number == BH_SYS_INVOKE ? call->info & 0xff
		       : call->number < BH_SYS_COUNT ? 256 + call->number
						     : 256 + BH_SYS_COUNT;
	uint64_t wanted =
		call->number == BH_SYS_INVOKE ? type_of_label(call->info) : type_of_system_call(call->number);
	bool hit = type == wanted || call->number == BH_SYS_YIELD || call->number >= BH_SYS_COUNT;

	if ((call->number == BH_SYS_INVOKE && call->info > 0xff) || error >= BH_ERROR_COUNT) {
		hit = false;
		row = 0;
		error = error < BH_ERROR_COUNT ? error : BH_OK;
	}
	__atomic_fetch_add(hit ? &hits[row][error] : &misses[row][error], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&calls_succeeded, error == BH_OK ? 1 : 0, __ATOMIC_RELAXED);
	run_hash = (run_hash ^ (row << 8 | (uint64_t)error)) * UINT64_C(0x100000001b3);
}

void sweep(struct caller *caller)
{
	struct bh_message message = { 0 };

	since_sweep = 0;
	sweeps_made++;
	caller->received = false;
	if ((bh_system_call(BH_SYS_YIELD, &message, SWEEP_CALL, 0, 0) != BH_OK || message.word[0] == 0) &&
		!caller->received) {
		print("RANDOM the kernel has no sweep: it is not the test's\n");
		harness_end(1);
	}
}

enum bh_error perform(struct caller *caller, struct call *call)
{
	struct bh_message message = { .info = call->info };
	uint64_t type = model_type(call->capability);
	enum bh_error error;

	for (unsigned int i = 0; i < BH_MESSAGE_REGISTERS; i++) {
		message.word[i] = call->argument[i];
	}
	if (since_sweep >= CALLS_BETWEEN_SWEEPS) {
		sweep(caller);
	}
	caller->received = false;
	__atomic_fetch_add(&since_sweep, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&calls_made, 1, __ATOMIC_RELAXED);
	error = bh_system_call(
		call->number, &message, call->capability, call->argument[4], call->argument[5]);
	for (unsigned int i = 0; i < BH_MESSAGE_REGISTERS; i++) {
		call->results.r[i] = message.word[i];
	}
	call->badge = message.badge;
	if (error == BH_ERROR_CANCELLED && caller->received) {
		/* It was stopped in this call, whatever that was, and made to stand in a Recv: that one was cancelled. */
		count(&(struct call){ .number = BH_SYS_RECV }, BH_OBJECT_ENDPOINT, error);
	} else {
		count(call, type, error);
	}
	return error;
}

enum bh_error invoke(struct caller *caller, uint64_t capability, uint64_t label, uint64_t a0, uint64_t a1,
	uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct call call = { .number = BH_SYS_INVOKE,
		.capability = capability,
		.info = label,
		.argument = { a0, a1, a2, a3, a4, a5 } };

	return perform(caller, &call);
}

static void print_table(const char *name, uint64_t table[ROWS][BH_ERROR_COUNT])
{
	for (uint64_t row = 0; row < ROWS; row++) {
		for (uint64_t error = 0; error < BH_ERROR_COUNT; error++) {
			if (table[row][error] != 0) {
				print("%s %u %u %u\n", name, row, error, table[row][error]);
			}
		}
	}
}

void counts_print(void)
{
	print_table("hit", hits);
	print_table("miss", misses);
}
