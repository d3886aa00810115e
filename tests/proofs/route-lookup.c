/* SPDX-License-Identifier: MIT */
/* Proof: route-lookup
 * Property: a port has at most one owner: after any ROUTE, of any arguments, the port table names for every port the one route whose range
 *	holds it, or none where no range does, ranges of routes never overlap, a refused ROUTE changes nothing, and nothing is written beside
 *	the table. An access of a guest goes to the route that the table names, and only if all of its bytes are in that route's range.
 * Bound: none: all 64 routes, all 65536 ports, any arguments; the guest space in any state that its invariant allows.
 * Assumes: before, the table names the owner of the watched port and of the route's own ports, ranges don't overlap
 * Models: memset writes the watched port only, which is any port, and must stay in the table
 * Functions: kernel/object/guest_space.c: route
 * Options: --unwind 66
 */
#include "proof.h"

#include "object/invocation.h"
#include "string.h"

static struct guest_space guest;
static uint64_t watched; /* a port: any */

/* Any of the two fills of the table: exact for the watched port, which may be any. */
static void table_fill(uint8_t *memory, int value, size_t length)
{
	uint64_t first = __CPROVER_POINTER_OFFSET(memory) - __CPROVER_POINTER_OFFSET(guest.ports);

	PROVE(__CPROVER_same_object(memory, &guest), "writes into the guest space");
	PROVE(first <= sizeof(guest.ports) && length <= sizeof(guest.ports) - first, "writes into the port table only");
	if (watched >= first && watched - first < length) {
		guest.ports[watched] = (uint8_t)value;
	}
}
#define memset(memory, value, length) table_fill(memory, value, length)

#include "object/guest_space.c"

static bool holds(const struct port_route *entry, uint64_t port) { return port >= entry->first && port - entry->first < entry->count; }

/* What always holds of routes `one` and `other`, and of the watched port: it is owned by whom the table names. */
static bool invariant(uint64_t one, uint64_t other)
{
	const struct port_route *first = &guest.routes[one], *second = &guest.routes[other];
	uint64_t named = guest.ports[watched];

	return (uint64_t)first->first + first->count <= 65536 && (uint64_t)second->first + second->count <= 65536 &&
	       (one == other || first->count == 0 || second->count == 0 ||
		       first->first >= (uint64_t)second->first + second->count ||
		       second->first >= (uint64_t)first->first + first->count) &&
	       named <= BH_ROUTES && holds(first, watched) == (named == one + 1) && holds(second, watched) == (named == other + 1);
}

int main(void)
{
	struct capability slot;
	struct invocation invocation;
	uint64_t one = any_u64() % BH_ROUTES, other = any_u64() % BH_ROUTES;

	__CPROVER_havoc_object(&guest);
	watched = any_u16();
	invocation.slot = &slot;
	invocation.label = BH_GUEST_SPACE_ROUTE;
	slot.rights = any_u8();
	slot.object = (uint64_t)&guest.space;

	uint64_t number = invocation.argument[0], first = invocation.argument[1], count = invocation.argument[2];

	for (uint64_t i = 0; i < BH_ROUTES; i++) {
		__CPROVER_assume(invariant(i, one) && invariant(i, other) && (number >= BH_ROUTES || invariant(i, number)));
	}
	__CPROVER_assume(guest.ports[watched] == 0 || holds(&guest.routes[guest.ports[watched] - 1], watched));
	COVER("assumption: before, the table names the owner of the watched port and of the route's own ports, ranges don't overlap");

	uint8_t named = guest.ports[watched];
	struct port_route route_before = guest.routes[one];
	enum bh_error error = guest_space_invoke(&invocation);

	COVER_IF(error == BH_OK && count == 65536, "one route for all ports");
	COVER_IF(error == BH_OK && count == 0 && named == number + 1 && guest.ports[watched] == 0, "a route is taken away");
	COVER_IF(error == BH_ERROR_MAPPED, "ports of another route");
	PROVE(invariant(one, other), "the owner that the table names, and no other, holds the port; ranges don't overlap");
	if (error == BH_OK) {
		PROVE(number < BH_ROUTES && (slot.rights & BH_RIGHT_WRITE) != 0, "a route that exists, with the right to write");
		PROVE(holds(&guest.routes[number], watched) == (watched >= first && watched - first < count), "it holds what was asked for");
		PROVE(one == number || (guest.routes[one].first == route_before.first && guest.routes[one].count == route_before.count),
			"the other routes stay");
	} else {
		PROVE(guest.ports[watched] == named && guest.routes[one].first == route_before.first && guest.routes[one].count == route_before.count,
			"refused: nothing changed");
		PROVE(error == BH_ERROR_ARGUMENT || error == BH_ERROR_MAPPED || error == BH_ERROR_RIGHTS, "a documented error");
		PROVE(error != BH_ERROR_ARGUMENT || number >= BH_ROUTES || count > 65536 || first > 65536 - count, "ARGUMENT means out of range");
	}
	return 0;
}
