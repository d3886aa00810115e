/* SPDX-License-Identifier: MIT */
/* GuestSpace: routes of ports. `routes` says who owns what, `ports` is the same as a table that an exit looks up with one
 * load. */
#include "object/invocation.h"

#include "string.h"

#define ROUTE_CHUNK 8192u /* ports written between two preemption points */

static uint32_t at_most(uint32_t value, uint32_t limit) { return value < limit ? value : limit; }

static enum bh_error route(const struct invocation *invocation, struct guest_space *guest)
{
	uint64_t number = invocation->argument[0], first = invocation->argument[1],
		 count = invocation->argument[2];
	struct port_route *entry;
	uint32_t keep;

	if (number >= BH_ROUTES || count > 65536 || first > 65536 - count) {
		return BH_ERROR_ARGUMENT;
	}
	for (unsigned int i = 0; i < BH_ROUTES; i++) {
		const struct port_route *other = &guest->routes[i];

		/* One without a port, left by a removal that was preempted at its end, still says where it began. */
		if (count != 0 && other->count != 0 && i != number &&
			first < (uint64_t)other->first + other->count && other->first < first + count) {
			return BH_ERROR_MAPPED;
		}
	}
	/* A route is its first `count` ports, and `ports` says so, at any time: what there is of the new range stays, the rest
	 * goes from the end, what is missing comes at the end. A call that is made again goes on from what it finds. */
	entry = &guest->routes[number];
	keep = entry->first == first ? at_most(entry->count, (uint32_t)count) : 0;
	while (entry->count > keep) {
		uint32_t piece = at_most(entry->count - keep, ROUTE_CHUNK);

		entry->count -= piece;
		memset(&guest->ports[entry->first + entry->count], 0, piece);
		if (preemption_point()) {
			return INVOCATION_RESTART;
		}
	}
	entry->first = count != 0 ? (uint32_t)first : 0;
	while (entry->count < count) {
		uint32_t piece = at_most((uint32_t)count - entry->count, ROUTE_CHUNK);

		memset(&guest->ports[entry->first + entry->count], (int)number + 1, piece);
		entry->count += piece;
		if (entry->count < count && preemption_point()) {
			return INVOCATION_RESTART;
		}
	}
	return BH_OK;
}

enum bh_error guest_space_invoke(struct invocation *invocation)
{
	if (invocation->label != BH_GUEST_SPACE_ROUTE) {
		return BH_ERROR_INVOCATION;
	}
	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	return route(invocation, guest_space_of((struct space *)invocation->slot->object));
}
