/* SPDX-License-Identifier: MIT */
/*
 * An NVMe controller and one namespace of it from the driver's side (NVM Express 1.4): one queue for administration, one for the requests of the block
 * protocol. The number of a command is the number of its slot, so nothing has to be found again, and what the controller names is checked by one
 * bit. Pure but for the registers (mmio.h).
 */
#pragma once

#include "environment.h"
#include "slots.h"
#include "work.h"

#include <stdbool.h>
#include <stdint.h>

#define NVME_ADMIN_ENTRIES 16u
#define NVME_ENTRIES 128u   /* of each queue for requests: more than there are slots, so it is never full */
#define NVME_LIST_SIZE 256u /* of a slot: 32 page addresses, or a range */

/* Memory that the controller reaches. */
#define NVME_ADMIN_SUBMISSION 0x0000u
#define NVME_ADMIN_COMPLETION 0x1000u
#define NVME_SUBMISSION 0x2000u
#define NVME_COMPLETION 0x4000u
#define NVME_IDENTIFY 0x5000u
#define NVME_LISTS 0x6000u
#define NVME_MEMORY (NVME_LISTS + BLOCK_SLOTS * NVME_LIST_SIZE)

/* Figure 104: a command. */
struct nvme_command {
	uint32_t opcode; /* bits 0..7; 16..31: its number */
	uint32_t name_space;
	uint64_t reserved;
	uint64_t metadata;
	uint64_t data[2]; /* PRP 1 and 2 */
	uint32_t parameter[6];
};
_Static_assert(sizeof(struct nvme_command) == 64, "NVMe 1.4 section 4.2");

/* Figure 120: what comes back. */
struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	uint32_t queue;
	uint32_t status; /* bits 0..15: the command's number; 16: phase; 17..31: 0 if it went well */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "NVMe 1.4 section 4.6");

struct nvme_queue {
	struct nvme_command *submission;
	const volatile struct nvme_completion *completion;
	volatile uint8_t *submission_doorbell;
	volatile uint8_t *completion_doorbell;
	uint16_t entries;
	uint16_t tail;  /* next command goes here */
	uint16_t head;  /* next completion is expected here */
	uint16_t phase; /* of a completion that is new */
	uint16_t rung;  /* the tail that the controller knows */
};

enum nvme_error {
	NVME_OK,
	NVME_ERROR_REGISTERS, /* BAR 0 is too small, or the doorbells are where the MSI-X table is */
	NVME_ERROR_CONTROLLER, /* it does not have what is needed: 4 KiB pages, the NVM command set, 16 entries */
	NVME_ERROR_STUCK,      /* it does not start or stop, or does not answer */
	NVME_ERROR_COMMAND, /* it refused a command of the start */
	NVME_ERROR_NAMESPACE, /* there is no first namespace, or its blocks are not of 512 bytes without metadata */
};

struct nvme {
	volatile uint8_t *registers;
	uint8_t *memory;
	uint64_t address; /* of the memory, as the controller sees it */
	uint32_t stride;  /* of doorbells, in bytes */
	uint16_t entries; /* of the queue for requests */
	struct nvme_queue admin;
	struct nvme_queue queue;
	struct slots slots;
};

/* Finds the registers, stops the controller (behind that nothing of a former life is under way), starts it, asks it what it is, and opens the queue,
 * whose interrupts are message `vector`. `memory`, NVME_MEMORY bytes, is seen by the controller at `address`. Fills the geometry of
 * `nvme->slots`. */
__attribute__((warn_unused_result)) enum nvme_error nvme_start(struct nvme *nvme,
	const struct host_pci_function *function, const struct driver_bar *bar, uint16_t vector, void *memory,
	uint64_t address);

/* Does what can be done now: see work.h. */
enum driver_turn nvme_turn(struct nvme *nvme, bool *signal);

/* What is wrong, in English. */
const char *nvme_error_text(enum nvme_error error);
