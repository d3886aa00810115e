/* SPDX-License-Identifier: MIT */
/* The closure of the flows, breadth first: see reach.h. Pure. */
#include "reach.h"

#include <stdio.h>
#include <string.h>

void reach_from(const struct reach_graph *graph, uint64_t sources, struct reach *reach)
{
	unsigned senders[SWITCH_PORTS_MAX]; /* in the order in which they come to send */
	unsigned sender_count = 0;
	uint64_t sending = sources;

	reach->ports = 0;
	for (unsigned port = 0; port < graph->count; port++) {
		if ((sources >> port & 1) != 0) {
			senders[sender_count++] = port;
			reach->before[port] = REACH_SOURCE;
		}
	}
	for (unsigned i = 0; i < sender_count; i++) {
		unsigned from = senders[i];

		for (unsigned to = 0; to < graph->count; to++) {
			if ((graph->flows[from] >> to & 1) == 0 || (reach->ports >> to & 1) != 0) {
				continue;
			}
			reach->ports |= UINT64_C(1) << to;
			reach->sender[to] = from;
			for (unsigned next = 0; next < graph->count; next++) {
				if (graph->owner[next] == graph->owner[to] && (sending >> next & 1) == 0) {
					sending |= UINT64_C(1) << next;
					senders[sender_count++] = next;
					reach->before[next] = to;
				}
			}
		}
	}
}

void reach_describe(
	const struct reach_graph *graph, const struct reach *reach, unsigned port, char text[REACH_WAY_SIZE])
{
	unsigned senders[SWITCH_PORTS_MAX];
	unsigned receivers[SWITCH_PORTS_MAX];
	unsigned count = 0;

	for (;;) {
		unsigned sender = reach->sender[port];

		receivers[count] = port;
		senders[count++] = sender;
		if (reach->before[sender] == REACH_SOURCE) {
			break;
		}
		port = reach->before[sender];
	}
	text[0] = '\0';
	while (count-- > 0) {
		size_t length = strlen(text);

		snprintf(text + length, REACH_WAY_SIZE - length, "%s%s -> %s", length != 0 ? ", " : "",
			graph->name[senders[count]], graph->name[receivers[count]]);
	}
}
