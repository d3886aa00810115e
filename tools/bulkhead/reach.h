/* SPDX-License-Identifier: MIT */
/* Who reaches whom over the network, however many VMs pass a frame on: the closure of the flows. Pure. */
#pragma once

#include <bulkhead/switch_port.h>

#include <stddef.h>
#include <stdint.h>

#define REACH_WAY_SIZE 4096u
#define REACH_SOURCE UINT32_MAX

/* Ports, whose they are, and where flows lead. A VM may pass on what comes in by one of its cards by any other. */
struct reach_graph {
	unsigned count; /* at most SWITCH_PORTS_MAX */
	char name[SWITCH_PORTS_MAX][SWITCH_PORT_NAME_SIZE];
	/* at most SWITCH_PORTS_MAX */
	unsigned owner[SWITCH_PORTS_MAX]; /* equal for the cards of one VM */
	uint64_t flows[SWITCH_PORTS_MAX]; /* from port i, as bits */
};

struct reach {
	uint64_t ports;                    /* that get something, as bits */
	unsigned sender[SWITCH_PORTS_MAX]; /* of each of these: who sends it there on a shortest way */
	unsigned before
		[SWITCH_PORTS_MAX]; /* of each sender: the port by which it came to its VM, or REACH_SOURCE */
};

/* What is reached from `sources`, as bits. */
void reach_from(const struct reach_graph *graph, uint64_t sources, struct reach *reach);

/* "red/net0 -> green/net0, green/net1 -> blue/net0": a shortest way to `port`, which was reached. */
void reach_describe(
	const struct reach_graph *graph, const struct reach *reach, unsigned port, char text[REACH_WAY_SIZE]);
