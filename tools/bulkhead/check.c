/* SPDX-License-Identifier: MIT */
/*
 * The checks that concern more than one value of an appliance: files, memory, shares, ports, consoles. Reads the guests' files; completes
 * the appliance with their sizes and with the shares of VMs that declare none.
 */
#include "check.h"
#include "guest_image.h"
#include "values.h"

#include <bulkhead/virtio_pci.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MEBIBYTE (UINT64_C(1) << 20)
#define MIN_MEMORY (4 * MEBIBYTE)
#define MAX_MEMORY (65536 * MEBIBYTE)
#define MIN_BUDGET_US UINT64_C(500)
#define MIN_PERIOD_US UINT64_C(1000)
#define MAX_PERIOD_US UINT64_C(1000000)
#define MIN_HANG_PERIODS 10u
#define MAX_HANG_LIMIT_US (UINT64_C(3600) * 1000000)
#define MIN_DEFAULT_SHARE 20u /* per mille */

/* Ports that the VMM itself owns: the two PICs, their edge/level registers, PCI configuration with the reset register. */
static const struct device_range VMM_RANGES[] = { { 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 }, { 0xcf8, 8 } };

/* Reads the start of a guest's file and its size. False and a report if that cannot be done. */
static bool look_at_file(struct guest_file *file, const char *what, const struct vm *vm,
	struct diagnostics *diagnostics, uint8_t *head, size_t *head_size)
{
	struct stat status;
	FILE *stream = fopen(file->path, "rb");

	if (stream == NULL) {
		report(diagnostics, file->line,
			"the %s of vm \"%s\", %s, cannot be read (%s): name an existing file", what, vm->name,
			file->path, strerror(errno));
		return false;
	}
	if (fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
		report(diagnostics, file->line,
			"the %s of vm \"%s\", %s, is no file with contents: name another", what, vm->name,
			file->path);
		fclose(stream);
		return false;
	}
	file->size = (uint64_t)status.st_size;
	*head_size = fread(head, 1, GUEST_IMAGE_HEAD_SIZE, stream);
	fclose(stream);
	return true;
}

static uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

/* False if the memory is wrong in itself, so that comparing it with the kernel's needs says nothing. */
static bool check_memory(const struct vm *vm, struct diagnostics *diagnostics)
{
	char size[24];

	if (vm->memory_line == 0) {
		return false; /* reported already */
	}
	print_size(vm->memory, size);
	if (vm->memory < MIN_MEMORY) {
		report(diagnostics, vm->memory_line, "memory = %s is too little for any guest: at least 4M",
			size);
	} else if (vm->memory > MAX_MEMORY) {
		report(diagnostics, vm->memory_line, "memory = %s is too much: at most 64G", size);
	} else if (vm->memory % MANIFEST_LARGE_PAGE_SIZE != 0) {
		char lower[24];
		char upper[24];

		print_size(vm->memory / MANIFEST_LARGE_PAGE_SIZE * MANIFEST_LARGE_PAGE_SIZE, lower);
		print_size(round_up(vm->memory, MANIFEST_LARGE_PAGE_SIZE), upper);
		report(diagnostics, vm->memory_line, "memory = %s is not a multiple of 2M: write %s or %s",
			size, lower, upper);
	} else {
		return true;
	}
	return false;
}

static void check_command_line(const struct vm *vm, uint32_t kernel_max, struct diagnostics *diagnostics)
{
	size_t length = strlen(vm->command_line);
	uint32_t max = kernel_max < APPLIANCE_COMMAND_LINE_MAX ? kernel_max : APPLIANCE_COMMAND_LINE_MAX;

	if (length > max) {
		report(diagnostics, vm->command_line_line,
			"the command line has %zu bytes: shorten it to at most %" PRIu32, length, max);
	}
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)vm->command_line[i] < ' ') {
			report(diagnostics, vm->command_line_line,
				"the command line holds a control character: remove it");
			return;
		}
	}
}

static void check_boot_files(struct vm *vm, struct diagnostics *diagnostics)
{
	static uint8_t head[GUEST_IMAGE_HEAD_SIZE];
	struct guest_image_needs needs = { 0, UINT32_MAX };
	size_t head_size;
	bool is_known = check_memory(vm, diagnostics);

	if (vm->kernel.line == 0) {
		return; /* reported already */
	}
	if (look_at_file(&vm->kernel, "kernel", vm, diagnostics, head, &head_size)) {
		const char *fault = vm->protocol == PROTOCOL_LINUX
					    ? guest_image_check_linux(head, head_size, &needs)
					    : guest_image_check_multiboot(head, head_size, &needs);

		if (fault != NULL) {
			report(diagnostics, vm->kernel.line, "%s %s", vm->kernel.path, fault);
			is_known = false;
		}
	} else {
		is_known = false;
	}
	uint64_t needed = round_up(needs.memory_end, MANIFEST_PAGE_SIZE);

	if (vm->initrd.line != 0) {
		is_known &= look_at_file(&vm->initrd, "initrd", vm, diagnostics, head, &head_size);
		needed += round_up(vm->initrd.size, MANIFEST_PAGE_SIZE);
	}
	for (unsigned i = 0; i < vm->module_count; i++) {
		is_known &= look_at_file(&vm->modules[i], "module", vm, diagnostics, head, &head_size);
		needed += round_up(vm->modules[i].size, MANIFEST_PAGE_SIZE);
	}
	if (is_known && needed > (vm->memory < GUEST_LOW_MEMORY_END ? vm->memory : GUEST_LOW_MEMORY_END)) {
		char size[24];

		print_size(vm->memory, size);
		report(diagnostics, vm->memory_line,
			"memory = %s is too little: the kernel and its files alone take %" PRIu64
			"M, add what the guest needs to work",
			size, round_up(needed, 2 * MEBIBYTE) / MEBIBYTE);
	}
	check_command_line(vm, needs.command_line_max, diagnostics);
}

static bool overlap(struct device_range left, struct device_range right)
{
	return left.first < right.first + right.count && right.first < left.first + left.count;
}

/* The interrupt that a device's lines use, as a bit set of global system interrupts. */
static uint32_t interrupts_of(const struct device *device)
{
	uint32_t interrupts = 0;

	if (device->irq != 0) {
		return UINT32_C(1) << device->irq;
	}
	for (unsigned i = 0; i < device->template->line_count; i++) {
		unsigned number;

		if (sscanf(device->template->lines[i].action, "gsi,%u", &number) == 1) {
			interrupts |= UINT32_C(1) << number;
		}
	}
	return interrupts;
}

static void check_device_pair(
	const struct device *device, const struct device *other, struct diagnostics *diagnostics)
{
	unsigned line =
		device->line > other->line ? device->line : other->line; /* what was moved stands later */

	for (unsigned i = 0; i < device->template->range_count; i++) {
		for (unsigned j = 0; j < other->template->range_count; j++) {
			if (overlap(device->ranges[i], other->ranges[j])) {
				report(diagnostics, line,
					"the ports of %s (0x%x to 0x%x) overlap those of %s: move one of the two",
					device->name, device->ranges[i].first,
					device->ranges[i].first + device->ranges[i].count - 1, other->name);
				return;
			}
		}
	}
	if ((interrupts_of(device) & interrupts_of(other)) != 0) {
		report(diagnostics, line, "%s and %s use the same interrupt: give one of them another irq",
			device->name, other->name);
	}
}

static void check_devices(const struct vm *vm, struct diagnostics *diagnostics)
{
	for (unsigned i = 0; i < vm->device_count; i++) {
		const struct device *device = &vm->devices[i];

		for (unsigned j = 0; j < sizeof VMM_RANGES / sizeof VMM_RANGES[0]; j++) {
			if (overlap(device->ranges[0], VMM_RANGES[j])) {
				report(diagnostics, device->line,
					"port 0x%x of %s belongs to the interrupt controllers or to PCI: choose another",
					device->ranges[0].first, device->name);
			}
		}
		/* interrupt 2 is where the second PIC hangs on the first */
		if (device->irq == 2) {
			report(diagnostics, device->line,
				"irq 2 belongs to the interrupt controllers: choose another");
		}
		for (unsigned j = 0; j < i; j++) {
			check_device_pair(device, &vm->devices[j], diagnostics);
		}
	}
}

/* ---- Shares of the CPU ---- */

static bool check_period(const struct vm *vm, struct diagnostics *diagnostics)
{
	unsigned line = vm->share_line != 0 ? vm->share_line : vm->line;

	if (vm->period_us < MIN_PERIOD_US || vm->period_us > MAX_PERIOD_US) {
		report(diagnostics, line, "the period of vm \"%s\" is out of range: from 1ms to 1s",
			vm->name);
		return false;
	}
	if (vm->budget_us > vm->period_us) {
		report(diagnostics, line,
			"the budget of vm \"%s\" (%" PRIu64 "us) exceeds its period (%" PRIu64
			"us): lower it",
			vm->name, vm->budget_us, vm->period_us);
		return false;
	}
	if (vm->budget_us != 0 && vm->budget_us < MIN_BUDGET_US) {
		report(diagnostics, line,
			"the budget of vm \"%s\" is %" PRIu64
			"us: give it at least 500us, or a longer period",
			vm->name, vm->budget_us);
		return false;
	}
	return true;
}

static void check_hang_limit(const struct vm *vm, struct diagnostics *diagnostics)
{
	unsigned line = vm->hang_limit_line != 0 ? vm->hang_limit_line : vm->line;

	if (vm->hang_limit_us < MIN_HANG_PERIODS * vm->period_us) {
		report(diagnostics, line,
			"the hang_limit of vm \"%s\" is below 10 of its periods, so that an empty budget would look like a hang: at least "
			"%" PRIu64 "ms",
			vm->name, (MIN_HANG_PERIODS * vm->period_us + 999) / 1000);
	} else if (vm->hang_limit_us > MAX_HANG_LIMIT_US || vm->hang_limit_us < 1000) {
		report(diagnostics, line, "the hang_limit of vm \"%s\" is out of range: from 1ms to 3600s",
			vm->name);
	}
}

static unsigned share_per_mille(const struct vm *vm)
{
	return (unsigned)((vm->budget_us * 1000 + vm->period_us - 1) / vm->period_us);
}

/* Adds up what is declared, and divides the rest among the VMs that declare nothing. */
static void check_shares(struct appliance *appliance, struct diagnostics *diagnostics)
{
	unsigned needed = appliance_system_share(appliance);
	unsigned available = needed < 1000 ? 1000 - needed : 0;
	unsigned used = 0;
	unsigned without = 0;

	if (available == 0) {
		report(diagnostics, appliance->vms[0].line,
			"disks and uplinks leave the VMs nothing: what the system's own tasks need is %u%% of the CPU: remove some",
			needed / 10);
		return;
	}
	for (unsigned i = 0; i < appliance->vm_count; i++) {
		struct vm *vm = &appliance->vms[i];

		if (!check_period(vm, diagnostics)) {
			return;
		}
		check_hang_limit(vm, diagnostics);
		without += vm->budget_us == 0;
		used += share_per_mille(vm);
		if (used > available) {
			report(diagnostics, vm->share_line,
				"with vm \"%s\" the shares add up to %u.%u%%: the system's own tasks need %u%%, lower them to %u%% together",
				vm->name, used / 10, used % 10, needed / 10, available / 10);
			return;
		}
	}
	unsigned share = without != 0 ? (available - used) / without : 0;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		struct vm *vm = &appliance->vms[i];

		if (vm->budget_us != 0) {
			continue;
		}
		if (share < MIN_DEFAULT_SHARE) {
			report(diagnostics, vm->line,
				"the other VMs leave vm \"%s\" less than 2%% of the CPU: lower their shares",
				vm->name);
			return;
		}
		vm->budget_us = vm->period_us * share / 1000;
		if (vm->budget_us < MIN_BUDGET_US) {
			(void)check_period(vm, diagnostics);
		}
	}
}

/* ---- Consoles ---- */

static void check_console(const struct appliance *appliance, unsigned vm_index, const struct device *device,
	struct diagnostics *diagnostics)
{
	if (strcmp(device->console, appliance->admin_console) == 0 ||
		strcmp(device->console, APPLIANCE_ADMIN_CONSOLE) == 0) {
		report(diagnostics, device->console_line,
			"the console name \"%s\" is the administrator's: choose another with console = NAME",
			device->console);
		return;
	}
	if (appliance->control != CONTROL_NONE && strcmp(device->console, APPLIANCE_CONTROL) == 0) {
		report(diagnostics, device->console_line,
			"the console name \"%s\" is the control port's: choose another with console = NAME",
			device->console);
		return;
	}
	for (unsigned i = 0; i <= vm_index; i++) {
		const struct vm *other = &appliance->vms[i];

		for (unsigned j = 0; j < other->device_count; j++) {
			if (&other->devices[j] == device) {
				return;
			}
			if (other->devices[j].console != NULL &&
				strcmp(other->devices[j].console, device->console) == 0) {
				report(diagnostics, device->console_line,
					"the console name \"%s\" is taken by vm \"%s\": choose another with console = NAME",
					device->console, other->name);
				return;
			}
		}
	}
}

/* Devices, network cards and disks of a VM that stand on its PCI bus. */
static void check_virtio_count(const struct vm *vm, struct diagnostics *diagnostics)
{
	unsigned count = 0;

	for (unsigned i = 0; i < vm->device_count; i++) {
		count += vm->devices[i].template->virtio.type != 0;
	}
	if (count > VIRTIO_PCI_FUNCTIONS) {
		report(diagnostics, vm->line,
			"vm \"%s\" has %u virtio devices, its network cards and disks among them: at most %u are possible: remove some",
			vm->name, count, VIRTIO_PCI_FUNCTIONS);
	}
}

/* All VMs' consoles together are bits of one notification. Reports the first VM that has one too many. */
static void check_console_count(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	unsigned count = 0;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		const struct vm *vm = &appliance->vms[i];

		for (unsigned j = 0; j < vm->device_count; j++) {
			count += vm->devices[j].console != NULL;
		}
		if (count > APPLIANCE_MAX_CONSOLES) {
			report(diagnostics, vm->line,
				"with vm \"%s\" there are %u consoles: at most %u are possible: leave uart0, uart1 or virtio-console out of its devices",
				vm->name, count, APPLIANCE_MAX_CONSOLES);
			return;
		}
	}
}

void appliance_check(struct appliance *appliance, struct diagnostics *diagnostics)
{
	if (appliance->vm_count == 0) {
		report(diagnostics, 1, "there is no VM: add a section vm NAME { ... }");
		return;
	}
	for (unsigned i = 0; i < appliance->vm_count; i++) {
		struct vm *vm = &appliance->vms[i];

		check_boot_files(vm, diagnostics);
		check_devices(vm, diagnostics);
		check_virtio_count(vm, diagnostics);
		for (unsigned j = 0; j < vm->device_count; j++) {
			if (vm->devices[j].console != NULL) {
				check_console(appliance, i, &vm->devices[j], diagnostics);
			}
		}
	}
	disks_check(appliance, diagnostics);
	check_console_count(appliance, diagnostics);
	if (appliance->control == CONTROL_COM2 && appliance->has_transcript) {
		report(diagnostics, appliance->control_line,
			"control = com2 and the transcript need the same port: write control = com3, or transcript = false");
	}
	network_check(appliance, diagnostics);
	check_shares(appliance, diagnostics);
}
