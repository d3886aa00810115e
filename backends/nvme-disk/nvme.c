/* SPDX-License-Identifier: MIT */
/* The controller's start: registers, administration queue, what it is, the queue for requests. See nvme.h. Numbers are of NVM Express 1.4. */
#include "nvme.h"

#include "commands.h"
#include "mmio.h"

#include <string.h>

/* Section 3.1. */
#define REGISTER_CAPABILITIES 0x00u
#define REGISTER_CONFIGURATION 0x14u
#define REGISTER_STATUS 0x1cu
#define REGISTER_ADMIN_ENTRIES 0x24u
#define REGISTER_ADMIN_SUBMISSION 0x28u
#define REGISTER_ADMIN_COMPLETION 0x30u
#define REGISTER_DOORBELLS 0x1000u
#define CONFIGURATION_ENABLE 1u
#define CONFIGURATION_ENTRY_SIZES (6u << 16 | 4u << 20) /* 2^6 and 2^4 bytes */
#define STATUS_READY 1u
#define STATUS_FATAL 2u
#define CAPABILITY_ENTRIES 0xffffu
#define CAPABILITY_STRIDE(high) ((high)&0xf)           /* bits 32..35: 2^(2 + n) bytes */
#define CAPABILITY_NVM(high) (((high) >> 5 & 1) != 0)  /* bit 37 */
#define CAPABILITY_MIN_PAGE(high) ((high) >> 16 & 0xf) /* bits 48..51: 2^(12 + n) bytes */

/* Section 5. */
#define ADMIN_CREATE_SUBMISSION 0x01u
#define ADMIN_CREATE_COMPLETION 0x05u
#define ADMIN_IDENTIFY 0x06u
#define ADMIN_SET_FEATURES 0x09u
#define FEATURE_QUEUES 0x07u
#define IDENTIFY_NAMESPACE 0u
#define IDENTIFY_CONTROLLER 1u
#define QUEUE_CONTIGUOUS 1u
#define QUEUE_INTERRUPTS 2u
#define QUEUE 1u

/* Section 5.15.2: places in what Identify answers. */
#define CONTROLLER_MAX_TRANSFER 77u
#define CONTROLLER_COMMANDS 520u
#define CONTROLLER_CACHE 525u
#define COMMANDS_DATASET (1u << 2)
#define COMMANDS_ZEROES (1u << 3)
#define NAMESPACE_SIZE 0u
#define NAMESPACE_FORMAT 26u
#define NAMESPACE_FORMATS 128u

#define POLLS_MAX 20000000u
#define PAGE 4096u
#define SECTOR_SHIFT 9u
#define MAX_SECTORS 256u /* what a list of 32 pages holds wherever it begins in its first page */
#define MAX_DISCARD 0x100000u
#define MAX_ZEROES 0x10000u /* the command counts in 16 bits */

static uint32_t read32(const struct nvme *nvme, uint32_t offset)
{
	return mmio_read(nvme->registers + offset, 4);
}

static void write32(struct nvme *nvme, uint32_t offset, uint32_t value)
{
	mmio_write(nvme->registers + offset, 4, value);
}

static void write64(struct nvme *nvme, uint32_t offset, uint64_t value)
{
	write32(nvme, offset, (uint32_t)value);
	write32(nvme, offset + 4, (uint32_t)(value >> 32));
}

/* The doorbells of queue `number`: section 3.1.24. */
static void open_queue(struct nvme *nvme, struct nvme_queue *queue, uint32_t number, uint32_t submission,
	uint32_t completion, uint16_t entries)
{
	*queue = (struct nvme_queue){
		.submission = (struct nvme_command *)(void *)(nvme->memory + submission),
		.completion = (const volatile struct nvme_completion *)(void *)(nvme->memory + completion),
		.submission_doorbell = nvme->registers + REGISTER_DOORBELLS + 2 * number * nvme->stride,
		.completion_doorbell = nvme->registers + REGISTER_DOORBELLS + (2 * number + 1) * nvme->stride,
		.entries = entries,
		.phase = 1,
	};
}

static enum nvme_error find_registers(
	struct nvme *nvme, const struct host_pci_function *function, const struct driver_bar *bar)
{
	uint32_t high;
	uint64_t end;

	nvme->registers = bar->base;
	if (bar->size < REGISTER_DOORBELLS + PAGE || host_pci_is_message_page(function, 0, 0)) {
		return NVME_ERROR_REGISTERS;
	}
	high = read32(nvme, REGISTER_CAPABILITIES + 4);
	nvme->stride = 4u << CAPABILITY_STRIDE(high);
	end = REGISTER_DOORBELLS + UINT64_C(4) * nvme->stride; /* two queues, two doorbells each */
	if (end > bar->size) {
		return NVME_ERROR_REGISTERS;
	}
	for (uint64_t page = REGISTER_DOORBELLS / PAGE; page <= (end - 1) / PAGE; page++) {
		if (host_pci_is_message_page(function, 0, page)) {
			return NVME_ERROR_REGISTERS;
		}
	}
	nvme->entries = NVME_ENTRIES;
	if ((read32(nvme, REGISTER_CAPABILITIES) & CAPABILITY_ENTRIES) + 1 < NVME_ENTRIES) {
		nvme->entries = (uint16_t)((read32(nvme, REGISTER_CAPABILITIES) & CAPABILITY_ENTRIES) + 1);
	}
	return CAPABILITY_NVM(high) && CAPABILITY_MIN_PAGE(high) == 0 && nvme->entries >= NVME_ADMIN_ENTRIES
		       ? NVME_OK
		       : NVME_ERROR_CONTROLLER;
}

/* Until the controller says that it is ready, or that it has stopped. */
static enum nvme_error wait_until(const struct nvme *nvme, uint32_t ready)
{
	for (uint32_t polls = 0; polls < POLLS_MAX; polls++) {
		uint32_t status = read32(nvme, REGISTER_STATUS);

		if ((status & STATUS_READY) == ready) {
			return NVME_OK;
		}
		if (ready != 0 && (status & STATUS_FATAL) != 0) {
			break;
		}
	}
	return NVME_ERROR_STUCK;
}

static enum nvme_error enable(struct nvme *nvme)
{
	enum nvme_error error;

	write32(nvme, REGISTER_CONFIGURATION, 0);
	error = wait_until(nvme, 0);
	if (error != NVME_OK) {
		return error;
	}
	memset(nvme->memory, 0, NVME_MEMORY);
	open_queue(nvme, &nvme->admin, 0, NVME_ADMIN_SUBMISSION, NVME_ADMIN_COMPLETION, NVME_ADMIN_ENTRIES);
	open_queue(nvme, &nvme->queue, QUEUE, NVME_SUBMISSION, NVME_COMPLETION, nvme->entries);
	write32(nvme, REGISTER_ADMIN_ENTRIES, (NVME_ADMIN_ENTRIES - 1) << 16 | (NVME_ADMIN_ENTRIES - 1));
	write64(nvme, REGISTER_ADMIN_SUBMISSION, nvme->address + NVME_ADMIN_SUBMISSION);
	write64(nvme, REGISTER_ADMIN_COMPLETION, nvme->address + NVME_ADMIN_COMPLETION);
	write32(nvme, REGISTER_CONFIGURATION, CONFIGURATION_ENTRY_SIZES | CONFIGURATION_ENABLE);
	return wait_until(nvme, STATUS_READY);
}

/* One command of administration, waited for. Each look is at a register, too: it takes as long on any CPU, and shows a controller that has died. */
static enum nvme_error administer(struct nvme *nvme, struct nvme_command command)
{
	struct nvme_completion completion;

	nvme_queue_put(&nvme->admin, &command, 0);
	nvme_queue_ring(&nvme->admin);
	for (uint32_t polls = 0; polls < POLLS_MAX; polls++) {
		if (nvme_queue_take(&nvme->admin, &completion)) {
			nvme_queue_acknowledge(&nvme->admin);
			return NVME_COMPLETION_FAILED(&completion) ? NVME_ERROR_COMMAND : NVME_OK;
		}
		if ((read32(nvme, REGISTER_STATUS) & STATUS_FATAL) != 0) {
			break;
		}
	}
	return NVME_ERROR_STUCK;
}

static enum nvme_error identify(struct nvme *nvme, uint32_t what, uint32_t name_space)
{
	return administer(nvme, (struct nvme_command){ .opcode = ADMIN_IDENTIFY,
					.name_space = name_space,
					.data = { nvme->address + NVME_IDENTIFY },
					.parameter = { what } });
}

/* `width` bytes of what Identify answered. */
static uint64_t identified(const struct nvme *nvme, uint32_t offset, uint32_t width)
{
	uint64_t value = 0;

	memcpy(&value, nvme->memory + NVME_IDENTIFY + offset, width);
	return value;
}

/* What the controller can do: the most that it takes at once is a power of two of pages, 0: as much as one likes. */
static void measure_controller(struct nvme *nvme)
{
	struct slots *slots = &nvme->slots;
	uint32_t transfer = (uint32_t)identified(nvme, CONTROLLER_MAX_TRANSFER, 1);
	uint32_t commands = (uint32_t)identified(nvme, CONTROLLER_COMMANDS, 2);

	slots->geometry = (struct block_geometry){ .flags = BLOCK_CAN_WRITE, .max_sectors = MAX_SECTORS };
	if (transfer != 0 && transfer < 5) {
		slots->geometry.max_sectors = (PAGE << transfer) >> SECTOR_SHIFT;
	}
	slots->max_discard = (commands & COMMANDS_DATASET) != 0 ? MAX_DISCARD : 0;
	slots->max_zeroes = (commands & COMMANDS_ZEROES) != 0 ? MAX_ZEROES : 0;
	slots->geometry.flags |= ((identified(nvme, CONTROLLER_CACHE, 1) & 1) != 0 ? BLOCK_CAN_FLUSH : 0) |
				 (slots->max_discard != 0 ? BLOCK_CAN_DISCARD : 0) |
				 (slots->max_zeroes != 0 ? BLOCK_CAN_WRITE_ZEROES : 0);
}

static enum nvme_error measure_namespace(struct nvme *nvme)
{
	uint32_t format = (uint32_t)identified(nvme, NAMESPACE_FORMAT, 1) & 0xf;
	uint32_t blocks = (uint32_t)identified(nvme, NAMESPACE_FORMATS + 4 * format, 4);

	nvme->slots.geometry.sectors = identified(nvme, NAMESPACE_SIZE, 8);
	return nvme->slots.geometry.sectors != 0 &&
			       nvme->slots.geometry.sectors <= UINT64_MAX / BLOCK_SECTOR_SIZE &&
			       (blocks >> 16 & 0xff) == SECTOR_SHIFT && (blocks & 0xffff) == 0
		       ? NVME_OK
		       : NVME_ERROR_NAMESPACE;
}

static enum nvme_error create_queue(struct nvme *nvme, uint16_t vector)
{
	uint32_t size = (uint32_t)(nvme->entries - 1) << 16 | QUEUE;
	enum nvme_error error = administer(nvme,
		(struct nvme_command){ .opcode = ADMIN_SET_FEATURES, .parameter = { FEATURE_QUEUES, 0 } });

	if (error == NVME_OK) {
		error = administer(nvme,
			(struct nvme_command){ .opcode = ADMIN_CREATE_COMPLETION,
				.data = { nvme->address + NVME_COMPLETION },
				.parameter = { size,
					(uint32_t)vector << 16 | QUEUE_INTERRUPTS | QUEUE_CONTIGUOUS } });
	}
	return error != NVME_OK
		       ? error
		       : administer(nvme, (struct nvme_command){ .opcode = ADMIN_CREATE_SUBMISSION,
						  .data = { nvme->address + NVME_SUBMISSION },
						  .parameter = { size, QUEUE << 16 | QUEUE_CONTIGUOUS } });
}

enum nvme_error nvme_start(struct nvme *nvme, const struct host_pci_function *function,
	const struct driver_bar *bar, uint16_t vector, void *memory, uint64_t address)
{
	enum nvme_error error;

	nvme->memory = memory;
	nvme->address = address;
	error = find_registers(nvme, function, bar);
	if (error == NVME_OK) {
		error = enable(nvme);
	}
	if (error == NVME_OK) {
		error = identify(nvme, IDENTIFY_CONTROLLER, 0);
	}
	if (error == NVME_OK) {
		measure_controller(nvme);
		error = identify(nvme, IDENTIFY_NAMESPACE, NVME_NAMESPACE);
	}
	if (error == NVME_OK) {
		error = measure_namespace(nvme);
	}
	return error != NVME_OK ? error : create_queue(nvme, vector);
}

const char *nvme_error_text(enum nvme_error error)
{
	switch (error) {
	case NVME_ERROR_REGISTERS:
		return "its registers are not where a controller of NVMe has them";
	case NVME_ERROR_CONTROLLER:
		return "it lacks pages of 4 KiB, the NVM command set, or queues of 16 entries";
	case NVME_ERROR_STUCK:
		return "it does not start, stop or answer";
	case NVME_ERROR_COMMAND:
		return "it refused a command that each controller must know";
	case NVME_ERROR_NAMESPACE:
		return "its first namespace is missing, or not of blocks of 512 bytes without metadata: format it so";
	default:
		return "no error";
	}
}
