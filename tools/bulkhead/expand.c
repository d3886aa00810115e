/* SPDX-License-Identifier: MIT */
/* Expands an appliance: files of the system, the root task's own objects, the console, then VM by VM. Reads sizes of files. */
#include "builder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEBIBYTE (UINT64_C(1) << 20)

/* Beside the guests' RAM: kernel, root task, page tables, tasks, and what is lost to alignment. */
#define BASE_MEMORY (192 * MEBIBYTE)
#define MEMORY_PER_VM (32 * MEBIBYTE)
#define MEMORY_PER_DISK (8 * MEBIBYTE)

static char *system_file(const char *folder, const char *name, bool *is_missing)
{
	char *path = format_text("%s/%s", folder, name);

	if (access(path, R_OK) != 0) {
		complain("%s is missing (%s): build Bulkhead first, or say with --system where it was built",
			path, strerror(errno));
		*is_missing = true;
	}
	return path;
}

static uint64_t power_of_two(uint64_t size)
{
	uint64_t piece = MANIFEST_LARGE_PAGE_SIZE;

	while (piece < size) {
		piece *= 2;
	}
	return piece;
}

/* Guest RAM is cut from power-of-two pieces of the machine's, so let there be room for the next power of two of each VM. */
static uint64_t memory_needed(const struct appliance *appliance, const struct manifest_writer *writer)
{
	uint64_t needed = BASE_MEMORY + appliance->network.uplink_count * 2 * MANIFEST_LARGE_PAGE_SIZE;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		needed += power_of_two(appliance->vms[i].memory) + MEMORY_PER_VM +
			  appliance->vms[i].nic_count * 2 * MANIFEST_LARGE_PAGE_SIZE;
	}
	for (unsigned i = 0; i < appliance->disk_count; i++) {
		needed += MEMORY_PER_DISK + power_of_two(appliance->disks[i].memory);
	}
	for (uint32_t i = 0; i < writer->sections[MANIFEST_SECTION_MODULES].count; i++) {
		const struct manifest_module *module =
			manifest_writer_record(writer, MANIFEST_SECTION_MODULES, i);

		needed += 2 * module->size;
	}
	return (needed + 64 * MEBIBYTE - 1) / (64 * MEBIBYTE) * (64 * MEBIBYTE);
}

/* What the emulated machine needs for it. */
static void describe_uplink(const struct uplink *uplink, struct system_uplink *described)
{
	described->driver = uplink->function.driver;
	if (strchr(uplink->function.pci, '.') != NULL) {
		snprintf(described->place, sizeof described->place, "%s", uplink->function.pci);
	}
}

/* The reader that the root task will use has the last word. */
static bool manifest_is_sound(const struct system_image *image)
{
	struct manifest manifest;
	struct manifest_fault fault;
	enum manifest_error error = manifest_open(image->manifest, image->manifest_size, &manifest, &fault);

	if (error != MANIFEST_OK) {
		complain(
			"the appliance does not fit the manifest's limits (%s, section %s, record %u): use fewer VMs or devices",
			manifest_error_text(error), manifest_section_name(fault.section), fault.record);
	}
	return error == MANIFEST_OK;
}

bool system_expand(const struct appliance *appliance, const char *folder, struct system_image *image)
{
	struct builder builder = { .appliance = appliance, .image = image, .folder = folder };

	*image = (struct system_image){ .has_iommu = appliance->has_iommu,
		.command_line = appliance->reboot_on_panic ? "panic=reboot" : "panic=halt" };
	for (unsigned i = 0; i < appliance->network.uplink_count; i++) {
		describe_uplink(&appliance->network.uplinks[i], &image->uplinks[image->uplink_count++]);
	}
	image->kernel_elf64 = system_file(folder, "kernel/bulkhead.elf64", &builder.failed);
	image->kernel_elf32 = system_file(folder, "kernel/bulkhead.elf32", &builder.failed);
	image->root_task = system_file(folder, "tasks/roottask", &builder.failed);
	manifest_writer_init(&builder.writer);

	uint32_t name = manifest_writer_string(&builder.writer, "%s", appliance->name);

	builder.root_notification =
		add_object(&builder, owned_by_system("root"), "notification", MANIFEST_OBJECT_NOTIFICATION);
	add_binding(&builder, MANIFEST_BINDING_THREAD, MANIFEST_ROOT, builder.root_notification, 0);
	expand_console(&builder);
	expand_wall_clock(&builder);
	expand_entropy(&builder);
	if (network_port_count(appliance) != 0) {
		expand_switch(&builder);
	}
	expand_disks(&builder);
	for (uint32_t vm = 0; vm < appliance->vm_count; vm++) {
		expand_vm(&builder, vm);
	}
	expand_uplinks(&builder);
	expand_audit_log(&builder);
	expand_pci_server(&builder);
	size_cnodes(&builder);
	image->manifest = manifest_writer_finish(&builder.writer, name,
		appliance->reboot_on_panic ? MANIFEST_PANIC_REBOOT : MANIFEST_PANIC_HALT,
		&image->manifest_size);
	image->memory_needed = memory_needed(appliance, &builder.writer);
	manifest_writer_free(&builder.writer);
	return !builder.failed && manifest_is_sound(image);
}

void system_free(struct system_image *image)
{
	for (unsigned i = 0; i < image->module_count; i++) {
		free(image->modules[i].path);
	}
	free(image->manifest);
	free(image->kernel_elf64);
	free(image->kernel_elf32);
	free(image->root_task);
	*image = (struct system_image){ 0 };
}
