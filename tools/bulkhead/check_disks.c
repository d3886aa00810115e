/* SPDX-License-Identifier: MIT */
/* The checks of an appliance's disks: devices, images, volumes that overlap, and that what one VM writes no other VM uses. Looks at the images' sizes. */
#include "check.h"
#include "values.h"

#include <string.h>
#include <sys/stat.h>

/* ---- Disks of the host ---- */

static void check_function(const struct appliance *appliance, unsigned index, struct diagnostics *diagnostics)
{
	const struct disk *disk = &appliance->disks[index];

	if (disk->function.pci == NULL) {
		return; /* reported already */
	}
	check_dma(appliance, "disk", disk->name, &disk->function, diagnostics);

	const char *other = function_owner(appliance, &disk->function, index, 0);

	if (other != NULL) {
		report(diagnostics, disk->function.line,
			"the PCI function of disk \"%s\" is also disk \"%s\": name another", disk->name,
			other);
	}
}

static void check_image(struct disk *disk, struct diagnostics *diagnostics)
{
	struct stat status;
	char size[24];

	if (disk->image.line == 0) {
		return;
	}
	if (stat(disk->image.path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
		report(diagnostics, disk->image.line,
			"the image of disk \"%s\", %s, is no file with contents: name another", disk->name,
			disk->image.path);
		return;
	}
	disk->image.size = (uint64_t)status.st_size;
	if (disk->image.size > disk->memory) {
		print_size(
			(disk->image.size + MANIFEST_PAGE_SIZE - 1) / MANIFEST_PAGE_SIZE * MANIFEST_PAGE_SIZE,
			size);
		report(diagnostics, disk->memory_line,
			"the image of disk \"%s\" does not fit into its memory: write memory = %s or more",
			disk->name, size);
	}
}

static void check_disk(struct appliance *appliance, unsigned index, struct diagnostics *diagnostics)
{
	struct disk *disk = &appliance->disks[index];

	if (disk->memory != 0) {
		check_image(disk, diagnostics);
	} else {
		check_function(appliance, index, diagnostics);
	}
	if (disk->exercise != 0 && disk_has_volumes(appliance, index)) {
		report(diagnostics, disk->line,
			"disk \"%s\" has volumes, which an exercise would overwrite: remove one of the two",
			disk->name);
	}
}

/* ---- Volumes ---- */

static bool have_same_place(const struct volume *one, const struct volume *other)
{
	return one->partition == other->partition && one->label != NULL && other->label != NULL &&
	       strcmp(one->label, other->label) == 0;
}

/* Whether one of two volumes of a disk holds the other, or its table: all of the disk or of a partition, or named ones beside partitions. */
static bool overlap(const struct volume *one, const struct volume *other)
{
	if (one->partition != other->partition) {
		return one->partition == 0 || other->partition == 0;
	}
	return one->label == NULL || other->label == NULL;
}

static void check_places(const struct appliance *appliance, unsigned index, struct diagnostics *diagnostics)
{
	const struct volume *volume = &appliance->volumes[index];

	for (unsigned i = 0; i < index; i++) {
		const struct volume *other = &appliance->volumes[i];

		if (volume->disk == DISK_UNKNOWN || other->disk != volume->disk) {
			continue;
		}
		if (have_same_place(volume, other)) {
			report(diagnostics, volume->line,
				"volume \"%s\" is the same place as volume \"%s\": give it another label, or remove one",
				volume->name, other->name);
		} else if (overlap(volume, other)) {
			report(diagnostics, volume->line,
				"volume \"%s\" overlaps volume \"%s\": give both a partition of their own, or both a label in the same one",
				volume->name, other->name);
		}
	}
}

static void check_origin(
	const struct appliance *appliance, const struct volume *volume, struct diagnostics *diagnostics)
{
	const struct volume *origin;

	if (volume->origin == VOLUME_NONE) {
		return;
	}
	origin = &appliance->volumes[volume->origin];
	if (origin->label == NULL || origin->origin_line != 0) {
		report(diagnostics, volume->origin_line,
			"a snapshot can be of a volume with a label only, and of no snapshot: give volume \"%s\" a size or a label, or name another",
			origin->name);
	} else if (origin->disk != volume->disk || origin->partition != volume->partition) {
		report(diagnostics, volume->origin_line,
			"volume \"%s\" and its snapshot \"%s\" have to be in the same partition of the same disk: give both the same disk and partition",
			origin->name, volume->name);
	}
}

static void check_count(const struct appliance *appliance, unsigned disk, struct diagnostics *diagnostics)
{
	unsigned count = 0;

	for (unsigned i = 0; i < appliance->volume_count; i++) {
		count += appliance->volumes[i].disk == disk;
		if (appliance->volumes[i].disk == disk && count == DISK_MAX_VOLUMES + 1) {
			report(diagnostics, appliance->volumes[i].line,
				"disk \"%s\" has too many volumes: at most %u are possible",
				appliance->disks[disk].name, DISK_MAX_VOLUMES);
		}
	}
}

/* ---- Who uses them ---- */

struct user {
	const struct vm *vm;
	const struct vm_disk *disk;
};

static bool is_origin(const struct appliance *appliance, unsigned volume)
{
	for (unsigned i = 0; i < appliance->volume_count; i++) {
		if (appliance->volumes[i].origin == volume) {
			return true;
		}
	}
	return false;
}

/* What one VM writes, no other reads: that would be a way between them, and a file system that two mount is lost. */
static void check_users(const struct appliance *appliance, unsigned volume, struct diagnostics *diagnostics)
{
	struct user writer = { NULL, NULL };
	struct user other = { NULL, NULL };

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		const struct vm *vm = &appliance->vms[i];

		for (unsigned j = 0; j < vm->disk_count; j++) {
			struct user user = { vm, &vm->disks[j] };

			if (vm->disks[j].volume != volume) {
				continue;
			}
			if (writer.vm == NULL && !vm->disks[j].is_read_only) {
				writer = user;
			} else {
				other = user;
			}
		}
	}
	if (writer.vm != NULL && is_origin(appliance, volume)) {
		report(diagnostics, writer.disk->volume_line,
			"volume \"%s\" has snapshots, so that nobody can write it: add read_only = true to disk \"%s\" of vm \"%s\", or give it a snapshot of its own",
			appliance->volumes[volume].name, writer.disk->name, writer.vm->name);
	} else if (writer.vm != NULL && other.vm != NULL) {
		report(diagnostics, other.disk->volume_line,
			"volume \"%s\" is written by vm \"%s\" and used by vm \"%s\": add read_only = true to all disks with it, or give each a volume or a snapshot of its own",
			appliance->volumes[volume].name, writer.vm->name, other.vm->name);
	}
}

/* Nobody else may write the audit log, and what reads it is the host tool. */
static void check_audit_log(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	unsigned volume = appliance->audit_log;
	unsigned line = appliance->audit_log_line;

	if (line == 0 || volume == VOLUME_NONE) {
		return;
	}
	if (appliance->volumes[volume].origin_line != 0 || is_origin(appliance, volume)) {
		report(diagnostics, line,
			"volume \"%s\" is a snapshot or has one, and the audit log is written all the time: give it a volume of its own",
			appliance->volumes[volume].name);
	}
	for (unsigned i = 0; i < appliance->vm_count; i++) {
		const struct vm *vm = &appliance->vms[i];

		for (unsigned j = 0; j < vm->disk_count; j++) {
			if (vm->disks[j].volume == volume) {
				report(diagnostics, vm->disks[j].volume_line,
					"volume \"%s\" is the audit log's: give disk \"%s\" of vm \"%s\" another",
					appliance->volumes[volume].name, vm->disks[j].name, vm->name);
			}
		}
	}
}

static bool has_audit_log(const struct appliance *appliance, unsigned disk)
{
	return appliance->audit_log_line != 0 && appliance->audit_log != VOLUME_NONE &&
	       appliance->volumes[appliance->audit_log].disk == disk;
}

static void check_client_count(
	const struct appliance *appliance, unsigned disk, struct diagnostics *diagnostics)
{
	unsigned count = has_audit_log(appliance, disk) ? 1 : 0;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		const struct vm *vm = &appliance->vms[i];

		for (unsigned j = 0; j < vm->disk_count; j++) {
			unsigned volume = vm->disks[j].volume;

			if (volume != VOLUME_NONE && appliance->volumes[volume].disk == disk &&
				++count == DISK_MAX_CLIENTS + 1) {
				report(diagnostics, vm->disks[j].line,
					"disk \"%s\" has volumes for too many disks of VMs: at most %u are possible",
					appliance->disks[disk].name, DISK_MAX_CLIENTS);
			}
		}
	}
}

void disks_check(struct appliance *appliance, struct diagnostics *diagnostics)
{
	for (unsigned i = 0; i < appliance->disk_count; i++) {
		check_disk(appliance, i, diagnostics);
		check_count(appliance, i, diagnostics);
		check_client_count(appliance, i, diagnostics);
	}
	for (unsigned i = 0; i < appliance->volume_count; i++) {
		check_places(appliance, i, diagnostics);
		check_origin(appliance, &appliance->volumes[i], diagnostics);
		check_users(appliance, i, diagnostics);
	}
	check_audit_log(appliance, diagnostics);
}
