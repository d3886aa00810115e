/* SPDX-License-Identifier: MIT */
/* A VM as a whole: making its objects, its guest space and its tasks, and taking all of it down. */
#pragma once

#include "root.h"

/* Starts VM `vm`, which is off. On an error the reason was reported and the VM is off again. */
BH_MUST_USE enum bh_error vm_start(uint32_t vm);

/* Ends VM `vm` and everything that was made for it. What system tasks hold (consoles) stays. */
BH_MUST_USE enum bh_error vm_stop(uint32_t vm);

/* The VM's status page in the root task's space; NULL if it is not mapped. */
const struct vm_status *vm_status_page(uint32_t vm);
