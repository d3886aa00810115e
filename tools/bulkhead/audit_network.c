/* SPDX-License-Identifier: MIT */
/* The network's part of the audit: see audit_network.h. Writes to the stream it is given. */
#include "audit_network.h"

#include "audit_reach.h"

#include <inttypes.h>
#include <string.h>

#define SWITCH_IMAGE "switch"

/* The first port of the same VM; an uplink belongs to nobody else. */
static unsigned owner_of(const struct reach_graph *graph, unsigned port)
{
	const char *name = graph->name[port];
	size_t length = strcspn(name, "/");

	for (unsigned i = 0; i < port; i++) {
		if (strncmp(graph->name[i], name, length) == 0 && graph->name[i][length] == name[length]) {
			return i;
		}
	}
	return port;
}

static void add_port(struct audit_network *network, const struct switch_port_settings *settings)
{
	struct reach_graph *graph = &network->graph;
	unsigned port = graph->count++;

	network->ports[port] = *settings;
	memcpy(graph->name[port], settings->name, SWITCH_PORT_NAME_SIZE);
	graph->flows[port] = settings->flows;
	graph->owner[port] = owner_of(graph, port);
}

void audit_read_network(const struct manifest *manifest, struct audit_network *network)
{
	memset(network, 0, sizeof *network);
	for (uint32_t i = 0; i < manifest->task_count; i++) {
		const struct manifest_task *task = &manifest->tasks[i];

		if (strcmp(NAME_OF(manifest, &manifest->modules[task->module]), SWITCH_IMAGE) != 0) {
			continue;
		}
		for (uint32_t number = 0; number < task->argument_count; number++) {
			const char *argument = manifest_argument(manifest, task, number);
			struct switch_port_settings settings;

			if (network->graph.count < SWITCH_PORTS_MAX &&
				strncmp(argument, SWITCH_PORT_KEY, strlen(SWITCH_PORT_KEY)) == 0 &&
				switch_port_parse(argument + strlen(SWITCH_PORT_KEY), &settings)) {
				add_port(network, &settings);
			}
		}
	}
}

static void print_port(const struct switch_port_settings *port, FILE *output)
{
	char mac[MAC_TEXT_SIZE];

	mac_print(port->mac, mac);
	fprintf(output, "  %s: %s", port->name, port->is_uplink ? "a physical network" : mac);
	if (port->vlan != 0) {
		fprintf(output, ", VLAN %u", port->vlan);
	}
	if (port->rate != 0) {
		fprintf(output, ", at most %" PRIu64 " bits per second", port->rate);
	}
	fputc('\n', output);
}

/* The VM's name, or the uplink's. */
static void print_owner(const struct reach_graph *graph, unsigned port, FILE *output)
{
	fprintf(output, "%.*s", (int)strcspn(graph->name[port], "/"), graph->name[port]);
}

/* "  red reaches blue: red/net0 -> blue/net0", one line for each that is reached. */
static void print_reached(const struct reach_graph *graph, unsigned from, FILE *output)
{
	uint64_t sources = 0;
	uint64_t told = 0; /* owners */
	struct reach reach;
	char way[REACH_WAY_SIZE];

	for (unsigned port = 0; port < graph->count; port++) {
		sources |= (uint64_t)(graph->owner[port] == from) << port;
	}
	reach_from(graph, sources, &reach);
	for (unsigned to = 0; to < graph->count; to++) {
		unsigned owner = graph->owner[to];

		if ((reach.ports >> to & 1) == 0 || owner == from || (told >> owner & 1) != 0) {
			continue;
		}
		told |= UINT64_C(1) << owner;
		reach_describe(graph, &reach, to, way);
		fputs("  ", output);
		print_owner(graph, from, output);
		fputs(" reaches ", output);
		print_owner(graph, to, output);
		fprintf(output, ": %s\n", way);
	}
	if (told == 0) {
		fputs("  ", output);
		print_owner(graph, from, output);
		fputs(" reaches nobody\n", output);
	}
}

void audit_print_network(const struct manifest *manifest, FILE *output)
{
	static struct audit_network network;
	const struct reach_graph *graph = &network.graph;

	audit_read_network(manifest, &network);
	if (graph->count == 0) {
		return;
	}
	fputs("\nNETWORK CARDS AND UPLINKS, AND WHERE THEIR FRAMES MAY GO\n", output);
	for (unsigned port = 0; port < graph->count; port++) {
		print_port(&network.ports[port], output);
		for (unsigned to = 0; to < graph->count; to++) {
			if ((graph->flows[port] >> to & 1) != 0) {
				fprintf(output, "    -> %s\n", graph->name[to]);
			}
		}
	}
	fputs("\nWHO REACHES WHOM OVER THE NETWORK (a VM may pass on what it gets, and so may a physical network)\n",
		output);
	for (unsigned port = 0; port < graph->count; port++) {
		if (graph->owner[port] == port) {
			print_reached(graph, port, output);
		}
	}
}
