/* SPDX-License-Identifier: MIT */
/* Reads the sections of uplinks. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "source.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kinds of functions that there are drivers for, and how the PCI server finds them: virtio 1.2 section 4.1.2.1 (device id 0x1040 + 1), Intel's number of
 * the 82574L. */
static const struct {
	const char *name;
	const char *function;
} KINDS[UPLINK_DRIVERS] = {
	[UPLINK_DRIVER_VIRTIO] = { "virtio-net", "1af4:1041" },
	[UPLINK_DRIVER_E1000E] = { "e1000e", "8086:10d3" },
};

/* The kind of that name; UPLINK_DRIVERS if there is none. */
static enum uplink_driver driver_named(const char *name)
{
	unsigned kind = 0;

	while (kind < UPLINK_DRIVERS && strcmp(name, KINDS[kind].name) != 0) {
		kind++;
	}
	return (enum uplink_driver)kind;
}

/* The driver of a function that is named by its kind, or (UPLINK_DRIVERS) by its place. */
static enum uplink_driver read_driver(struct reader *reader, cfg_t *section, enum uplink_driver kind)
{
	unsigned line;
	const char *text = option_text(reader, section, "driver", &line);
	enum uplink_driver fallback = kind != UPLINK_DRIVERS ? kind : UPLINK_DRIVER_VIRTIO;
	enum uplink_driver driver = text != NULL ? driver_named(text) : fallback;

	if (driver == UPLINK_DRIVERS) {
		report(&reader->diagnostics, line,
			"there is no driver \"%s\" of network cards: write virtio-net or e1000e", text);
		return fallback;
	}
	if (kind != UPLINK_DRIVERS && driver != kind) {
		report(&reader->diagnostics, line, "the driver of pci = %s is %s, not %s: remove this",
			KINDS[kind].name, KINDS[kind].name, text);
	}
	return driver;
}

/* A kind, or the place of a function, whose driver `driver` says. */
static void read_function(struct reader *reader, cfg_t *section, struct uplink *uplink)
{
	const char *text = option_text(reader, section, "pci", &uplink->function_line);
	enum uplink_driver kind = text != NULL ? driver_named(text) : UPLINK_DRIVERS;
	char place[FUNCTION_PLACE_SIZE];

	uplink->driver = read_driver(reader, section, kind);
	if (text == NULL) {
		report(&reader->diagnostics, uplink->line,
			"uplink \"%s\" has no device: write pci = virtio-net or pci = e1000e, or the place of one, like pci = \"00:05.0\"",
			uplink->name);
	} else if (kind != UPLINK_DRIVERS) {
		uplink->function = format_text("%s", KINDS[kind].function);
	} else if (parse_function_place(text, place)) {
		uplink->function = format_text("%s", place);
	} else {
		report(&reader->diagnostics, uplink->function_line,
			"pci = \"%s\" is no network card: write virtio-net, e1000e, or the place of one, like \"00:05.0\" (bus, device, function)",
			text);
	}
}

static void read_uplink(struct reader *reader, cfg_t *section, unsigned line, struct uplink *uplink)
{
	uplink->name = format_text("%s", cfg_title(section));
	uplink->line = line;
	(void)check_plain_name(reader, uplink->name, line, "an uplink");
	read_function(reader, section, uplink);
	uplink->allow_dma = read_boolean(reader, section, "allow_dma", false);
	read_traffic(reader, section, &uplink->traffic);
	read_restart(reader, section, "on_crash", "restart 5 per 60s", &uplink->on_crash);
}

void read_uplinks(struct reader *reader, cfg_t *root)
{
	struct network *network = &reader->appliance->network;

	for (unsigned i = 0; i < cfg_size(root, "uplink"); i++) {
		cfg_t *section = cfg_getnsec(root, "uplink", i);
		unsigned line = find_section_line(
			reader->text, "uplink", cfg_title(section), (unsigned)section->line);

		if (i == NETWORK_MAX_UPLINKS) {
			report(&reader->diagnostics, line, "there are %u uplinks: at most %u are possible",
				cfg_size(root, "uplink"), NETWORK_MAX_UPLINKS);
			return;
		}
		read_uplink(reader, section, line, &network->uplinks[network->uplink_count++]);
	}
}
