/* SPDX-License-Identifier: MIT */
/* Builds the VM from what the task was given by name: memory, devices, tables, guest, vCPU state. */
#ifndef VMM_START_H
#define VMM_START_H

#include <stdbool.h>

#include "vmm.h"

/* Fills *vmm, whose lifecycle has started, from arguments, capabilities and regions, up to the point where
 * the vCPU can run. False: the VM has been ended with a reason. Main thread. */
__attribute__((warn_unused_result)) bool vmm_start(struct vmm *vmm);

#endif
