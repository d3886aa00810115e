/* SPDX-License-Identifier: MIT */
/* A small manifest with a record of each kind, for tests and as the fuzzer's seed. Memory only. */
#pragma once

#include <bulkhead/manifest.h>

#include "manifest_writer.h"

/* Two VMs: VM 0 whole, with a VMM and a model; VM 1 with a lone task, for what must not be reached. Indices of the records: */
enum { SAMPLE_VM_RED, SAMPLE_VM_BLUE, SAMPLE_VMS };
enum { SAMPLE_TASK_CONSOLE, SAMPLE_TASK_MODEL, SAMPLE_TASK_VMM, SAMPLE_TASK_BLUE, SAMPLE_TASKS };
enum {
	SAMPLE_ROOT_NOTIFICATION,
	SAMPLE_CONSOLE_NOTIFICATION,
	SAMPLE_PORTS,
	SAMPLE_INTERRUPT,
	SAMPLE_MODULE_MEMORY,
	SAMPLE_GUEST_SPACE,
	SAMPLE_CONTEXT,
	SAMPLE_VCPU,
	SAMPLE_VCPU_NOTIFICATION,
	SAMPLE_RAM,
	SAMPLE_MODEL_ENDPOINT,
	SAMPLE_MODEL_REPLY,
	SAMPLE_MODEL_THREAD,
	SAMPLE_MODEL_TIMER,
	SAMPLE_VMM_ENDPOINT,
	SAMPLE_BLUE_PAGE,
	SAMPLE_SYSTEM_ENDPOINT,
	SAMPLE_OBJECTS
};

/* Adds the sample's records to a fresh writer; returns the offset of the appliance's name. */
uint32_t sample_fill(struct manifest_writer *writer);
