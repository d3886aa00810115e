/* SPDX-License-Identifier: MIT */
/* Proof: port-table
 * Property: at any time, also where Route was preempted, the table of ports names for each port the one route whose range it lies in, and
 *	none where there is none. Route changes the route that was named and no other, to exactly the range that was asked for; it refuses
 *	ports that belong to another route, and only those; what is refused changes nothing; what is preempted got further, so that it ends
 *	when it is made again.
 * Bound: the table at full size, of which one port, any, is watched; any ranges; route 0, 31 or 63 is set, and another has ports, at the other end or beside it; or a number that no route has.
 * Assumes: before, the watched port's entry names the one route whose range holds it, or none, and routes end inside the table
 * Models: memset of a piece of the table is told of; the watched port's entry stands apart
 * Models: the tables of ports and routes are objects of their own
 * Models: the routes that are neither set nor the other have no ports: of those Route only asks whether one is in the way, as of the other
 * Models: a piece begins in any state that is right and that an earlier piece can have left (induction over the pieces, at preemption_point)
 * Functions: kernel/object/guest_space.c: route guest_space_invoke at_most
 * Replaces: guest_space_of proof_guest_space_of
 * Cases: 8
 * Options: --slice-formula --max-field-sensitivity-array-size 128 --unwind 65 --unwindset route.1:3 --unwindset route.2:3
 */
#include "port_tables.h"

#include "object/invocation.h"

#include "string.h"

static void proof_memset(void *memory, int value, size_t length);
#define memset(memory, value, length) proof_memset(memory, value, length)

#include "object/guest_space.c"

static uint64_t set, first, count;             /* what is asked for */
static unsigned int other;                     /* another route */
static struct port_route before, other_before; /* as they were */
static uint8_t owner_before;
static uint32_t keep;        /* ports of the old range that are of the new one, too */
static uint32_t last_left;   /* ports that were left to do at the last preemption point */
static unsigned int written; /* pieces since then */
static bool grows;           /* the old range's other ports are gone */
static unsigned int visits_shrinking, visits_growing; /* of preemption points */
static struct port_route stopped;                     /* as a preemption left it */
static uint8_t stopped_owner;

static void proof_memset(void *memory, int value, size_t length)
{
	uint32_t start = route_table[set].first + route_table[set].count;

	PROVE(memory == &port_table[start], "written where the route ends");
	PROVE(start < PORTS && length >= 1 && length <= PORTS - start, "written inside the table");
	PROVE(length <= 8192 && written == 0, "a bounded piece between two preemption points");
	PROVE(value == 0 || value == (int)set + 1, "a port comes to the route that is set, or goes from it");
	written++;
	grows = value != 0;
	if (watched >= start && watched - start < (uint32_t)length) {
		owner = (uint8_t)value;
	}
}

/* Ports that go and ports that come until the route is the range that was asked for. */
static uint32_t left_to_do(const struct port_route *route)
{
	if (route->first != first) {
		return route->count + (uint32_t)count;
	}
	return route->count > count ? route->count - (uint32_t)count : (uint32_t)count - route->count;
}

static bool is_on_the_way(const struct port_route *route)
{
	return grows ? route->first == first && route->count < count
		     : route->first == before.first && route->count >= keep && route->count <= before.count;
}

static bool is_same(const struct port_route *one, const struct port_route *two)
{
	return one->first == two->first && one->count == two->count;
}

static bool others_stay(void)
{
	bool stay = is_same(&route_table[other], &other_before);

	for (unsigned int i = 0; i < BH_ROUTES; i++) {
		stay &= i == set || i == other || route_table[i].count == 0;
	}
	return stay;
}

/* Given that the other routes stay: their ports do, and the rest are in the route that is set, or in none. */
static bool entry_is_right(void)
{
	bool another = owner_before != 0 && owner_before != set + 1;

	return (set >= BH_ROUTES || is_right(set, &route_table[set])) &&
	       (another ? owner == owner_before : owner == 0 || owner == set + 1);
}

#define PROVE_STATE()                                                                       \
	do {                                                                                \
		PROVE(others_stay(), "other routes stay");                                  \
		PROVE(entry_is_right(), "the table names the one route that holds a port"); \
	} while (0)

/* Each case is a property of its own: that makes the proof many times as fast. */
static void prove_state(void)
{
	if (visits_growing == 0 && visits_shrinking == 0) {
		PROVE_STATE();
	} else if (visits_growing == 0 && visits_shrinking == 1) {
		PROVE_STATE();
	} else if (visits_growing == 0) {
		PROVE_STATE();
	} else if (visits_shrinking == 0) {
		PROVE_STATE();
	} else {
		PROVE_STATE();
	}
}

bool preemption_point(void)
{
	struct port_route *route = &route_table[set];
	unsigned int visit = grows ? ++visits_growing : ++visits_shrinking;

	prove_state();
	PROVE(is_on_the_way(route), "a route becomes shorter, then longer");
	PROVE(left_to_do(route) < last_left, "gets further");
	written = 0;
	if (any_bool()) {
		COVER_IF(grows, "preempted while ports come");
		COVER_IF(!grows, "preempted while ports go");
		stopped = *route;
		stopped_owner = owner;
		return true;
	}
	if (visit == 2) {
		__CPROVER_assume(
			false); /* from here it goes on as from the state that was chosen at the first visit */
	}
	/* Any state in which a piece can begin. */
	route->count = any_u32();
	owner = any_u8();
	__CPROVER_assume(is_on_the_way(route) && entry_is_right());
	last_left = left_to_do(route);
	return false;
}

static bool clashes(void)
{
	return count != 0 && other_before.count != 0 && first < other_before.first + other_before.count &&
	       other_before.first < first + count;
}

/* Seventeen bits: a route that is right has no more. */
static uint32_t any_place(void) { return any_u32() & (2 * PORTS - 1); }

/* What is asked for, beside the number: a range that begins elsewhere, a shorter or longer one that begins where the route does, or ports
 * that there aren't. */
enum change { ELSEWHERE, SHORTER, LONGER, OUTSIDE };

static void set_route(enum change change, uint64_t number, unsigned int another)
{
	struct capability slot = { .object = (uint64_t)&guest.space, .rights = any_u8() };
	struct invocation invocation = { .slot = &slot, .label = any_u64() };
	enum bh_error error;

	set = number;
	other = another;
	before = (struct port_route){ .first = any_place(), .count = any_place() };
	other_before = (struct port_route){ .first = any_place(), .count = any_place() };
	first = change == OUTSIDE ? any_u64() : change == ELSEWHERE ? any_place() : before.first;
	count = change == OUTSIDE ? any_u64() : any_place();
	switch (change) {
	case ELSEWHERE:
		__CPROVER_assume(first != before.first);
		break;
	case SHORTER:
		__CPROVER_assume(count <= before.count);
		break;
	case LONGER:
		__CPROVER_assume(count > before.count);
		break;
	default:
		__CPROVER_assume(set >= BH_ROUTES || count > PORTS || first > PORTS - count);
		break;
	}
	if (set < BH_ROUTES) {
		route_table[set] = before;
	}
	route_table[other] = other_before;
	watched = any_u16();
	owner = owner_before = any_u8();
	ASSUME((set >= BH_ROUTES || is_right(set, &before)) && is_right(other, &other_before) &&
			(owner == 0 || owner == set + 1 || owner == other + 1),
		"before, the watched port's entry names the one route whose range holds it, or none, and routes end inside the table");
	if (set < BH_ROUTES) {
		keep = before.first != first ? 0 : before.count < count ? before.count : (uint32_t)count;
		last_left = left_to_do(&before);
	}
	invocation.argument[0] = set;
	invocation.argument[1] = first;
	invocation.argument[2] = count;
	error = guest_space_invoke(&invocation);
	if (error == INVOCATION_RESTART) {
		PROVE(others_stay() && owner == stopped_owner && is_same(&route_table[set], &stopped),
			"a preempted call leaves the state of its preemption point");
	} else {
		prove_state();
	}
	if (error != BH_OK && error != INVOCATION_RESTART) {
		COVER_IF(error == BH_ERROR_MAPPED, "a port of another route");
		PROVE(owner == owner_before && visits_shrinking == 0 && visits_growing == 0 &&
				(set >= BH_ROUTES || is_same(&route_table[set], &before)),
			"what is refused changes nothing");
		PROVE((error == BH_ERROR_MAPPED && clashes()) ||
				(error == BH_ERROR_ARGUMENT &&
					(set >= BH_ROUTES || count > PORTS || first > PORTS - count)) ||
				(error == BH_ERROR_RIGHTS && (slot.rights & BH_RIGHT_WRITE) == 0) ||
				(error == BH_ERROR_INVOCATION && invocation.label != BH_GUEST_SPACE_ROUTE),
			"refused only where a port is another route's, an argument or the invocation is none, or the right is missing");
		return;
	}
	PROVE((slot.rights & BH_RIGHT_WRITE) != 0 && invocation.label == BH_GUEST_SPACE_ROUTE &&
			set < BH_ROUTES && count <= PORTS && first <= PORTS - count && !clashes(),
		"only with the right to write, and ports that there are and that are no other route's");
	if (error == BH_OK) {
		COVER_IF(count == PORTS && before.count == 0 && visits_growing > 0, "all ports");
		COVER_IF(count == 0 && before.count == PORTS && visits_shrinking > 0,
			"a route of all ports is removed");
		COVER_IF(visits_shrinking > 0 && visits_growing > 0, "the whole range is another");
		PROVE(route_table[set].count == count && route_table[set].first == (count == 0 ? 0 : first),
			"the route is the range that was asked for");
	}
}

/* Numbers are constants, and each kind of change a case of its own: that makes the proof many times as fast. */
int main(void)
{
	switch (CASE) {
	case 0:
		set_route(ELSEWHERE, 0, 63);
		break;
	case 1:
		set_route(ELSEWHERE, 63, 0);
		break;
	case 2:
		set_route(ELSEWHERE, 31, 32);
		break;
	case 3:
		set_route(SHORTER, 63, 0);
		break;
	case 4:
		set_route(LONGER, 0, 63);
		break;
	case 5:
		set_route(OUTSIDE, 63, 0);
		break;
	case 6:
		set_route(OUTSIDE, BH_ROUTES, 0);
		break;
	default:
		set_route(OUTSIDE, UINT64_MAX, 0);
		break;
	}
	return 0;
}
