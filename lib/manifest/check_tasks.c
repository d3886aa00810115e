/* SPDX-License-Identifier: MIT */
/* Judges the records of what runs: modules, VMs, tasks and their arguments. */
#include "records.h"

#define MAX_CNODE_SIZE_BITS 12u

static int is_restart(const struct manifest_restart *restart)
{
	if (restart->on_exit == MANIFEST_ON_EXIT_RESTART) {
		return restart->max >= 1 && restart->max <= MANIFEST_MAX_RESTARTS && restart->seconds >= 1;
	}
	return restart->on_exit == MANIFEST_ON_EXIT_STOP && restart->max == 0 && restart->seconds == 0;
}

enum manifest_error manifest_check_argument(const struct manifest *manifest, uint32_t index)
{
	return manifest_check_text(manifest, manifest->arguments[index], MANIFEST_ARGUMENT_SIZE);
}

enum manifest_error manifest_check_module(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_module *module = &manifest->modules[index];
	enum manifest_error error = manifest_check_name(manifest, module->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	return module->reserved == 0 && module->size != 0 ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
}

enum manifest_error manifest_check_vm(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_vm *vm = &manifest->vms[index];
	enum manifest_error error = manifest_check_name(manifest, vm->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (vm->reserved != 0 || vm->trust_domain == 0 || vm->hang_limit_ms == 0 || vm->memory == 0 ||
		vm->memory % MANIFEST_LARGE_PAGE_SIZE != 0 ||
		!manifest_is_share(vm->budget_us, vm->period_us) || !is_restart(&vm->on_crash) ||
		!is_restart(&vm->on_reset)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest_same_name(manifest, manifest->vms[other].name, vm->name)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_task_values(const struct manifest_task *task)
{
	int is_passive = task->budget_us == 0 && task->period_us == 0;

	if (task->function > MANIFEST_MAX_FUNCTIONS || task->trust_domain == 0 ||
		!manifest_is_priority(task->priority) || task->cnode_size_bits == 0 ||
		task->cnode_size_bits > MAX_CNODE_SIZE_BITS ||
		(task->flags & ~(MANIFEST_TASK_FPU | MANIFEST_TASK_ESSENTIAL | MANIFEST_TASK_ALLOW_DMA)) !=
			0 ||
		((task->flags & MANIFEST_TASK_ALLOW_DMA) != 0 && task->function == 0) ||
		task->handler_count > MANIFEST_MAX_HANDLERS ||
		(!is_passive && !manifest_is_share(task->budget_us, task->period_us)) ||
		task->heap_size % MANIFEST_PAGE_SIZE != 0 || task->stack_size % MANIFEST_PAGE_SIZE != 0 ||
		task->stack_size == 0 || !is_restart(&task->restart)) {
		return MANIFEST_ERROR_VALUE;
	}
	return MANIFEST_OK;
}

enum manifest_error manifest_check_task(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_task *task = &manifest->tasks[index];
	enum manifest_error error = manifest_check_name(manifest, task->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	error = check_task_values(task);
	if (error != MANIFEST_OK) {
		return error;
	}
	if (task->module >= manifest->module_count || task->first_argument > manifest->argument_count ||
		task->argument_count > manifest->argument_count - task->first_argument) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (task->vm != MANIFEST_NONE) {
		if (task->vm >= manifest->vm_count) {
			return MANIFEST_ERROR_REFERENCE;
		}
		if (manifest->vms[task->vm].trust_domain != task->trust_domain) {
			return MANIFEST_ERROR_SCOPE;
		}
		if (task->function != 0) {
			return MANIFEST_ERROR_SCOPE;
		}
	} else if ((task->flags & MANIFEST_TASK_ESSENTIAL) != 0) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest_same_name(manifest, manifest->tasks[other].name, task->name) ||
			(task->function != 0 && manifest->tasks[other].function == task->function)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}
