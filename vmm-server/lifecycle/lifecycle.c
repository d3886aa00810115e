/* SPDX-License-Identifier: MIT */
/* Beginning and end of a VM (lifecycle.h). Touches the status page. */
#include "lifecycle/lifecycle.h"

#include <stdarg.h>

#include "system.h"

void lifecycle_start(
	struct lifecycle *lifecycle, struct vm_status *status, uint64_t signal, uint32_t incarnation)
{
	*lifecycle = (struct lifecycle){ .status = status, .signal = signal };
	*status = (struct vm_status){
		.version = VM_STATUS_VERSION,
		.size = sizeof(*status),
		.incarnation = incarnation,
		.started_tsc = system_tsc(),
	};
	vm_status_publish(status, VM_STATE_STARTING, 0);
	__atomic_store_n(&status->magic, VM_STATUS_MAGIC, __ATOMIC_RELEASE);
}

void lifecycle_running(struct lifecycle *lifecycle)
{
	lifecycle->status->running_tsc = system_tsc();
	vm_status_publish(lifecycle->status, VM_STATE_RUNNING, 0);
	system_signal(lifecycle->signal);
}

void lifecycle_end(struct lifecycle *lifecycle, enum vm_state state, uint32_t code, const char *format, ...)
{
	struct vm_status *status = lifecycle->status;
	va_list arguments;

	if (lifecycle->over) {
		return;
	}
	lifecycle->over = true;
	va_start(arguments, format);
	system_format_list(status->reason, sizeof(status->reason), format, arguments);
	va_end(arguments);
	status->ended_tsc = system_tsc();
	system_log("%s", status->reason);
	vm_status_publish(status, state, code);
	system_signal(lifecycle->signal);
}
