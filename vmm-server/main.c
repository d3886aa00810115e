/* SPDX-License-Identifier: MIT */
/* The VMM server of one VM: builds it, starts its vCPU, and from then on sleeps; the handler thread does the
 * rest. */
#include <bulkhead/task.h>

#include "start.h"
#include "vcpu/handler.h"

static struct vmm vmm;
static struct handler handler;

static bool run(void)
{
	enum bh_error error;

	handler = (struct handler){ &vmm, bh_capability_required("endpoint0"),
		bh_capability_required("reply0") };
	error = bh_thread_start_passive(bh_capability_required("handler0"), 1, handler.endpoint,
		handler.reply, handler_run, &handler);
	if (error == BH_OK) {
		lifecycle_running(&vmm.lifecycle);
		error = bh_vcpu_run(vmm.vcpu.capability);
	}
	if (error != BH_OK) {
		lifecycle_end(&vmm.lifecycle, VM_STATE_CRASHED, VM_CRASH_START, "cannot start the vCPU: %s",
			bh_error_text(error));
	}
	return error == BH_OK;
}

int main(void)
{
	struct vm_status *status = bh_region_required("status", sizeof(struct vm_status), NULL);
	uint64_t notification = bh_capability_required("notification");
	uint64_t word;

	lifecycle_start(
		&vmm.lifecycle, status, bh_capability_required("status-signal"), bh_task_info()->incarnation);
	if (vmm_start(&vmm)) {
		(void)run();
	}
	/* Nothing is left to do here, and this thread's end would be the task's. */
	while (bh_wait(notification, &word) == BH_OK) {}
	return 1;
}
