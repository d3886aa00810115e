/* SPDX-License-Identifier: MIT */
/* Puts QEMU's command line together. Host files: links and the manifest in the staging folder. */
#include "qemu_command.h"

#include "diagnostics.h"
#include "staging.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An AMD CPU with nested paging. QEMU would warn of each feature of that model which its emulator lacks. */
#define CPU_MODEL \
	"EPYC,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-xsavec,-nrip-save"
/* Where expand_console.c says that COM3 is. */
#define COM3_DEVICE "isa-serial,iobase=0x3e8,irq=5,chardev=control"
#define MEBIBYTE (UINT64_C(1) << 20)

static void add(struct qemu_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct qemu_command *command, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (command->count + 1 < QEMU_MAX_ARGUMENTS && vasprintf(&text, format, arguments) >= 0) {
		command->arguments[command->count++] = text;
		command->arguments[command->count] = NULL;
	}
	va_end(arguments);
}

/* QEMU takes a doubled comma for a comma. Returns new memory. */
static char *double_commas(const char *text)
{
	char *doubled = allocate(2 * strlen(text) + 1);
	char *end = doubled;

	for (; *text != '\0'; text++) {
		if (*text == ',') {
			*end++ = ',';
		}
		*end++ = *text;
	}
	*end = '\0';
	return doubled;
}

/* Links or writes one boot module and appends it to the -initrd list. Module names hold no commas or blanks. */
static bool stage_module(const char *staging, const char *name, const char *source, char **list)
{
	char *path = format_text("%s/%s", staging, name);
	bool is_staged = source == NULL || staging_link(source, path);
	char *doubled = double_commas(path);
	char *longer = format_text("%s%s%s %s", *list, **list != '\0' ? "," : "", doubled, name);

	free(*list);
	free(doubled);
	free(path);
	*list = longer;
	return is_staged;
}

static bool add_direct_boot(
	struct qemu_command *command, const struct system_image *image, const char *staging)
{
	char *list = format_text("%s", "");
	char *manifest = format_text("%s/manifest", staging);
	bool is_staged = staging_write(manifest, image->manifest, image->manifest_size) &&
			 stage_module(staging, "roottask", image->root_task, &list) &&
			 stage_module(staging, "manifest", NULL, &list);

	for (unsigned i = 0; is_staged && i < image->module_count; i++) {
		is_staged = stage_module(staging, image->modules[i].name, image->modules[i].path, &list);
	}
	add(command, "-kernel");
	add(command, "%s", image->kernel_elf32);
	add(command, "-append");
	add(command, "%s", image->command_line);
	add(command, "-initrd");
	add(command, "%s", list);
	free(manifest);
	free(list);
	return is_staged;
}

static void add_words(struct qemu_command *command, const char *const *words)
{
	for (; *words != NULL; words++) {
		add(command, "%s", *words);
	}
}

static void add_control(struct qemu_command *command, const struct run_options *options)
{
	add(command, "-chardev");
	if (options->control != NULL) {
		char *path = double_commas(options->control);

		add(command, "socket,id=control,path=%s,server=on,wait=off", path);
		free(path);
	} else {
		add(command, "null,id=control");
	}
	if (options->control_port == CONTROL_COM3) {
		add(command, "-device");
		add(command, COM3_DEVICE);
	}
}

/* A network card for each uplink. In which place the machine has it decides QEMU, but for those on bus 0 that the file names; what the file says of other
 * buses is for a machine that the user describes. The card has no boot ROM: nobody boots from it. */
static void add_uplinks(
	struct qemu_command *command, const struct system_image *image, const struct run_options *options)
{
	static const char *const MODELS[UPLINK_DRIVERS] = {
		[UPLINK_DRIVER_VIRTIO] = "virtio-net-pci,disable-legacy=on,iommu_platform=on",
		[UPLINK_DRIVER_E1000E] = "e1000e",
	};

	for (unsigned i = 0; i < image->uplink_count; i++) {
		const struct system_uplink *uplink = &image->uplinks[i];
		const char *backend = i < options->uplink_count ? options->uplinks[i] : "user";

		if (uplink->place[0] != '\0' && strncmp(uplink->place, "00:", 3) != 0) {
			continue;
		}
		add(command, "-netdev");
		add(command, "%s,id=uplink%u", backend, i);
		add(command, "-device");
		add(command, "%s,netdev=uplink%u,romfile=%s%s", MODELS[uplink->driver], i,
			uplink->place[0] != '\0' ? ",addr=" : "",
			uplink->place[0] != '\0' ? uplink->place + 3 : "");
	}
}

bool qemu_command_make(struct qemu_command *command, const struct system_image *image,
	const struct run_options *options, const char *staging, int com1, int com2)
{
	static const char *const MACHINE[] = { QEMU_PROGRAM, "-M", "q35", "-cpu", CPU_MODEL, "-smp", "1",
		"-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot", NULL };
	/* One TSC tick is one executed instruction, and each run is like the other. */
	static const char *const COUNTING[] = { "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
		"-rtc", "base=2026-01-01,clock=vm", "-seed", "1", NULL };
	/* Time goes by the instructions while the machine is busy (a nanosecond each), and by the clock while it idles. An exit costs
	 * the emulator some 40 us, a thousand times what it costs a guest elsewhere: by the clock alone, a guest's own timer
	 * interrupts can use up its share (docs/decisions). */
	static const char *const PACED[] = { "-accel", "tcg,thread=single", "-icount", "shift=0", NULL };
	static const char *const PLAIN[] = { "-accel", "tcg", NULL };
	const char *const *pace = options->real_time ? PLAIN : PACED;
	bool is_made = true;

	*command = (struct qemu_command){ 0 };
	add_words(command, MACHINE);
	add_words(command, options->count_instructions ? COUNTING : pace);
	add(command, "-m");
	add(command, "%llu", (unsigned long long)(image->memory_needed / MEBIBYTE));
	add(command, "-chardev");
	add(command, "socket,id=com1,fd=%d", com1);
	add(command, "-serial");
	add(command, "chardev:com1");
	add(command, "-chardev");
	add(command, "socket,id=com2,fd=%d", com2);
	add(command, "-serial");
	add(command, options->control_port == CONTROL_COM2 ? "chardev:control" : "chardev:com2");
	if (options->control_port != CONTROL_NONE) {
		add_control(command, options);
	}
	if (options->image != NULL) {
		char *path = double_commas(options->image);

		add(command, "-drive");
		add(command, "file=%s,format=raw,if=ide,snapshot=on", path);
		free(path);
	} else {
		is_made = add_direct_boot(command, image, staging);
	}
	if (image->has_iommu) {
		add(command, "-device");
		add(command, "amd-iommu");
	}
	for (unsigned i = 0; i < options->disk_count; i++) {
		char *path = double_commas(options->disks[i]);

		add(command, "-drive");
		add(command, "file=%s,format=raw,if=none,id=disk%u,discard=unmap", path, i);
		add(command, "-device");
		add(command, "virtio-blk-pci,disable-legacy=on,iommu_platform=on,drive=disk%u", i);
		free(path);
	}
	add_uplinks(command, image, options);
	for (char *const *argument = options->qemu_arguments; *argument != NULL; argument++) {
		add(command, "%s", *argument);
	}
	if (command->count + 1 == QEMU_MAX_ARGUMENTS) {
		complain("there are too many arguments for QEMU");
		is_made = false;
	}
	return is_made;
}

void qemu_command_free(struct qemu_command *command)
{
	for (unsigned i = 0; i < command->count; i++) {
		free(command->arguments[i]);
	}
	*command = (struct qemu_command){ 0 };
}
