/* SPDX-License-Identifier: MIT */
/* Calls grub-mkrescue on a temporary folder with kernel, modules and GRUB's configuration. Host files and processes. */
#include "boot_image.h"

#include "staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every date in the image, so that two builds give the same bytes: 2026-01-01, as the emulated machine's clock under --icount. */
#define IMAGE_EPOCH "1767225600"
#define IMAGE_DATE "2026010100000000"

/* GRUB's parts, which grub-mkrescue leaves out without a word where they are not installed. */
static const char *const GRUB_FOLDERS[][2] = {
	{ "/usr/lib/grub/i386-pc", "grub-pc-bin" },
	{ "/usr/lib/grub/x86_64-efi", "grub-efi-amd64-bin" },
};
static const char *const PROGRAMS[][2] = {
	{ "grub-mkrescue", "grub-common" },
	{ "xorriso", "xorriso" },
	{ "mformat", "mtools" },
};

static bool have_grub(void)
{
	bool is_there = true;

	for (unsigned i = 0; i < sizeof PROGRAMS / sizeof PROGRAMS[0]; i++) {
		char *program = find_program(PROGRAMS[i][0]);

		if (program == NULL) {
			complain("%s is missing: install it by apt-get install %s", PROGRAMS[i][0],
				PROGRAMS[i][1]);
			is_there = false;
		}
		free(program);
	}
	for (unsigned i = 0; i < sizeof GRUB_FOLDERS / sizeof GRUB_FOLDERS[0]; i++) {
		if (access(GRUB_FOLDERS[i][0], R_OK) != 0) {
			complain("%s is missing: install it by apt-get install %s", GRUB_FOLDERS[i][0],
				GRUB_FOLDERS[i][1]);
			is_there = false;
		}
	}
	return is_there;
}

static bool write_configuration(const struct system_image *image, const char *folder)
{
	char *path = format_text("%s/boot/grub/grub.cfg", folder);
	FILE *file = fopen(path, "w");
	bool is_written = file != NULL;

	if (is_written) {
		/* The video modules give the kernel a framebuffer for its messages where the firmware has no text mode: without gfxpayload
		 * GRUB chooses text on a BIOS and a mode of its own under UEFI, where `keep` finds no mode to keep. */
		fprintf(file,
			"set timeout=0\nset default=0\ninsmod all_video\n"
			"menuentry Bulkhead {\n"
			"\tmultiboot2 /boot/bulkhead.elf %s\n"
			"\tmodule2 --nounzip /boot/roottask roottask\n"
			"\tmodule2 --nounzip /boot/manifest manifest\n",
			image->command_line);
		for (unsigned i = 0; i < image->module_count; i++) {
			fprintf(file, "\tmodule2 --nounzip /boot/%s %s\n", image->modules[i].name,
				image->modules[i].name);
		}
		fprintf(file, "}\n");
		is_written = !ferror(file);
		is_written &= fclose(file) == 0;
	}
	if (!is_written) {
		complain("cannot write %s: %s", path, strerror(errno));
	}
	free(path);
	return is_written;
}

static bool copy_into(const char *source, const char *folder, const char *name)
{
	char *path = format_text("%s/boot/%s", folder, name);
	bool is_copied = staging_copy(source, path);

	free(path);
	return is_copied;
}

static bool fill_folder(const struct system_image *image, const char *folder)
{
	char *boot = format_text("%s/boot", folder);
	char *grub = format_text("%s/boot/grub", folder);
	char *manifest = format_text("%s/boot/manifest", folder);
	bool is_filled = mkdir(folder, 0755) == 0 && mkdir(boot, 0755) == 0 && mkdir(grub, 0755) == 0;

	if (!is_filled) {
		complain("cannot make %s: %s", grub, strerror(errno));
	}
	is_filled = is_filled && copy_into(image->kernel_elf64, folder, "bulkhead.elf") &&
		    copy_into(image->root_task, folder, "roottask") &&
		    staging_write(manifest, image->manifest, image->manifest_size) &&
		    write_configuration(image, folder);
	for (unsigned i = 0; is_filled && i < image->module_count; i++) {
		is_filled = copy_into(image->modules[i].path, folder, image->modules[i].name);
	}
	free(boot);
	free(grub);
	free(manifest);
	return is_filled;
}

/*
 * grub-mkrescue lets mformat choose a random serial number for the EFI partition. A script of that name, first in the search path, passes
 * a fixed one. `folder` is where it goes.
 */
static bool write_mformat(const char *folder)
{
	char *real = find_program("mformat");
	char *path = format_text("%s/mformat", folder);
	char *script =
		format_text("#!/bin/sh\nexec '%s' -N 42554c4b \"$@\"\n", real != NULL ? real : "mformat");
	bool is_written = mkdir(folder, 0755) == 0 && staging_write(path, script, strlen(script)) &&
			  chmod(path, 0755) == 0;

	if (!is_written) {
		complain("cannot write %s: %s", path, strerror(errno));
	}
	free(script);
	free(path);
	free(real);
	return is_written;
}

/* Runs grub-mkrescue with its chatter in `log`. True if it succeeded. */
static bool run_grub(const char *folder, const char *programs, const char *output, const char *log)
{
	const char *paths = getenv("PATH");
	char *own_paths = format_text("%s:%s", programs, paths != NULL ? paths : "/usr/bin:/bin");
	pid_t child = fork();
	int status;

	if (child < 0) {
		complain("cannot start grub-mkrescue: %s", strerror(errno));
		free(own_paths);
		return false;
	}
	if (child == 0) {
		int file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		if (file >= 0) {
			dup2(file, STDOUT_FILENO);
			dup2(file, STDERR_FILENO);
		}
		setenv("PATH", own_paths, 1);
		setenv("SOURCE_DATE_EPOCH", IMAGE_EPOCH, 1);
		setenv("TZ", "UTC", 1);
		execlp("grub-mkrescue", "grub-mkrescue", "-o", output,
			"--fonts=", "--locales=", "--themes=", folder, "--", "-volid", "BULKHEAD",
			"-volume_date", "all_file_dates", "=" IMAGE_EPOCH, "-volume_date", "uuid", IMAGE_DATE,
			(char *)NULL);
		_exit(127);
	}
	free(own_paths);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return false;
		}
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void print_file(const char *path)
{
	FILE *file = fopen(path, "r");
	int byte;

	while (file != NULL && (byte = getc(file)) != EOF) {
		putc(byte, stderr);
	}
	if (file != NULL) {
		fclose(file);
	}
}

enum exit_status boot_image_build(const struct system_image *image, const char *path)
{
	enum exit_status status = STATUS_INPUT_OUTPUT;

	if (!have_grub()) {
		return STATUS_MISSING;
	}
	char *staging = staging_create();

	if (staging == NULL) {
		return STATUS_INPUT_OUTPUT;
	}
	char *folder = format_text("%s/files", staging);
	char *programs = format_text("%s/programs", staging);
	char *log = format_text("%s/log", staging);
	char *unfinished = format_text("%s.unfinished", path);

	if (fill_folder(image, folder) && write_mformat(programs)) {
		if (!run_grub(folder, programs, unfinished, log)) {
			print_file(log);
			complain("grub-mkrescue failed; its messages stand above");
			remove(unfinished);
		} else if (rename(unfinished, path) != 0) {
			complain("cannot write %s: %s", path, strerror(errno));
			remove(unfinished);
		} else {
			status = STATUS_OK;
		}
	}
	free(folder);
	free(programs);
	free(log);
	free(unfinished);
	staging_remove(staging);
	return status;
}
