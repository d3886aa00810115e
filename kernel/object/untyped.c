/* SPDX-License-Identifier: MIT */
/* Untyped memory: Retype makes objects of it, front to back. What was handed out is handed out again only when no
 * capability is derived from the Untyped any more. */
#include "object/invocation.h"

#include "string.h"

#define RETYPE_COUNT_MAXIMUM 256
#define PREPARE_CHUNK UINT64_C(65536) /* bytes of fresh objects between two preemption points */

/* The object's size as a power of two, or 0 if the type can't be retyped to, or the size argument is not its. */
static uint64_t object_size_bits(uint64_t type, uint64_t size_bits)
{
	static const uint8_t fixed[BH_OBJECT_TYPES] = {
		[BH_OBJECT_THREAD] = BH_THREAD_BITS,
		[BH_OBJECT_SCHED_CONTEXT] = BH_SCHED_CONTEXT_BITS,
		[BH_OBJECT_ENDPOINT] = BH_ENDPOINT_BITS,
		[BH_OBJECT_REPLY] = BH_REPLY_BITS,
		[BH_OBJECT_NOTIFICATION] = BH_NOTIFICATION_BITS,
		[BH_OBJECT_TIMER] = BH_TIMER_BITS,
		[BH_OBJECT_ADDRESS_SPACE] = BH_ADDRESS_SPACE_BITS,
		[BH_OBJECT_PAGE_TABLE] = BH_PAGE_TABLE_BITS,
		[BH_OBJECT_GUEST_SPACE] = BH_GUEST_SPACE_BITS,
		[BH_OBJECT_VCPU] = BH_VCPU_BITS,
		[BH_OBJECT_IRQ_HANDLER] = BH_IRQ_HANDLER_BITS,
		[BH_OBJECT_IO_PORTS] = BH_IO_PORTS_BITS,
		[BH_OBJECT_IO_SPACE] = BH_IO_SPACE_BITS,
	};

	switch (type) {
	case BH_OBJECT_UNTYPED:
		return size_bits >= 6 && size_bits <= 47 ? size_bits : 0;
	case BH_OBJECT_CNODE:
		return size_bits >= 1 && size_bits <= 20 ? size_bits + BH_CNODE_SLOT_BITS : 0;
	case BH_OBJECT_FRAME:
		return size_bits == 12 || size_bits == 21 || size_bits == 30 ? size_bits : 0;
	default:
		return type < BH_OBJECT_TYPES && size_bits == 0 ? fixed[type] : 0;
	}
}

/* Writes what a fresh object has that is not zero. */
static void object_initialise(uint64_t type, uint64_t physical, uint64_t size_bits)
{
	void *object = phys_to_virt(physical);

	switch (type) {
	case BH_OBJECT_CNODE:
		cnode_initialise(object, size_bits - BH_CNODE_SLOT_BITS);
		break;
	case BH_OBJECT_THREAD:
		thread_initialise(object);
		break;
	case BH_OBJECT_SCHED_CONTEXT:
		sched_context_initialise(object);
		break;
	case BH_OBJECT_TIMER:
		((struct timer *)object)->timeout.kind = TIMEOUT_TIMER;
		break;
	case BH_OBJECT_ADDRESS_SPACE:
		address_space_initialise(object, physical);
		break;
	case BH_OBJECT_GUEST_SPACE:
		space_initialise(&((struct guest_space *)object)->space, physical, true);
		break;
	case BH_OBJECT_IO_SPACE:
		io_space_initialise(object, physical);
		break;
	case BH_OBJECT_VCPU:
		vcpu_initialise(object);
		break;
	default:
		break;
	}
}

/* Makes fresh objects of [start, end) of the Untyped, to which no capability leads yet, going on where a preempted call for the same
 * kind stopped. false: preempted. */
static bool prepare(struct capability *untyped, uint64_t type, uint64_t bits, uint64_t start, uint64_t end)
{
	uint64_t kind = type << 8 | bits, size = UINT64_C(1) << bits, from = start;

	if (untyped->prepared_kind == kind && untyped->prepared_start <= start &&
		start <= untyped->prepared_end) {
		from = untyped->prepared_end;
	} else {
		untyped->prepared_kind = kind & LINK_MASK;
		untyped->prepared_start = start & LINK_MASK;
	}
	while (from < end) {
		uint64_t next = end - from < PREPARE_CHUNK ? end : from + PREPARE_CHUNK;

		memset(phys_to_virt(untyped->object + from), 0, next - from);
		for (uint64_t at = from & ~(size - 1); at + size <= next; at += size) {
			object_initialise(type, untyped->object + at, bits);
		}
		from = next;
		untyped->prepared_end = from & LINK_MASK;
		if (from < end && preemption_point()) {
			return false;
		}
	}
	return true;
}

static void capability_initialise(struct capability *slot, const struct capability *untyped, uint64_t type,
	uint64_t physical, uint64_t size_bits)
{
	slot->type = (uint8_t)type;
	slot->rights = BH_RIGHTS_ALL;
	slot->object = physical;
	if (type_is_counted(type)) {
		slot->object = (uint64_t)phys_to_virt(physical);
		if (type == BH_OBJECT_ADDRESS_SPACE || type == BH_OBJECT_GUEST_SPACE ||
			type == BH_OBJECT_IO_SPACE) {
			slot->object += PAGE_SIZE;
		}
		capability_header(slot)->references = 1;
	} else if (type == BH_OBJECT_UNTYPED) {
		slot->untyped.size_bits = size_bits & 63;
		slot->untyped.device = untyped->untyped.device;
	} else {
		slot->mapping.size_bits = size_bits & 63;
		slot->mapping.device = untyped->untyped.device;
	}
}

static enum bh_error retype(struct invocation *invocation)
{
	const uint64_t *argument = invocation->argument;
	struct capability *untyped = invocation->slot;
	uint64_t type = argument[0], first = argument[3], count = argument[4];
	uint64_t bits = object_size_bits(type, argument[1]);
	struct cnode *cnode;
	enum bh_error error;

	/* decode */
	if (bits == 0 || count == 0 || count > RETYPE_COUNT_MAXIMUM) {
		return BH_ERROR_ARGUMENT;
	}
	if (untyped->untyped.device && type != BH_OBJECT_UNTYPED && type != BH_OBJECT_FRAME) {
		return BH_ERROR_ARGUMENT;
	}
	error = cnode_find(invocation->caller, argument[2], BH_RIGHT_WRITE, &cnode);
	if (error != BH_OK) {
		return error;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct capability *slot = cnode_slot(cnode, first + i);

		if (slot == NULL) {
			return BH_ERROR_ARGUMENT;
		}
		if (!capability_is_empty(slot)) {
			return BH_ERROR_SLOT_OCCUPIED;
		}
	}
	if (untyped->depth >= DEPTH_MAXIMUM) {
		return BH_ERROR_DEPTH;
	}
	/* Dead objects may still stand in this memory. */
	if (!teardown_run()) {
		return INVOCATION_RESTART;
	}
	if (derivation_first_child(untyped) == NULL && untyped->untyped.used != 0) {
		untyped->untyped.used = 0;
		untyped->prepared_start = 0;
		untyped->prepared_end = 0;
	}

	uint64_t size = UINT64_C(1) << untyped->untyped.size_bits;
	uint64_t start =
		((uint64_t)untyped->untyped.used + (UINT64_C(1) << bits) - 1) & ~((UINT64_C(1) << bits) - 1);

	if (bits > untyped->untyped.size_bits || start > size || count > (size - start) >> bits) {
		return BH_ERROR_MEMORY;
	}

	uint64_t end = start + (count << bits);

	/* An Untyped child has its own memory zeroed when it is retyped. */
	if (!untyped->untyped.device && type != BH_OBJECT_UNTYPED &&
		!prepare(untyped, type, bits, start, end)) {
		return INVOCATION_RESTART;
	}

	/* act */
	for (uint64_t i = 0; i < count; i++) {
		struct capability *slot = cnode_slot(cnode, first + i);
		uint64_t physical = untyped->object + start + (i << bits);

		capability_initialise(slot, untyped, type, physical, bits);
		error = derivation_insert(untyped, slot);
		if (error != BH_OK) {
			memset(slot, 0, sizeof(*slot));
			return error;
		}
		untyped->untyped.used = (start + ((i + 1) << bits)) & ((UINT64_C(1) << 57) - 1);
	}
	untyped->prepared_start = 0;
	untyped->prepared_end = 0;
	return BH_OK;
}

enum bh_error untyped_invoke(struct invocation *invocation)
{
	if (invocation->label != BH_UNTYPED_RETYPE) {
		return BH_ERROR_INVOCATION;
	}
	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	return retype(invocation);
}
