/* SPDX-License-Identifier: MIT */
/* Reads the sections of VMs. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "source.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PERIOD_US UINT64_C(10000)
#define DEFAULT_HANG_LIMIT_US UINT64_C(5000000)

static void read_memory(struct reader *reader, cfg_t *section, struct vm *vm)
{
	const char *text = option_text(reader, section, "memory", &vm->memory_line);

	if (text == NULL) {
		report(&reader->diagnostics, vm->line,
			"vm \"%s\" has no memory: add a line like memory = 256M", vm->name);
	} else if (!parse_size(text, &vm->memory)) {
		report(&reader->diagnostics, vm->memory_line,
			"memory = \"%s\" is no size: write a number with K, M or G, like 256M", text);
		vm->memory_line = 0; /* judged */
	}
}

static void read_boot_files(struct reader *reader, cfg_t *section, struct vm *vm)
{
	unsigned line;
	const char *text = option_text(reader, section, "protocol", &line);

	if (text != NULL && strcmp(text, "multiboot") == 0) {
		vm->protocol = PROTOCOL_MULTIBOOT;
	} else if (text != NULL && strcmp(text, "linux") != 0) {
		report(&reader->diagnostics, line, "protocol = \"%s\" is unknown: write linux or multiboot",
			text);
	}
	text = option_text(reader, section, "kernel", &line);
	if (text != NULL) {
		vm->kernel = read_file_name(reader, text, line, false);
	} else {
		report(&reader->diagnostics, vm->line,
			"vm \"%s\" has no kernel: add a line like kernel = \"vmlinuz\"", vm->name);
	}
	text = option_text(reader, section, "initrd", &line);
	if (text != NULL && vm->protocol == PROTOCOL_MULTIBOOT) {
		report(&reader->diagnostics, line,
			"a multiboot kernel has no initrd: list the file in modules = { }");
	} else if (text != NULL) {
		vm->initrd = read_file_name(reader, text, line, false);
	}
	cfg_opt_t *modules = cfg_getopt(section, "modules");
	unsigned count = cfg_opt_size(modules);

	if (count != 0 && vm->protocol == PROTOCOL_LINUX) {
		report(&reader->diagnostics, option_line(reader, modules, 0),
			"a Linux kernel has no boot modules: use initrd, or protocol = multiboot");
		return;
	}
	if (count > APPLIANCE_MAX_GUEST_FILES) {
		report(&reader->diagnostics, option_line(reader, modules, APPLIANCE_MAX_GUEST_FILES),
			"vm \"%s\" has %u modules: at most %u are possible", vm->name, count,
			APPLIANCE_MAX_GUEST_FILES);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		vm->modules[i] = read_file_name(
			reader, cfg_opt_getnstr(modules, i), option_line(reader, modules, i), true);
	}
	vm->module_count = count;
}

static struct device *find_device(struct vm *vm, const struct device_template *template)
{
	for (unsigned i = 0; i < vm->device_count; i++) {
		if (vm->devices[i].template == template) {
			return &vm->devices[i];
		}
	}
	return NULL;
}

static void add_device(struct vm *vm, const struct device_template *template, unsigned line)
{
	struct manifest_restart restart = { MANIFEST_ON_EXIT_RESTART, 5, 60 };

	struct device *device = &vm->devices[vm->device_count++];

	*device = (struct device){
		.template = template,
		.name = template->name,
		.on_crash = restart,
		.line = line,
		.irq = template->serial_irq,
	};
	memcpy(device->ranges, template->ranges, sizeof device->ranges);
}

static void list_devices(char *text, size_t size)
{
	text[0] = '\0';
	for (unsigned i = 0; i < DEVICE_COUNT; i++) {
		append_word(text, size, device_at(i)->name);
	}
}

static const struct device_template *known_device(struct reader *reader, const char *name, unsigned line)
{
	const struct device_template *template = device_find(name);
	char names[256];

	if (template == NULL) {
		list_devices(names, sizeof names);
		report(&reader->diagnostics, line, "there is no device \"%s\": use some of %s", name, names);
	}
	return template;
}

static void read_device_list(struct reader *reader, cfg_t *section, struct vm *vm)
{
	cfg_opt_t *devices = cfg_getopt(section, "devices");
	unsigned line = option_line(reader, devices, 0);

	if (line == 0) {
		for (unsigned i = 0; i < DEVICE_DEFAULT_COUNT; i++) {
			add_device(vm, device_at(i), vm->line);
		}
	}
	for (unsigned i = 0; line != 0 && i < cfg_opt_size(devices); i++) {
		const char *name = cfg_opt_getnstr(devices, i);
		const struct device_template *template =
			known_device(reader, name, option_line(reader, devices, i));

		if (template == NULL) {
			continue;
		}
		if (find_device(vm, template) != NULL) {
			report(&reader->diagnostics, option_line(reader, devices, i),
				"device \"%s\" is listed twice: remove one", name);
			continue;
		}
		add_device(vm, template, option_line(reader, devices, i));
	}
	const struct device_template *debug_exit = device_find("debug-exit");

	if (read_boolean(reader, section, "debug_exit", false) && find_device(vm, debug_exit) == NULL) {
		add_device(vm, debug_exit, vm->line);
	}
}

/* A UART's place among the ports and interrupts of a PC can be chosen; every other device's is what guests expect. */
static void read_place(struct reader *reader, cfg_t *section, struct device *device)
{
	static const char *const NAMES[] = { "port", "irq" };
	static const unsigned LIMITS[] = { 0x10000 - 8, 15 };
	unsigned long values[] = { device->ranges[0].first, device->irq };

	for (unsigned i = 0; i < 2; i++) {
		unsigned line;
		const char *text = option_text(reader, section, NAMES[i], &line);
		char *end = NULL;

		if (text == NULL) {
			continue;
		}
		if (device->template->serial_irq == 0) {
			report(&reader->diagnostics, line, "the %s of %s is fixed: remove this line",
				NAMES[i], device->template->name);
			continue;
		}
		unsigned long value = strtoul(text, &end, 0);

		if (text[0] < '0' || text[0] > '9' || *end != '\0' || value == 0 || value > LIMITS[i]) {
			report(&reader->diagnostics, line,
				"%s = \"%s\" is out of range: write a number from 1 to %u, or 0x...",
				NAMES[i], text, LIMITS[i]);
		} else {
			values[i] = value;
			device->line = line;
		}
	}
	if (device->template->serial_irq != 0) {
		device->ranges[0].first = (uint16_t)values[0];
		device->irq = (unsigned)values[1];
	}
}

static void read_device_sections(struct reader *reader, cfg_t *section, struct vm *vm)
{
	for (unsigned i = 0; i < cfg_size(section, "device"); i++) {
		cfg_t *device_section = cfg_getnsec(section, "device", i);
		const char *name = cfg_title(device_section);
		unsigned line =
			find_section_line(reader->text, "device", name, (unsigned)device_section->line);
		const struct device_template *template = known_device(reader, name, line);
		struct device *device = template != NULL ? find_device(vm, template) : NULL;

		if (device != NULL) {
			read_restart(
				reader, device_section, "on_crash", "restart 5 per 60s", &device->on_crash);
			read_place(reader, device_section, device);
		} else if (template != NULL) {
			report(&reader->diagnostics, line,
				"vm \"%s\" has no device \"%s\": add it to devices, or remove this section",
				vm->name, name);
		}
	}
}

static void read_consoles(struct reader *reader, cfg_t *section, struct vm *vm)
{
	static const struct {
		const char *device;
		const char *option;
		const char *suffix;
	} CONSOLES[] = { { "uart0", "console", "" }, { "uart1", "console2", "-2" },
		{ "virtio-console", "virtio_console", "-v" } };

	for (unsigned i = 0; i < sizeof CONSOLES / sizeof CONSOLES[0]; i++) {
		struct device *device = find_device(vm, device_find(CONSOLES[i].device));
		unsigned line;

		if (device == NULL) {
			if (option_text(reader, section, CONSOLES[i].option, &line) != NULL) {
				report(&reader->diagnostics, line,
					"%s needs the device %s: add it to devices, or remove this line",
					CONSOLES[i].option, CONSOLES[i].device);
			}
			continue;
		}
		char *fallback = format_text("%s%s", vm->name, CONSOLES[i].suffix);

		device->console = read_console_name(reader, section, CONSOLES[i].option, fallback);
		(void)option_text(reader, section, CONSOLES[i].option, &device->console_line);
		device->console_line = device->console_line != 0 ? device->console_line : vm->line;
		free(fallback);
	}
}

static void read_share(struct reader *reader, cfg_t *section, struct vm *vm)
{
	unsigned share_line;
	unsigned period_line = read_duration(reader, section, "period", DEFAULT_PERIOD_US, &vm->period_us);
	unsigned budget_line = read_duration(reader, section, "budget", 0, &vm->budget_us);
	const char *share = option_text(reader, section, "share", &share_line);
	uint32_t per_mille;

	vm->share_line = budget_line != 0 ? budget_line : share_line != 0 ? share_line : period_line;
	if (share == NULL) {
		return;
	}
	if (budget_line != 0) {
		report(&reader->diagnostics, share_line,
			"vm \"%s\" has a share and a budget: remove one of the two", vm->name);
	} else if (!parse_share(share, &per_mille)) {
		report(&reader->diagnostics, share_line,
			"share = \"%s\" is no share: write a percentage from 0.1%% to 100%%, like 40%%",
			share);
	} else {
		vm->budget_us = vm->period_us * per_mille / 1000;
	}
}

static void read_paravirtual(struct reader *reader, cfg_t *section, struct vm *vm)
{
	cfg_opt_t *flags = cfg_getopt(section, "paravirtual");

	for (unsigned i = 0; i < cfg_opt_size(flags); i++) {
		const char *name = cfg_opt_getnstr(flags, i);

		if (strcmp(name, "kvm-clock") == 0) {
			vm->paravirtual_clock = true;
		} else if (strcmp(name, "pv-eoi") == 0) {
			vm->paravirtual_eoi = true;
		} else {
			report(&reader->diagnostics, option_line(reader, flags, i),
				"there is no paravirtual interface \"%s\": use kvm-clock, pv-eoi, or neither",
				name);
		}
	}
}

static void read_after_pause(struct reader *reader, cfg_t *section, struct vm *vm)
{
	unsigned line;
	const char *text = option_text(reader, section, "after_pause", &line);

	vm->catches_up = text == NULL || strcmp(text, "catch-up") == 0;
	if (!vm->catches_up && strcmp(text, "stand") != 0) {
		report(&reader->diagnostics, line,
			"after_pause = \"%s\" is unknown: write catch-up, or stand for clocks that go on from where they stood",
			text);
	}
}

void read_vm(struct reader *reader, cfg_t *section, struct vm *vm)
{
	unsigned end = (unsigned)section->line;
	const char *text;

	vm->name = format_text("%s", cfg_title(section));
	vm->line = find_section_line(reader->text, "vm", vm->name, end);
	(void)check_plain_name(reader, vm->name, vm->line, "a VM");
	read_memory(reader, section, vm);
	read_boot_files(reader, section, vm);
	text = option_text(reader, section, "command_line", &vm->command_line_line);
	vm->command_line = format_text("%s", text != NULL ? text : "");
	read_device_list(reader, section, vm);
	read_device_sections(reader, section, vm);
	read_nics(reader, section, vm);
	read_vm_disks(reader, section, vm);
	read_consoles(reader, section, vm);
	read_share(reader, section, vm);
	read_paravirtual(reader, section, vm);
	read_after_pause(reader, section, vm);
	read_restart(reader, section, "on_crash", "stop", &vm->on_crash);
	read_restart(reader, section, "on_reset", "restart 10 per 60s", &vm->on_reset);
	vm->hang_limit_line =
		read_duration(reader, section, "hang_limit", DEFAULT_HANG_LIMIT_US, &vm->hang_limit_us);
}
