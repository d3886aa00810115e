/* SPDX-License-Identifier: MIT */
/* GuestSpace: routes of ports. `routes` says who owns what, `ports` is the same as a table that an exit looks up with one
 * load. */
#include "object/invocation.h"

#include "string.h"

static enum bh_error route(const struct invocation *invocation, struct guest_space *guest)
{
	uint64_t number = invocation->argument[0], first = invocation->argument[1],
		 count = invocation->argument[2];
	struct port_route *entry;

	if (number >= BH_ROUTES || count > 65536 || first > 65536 - count) {
		return BH_ERROR_ARGUMENT;
	}
	for (unsigned int i = 0; i < BH_ROUTES; i++) {
		const struct port_route *other = &guest->routes[i];

		if (count != 0 && i != number && first < (uint64_t)other->first + other->count &&
			other->first < first + count) {
			return BH_ERROR_MAPPED;
		}
	}
	entry = &guest->routes[number];
	memset(&guest->ports[entry->first], 0, entry->count);
	entry->first = count != 0 ? (uint32_t)first : 0;
	entry->count = (uint32_t)count;
	memset(&guest->ports[first], (int)number + 1, count);
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
