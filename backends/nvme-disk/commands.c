/* SPDX-License-Identifier: MIT */
/* Queues and requests of an NVMe namespace: see commands.h and nvme.h. Numbers are of NVM Express 1.4. */
#include "commands.h"

#include "mmio.h"

#include <string.h>

/* Section 6. */
#define OPCODE_FLUSH 0x00u
#define OPCODE_WRITE 0x01u
#define OPCODE_READ 0x02u
#define OPCODE_ZEROES 0x08u
#define OPCODE_DATASET 0x09u
#define DATASET_DEALLOCATE (1u << 2)

#define PAGE UINT64_C(4096)
#define LIST_ENTRIES (NVME_LIST_SIZE / 8)
#define COMPLETION_PHASE(status) ((status) >> 16 & 1)

/* Figure 364: a range of DATASET. */
struct range {
	uint32_t attributes;
	uint32_t blocks;
	uint64_t first;
};
_Static_assert(sizeof(struct range) == 16, "NVMe 1.4 section 6.7");

_Static_assert(NVME_ENTRIES > BLOCK_SLOTS, "a queue is never full");
_Static_assert(NVME_ENTRIES * sizeof(struct nvme_command) <= NVME_COMPLETION - NVME_SUBMISSION,
	"queues do not overlap");

/* ---- Queues ---------------------------------------------------------------------------------------------------------- */

void nvme_queue_put(struct nvme_queue *queue, const struct nvme_command *command, uint16_t number)
{
	struct nvme_command *place = &queue->submission[queue->tail];

	*place = *command;
	place->opcode |= (uint32_t)number << 16;
	queue->tail = (uint16_t)((queue->tail + 1) % queue->entries);
}

void nvme_queue_ring(struct nvme_queue *queue)
{
	if (queue->rung == queue->tail) {
		return;
	}
	queue->rung = queue->tail;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the commands are in memory first */
	mmio_write(queue->submission_doorbell, 4, queue->tail);
}

bool nvme_queue_take(struct nvme_queue *queue, struct nvme_completion *completion)
{
	const volatile struct nvme_completion *place = &queue->completion[queue->head];
	uint32_t status = __atomic_load_n(&place->status, __ATOMIC_ACQUIRE);

	if (COMPLETION_PHASE(status) != queue->phase) {
		return false;
	}
	*completion = (struct nvme_completion){ .result = place->result, .status = status };
	queue->head++;
	if (queue->head == queue->entries) {
		queue->head = 0;
		queue->phase ^= 1;
	}
	return true;
}

void nvme_queue_acknowledge(struct nvme_queue *queue)
{
	mmio_write(queue->completion_doorbell, 4, queue->head);
}

/* ---- Requests -------------------------------------------------------------------------------------------------------- */

/* Says where `bytes` from `address` on are: by two page addresses, or one and a list of those of all further pages (section 4.3). */
static void point_at(
	struct nvme *nvme, uint32_t slot, struct nvme_command *command, uint64_t address, uint64_t bytes)
{
	uint64_t *list = (uint64_t *)(void *)(nvme->memory + NVME_LISTS + slot * NVME_LIST_SIZE);
	uint64_t next = (address & ~(PAGE - 1)) + PAGE;
	uint64_t end = address + bytes;
	uint32_t count = 0;

	command->data[0] = address;
	for (; next < end && count < LIST_ENTRIES; next += PAGE) {
		list[count++] = next;
	}
	command->data[1] = count == 0   ? 0
			   : count == 1 ? list[0]
					: nvme->address + NVME_LISTS + (uint64_t)slot * NVME_LIST_SIZE;
}

/* The next piece of a slot that was begun. */
static void send(struct nvme *nvme, uint32_t slot)
{
	struct nvme_command command = { .name_space = NVME_NAMESPACE };
	struct range *range = (struct range *)(void *)(nvme->memory + NVME_LISTS + slot * NVME_LIST_SIZE);
	uint64_t sector;
	uint32_t count;
	uint64_t address;
	enum block_operation operation = slots_piece(&nvme->slots, slot, &sector, &count, &address);

	switch (operation) {
	case BLOCK_READ:
	case BLOCK_WRITE:
	case BLOCK_WRITE_ZEROES:
		command.opcode = operation == BLOCK_READ    ? OPCODE_READ
				 : operation == BLOCK_WRITE ? OPCODE_WRITE
							    : OPCODE_ZEROES;
		command.parameter[0] = (uint32_t)sector;
		command.parameter[1] = (uint32_t)(sector >> 32);
		command.parameter[2] = count - 1;
		if (operation != BLOCK_WRITE_ZEROES) {
			point_at(nvme, slot, &command, address, (uint64_t)count * BLOCK_SECTOR_SIZE);
		}
		break;
	case BLOCK_DISCARD:
		*range = (struct range){ .blocks = count, .first = sector };
		command.opcode = OPCODE_DATASET;
		command.data[0] = nvme->address + NVME_LISTS + (uint64_t)slot * NVME_LIST_SIZE;
		command.parameter[0] = 0; /* one range */
		command.parameter[1] = DATASET_DEALLOCATE;
		break;
	default:
		command.opcode = OPCODE_FLUSH;
		break;
	}
	nvme_queue_put(&nvme->queue, &command, (uint16_t)slot);
}

/* How many of the slots may be under way: a queue holds one less than it has entries. */
static bool has_room(const struct nvme *nvme)
{
	return (uint32_t)__builtin_popcountll(nvme->slots.begun) + 1 < nvme->queue.entries;
}

enum driver_turn nvme_turn(struct nvme *nvme, bool *signal)
{
	enum driver_turn turn = DRIVER_IDLE;
	struct nvme_completion completion;
	uint64_t fresh;

	while (nvme_queue_take(&nvme->queue, &completion)) {
		uint32_t slot = NVME_COMPLETION_NUMBER(&completion);

		if (slot >= BLOCK_SLOTS || (nvme->slots.begun >> slot & 1) == 0) {
			return DRIVER_NONSENSE;
		}
		if (slots_finish(&nvme->slots, slot,
			    NVME_COMPLETION_FAILED(&completion) ? BLOCK_FAILED : BLOCK_OK, signal)) {
			send(nvme, slot);
		}
		turn = DRIVER_MOVED;
	}
	if (turn == DRIVER_MOVED) {
		nvme_queue_acknowledge(&nvme->queue);
	}
	for (fresh = slots_fresh(&nvme->slots); fresh != 0 && has_room(nvme); fresh &= fresh - 1) {
		uint32_t slot = (uint32_t)__builtin_ctzll(fresh);

		if (slots_begin(&nvme->slots, slot, signal)) {
			send(nvme, slot);
		}
		turn = DRIVER_MOVED;
	}
	nvme_queue_ring(&nvme->queue);
	return turn;
}
