/* SPDX-License-Identifier: MIT */
/* An NVMe queue pair: commands in, completions out. The controller's half is not believed. Pure but for the doorbells. */
#pragma once

#include "nvme.h"

#define NVME_NAMESPACE 1u

#define NVME_COMPLETION_NUMBER(completion) ((completion)->status & 0xffff)
#define NVME_COMPLETION_FAILED(completion) ((completion)->status >> 17 != 0)

/* Puts `command` in the queue under `number`. The queue has room: its user knows. */
void nvme_queue_put(struct nvme_queue *queue, const struct nvme_command *command, uint16_t number);

/* Tells the controller of what was put, if there is something new. */
void nvme_queue_ring(struct nvme_queue *queue);

/* Takes a completion, if there is one. */
bool nvme_queue_take(struct nvme_queue *queue, struct nvme_completion *completion);

/* Tells the controller of what was taken. */
void nvme_queue_acknowledge(struct nvme_queue *queue);
