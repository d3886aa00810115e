/* SPDX-License-Identifier: MIT */
/* Open calls. A call that goes the short way (fastpath.h) is not written down: the server runs, and all that says so is its
 * `open_caller`. Mostly the server answers before anybody else has come into the kernel; then nobody can tell that it was called at
 * all, and there is nothing to undo. Every other way into the kernel begins with kernel_entered(), which writes open calls down
 * first: all other code sees a caller that waits, a Reply that is taken, and a context that was lent.
 *
 *     current ── open_caller ──> who called it ── open_caller ──> who called that one (runs on a context of its own)
 *
 * From one kernel_entered() to the next is a *stretch*. Only short ways run in it, and they change nothing that they look at but
 * open calls themselves: what one has checked holds for all others of the same stretch. docs/decisions/023. */
#pragma once

#include "object/objects.h"
#include "sched/cpu.h"

/* gcc takes what never returns for cold, and would not inline there. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

void kernel_entered_late(struct cpu *cpu);

/* The first thing on every way into the kernel but the short ones. */
static inline void kernel_entered(struct cpu *cpu)
{
	cpu->stretch++;
	if (cpu->late_signal != NULL || cpu->current->open_caller != NULL) {
		kernel_entered_late(cpu);
	}
}

/* Can a call by current be handed at once to the thread that waits at the endpoint? */
bool open_call_look(const struct cpu *cpu, struct endpoint *endpoint);
static ALWAYS_INLINE bool open_call_is_ready(const struct cpu *cpu, struct endpoint *endpoint)
{
	return __builtin_expect(endpoint->header.ready_in == cpu->stretch, 1) ||
	       open_call_look(cpu, endpoint);
}

/* The call itself; the endpoint is ready, and receiver waits there. */
static ALWAYS_INLINE void open_call_begin(
	struct cpu *cpu, struct endpoint *endpoint, struct execution *caller, struct thread *receiver)
{
	endpoint->header.ready_in = 0;
	receiver->execution.open_caller = caller;
	cpu->current = &receiver->execution;
}

/* The answer, together with the wait for the next call: as if nothing had been. */
static ALWAYS_INLINE void open_call_end(
	struct cpu *cpu, struct endpoint *endpoint, struct execution *caller, struct thread *server)
{
	endpoint->header.ready_in = cpu->stretch;
	server->execution.open_caller = NULL;
	cpu->current = caller;
}
