/* SPDX-License-Identifier: MIT */
/* Reads the volumes of an appliance file, and the disks of VMs, which are volumes that they may use. Memory only. */
#include "config_reader.h"
#include "source.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

/* ---- Names that refer to something ---- */

/* The number of a disk of the host; DISK_UNKNOWN, reported, if there is none. */
static unsigned find_disk(struct reader *reader, const char *name, unsigned line)
{
	const struct appliance *appliance = reader->appliance;

	for (unsigned i = 0; i < appliance->disk_count; i++) {
		if (strcmp(appliance->disks[i].name, name) == 0) {
			return i;
		}
	}
	report(&reader->diagnostics, line,
		"there is no disk \"%s\": name one that has a section disk NAME { } outside of the VMs",
		name);
	return DISK_UNKNOWN;
}

/* The number of a volume; VOLUME_NONE, reported, if there is none. */
static unsigned find_volume(struct reader *reader, const char *name, unsigned line)
{
	const struct appliance *appliance = reader->appliance;

	for (unsigned i = 0; i < appliance->volume_count; i++) {
		if (strcmp(appliance->volumes[i].name, name) == 0) {
			return i;
		}
	}
	report(&reader->diagnostics, line,
		"there is no volume \"%s\": name one that has a section volume NAME { }", name);
	return VOLUME_NONE;
}

/* ---- Volumes ---- */

static void read_partition(struct reader *reader, cfg_t *section, struct volume *volume)
{
	unsigned line;
	const char *text = option_text(reader, section, "partition", &line);
	char *end = NULL;
	unsigned long number = text != NULL ? strtoul(text, &end, 10) : 0;

	if (text == NULL) {
		return;
	}
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || number == 0 || number > DISK_MAX_PARTITION) {
		report(&reader->diagnostics, line,
			"partition = \"%s\" is no partition's number: write 1 to %u, or remove the line for the whole disk",
			text, DISK_MAX_PARTITION);
		return;
	}
	volume->partition = (uint32_t)number;
}

static void read_volume_size(struct reader *reader, cfg_t *section, struct volume *volume)
{
	unsigned line;
	const char *text = option_text(reader, section, "size", &line);

	if (text != NULL && (!parse_size(text, &volume->size) || volume->size == 0 ||
				    volume->size % MANIFEST_PAGE_SIZE != 0)) {
		report(&reader->diagnostics, line,
			"size = \"%s\" is no size of a volume: write a multiple of 4K, like 2G", text);
		volume->size = 0;
	}
}

/* A volume is a named one if anything says so: its name on the disk, its size, or what it is a snapshot of. */
static void read_label(struct reader *reader, cfg_t *section, struct volume *volume)
{
	unsigned line;
	const char *text = option_text(reader, section, "label", &line);
	const char *origin = option_text(reader, section, "snapshot_of", &volume->origin_line);

	if (text == NULL && (volume->size != 0 || origin != NULL)) {
		text = volume->name;
		line = volume->line;
	}
	if (text != NULL && check_plain_name(reader, text, line, "a volume")) {
		volume->label = format_text("%s", text);
	}
	if (origin != NULL && volume->size != 0) {
		report(&reader->diagnostics, volume->origin_line,
			"volume \"%s\" has the size of what it is a snapshot of: remove its size",
			volume->name);
	}
}

static void read_volume(struct reader *reader, cfg_t *section, struct volume *volume)
{
	unsigned line;
	const char *disk = option_text(reader, section, "disk", &line);

	volume->name = format_text("%s", cfg_title(section));
	volume->line = find_section_line(reader->text, "volume", volume->name, (unsigned)section->line);
	volume->disk = DISK_UNKNOWN;
	volume->origin = VOLUME_NONE;
	(void)check_plain_name(reader, volume->name, volume->line, "a volume");
	if (disk != NULL) {
		volume->disk = find_disk(reader, disk, line);
	} else {
		report(&reader->diagnostics, volume->line,
			"volume \"%s\" is on no disk: add a line like disk = NAME", volume->name);
	}
	read_partition(reader, section, volume);
	read_volume_size(reader, section, volume);
	read_label(reader, section, volume);
}

void read_volumes(struct reader *reader, cfg_t *root)
{
	struct appliance *appliance = reader->appliance;

	for (unsigned i = 0; has_section(reader, root, "volume", i, APPLIANCE_MAX_VOLUMES, "volumes"); i++) {
		read_volume(reader, cfg_getnsec(root, "volume", i),
			&appliance->volumes[appliance->volume_count++]);
	}
	for (unsigned i = 0; i < appliance->volume_count; i++) {
		struct volume *volume = &appliance->volumes[i];

		if (volume->origin_line != 0) {
			volume->origin =
				find_volume(reader, cfg_getstr(cfg_getnsec(root, "volume", i), "snapshot_of"),
					volume->origin_line);
		}
	}
}

void read_audit_log(struct reader *reader, cfg_t *root)
{
	struct appliance *appliance = reader->appliance;
	const char *name = option_text(reader, root, "audit_log", &appliance->audit_log_line);

	appliance->audit_log =
		name != NULL ? find_volume(reader, name, appliance->audit_log_line) : VOLUME_NONE;
}

/* ---- Disks of VMs ---- */

static bool check_disk_name(struct reader *reader, const struct vm *vm, const struct vm_disk *disk)
{
	if (!is_plain_name(disk->name, VM_DISK_NAME_LENGTH)) {
		report(&reader->diagnostics, disk->line,
			"\"%s\" is no name for a VM's disk: use at most %u lower-case letters, digits and '-', a letter first, like vda",
			disk->name, VM_DISK_NAME_LENGTH);
		return false;
	}
	return check_device_name(reader, vm, disk->name, disk->line, "vda");
}

static void read_vm_disk(struct reader *reader, cfg_t *section, struct vm *vm, struct vm_disk *disk)
{
	const char *volume = option_text(reader, section, "volume", &disk->volume_line);

	disk->volume = VOLUME_NONE;
	disk->is_read_only = read_boolean(reader, section, "read_only", false);
	if (volume != NULL) {
		disk->volume = find_volume(reader, volume, disk->volume_line);
	} else {
		report(&reader->diagnostics, disk->line,
			"disk \"%s\" of vm \"%s\" has no volume: add a line like volume = NAME", disk->name,
			vm->name);
	}

	struct device *device = &vm->devices[vm->device_count++];

	*device = (struct device){ .template = device_disk(),
		.name = disk->name,
		.line = disk->line,
		.number = (unsigned)(disk - vm->disks) };
	read_restart(reader, section, "on_crash", "restart 5 per 60s", &device->on_crash);
}

void read_vm_disks(struct reader *reader, cfg_t *section, struct vm *vm)
{
	for (unsigned i = 0; i < cfg_size(section, "disk"); i++) {
		cfg_t *disk_section = cfg_getnsec(section, "disk", i);
		const char *name = cfg_title(disk_section);
		unsigned line = find_section_line(reader->text, "disk", name, (unsigned)disk_section->line);

		if (i == VM_MAX_DISKS) {
			report(&reader->diagnostics, line, "vm \"%s\" has %u disks: at most %u are possible",
				vm->name, cfg_size(section, "disk"), VM_MAX_DISKS);
			return;
		}

		struct vm_disk *disk = &vm->disks[vm->disk_count++];

		*disk = (struct vm_disk){ .name = format_text("%s", name), .line = line };
		if (check_disk_name(reader, vm, disk)) {
			read_vm_disk(reader, disk_section, vm, disk);
		}
	}
}
