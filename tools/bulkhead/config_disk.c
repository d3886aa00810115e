/* SPDX-License-Identifier: MIT */
/* Reads the sections of host disks. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "source.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 1000000u

/* Kinds of functions that there are drivers for, and how the PCI server finds them. Numbers: PCI ID of virtio 1.2 section 5.2. */
static const struct {
	const char *name;
	const char *function;
} KINDS[] = { { "virtio-blk", "1af4:1042" } };

/* Is `text` like `form`, in which x stands for a hexadecimal digit? */
static bool has_form(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++) {
		if (*form == 'x' ? !isxdigit((unsigned char)*text) : *text != *form) {
			return false;
		}
	}
	return *text == '\0';
}

/* "BB:DD.F" with a device below 32 and a function below 8. */
static bool is_place(const char *text)
{
	return has_form(text, "xx:xx.x") && strtoul(text + 3, NULL, 16) < 32 &&
	       strtoul(text + 6, NULL, 16) < 8;
}

/* In new memory; NULL if it is none. */
static char *function_of(const char *text)
{
	char *function;

	for (unsigned i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
		if (strcmp(text, KINDS[i].name) == 0) {
			return format_text("%s", KINDS[i].function);
		}
	}
	if (!is_place(text)) {
		return NULL;
	}
	function = format_text("%s", text);
	for (char *letter = function; *letter != '\0'; letter++) {
		*letter = (char)tolower((unsigned char)*letter);
	}
	return function;
}

static void read_exercise(struct reader *reader, cfg_t *section, struct disk *disk)
{
	unsigned line;
	const char *text = option_text(reader, section, "exercise", &line);
	char *end = NULL;

	if (text == NULL) {
		return;
	}
	disk->exercise = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || disk->exercise == 0 ||
		disk->exercise > MAX_ROUNDS) {
		report(&reader->diagnostics, line,
			"exercise = \"%s\" is no number of rounds: write 1 to %u, and know that the disk's contents are lost",
			text, MAX_ROUNDS);
		disk->exercise = 0;
	}
}

void read_disk(struct reader *reader, cfg_t *section, struct disk *disk)
{
	const char *text;

	disk->name = format_text("%s", cfg_title(section));
	disk->line = find_section_line(reader->text, "disk", disk->name, (unsigned)section->line);
	(void)check_plain_name(reader, disk->name, disk->line, "a disk");
	text = option_text(reader, section, "pci", &disk->function_line);
	if (text == NULL) {
		report(&reader->diagnostics, disk->line,
			"disk \"%s\" has no device: write pci = virtio-blk, or the place of one, like pci = \"00:04.0\"",
			disk->name);
	} else {
		disk->function = function_of(text);
		if (disk->function == NULL) {
			report(&reader->diagnostics, disk->function_line,
				"pci = \"%s\" is no disk: write virtio-blk, or the place of one, like \"00:04.0\" (bus, device, function)",
				text);
		}
	}
	disk->allow_dma = read_boolean(reader, section, "allow_dma", false);
	read_exercise(reader, section, disk);
}
