/* SPDX-License-Identifier: MIT */
/* The handler thread of a vCPU: receives its exits and answers them, on the vCPU's own scheduling context. */
#ifndef VMM_VCPU_HANDLER_H
#define VMM_VCPU_HANDLER_H

#include <bulkhead/task.h>

#include "vmm.h"

struct handler {
	struct vmm *vmm;
	uint64_t endpoint; /* slots */
	uint64_t reply;
};

/* Thread entry for bh_thread_start_passive(); `argument` is a struct handler that stays. Never returns. */
void handler_run(void *argument, struct bh_message *first);

#endif
