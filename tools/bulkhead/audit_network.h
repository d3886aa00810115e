/* SPDX-License-Identifier: MIT */
/* What a manifest says of the network: the switch's ports, where flows lead from each, and whom that reaches. From the switch's arguments,
 * which are all that it goes by. */
#pragma once

#include "reach.h"

#include <bulkhead/manifest.h>

#include <stdio.h>

struct audit_network {
	struct switch_port_settings ports[SWITCH_PORTS_MAX];
	struct reach_graph graph;
};

/* Reads the ports of the switch; none if there is no switch. */
void audit_read_network(const struct manifest *manifest, struct audit_network *network);

/* Prints cards, flows and who reaches whom; nothing if there is no switch. */
void audit_print_network(const struct manifest *manifest, FILE *output);
