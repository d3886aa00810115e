/* SPDX-License-Identifier: MIT */
/* Proof: retype-ranges
 * Property: what Retype hands out lies inside the Untyped, is aligned to its size, and starts behind all that was handed out before and still
 *	lives: so no two objects overlap, and Retype never goes backwards while something is derived from the Untyped. Memory that becomes an
 *	object is zero, memory that somebody holds is never zeroed, device memory never written; what is refused or preempted hands out nothing,
 *	and a preempted call has got further when it is made again. Each object that is handed out was initialised once, over zeros, for just
 *	its type and size, by this call or by a preempted one for the same; nothing has written it since.
 * Bound: eight pairs of sizes, from 2^6 to 2^47 bytes, of the Untyped and of what is made of it; any contents; any type, slots and rights; up to two objects at once, or too many; at most three chunks zeroed between two preemptions.
 * Assumes: what lives of the Untyped ends at `used` at the latest; what it says is prepared, and nobody holds, is zero, and initialised for that kind where it is a whole object
 * Assumes: no more than two objects are asked for, or more than Retype allows
 * Models: the Untyped stands at one address, a multiple of its size
 * Models: nobody writes memory that nobody holds; one byte of the Untyped, any, is watched, and the object that it is in
 * Models: cnode_find finds a CNode or fails, a slot of it may be none or taken (see capability-lookup)
 * Models: derivation_insert fails only for a parent of the greatest depth (see derivation-list); teardown may delete the last descendant
 * Models: the objects' own initialising is that object's part: it is told where, of what type and of what size the object is, and writes in it only
 * Functions: kernel/object/untyped.c: retype prepare capability_initialise untyped_invoke
 * Models: object_size_bits gives any size for any type that memory can become (see memory-is-not-authority)
 * Replaces: object_size_bits proof_object_size_bits
 * Replaces: object_initialise proof_object_initialise
 * Replaces: capability_header proof_capability_header
 * Replaces: cnode_slot proof_cnode_slot
 * Cases: 8
 * Options: --slice-formula --unwindset retype.0:3 --unwindset retype.1:3 --unwindset prepare.0:3 --unwindset prepare.1:5 --unwindset main.0:44
 */
#include "proof.h"

#include "object/invocation.h"

#include "string.h"

static void proof_memset(void *memory, int value, size_t length);
#define memset(memory, value, length) proof_memset(memory, value, length)

#include "object/untyped.c"

#define CHUNKS 3
#define BASE (UINT64_C(1) << 47)

static struct capability untyped, child, fresh;
static struct cnode cnode;
static struct object_header header;
static struct invocation invocation;
static struct thread caller;

static uint64_t living_end; /* where the last thing that is derived from the Untyped ends: an offset in it */
static uint64_t watched;    /* any byte of the Untyped */
static enum { WRITTEN, ZERO, INITIALISED } watched_is; /* INITIALISED: it was zero when its object was */
static uint64_t watched_kind;                          /* for which its object was initialised */
static bool slots_are_empty;                           /* all that were named were looked at */
static bool torn_down;                                 /* nothing dead stands in memory any more */
static unsigned int looked_at, handed_out, initialised, chunks;
static uint64_t slot_index; /* that was asked for last */
static uint64_t headed;     /* whose header was asked for last */

static struct capability before;
static uint64_t
	size_bits; /* of what is made: constant on each path, that makes the proof many times as fast */

uint64_t proof_object_size_bits(uint64_t type, uint64_t argument)
{
	return type >= BH_OBJECT_UNTYPED && type < BH_OBJECT_SCHED_CONTROL ? size_bits : 0;
}

static uint64_t size_of_untyped(void) { return UINT64_C(1) << untyped.untyped.size_bits; }

/* Of an object that this call makes. */
static uint64_t made_size(void) { return UINT64_C(1) << size_bits; }

/* Where the first object can stand that is made now. */
static uint64_t first_free(void) { return (untyped.untyped.used + made_size() - 1) & ~(made_size() - 1); }

static uint64_t made_kind(void) { return invocation.argument[0] << 8 | size_bits; }

/* The start of the object that the watched byte is in, if objects of that size are made. */
static uint64_t watched_object(void) { return watched & ~(made_size() - 1); }

static bool is_space(uint64_t type)
{
	return type == BH_OBJECT_ADDRESS_SPACE || type == BH_OBJECT_GUEST_SPACE || type == BH_OBJECT_IO_SPACE;
}

/* Capabilities of these name memory by its physical address, the others an object by the kernel's. */
static bool is_memory(uint64_t type)
{
	return type == BH_OBJECT_UNTYPED || type == BH_OBJECT_FRAME || type == BH_OBJECT_PAGE_TABLE;
}

static void proof_memset(void *memory, int value, size_t length)
{
	uint64_t start = (uint64_t)memory - DIRECT_MAP_BASE - untyped.object;

	PROVE(torn_down, "nothing dead stands there any more");
	PROVE(value == 0 && handed_out == 0, "memory is zeroed before anything is handed out");
	PROVE(!untyped.untyped.device, "device memory is not written");
	PROVE(start < size_of_untyped() && length <= size_of_untyped() - start, "zeroed inside the Untyped");
	PROVE(start >= living_end, "memory that somebody holds is not zeroed");
	PROVE(length <= 65536, "a bounded piece at a time");
	chunks++;
	if (watched >= start && watched - start < length) {
		watched_is = ZERO;
	} else if (start < watched_object() + made_size() && watched_object() < start + length &&
		   watched_is == INITIALISED) {
		watched_is = WRITTEN; /* what its object's initialising wrote elsewhere is lost */
	}
}

bool preemption_point(void) { return chunks >= CHUNKS || any_bool(); }

bool teardown_run(void)
{
	if (any_bool()) {
		untyped.next = NULL;
		living_end = 0;
	}
	PROVE(looked_at == invocation.argument[4] && capability_is_empty(&fresh),
		"all slots are there, and empty");
	slots_are_empty = true;
	torn_down = any_bool();
	return torn_down;
}

enum bh_error cnode_find(const struct thread *thread, uint64_t index, uint64_t rights, struct cnode **found)
{
	PROVE(thread == &caller && index == invocation.argument[2] && rights == BH_RIGHT_WRITE,
		"the CNode that was named, to be written");
	*found = &cnode;
	return any_bool() ? BH_OK : BH_ERROR_CAPABILITY;
}

/* Any slot until all have been looked at; after that they are known to be there, and empty. */
struct capability *proof_cnode_slot(struct cnode *named, uint64_t index)
{
	PROVE(named == &cnode && index - invocation.argument[3] < invocation.argument[4],
		"the slots that were named");
	PROVE(slots_are_empty || index == invocation.argument[3] + looked_at, "one after the other");
	PROVE(slots_are_empty || looked_at == 0 || capability_is_empty(&fresh),
		"none behind one that is taken");
	fresh = (struct capability){ 0 };
	slot_index = index;
	if (slots_are_empty) {
		return &fresh;
	}
	looked_at++;
	fresh.type = any_bool() ? BH_OBJECT_NULL : BH_OBJECT_FRAME;
	return any_bool() ? &fresh : NULL;
}

void proof_object_initialise(uint64_t type, uint64_t physical, uint64_t bits)
{
	uint64_t start = physical - untyped.object, size = made_size();

	PROVE(!untyped.untyped.device && type != BH_OBJECT_UNTYPED, "device memory is not written");
	PROVE(chunks != 0 && handed_out == 0, "initialised before anything is handed out");
	PROVE(type == invocation.argument[0] && bits == size_bits, "initialised for its kind");
	PROVE((start & (size - 1)) == 0 && start <= size_of_untyped() && size <= size_of_untyped() - start,
		"initialised inside the Untyped");
	PROVE(start >= living_end, "memory that somebody holds is not initialised");
	initialised++;
	if (start == watched_object()) {
		PROVE(watched_is == ZERO, "what is initialised is zero, and was not initialised before");
		watched_is = INITIALISED;
		watched_kind = type << 8 | bits;
	}
}

struct object_header *proof_capability_header(const struct capability *slot)
{
	PROVE(!is_memory(slot->type), "memory has no header");
	headed = slot->object;
	header.references = 0;
	return &header;
}

/* Here a capability comes into the world: what it names is handed out. */
enum bh_error derivation_insert(struct capability *parent, struct capability *slot)
{
	uint64_t type = invocation.argument[0];
	uint64_t bits = size_bits;
	uint64_t physical = is_memory(type)
				    ? slot->object
				    : slot->object - DIRECT_MAP_BASE - (is_space(type) ? PAGE_SIZE : 0);
	uint64_t start = physical - untyped.object, size = made_size();

	PROVE(torn_down, "nothing dead stands there any more");
	PROVE(parent == &untyped && slot == &fresh && slot->type == type, "of that type, from that Untyped");
	PROVE(slot_index == invocation.argument[3] + handed_out, "slot after slot");
	PROVE(!is_memory(type) || slot->untyped.size_bits == bits, "of its size");
	PROVE(start <= size_of_untyped() && size <= size_of_untyped() - start, "inside the Untyped");
	PROVE((physical & (size - 1)) == 0, "aligned to its size");
	PROVE(start >= living_end, "behind all that was handed out and lives");
	PROVE(type == BH_OBJECT_UNTYPED || untyped.untyped.device || watched < start ||
			watched - start >= size || (watched_is == INITIALISED && watched_kind == made_kind()),
		"what becomes an object was zero, and was initialised for its kind");
	PROVE(!untyped.untyped.device || type == BH_OBJECT_UNTYPED || type == BH_OBJECT_FRAME,
		"device memory becomes no object");
	PROVE(is_memory(type) || (header.references == 1 && headed == slot->object),
		"one capability names it");
	PROVE(!is_memory(type) || slot->untyped.device == untyped.untyped.device,
		"what is made of device memory is device memory");
	PROVE(slot->rights == BH_RIGHTS_ALL && (type != BH_OBJECT_UNTYPED || slot->untyped.used == 0),
		"it is new");
	if (parent->depth == DEPTH_MAXIMUM) {
		return BH_ERROR_DEPTH;
	}
	header.references = 0;
	living_end = start + size;
	handed_out++;
	return BH_OK;
}

/* The watched byte is as what says that it is prepared has it. If that is of objects of another size nothing is asked: such a call
 * leaves the Untyped as it is, or says so no longer (see main), and the proof for that size says the rest. */
static bool watched_is_sound(void)
{
	uint64_t start = watched_object();

	if (watched < untyped.untyped.used || watched < untyped.prepared_start ||
		watched >= untyped.prepared_end || (untyped.prepared_kind & 255) != size_bits ||
		start < untyped.prepared_start) {
		return true;
	}
	return start + made_size() <= untyped.prepared_end
		       ? watched_is == INITIALISED && watched_kind == untyped.prepared_kind
		       : watched_is == ZERO;
}

/* What holds between two invocations. */
static bool untyped_is_sound(void)
{
	return untyped.untyped.used <= size_of_untyped() && living_end <= untyped.untyped.used &&
	       watched_is_sound();
}

/* One invocation, from any state of an Untyped of that size. */
static enum bh_error retype_any(uint64_t untyped_bits, uint64_t made_bits)
{
	size_bits = made_bits;
	untyped.type = BH_OBJECT_UNTYPED;
	untyped.rights = any_u8();
	untyped.depth = any_bool() ? DEPTH_MAXIMUM : any_u8();
	untyped.object = BASE;
	untyped.untyped.size_bits = untyped_bits & 63;
	untyped.untyped.device = any_bool();
	untyped.untyped.used = any_u64() & ((UINT64_C(1) << 57) - 1);
	untyped.prepared_start = any_u64() & LINK_MASK;
	untyped.prepared_end = any_u64() & LINK_MASK;
	untyped.prepared_kind = any_u64() & LINK_MASK;
	living_end = any_u64();
	watched = any_u64();
	watched_is = any_bool() ? WRITTEN : any_bool() ? ZERO : INITIALISED;
	watched_kind = any_u64();
	__CPROVER_assume(watched < size_of_untyped());
	/* Its neighbour in the derivation list may be its descendant. */
	derivation_set_join(&child, any_bool() ? DEPTH_MAXIMUM : any_u8());
	untyped.next = any_bool() ? &child : NULL;
	__CPROVER_assume(derivation_first_child(&untyped) != NULL || living_end == 0);
	ASSUME(untyped_is_sound(),
		"what lives of the Untyped ends at `used` at the latest; what it says is prepared, and nobody holds, is zero, and initialised for that kind where it is a whole object");
	before = untyped;
	return untyped_invoke(&invocation);
}

int main(void)
{
	uint64_t type = any_u64(), count = any_u64();
	enum bh_error error;

	invocation.caller = &caller;
	invocation.slot = &untyped;
	invocation.label = any_bool() ? BH_UNTYPED_RETYPE : any_u64();
	invocation.argument[0] = type;
	invocation.argument[1] = any_u64();
	invocation.argument[2] = any_u64();
	invocation.argument[3] = any_u64();
	invocation.argument[4] = count;
	ASSUME(count <= 2 || count > 256,
		"no more than two objects are asked for, or more than Retype allows");
	/* Sizes are constants, in cases of their own: that makes the proof many times as fast. */
	switch (CASE) {
	case 0:
		error = retype_any(6, 6);
		break;
	case 1:
		error = retype_any(12, 6);
		break;
	case 2:
		error = retype_any(12, 13);
		break;
	case 3:
		error = retype_any(21, 12);
		break;
	case 4:
		error = retype_any(26, 21);
		break;
	case 5:
		error = retype_any(47, 12);
		break;
	case 6:
		error = retype_any(47, 30);
		break;
	default:
		error = retype_any(47, 47);
		break;
	}
	COVER_IF(error == BH_OK && handed_out == 2 && type == BH_OBJECT_FRAME, "two objects");
	COVER_IF(error == BH_OK && handed_out == 1 && type == BH_OBJECT_UNTYPED && living_end > 1,
		"an Untyped");
	COVER_IF(error == BH_OK && chunks == 0 && type == BH_OBJECT_FRAME && !before.untyped.device,
		"a preempted call is finished");
	COVER_IF(error == BH_OK && chunks != 0 && initialised == 1 && count == 2 &&
			 type == BH_OBJECT_ADDRESS_SPACE && before.prepared_end != 0,
		"one object was initialised by a preempted call, one is now");
	COVER_IF(error == BH_OK && chunks == 1 && type == BH_OBJECT_FRAME && size_bits == 21,
		"a preempted call had begun an object");
	COVER_IF(error == INVOCATION_RESTART && chunks == CHUNKS, "preempted while zeroing");
	COVER_IF(error == INVOCATION_RESTART && initialised != 0, "preempted behind an object");
	COVER_IF(error == INVOCATION_RESTART && chunks != 0 && before.prepared_end > before.prepared_start &&
			 before.prepared_kind != made_kind(),
		"another kind was prepared before");
	COVER_IF(error == BH_OK && type == BH_OBJECT_FRAME && before.untyped.device, "a Frame of a device");
	COVER_IF(error == BH_ERROR_DEPTH, "too deep");
	PROVE(untyped_is_sound(), "the Untyped stays sound");
	PROVE(untyped.object == before.object && untyped.untyped.size_bits == before.untyped.size_bits &&
			untyped.untyped.device == before.untyped.device && untyped.rights == before.rights,
		"and names the same memory");
	PROVE(error == BH_OK || handed_out == 0, "what is refused or preempted hands out nothing");
	PROVE((chunks == 0 && initialised == 0) || error == BH_OK || error == INVOCATION_RESTART,
		"what is refused writes nothing");
	PROVE(chunks == 0 || error == BH_OK ||
			(untyped.prepared_kind == made_kind() &&
				untyped.prepared_end > untyped.prepared_start &&
				(untyped.prepared_kind != before.prepared_kind ||
					untyped.prepared_start != before.prepared_start ||
					untyped.prepared_end > before.prepared_end ||
					untyped.untyped.used != before.untyped.used)),
		"a preempted call got further");
	PROVE(untyped.prepared_end <= untyped.prepared_start || untyped.prepared_kind == made_kind() ||
			(chunks == 0 && initialised == 0 && untyped.prepared_kind == before.prepared_kind &&
				untyped.prepared_start == before.prepared_start &&
				untyped.prepared_end == before.prepared_end &&
				untyped.untyped.used == before.untyped.used),
		"what is said of another kind is as true as before");
	if (error == BH_OK) {
		PROVE((before.rights & BH_RIGHT_WRITE) != 0 && invocation.label == BH_UNTYPED_RETYPE,
			"only by Retype, with the right to write");
		PROVE(handed_out == count && count >= 1 && count <= 256, "as many as were asked for");
		PROVE(untyped.untyped.used == living_end, "where they end is known");
		PROVE(initialised <= count, "nothing else is initialised");
		PROVE(untyped.prepared_start == 0 && untyped.prepared_end == 0,
			"nothing behind them is called prepared");
	}
	PROVE(error != BH_ERROR_MEMORY || first_free() + count * made_size() > size_of_untyped(),
		"refused for want of room only where there is none");
	return 0;
}
