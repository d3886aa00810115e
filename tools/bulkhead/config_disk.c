/* SPDX-License-Identifier: MIT */
/* Reads the sections of host disks. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "source.h"
#include "values.h"

#include <ctype.h>
#include <stdlib.h>

#define MAX_ROUNDS 1000000u

_Static_assert(DISK_DRIVERS == FUNCTION_KINDS, "each driver of disks has its kind");

/* virtio 1.2 section 4.1.2.1 (device id 0x1040 + 2), the class code of NVM Express (NVMe 1.4 section 2.1.5). */
static const struct function_class DISKS = {
	.device = "disk",
	.place = "00:04.0",
	.instead = ", or memory = 64M for a disk in memory",
	.kinds = { [DISK_DRIVER_VIRTIO] = { "virtio-blk", "1af4:1042" },
		[DISK_DRIVER_NVME] = { "nvme", "class:010802" } },
};

/* A disk in memory has no function, and nothing that belongs to one. */
static void read_memory(struct reader *reader, cfg_t *section, struct disk *disk)
{
	static const char *const OTHERS[] = { "pci", "driver", "allow_dma" };
	const char *text = option_text(reader, section, "memory", &disk->memory_line);
	unsigned line;

	if (!parse_size(text, &disk->memory) || disk->memory == 0 || disk->memory % MANIFEST_PAGE_SIZE != 0) {
		report(&reader->diagnostics, disk->memory_line,
			"memory = \"%s\" is no size of a disk: write a multiple of 4K, like 64M", text);
		disk->memory = MANIFEST_PAGE_SIZE; /* it is one in memory all the same */
	}
	for (unsigned i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
		if (option_text(reader, section, OTHERS[i], &line) != NULL) {
			report(&reader->diagnostics, line,
				"disk \"%s\" is in memory, %s is for devices: remove one of the two",
				disk->name, OTHERS[i]);
		}
	}
	text = option_text(reader, section, "image", &line);
	if (text != NULL) {
		disk->image = read_file_name(reader, text, line, false);
	}
}

static void read_device(struct reader *reader, cfg_t *section, struct disk *disk)
{
	unsigned line;

	read_function(reader, section, &DISKS, disk->line, &disk->function);
	if (option_text(reader, section, "image", &line) != NULL) {
		report(&reader->diagnostics, line,
			"disk \"%s\" is a device, an image is for disks in memory: remove one of the two",
			disk->name);
	}
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
	unsigned line;

	disk->name = format_text("%s", cfg_title(section));
	disk->line = find_section_line(reader->text, "disk", disk->name, (unsigned)section->line);
	(void)check_plain_name(reader, disk->name, disk->line, "a disk");
	if (option_text(reader, section, "memory", &line) != NULL) {
		read_memory(reader, section, disk);
	} else {
		read_device(reader, section, disk);
	}
	read_exercise(reader, section, disk);
	read_restart(reader, section, "on_crash", SYSTEM_ON_CRASH, &disk->on_crash);
}
