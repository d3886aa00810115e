/* SPDX-License-Identifier: MIT */
/* A device model as a task: main() is in task.c, the model's main.c only names the model. Also how the
 * task's endpoint is spoken to. */
#pragma once

#include <bulkhead/abi.h>

#include "framework/model.h"

/* Messages on a model's endpoint:
 *  - BH_LABEL_PORT, 3 words as in bulkhead/vcpu.h, badge = the model's region; from the kernel, or from
 *    the VMM for an access done again or done in the guest's place. An access of the VMM's own needs a
 *    sequence number that differs from the vCPU's last one: the same number is the same access. The
 *    answer's word 0 is the value read.
 *  - MODEL_LABEL_EVENT, word 0 = MODEL_EVENT_* bits; from the task's main thread. The answer is empty.
 * Anything else gets an empty answer. */
enum model_label { MODEL_LABEL_EVENT = BH_LABEL_USER };

/* Names in a model's task information. */
#define MODEL_NAME_ENDPOINT "endpoint"
#define MODEL_NAME_REPLY "reply"
#define MODEL_NAME_HANDLER "handler"
#define MODEL_NAME_NOTIFICATION "notification"
#define MODEL_NAME_TIMER "timer"
#define MODEL_NAME_INTERRUPT "interrupt"
#define MODEL_NAME_CONSOLE_SIGNAL "console-signal"
#define MODEL_NAME_STATE "state"
#define MODEL_NAME_LINES "lines"
#define MODEL_NAME_CLOCK "clock"
#define MODEL_NAME_CONSOLE "console"
#define MODEL_NAME_FRAMES "frames"               /* in the place of "console", for a network card */
#define MODEL_NAME_SWITCH_SIGNAL "switch-signal" /* likewise, of "console-signal" */
#define MODEL_NAME_DISK "disk-page"              /* for a disk: its requests to the volume server */
#define MODEL_NAME_DISK_DATA "disk-data"         /* and the data area beside them */
#define MODEL_NAME_DISK_SIGNAL "disk-signal"     /* in the place of "console-signal" */
#define MODEL_NAME_RAM "ram"                     /* guest memory from 0, for a model that does DMA */
#define MODEL_NAME_RAM_HIGH "ram-high"           /* from 4 GiB, if there is any */

extern const struct model *const task_model;
