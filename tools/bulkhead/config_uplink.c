/* SPDX-License-Identifier: MIT */
/* Reads the sections of uplinks. Every fault is reported with its line and its remedy. Memory only. */
#include "config_reader.h"
#include "source.h"

_Static_assert(UPLINK_DRIVERS == FUNCTION_KINDS, "each driver of network cards has its kind");

/* virtio 1.2 section 4.1.2.1 (device id 0x1040 + 1), Intel's number of the 82574L. */
static const struct function_class CARDS = {
	.device = "network card",
	.place = "00:05.0",
	.instead = "",
	.kinds = { [UPLINK_DRIVER_VIRTIO] = { "virtio-net", "1af4:1041" },
		[UPLINK_DRIVER_E1000E] = { "e1000e", "8086:10d3" } },
};

static void read_uplink(struct reader *reader, cfg_t *section, struct uplink *uplink)
{
	uplink->name = format_text("%s", cfg_title(section));
	uplink->line = find_section_line(reader->text, "uplink", uplink->name, (unsigned)section->line);
	(void)check_plain_name(reader, uplink->name, uplink->line, "an uplink");
	read_function(reader, section, &CARDS, uplink->line, &uplink->function);
	read_traffic(reader, section, &uplink->traffic);
	read_restart(reader, section, "on_crash", SYSTEM_ON_CRASH, &uplink->on_crash);
}

void read_uplinks(struct reader *reader, cfg_t *root)
{
	struct network *network = &reader->appliance->network;

	for (unsigned i = 0; has_section(reader, root, "uplink", i, NETWORK_MAX_UPLINKS, "uplinks"); i++) {
		read_uplink(
			reader, cfg_getnsec(root, "uplink", i), &network->uplinks[network->uplink_count++]);
	}
}
