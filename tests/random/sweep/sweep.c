/* SPDX-License-Identifier: MIT */
/* The door to the sweep: a Yield with a word in rdi that the shipped kernel does not look at. The linker puts __wrap_system_call in front of
 * the kernel's own system_call (option --wrap), so that nothing of the kernel changes. */
#include "sweep.h"

#include "../sweep_call.h"
#include "ipc/open_call.h"
#include "object/invocation.h"
#include "panic.h"

void __real_system_call(struct thread *thread);
void __wrap_system_call(struct thread *thread);

void sweep_failed(const char *what, uint64_t first, uint64_t second)
{
	panic("sweep: %s (%lx, %lx)", what, first, second);
}

void __wrap_system_call(struct thread *thread)
{
	if (thread->registers.rax != (BH_SYSCALL | BH_SYS_YIELD) || thread->registers.rdi != SWEEP_CALL) {
		__real_system_call(thread);
		return;
	}
	/* As system_call() begins: who sweeps may be in a call that is not written down. */
	kernel_entered(thread->execution.cpu);
	/* Half dead objects are no invariant. A step is done each time, whether an interrupt is pending or not. */
	while (!teardown_run()) {}
	sweep_capabilities();
	sweep_mappings();
	sweep_executions();
	sweep_scheduler();
	thread->registers.rax = BH_OK;
	thread->registers.rdx = sweep_entry_count;
	thread->registers.r10 = sweep_object_count;
}
