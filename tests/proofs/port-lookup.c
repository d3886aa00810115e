/* SPDX-License-Identifier: MIT */
/* Proof: port-lookup
 * Property: a port access of a guest goes to the slot of the one route that holds all of it, with its direction, width, place in the route and
 *	the value that was written; to the VMM if and only if no route holds all of it. An OUT that the kernel completes by itself rings the
 *	Notification of that route, one that is bound to nobody, and no other.
 * Bound: six pairs of a port, at both ends of the table and inside, and of what the table names for it: no route, or one of 64 at both ends and in the middle; any width, direction and value; any range of it and of another route.
 * Assumes: the CPU tells of accesses of 1, 2 or 4 bytes
 * Assumes: the accessed port's entry names the one route whose range holds it, or none
 * Models: the tables of ports, routes and slots, and the state page, are objects of their own; of the ports there is only the entry of the accessed one, so no other can be read
 * Models: the short way to a handler is told the slot and the message, and is not taken in the end (send_short)
 * Functions: kernel/virt/short.h: vcpu_port_exited vcpu_doorbell
 * Replaces: guest_space_of proof_guest_space_of
 * Replaces: state_of proof_state_of
 * Replaces: send_short proof_send_short
 * Options: --slice-formula --max-field-sensitivity-array-size 128 --unwind 6
 */
#include "port_tables.h"

#include "virt/short.h"

static struct capability slot_table[VCPU_SLOTS];
static uint64_t other; /* any route */
static struct vcpu vcpu = { .slots = slot_table };
static struct cpu cpu;
static struct bh_vcpu_state page;
static struct notification notification;
static struct port_route owners, others; /* the route that the watched port's entry names, and another */
static uint64_t access, next_rip;
static uint8_t type; /* of its slot */
static bool sent;

struct bh_vcpu_state *proof_state_of(struct vcpu *of)
{
	PROVE(of == &vcpu, "the vCPU that left");
	return &page;
}

static uint64_t width(void) { return access >> 4 & 7; }

/* Does the route hold every port of the access? */
static bool holds(const struct port_route *route)
{
	return contains(route, watched) && contains(route, watched + width() - 1);
}

void proof_send_short(struct cpu *on, struct vcpu *of, const struct capability *slot,
	uint32_t reason_or_route, bool routed, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2,
	uint64_t word3)
{
	COVER_IF(width() == 4 && (access & BH_PORT_IN) == 0, "an OUT of four bytes is routed");
	PROVE(on == &cpu && of == &vcpu, "the vCPU that left");
	PROVE(owner != 0 && holds(&owners), "sent where the owner holds the whole access");
	PROVE(slot == &slot_table[VCPU_ROUTE_FIRST + owner - 1] && type == BH_OBJECT_ENDPOINT,
		"to the owner's slot, an Endpoint");
	PROVE(routed && reason_or_route == owner - 1u && info == BH_MESSAGE_INFO(BH_LABEL_PORT, 3, 0),
		"as a routed access");
	PROVE(word0 == BH_PORT_WORD(access & BH_PORT_IN, width(), watched - owners.first, vcpu.number),
		"direction, width, offset in the route, vCPU");
	PROVE(word1 == ((access & BH_PORT_IN) != 0 ? 0
			       : width() == 1      ? (uint8_t)page.registers[BH_RAX]
			       : width() == 2      ? (uint16_t)page.registers[BH_RAX]
						   : (uint32_t)page.registers[BH_RAX]),
		"the value that was written, and no more of the register");
	PROVE(word2 == vcpu.sequence && word3 == 0, "its number");
	sent = true;
}

void vcpu_routed_long(struct cpu *on, struct vcpu *of, const struct capability *slot, uint32_t route)
{
	COVER("a routed access waits");
	PROVE(on == &cpu && of == &vcpu && sent, "tried the short way first");
	PROVE(slot == &slot_table[VCPU_ROUTE_FIRST + route] && route == owner - 1u, "the owner's");
	PROVE(vcpu.access_port == watched && vcpu.access_next_rip == next_rip && vcpu.sequence == 8 &&
			vcpu.exits == 4,
		"what the answer needs is noted");
	__CPROVER_assume(false);
}

void vcpu_port_exited_long(struct cpu *on, struct vcpu *of, uint64_t word, uint64_t rip, uint64_t doorbell)
{
	COVER_IF(doorbell != 0, "a doorbell");
	COVER_IF(doorbell == 0 && owner != 0, "an access that begins in a route, and ends behind it");
	PROVE(on == &cpu && of == &vcpu && word == access && rip == next_rip && !sent, "the same access");
	PROVE(vcpu.sequence == 7 && vcpu.exits == 4, "counted as an exit, not yet as an access");
	if (doorbell == 0) {
		PROVE(owner == 0 || !holds(&owners), "to the VMM only what no route holds whole");
		PROVE(other + 1 == owner || !holds(&others), "none at all");
	} else {
		PROVE(doorbell == owner && holds(&owners) && type != BH_OBJECT_ENDPOINT,
			"a doorbell is the owner's slot that is no Endpoint");
	}
	__CPROVER_assume(false);
}

static void look_up(uint8_t named, uint16_t port)
{
	other = any_u8();
	__CPROVER_assume(other < BH_ROUTES);
	owners = any_route();
	others = any_route();
	access = (any_u8() & (BH_PORT_IN | 0x70)) | (uint64_t)port << 16;
	ASSUME(width() == 1 || width() == 2 || width() == 4, "the CPU tells of accesses of 1, 2 or 4 bytes");
	watched = port;
	owner = named;
	ASSUME((owner == 0 || is_right(owner - 1u, &owners)) &&
			(other + 1 == owner || is_right(other, &others)),
		"the accessed port's entry names the one route whose range holds it, or none");
	next_rip = any_u64();
	type = any_u8();
	if (owner != 0) {
		route_table[owner - 1] = owners;
		slot_table[VCPU_ROUTE_FIRST + owner - 1].type = type;
		slot_table[VCPU_ROUTE_FIRST + owner - 1].object = (uint64_t)&notification;
	}
	/* So that the entry of the port is the only one that can be read: all others are outside the object. */
	guest.ports = &owner - port;
	notification.bound = any_bool() ? (struct thread *)&cpu : NULL;
	page.registers[BH_RAX] = any_u64();
	slot_table[VCPU_GUEST_SPACE].object = (uint64_t)&guest.space;
	vcpu.number = any_u8();
	vcpu.sequence = 7;
	vcpu.exits = 3;
	if (any_bool()) {
		vcpu_port_exited(&cpu, &vcpu, access, next_rip);
	}

	const struct capability *found = vcpu_doorbell(&vcpu, port, width());

	if (found == NULL) {
		PROVE(owner == 0 || !holds(&owners) || type != BH_OBJECT_NOTIFICATION ||
				notification.bound != NULL,
			"none only where the owner has no free doorbell for all of it");
		return;
	}
	COVER_IF(owner == 64 && width() == 2, "the doorbell of the last route");
	PROVE(owner != 0 && holds(&owners) && found == &slot_table[VCPU_ROUTE_FIRST + owner - 1],
		"the doorbell of the one route that holds the whole access");
	PROVE(type == BH_OBJECT_NOTIFICATION && notification.bound == NULL, "one that is bound to nobody");
}

/* The numbers are constants on a path of its own: that makes the proof many times as fast. */
int main(void)
{
	switch (any_u8()) {
	case 0:
		look_up(0, 0x3f8);
		break;
	case 1:
		look_up(1, 0);
		break;
	case 2:
		look_up(2, 0x60);
		break;
	case 3:
		look_up(33, 65534);
		break;
	case 4:
		look_up(64, 0x3f8);
		break;
	default:
		look_up(64, 65535);
		break;
	}
	return 0;
}
