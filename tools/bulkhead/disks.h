/* SPDX-License-Identifier: MIT */
/* Disks of the host, the volumes on them, and the disks of VMs, as the appliance file declares them. */
#pragma once

#include "guest_file.h"
#include "host_function.h"

#include <bulkhead/manifest.h>

#include <stdbool.h>
#include <stdint.h>

#define APPLIANCE_MAX_DISKS 8u
#define APPLIANCE_MAX_VOLUMES 64u
#define VM_MAX_DISKS 4u
#define VM_DISK_NAME_LENGTH 8u
#define DISK_MAX_CLIENTS 48u /* the volume server's channels and volumes: backends/volumes/server.h */
#define DISK_MAX_VOLUMES 48u
#define DISK_MAX_PARTITION 256u
#define DISK_SECTOR_SIZE 512u

/* What they need of the CPU: a disk's driver, and its volume server. */
#define DISK_SHARE_PER_MILLE 50u
#define VOLUMES_SHARE_PER_MILLE 30u

/* In the place of a disk's or a volume's number. */
#define DISK_UNKNOWN UINT32_MAX /* there is none of that name, and that was reported */
#define VOLUME_NONE UINT32_MAX

enum disk_driver { DISK_DRIVER_VIRTIO, DISK_DRIVER_NVME, DISK_DRIVERS };

/* A disk of the host, or one in its memory. */
struct disk {
	char *name;
	unsigned line;
	struct host_function function; /* of a disk that is a device */
	uint64_t exercise;             /* rounds; 0: none */
	uint64_t memory;               /* bytes of a disk in memory; 0: it is a device */
	unsigned memory_line;
	struct guest_file image;          /* what a disk in memory begins as */
	struct manifest_restart on_crash; /* of its driver, and of its volume server */
};

/* A range of a disk: all of it, a partition, or a named volume in one of these. */
struct volume {
	char *name;
	unsigned line;
	unsigned disk;      /* number, or DISK_UNKNOWN */
	uint32_t partition; /* 0: the whole disk */
	char *label;        /* a named volume's name on the disk; NULL: all of disk or partition */
	uint64_t size;   /* bytes of a named volume that is made where it is not there; 0: it is not made */
	unsigned origin; /* the volume that this one is a snapshot of; VOLUME_NONE: it is none */
	unsigned origin_line;
};

/* A VM's disk: who reads or writes which volume. */
struct vm_disk {
	char *name;
	unsigned line;
	unsigned volume; /* number; VOLUME_NONE: missing, and reported */
	unsigned volume_line;
	bool is_read_only;
};

struct appliance;

/* Whether disk `disk` has volumes, and thus a volume server. */
bool disk_has_volumes(const struct appliance *appliance, unsigned disk);
