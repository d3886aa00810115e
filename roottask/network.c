/* SPDX-License-Identifier: MIT */
/* The switch's counters as an answer: see network.h. */
#include "network.h"

#include "root.h"

#include <bulkhead/switch_page.h>

static void show_port(struct answer *answer, const struct switch_page_port *port)
{
	static const struct {
		const char *key;
		const char *format;
	} drops[SWITCH_DROP_REASONS] = {
		[SWITCH_DROP_MALFORMED] = { "dropped_malformed", "  dropped: malformed %lu" },
		[SWITCH_DROP_SOURCE] = { "dropped_source", ", source %lu" },
		[SWITCH_DROP_TAGGED] = { "dropped_tagged", ", tagged %lu" },
		[SWITCH_DROP_FLOW] = { "dropped_flow", ", flow %lu" },
		[SWITCH_DROP_FULL] = { "dropped_full", ", full %lu" },
	};
	const struct switch_counters *counters = &port->counters;
	char mac[MAC_TEXT_SIZE];

	mac_print(port->mac, mac);
	answer_row(answer);
	answer_string(answer, "name", port->name, "%-18s", port->name);
	answer_string(answer, "mac", port->mac != 0 ? mac : "", " %-17s", port->mac != 0 ? mac : "uplink");
	answer_number(
		answer, "sent_frames", counters->sent_frames, "  sent %lu frames", counters->sent_frames);
	answer_number(answer, "sent_bytes", counters->sent_bytes, " %lu bytes", counters->sent_bytes);
	answer_number(answer, "received_frames", counters->received_frames, "  received %lu frames",
		counters->received_frames);
	answer_number(
		answer, "received_bytes", counters->received_bytes, " %lu bytes", counters->received_bytes);
	answer_number(answer, "held", counters->held, "  held %lu", counters->held);
	for (uint32_t i = 0; i < SWITCH_DROP_REASONS; i++) {
		answer_number(
			answer, drops[i].key, counters->dropped[i], drops[i].format, counters->dropped[i]);
	}
}

void network_show(struct answer *answer)
{
	const struct manifest_mapping *mapping =
		manifest_find_mapping(&root.manifest, MANIFEST_ROOT, MANIFEST_ROOT_SWITCH);
	const struct switch_page *page =
		mapping != NULL ? root.mapping[mapping - root.manifest.mappings] : NULL;

	if (page == NULL) {
		answer_error(
			answer, "no VM has a network card: the appliance file says it with nic NAME { }");
		return;
	}
	if (page->magic != SWITCH_PAGE_MAGIC || page->version != SWITCH_PAGE_VERSION) {
		answer_error(answer, "the switch has not started; \"list\" shows whether it runs");
		return;
	}
	answer_list(answer, "cards", "");
	for (uint32_t i = 0; i < page->count && i < SWITCH_PORTS_MAX; i++) {
		struct switch_page_port port = page->ports[i];

		port.name[sizeof(port.name) - 1] = '\0';
		show_port(answer, &port);
	}
}
