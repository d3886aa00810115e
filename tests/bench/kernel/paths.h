/* SPDX-License-Identifier: MIT */
/* What the bench's root task measures, and how. Everything goes through the kernel's ABI, by the conformance suite's harness. */
#pragma once

#include "guest.h"
#include "harness.h"

enum { SAMPLES = 500, MARKED_ROUNDS = 5 };

/* The marker of insnmark.c, with a number that the compiler knows. */
#define MARK(n) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0; .word %c0, 0x4d4b" ::"i"(n) : "memory")

/* Numbers of the markers: even, the end of a round is one more. A path that is measured again under another name keeps its number. */
enum path_id {
	ID_NULL = 16,
	ID_CALL_4 = 18,
	ID_CALL_64 = 20,
	ID_MINT = 22,
	ID_DOORBELL = 24, /* these two stand in code.S */
	ID_PORT_READ = 26,
};

/* The time before or behind a path. */
static inline uint64_t path_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

extern uint32_t sample[SAMPLES];

/* Prints EXIT <name><suffix> id <id> min <n> median <n> max <n>, of sample[]. */
void path_report(const char *name, const char *suffix, uint64_t id);

/* What failed, and ends the machine: a bench measures nothing that does not work. */
void bench_failed(const char *what) __attribute__((noreturn));
#define NEED(condition)                           \
	do {                                      \
		if (!(condition)) {               \
			bench_failed(#condition); \
		}                                 \
	} while (0)

/* A passive thread in an address space of its own that answers every message with itself. */
struct echo {
	uint64_t endpoint; /* all rights */
	struct test_thread thread;
};
void echo_new(struct echo *echo);

/* Runs the function on a thread below the own priority that makes no use of the FPU, and waits for its end. The CNode is a slot of
 * the own one, or 0 for the own. The function gets `argument`. */
void client_run(void (*function)(uint64_t), uint64_t argument, uint64_t cnode, struct test_thread *thread);

/* The paths, one file each. */
void measure_calls(void);
void measure_ports(void);
