/* SPDX-License-Identifier: MIT */
/*
 * The templates of disks: the driver of a device, or the task of a disk in memory; for tests a task that exercises it. A driver has its function's
 * registers, one interrupt message and memory for DMA.
 */
#include "builder.h"

#include <stdlib.h>

#define DISK_BUDGET_US (HOST_PERIOD_US * DISK_SHARE_PER_MILLE / 1000)
#define EXERCISE_AREA_SIZE 0x40000u /* all slots with 4 KiB each */
#define PRIORITY_EXERCISE 60u       /* it takes what is left over */
#define EXERCISE_PERIOD_US 10000u
#define SIGNAL_CLIENT UINT64_C(1) /* bits of a driver's notification */
#define SIGNAL_DEVICE UINT64_C(2)
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

/* Images of drivers, and what they share with their devices beside the data areas: DISK_MEMORY of backends/virtio-disk and NVME_MEMORY of
 * backends/nvme-disk, which check it. */
static const struct {
	const char *image;
	uint64_t queue_size;
} DRIVERS[DISK_DRIVERS] = {
	[DISK_DRIVER_VIRTIO] = { "virtio-disk", 0x4000 },
	[DISK_DRIVER_NVME] = { "nvme-disk", 0xa000 },
};

/* A task that writes the disk full and reads it back, for tests. */
static void add_exerciser(struct builder *builder, unsigned number, uint32_t disk_task,
	uint32_t disk_notification, uint32_t page)
{
	const struct disk *disk = &builder->appliance->disks[number];
	char *name = format_text("%s/exercise", disk->name);
	char *disk_name = format_text("disk/%s", disk->name);
	uint32_t rounds =
		manifest_writer_string(&builder->writer, "rounds=%llu", (unsigned long long)disk->exercise);
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_EXERCISE,
		.flags = MANIFEST_TASK_FPU,
		.budget_us = EXERCISE_PERIOD_US,
		.period_us = EXERCISE_PERIOD_US,
		.heap_size = HOST_HEAP_SIZE,
		.restart = disk->on_crash,
	};
	uint32_t exerciser = add_task(builder, name, "disk-exerciser", task, &rounds, 1);
	uint32_t notification =
		add_object(builder, owned_by_system(name), "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t area = add_disk_memory(builder, number, disk_name, "area0", EXERCISE_AREA_SIZE);

	add_log_signal(builder, exerciser);
	add_capability(builder, exerciser, "notification", notification, READ, 0);
	add_capability(builder, exerciser, "disk-signal", disk_notification, WRITE, SIGNAL_CLIENT);
	add_capability(builder, disk_task, "disk-signal", notification, WRITE, 1);
	add_mapping(builder, exerciser, "disk-page", page, READ | WRITE);
	add_mapping(builder, exerciser, "area0", area, READ | WRITE);
	add_mapping(builder, disk_task, "area0", area, READ | WRITE);
	free(name);
	free(disk_name);
}

/* What a driver has of its device. */
static void add_device(struct builder *builder, const struct disk *disk, const char *name, uint32_t task,
	uint32_t notification)
{
	add_mapping(builder, task, "queue",
		add_dma_memory(builder, name, "queue", DRIVERS[disk->function.driver].queue_size),
		READ | WRITE);
	add_function(builder, task, disk->function.pci, notification, SIGNAL_DEVICE);
}

/* What a disk in memory consists of: its contents, whether they are set up, and what they begin as. */
static void add_contents(struct builder *builder, const struct disk *disk, const char *name, uint32_t task)
{
	struct owner system = owned_by_system(name);
	uint32_t contents = add_memory(builder, system, "contents", disk->memory);
	struct manifest_object *object =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_OBJECTS, contents);

	if (disk->memory % MANIFEST_LARGE_PAGE_SIZE == 0) {
		object->flags |= MANIFEST_OBJECT_LARGE_PAGES;
	}
	add_mapping(builder, task, "disk", contents, READ | WRITE);
	add_mapping(builder, task, "state", add_memory(builder, system, "state", MANIFEST_PAGE_SIZE),
		READ | WRITE);
	if (disk->image.line != 0) {
		add_mapping(builder, task, "image", add_module_memory(builder, disk->image.path), READ);
	}
}

static void expand_disk(struct builder *builder, unsigned number)
{
	const struct disk *disk = &builder->appliance->disks[number];
	bool is_device = disk->memory == 0;
	char *name = format_text("disk/%s", disk->name);
	struct owner system = owned_by_system(name);
	struct manifest_task record = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_DRIVER,
		.flags = disk->function.allow_dma ? MANIFEST_TASK_ALLOW_DMA : 0,
		.budget_us = DISK_BUDGET_US,
		.period_us = HOST_PERIOD_US,
		.heap_size = HOST_HEAP_SIZE,
		.restart = disk->on_crash,
	};
	uint32_t task = add_task(
		builder, name, is_device ? DRIVERS[disk->function.driver].image : "memdisk", record, NULL, 0);
	uint32_t notification = add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t page = add_memory(builder, system, "page", MANIFEST_PAGE_SIZE);

	add_log_signal(builder, task);
	add_capability(builder, task, "notification", notification, READ, 0);
	add_mapping(builder, task, "disk-page", page, READ | WRITE);
	if (is_device) {
		add_device(builder, disk, name, task, notification);
	} else {
		add_contents(builder, disk, name, task);
	}
	if (disk->exercise != 0) {
		add_exerciser(builder, number, task, notification, page);
	} else if (disk_has_volumes(builder->appliance, number)) {
		expand_volumes(builder, number, task, notification, page);
	}
	free(name);
}

void expand_disks(struct builder *builder)
{
	for (unsigned i = 0; i < builder->appliance->disk_count; i++) {
		expand_disk(builder, i);
	}
}
