/* SPDX-License-Identifier: MIT */
/* For proofs about the table of ports: the kernel's structs with their tables behind a pointer, each an object of its own, which CBMC
 * handles many times as fast; and what the table means, looked at for one port. */
#pragma once

#include "proof.h"

#define _Static_assert(...)
#define ports *separate_ports, unused_ports
#define routes *separate_routes, unused_routes
#define slots *separate_slots, unused_slots
#include <bulkhead/invocation.h>

#include "object/objects.h"
#undef ports
#undef routes
#undef slots
#define ports separate_ports
#define routes separate_routes
#define slots separate_slots

#define PORTS 65536u

static uint8_t port_table[PORTS];
static struct port_route route_table[BH_ROUTES];
static struct guest_space guest = { .ports = port_table, .routes = route_table };
static uint32_t watched; /* a port, any */
static uint8_t owner;    /* the table's entry for it, which stands apart */

struct guest_space *proof_guest_space_of(struct space *space)
{
	PROVE(space == &guest.space, "the space that was named");
	return &guest;
}

static bool contains(const struct port_route *route, uint64_t port)
{
	return port >= route->first && port - route->first < route->count;
}

/* The watched port's entry names that route just where its range holds the port. */
static bool is_right(uint64_t number, const struct port_route *route)
{
	return owner <= BH_ROUTES && route->first <= PORTS && route->count <= PORTS - route->first &&
	       contains(route, watched) == (owner == number + 1);
}

static struct port_route any_route(void)
{
	return (struct port_route){ .first = any_u32(), .count = any_u32() };
}
