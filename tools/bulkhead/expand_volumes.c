/* SPDX-License-Identifier: MIT */
/*
 * The template of a disk's volume server: it has the disk's page and its own data area, and of each client a page of requests and a data area, which the
 * disk's server reaches too. What each client may do is in the server's arguments: backends/volumes/main.c.
 */
#include "builder.h"

#include <stdio.h>
#include <stdlib.h>

#define VOLUMES_BUDGET_US (HOST_PERIOD_US * VOLUMES_SHARE_PER_MILLE / 1000)
#define VOLUMES_HEAP_SIZE 0x200000u
#define SERVER_AREA_SIZE 0xa0000u  /* SERVER_MAPS_OFFSET of backends/volumes/server.h, rounded up */
#define SNAPSHOT_MAP_SIZE 0x10000u /* of 32 GiB: a bit for each 64 KiB */
#define CLIENT_AREA_SIZE 0x100000u /* 32 KiB for each slot of devmodels/virtio-blk */
#define SIGNAL_CLIENT UINT64_C(1)  /* bits of the notifications of disk, server and model */
#define SIGNAL_SERVER UINT64_C(1)
#define SIGNAL_MODEL UINT64_C(2)
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

/* Which volume of its server a volume is: first those that are no snapshots, since a snapshot can be made only of what is there. */
static unsigned place_of(const struct appliance *appliance, unsigned volume)
{
	const struct volume *wanted = &appliance->volumes[volume];
	unsigned place = 0;

	for (unsigned i = 0; i < appliance->volume_count; i++) {
		const struct volume *other = &appliance->volumes[i];
		bool is_like = (wanted->origin_line != 0) == (other->origin_line != 0);
		bool is_earlier = is_like ? i < volume : other->origin_line == 0;

		place += other->disk == wanted->disk && is_earlier;
	}
	return place;
}

/* The volume at that place; VOLUME_NONE behind the last. */
static unsigned volume_at(const struct appliance *appliance, unsigned disk, unsigned place)
{
	for (unsigned i = 0; i < appliance->volume_count; i++) {
		if (appliance->volumes[i].disk == disk && place_of(appliance, i) == place) {
			return i;
		}
	}
	return VOLUME_NONE;
}

static uint32_t add_volume_arguments(struct builder *builder, unsigned disk, uint32_t *arguments)
{
	const struct appliance *appliance = builder->appliance;
	uint32_t count = 0;
	unsigned index;

	while ((index = volume_at(appliance, disk, count)) != VOLUME_NONE) {
		const struct volume *volume = &appliance->volumes[index];
		const char *origin =
			volume->origin != VOLUME_NONE ? appliance->volumes[volume->origin].label : "";

		arguments[count++] = manifest_writer_string(&builder->writer, "volume=%u,%llu,%s,%s",
			volume->partition, (unsigned long long)(volume->size / DISK_SECTOR_SIZE),
			volume->label != NULL ? volume->label : "", origin);
	}
	return count;
}

static uint32_t add_client_arguments(struct builder *builder, unsigned disk, uint32_t *arguments)
{
	const struct appliance *appliance = builder->appliance;
	uint32_t count = 0;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		for (unsigned j = 0; j < appliance->vms[i].disk_count; j++) {
			const struct vm_disk *client = &appliance->vms[i].disks[j];

			if (appliance->volumes[client->volume].disk == disk) {
				arguments[count++] = manifest_writer_string(&builder->writer, "client=%u,%s",
					place_of(appliance, client->volume),
					client->is_read_only ? "r" : "rw");
			}
		}
	}
	if (appliance->audit_log_line != 0 && appliance->volumes[appliance->audit_log].disk == disk) {
		arguments[count++] = manifest_writer_string(
			&builder->writer, "client=%u,rw", place_of(appliance, appliance->audit_log));
	}
	return count;
}

static uint64_t area_size(const struct appliance *appliance, unsigned disk)
{
	uint64_t size = SERVER_AREA_SIZE;

	for (unsigned i = 0; i < appliance->volume_count; i++) {
		size += appliance->volumes[i].disk == disk && appliance->volumes[i].origin_line != 0
				? SNAPSHOT_MAP_SIZE
				: 0;
	}
	return size;
}

void expand_volumes(struct builder *builder, unsigned number, uint32_t disk_task, uint32_t disk_notification,
	uint32_t page)
{
	struct volume_server *server = &builder->volume_servers[number];
	uint32_t arguments[DISK_MAX_VOLUMES + DISK_MAX_CLIENTS];
	char *name = format_text("volumes/%s", builder->appliance->disks[number].name);
	struct owner system = owned_by_system(name);
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_VOLUMES,
		.budget_us = VOLUMES_BUDGET_US,
		.period_us = HOST_PERIOD_US,
		.heap_size = VOLUMES_HEAP_SIZE,
		.restart = builder->appliance->disks[number].on_crash,
	};
	uint32_t count = add_volume_arguments(builder, number, arguments);
	uint32_t area =
		add_disk_memory(builder, number, name, "area0", area_size(builder->appliance, number));

	count += add_client_arguments(builder, number, arguments + count);
	server->task = add_task(builder, name, "volumes", task, arguments, count);
	server->notification = add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	server->disk_task = disk_task;
	add_log_signal(builder, server->task);
	add_capability(builder, server->task, "notification", server->notification, READ, 0);
	add_capability(builder, server->task, "disk-signal", disk_notification, WRITE, SIGNAL_CLIENT);
	add_capability(builder, disk_task, "disk-signal", server->notification, WRITE, SIGNAL_SERVER);
	add_mapping(builder, server->task, "disk-page", page, READ | WRITE);
	add_mapping(builder, server->task, "area0", area, READ | WRITE);
	add_mapping(builder, disk_task, "area0", area, READ | WRITE);
	free(name);
}

void add_volume_client(
	struct builder *builder, unsigned volume, const char *name, uint32_t task, uint32_t notification)
{
	unsigned disk = builder->appliance->volumes[volume].disk;
	struct volume_server *server = &builder->volume_servers[disk];
	unsigned client = server->client_count++;
	char local[MANIFEST_NAME_SIZE];
	uint32_t page = add_memory(builder, owned_by_system(name), "page", MANIFEST_PAGE_SIZE);
	uint32_t data = add_disk_memory(builder, disk, name, "data", CLIENT_AREA_SIZE);

	add_mapping(builder, task, "disk-page", page, READ | WRITE);
	add_mapping(builder, task, "disk-data", data, READ | WRITE);
	add_capability(builder, task, "disk-signal", server->notification, WRITE, SIGNAL_CLIENT);
	snprintf(local, sizeof local, "page%u", client);
	add_mapping(builder, server->task, local, page, READ | WRITE);
	snprintf(local, sizeof local, "signal%u", client);
	add_capability(builder, server->task, local, notification, WRITE, SIGNAL_MODEL);
	/* area 0 is the server's own */
	snprintf(local, sizeof local, "area%u", client + 1);
	add_mapping(builder, server->task, local, data, READ | WRITE);
	add_mapping(builder, server->disk_task, local, data, READ | WRITE);
}
