/* SPDX-License-Identifier: MIT */
/* How a VM begins and ends: the words of its status page, and the signal to the root task. After an end the
 * vCPU is answered with BH_RESUME_STOP and never runs again under this VMM. */
#ifndef VMM_LIFECYCLE_LIFECYCLE_H
#define VMM_LIFECYCLE_LIFECYCLE_H

#include <stdbool.h>

#include <bulkhead/vm_status.h>

struct lifecycle {
	struct vm_status *status;
	uint64_t signal; /* notification that tells the root task */
	bool over;       /* ended: the first cause counts */
};

/* VM_STATE_STARTING, with a cleared page. Main thread, first of all. */
void lifecycle_start(
	struct lifecycle *lifecycle, struct vm_status *status, uint64_t signal, uint32_t incarnation);

/* VM_STATE_RUNNING. Main thread, just before VCPU_RUN: from then on the page belongs to the handler
 * threads. */
void lifecycle_running(struct lifecycle *lifecycle);

/* Ends the VM: state POWERED_OFF, RESET, EXITED or CRASHED with its code, and a line for people. Only the
 * first call counts. Logs the line. Handler threads, or the main thread as long as the vCPU does not run. */
void lifecycle_end(struct lifecycle *lifecycle, enum vm_state state, uint32_t code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
