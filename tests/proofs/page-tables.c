/* SPDX-License-Identifier: MIT */
/* Proof: page-tables
 * Property: Map and Unmap of a Frame or PageTable write one entry at most: the one of that address and level in the space that
 *	was named, never one of the kernel's half, never one that is in use (Map) or is another's (Unmap). An entry of a task's table is of exactly
 *	the memory that the Frame covers, writable only with the right to write and if that was asked for, never writable and executable. A
 *	mapping that goes is flushed, and so is a device's that comes; and a PageTable that goes is emptied. The ring of a space's mappings stays linked.
 * Bound: any address, flags, rights and Frame size; any entry; one other mapping in the space.
 * Assumes: a Frame is aligned to its size, and no table lies in it
 * Assumes: a mapped capability is mapped at an address that Map accepts
 * Models: capability_lookup finds any capability, or none (see capability-lookup)
 * Models: the way to an entry ends there or earlier (see page-walk)
 * Models: guests' entries are the back end's (see guest-entry), devices' the IOMMU driver's (tests/unit/kernel/test_iommu.c); memset of a table is told of
 * Models: links of 48 bits name three slots
 * Functions: kernel/object/space.c: flush link_mapping unlink_mapping mapping_remove space_find range_is_mappable host_leaf
 *	space_insert_frame space_insert_table frame_map frame_invoke page_table_map page_table_invoke
 * Replaces: capability_lookup proof_capability_lookup
 * Replaces: walk proof_walk
 * Replaces: phys_to_virt proof_phys_to_virt
 * Replaces: mapping_space proof_mapping_space
 * Replaces: mapping_link proof_mapping_link
 * Replaces: mapping_next proof_mapping_next
 * Replaces: mapping_previous proof_mapping_previous
 * Replaces: io_space_of proof_io_space_of
 * Replaces: this_cpu proof_this_cpu
 * Replaces: invlpg proof_invlpg
 * Replaces: write_cr3 proof_write_cr3
 * Replaces: read_cr3 proof_read_cr3
 * Options: --slice-formula --unwind 5
 */
#include "proof.h"

#include "object/invocation.h"

#include "string.h"

static void proof_memset(void *memory, int value, size_t length);
#define memset(memory, value, length) proof_memset(memory, value, length)

#include "object/space.c"

#define NEW_TABLE UINT64_C(0x20000) /* of the PageTable that is mapped or unmapped */
#define PRESENT_WRITE_USER 7u

uint64_t kernel_pml4[512];
static uint64_t entry, old_entry; /* of the address and level */
static unsigned int walks;
static bool way_leads_there;
static uint64_t new_table[512];
static struct {
	uint64_t before; /* so that the space is no address 0 in 48 bits */
	struct space space;
} holder;
static struct capability slot, neighbour, named;
static bool is_named;
static struct cpu cpu;
static unsigned int emptied, flushed_all, flushed_one, leaves;
static uint64_t flushed_address, leaf_physical, leaf_flags, guest_entry;
static bool leaf_is_large, must_not_walk;
static struct io_space device; /* what stands around the space if it is a device's */
static unsigned int flushed_device;
static bool flushed_device_whole;

struct cpu *proof_this_cpu(void) { return &cpu; }
void proof_invlpg(uint64_t address)
{
	flushed_one++;
	flushed_address = address;
}
void proof_write_cr3(uint64_t value) { flushed_all++; }
uint64_t proof_read_cr3(void) { return 0; }

void *proof_phys_to_virt(uint64_t physical)
{
	PROVE(physical == NEW_TABLE, "no table of the space is looked at but on the way to the entry");
	return new_table;
}

static void proof_memset(void *memory, int value, size_t length)
{
	PROVE(memory == new_table && value == 0 && length == sizeof(new_table),
		"only its own table is emptied");
	emptied++;
}

struct capability *proof_capability_lookup(const struct thread *caller, uint64_t index)
{
	return is_named ? &named : NULL;
}

uint64_t backend_guest_leaf(uint64_t physical, uint64_t flags, bool large)
{
	leaves++;
	leaf_physical = physical;
	leaf_flags = flags;
	leaf_is_large = large;
	return guest_entry;
}
uint64_t backend_guest_table(uint64_t physical)
{
	leaves++;
	leaf_physical = physical;
	return guest_entry;
}

struct io_space *proof_io_space_of(struct space *space)
{
	PROVE(space == &holder.space && space->is_io, "an IoSpace");
	return &device;
}
uint64_t iommu_leaf(uint64_t physical, bool writable)
{
	leaves++;
	leaf_physical = physical;
	leaf_flags = writable ? 1 : 0;
	return guest_entry;
}
uint64_t iommu_table(uint64_t physical, unsigned int level)
{
	leaves++;
	leaf_physical = physical;
	leaf_flags = level;
	return guest_entry;
}
void iommu_flush(uint32_t domain, uint64_t at, bool whole)
{
	PROVE(domain == device.domain, "the space's domain");
	flushed_device++;
	flushed_address = at;
	flushed_device_whole = whole;
}

/* --- the ring of mappings: the space's sentinel, one mapping that is there, and the one that comes or goes --- */
enum { SENTINEL, NEIGHBOUR, SLOT };
static unsigned int next[3], previous[3];

static unsigned int number_of(const struct capability *one)
{
	PROVE(one == &slot || one == &neighbour || one == &holder.space.mappings, "a mapping of this space");
	return one == &slot ? SLOT : one == &neighbour ? NEIGHBOUR : SENTINEL;
}
static struct capability *capability_of(unsigned int number)
{
	return number == SLOT ? &slot : number == NEIGHBOUR ? &neighbour : &holder.space.mappings;
}
void proof_mapping_link(struct capability *first, struct capability *second)
{
	next[number_of(first)] = number_of(second);
	previous[number_of(second)] = number_of(first);
}
struct capability *proof_mapping_next(const struct capability *one)
{
	return capability_of(next[number_of(one)]);
}
struct capability *proof_mapping_previous(const struct capability *one)
{
	return capability_of(previous[number_of(one)]);
}
struct space *proof_mapping_space(const struct capability *one)
{
	PROVE(one->space_link == 0 || one->space_link == __CPROVER_POINTER_OFFSET(&holder.space),
		"a space's link");
	return one->space_link == 0 ? NULL : &holder.space;
}

static bool ring_is_linked(bool with_slot)
{
	for (unsigned int i = SENTINEL; i <= SLOT; i++) {
		if ((i != SLOT || with_slot) && (previous[next[i]] != i || (next[i] == SLOT && !with_slot))) {
			return false;
		}
	}
	return next[SENTINEL] != SENTINEL &&
	       (!with_slot || (next[SLOT] != SLOT && next[NEIGHBOUR] != NEIGHBOUR &&
				      next[next[SENTINEL]] != SENTINEL));
}

static uint64_t address;
static unsigned int level_of_entry;

uint64_t *proof_walk(const struct space *space, uint64_t to, unsigned int level, enum bh_error *error)
{
	PROVE(!must_not_walk && space == &holder.space, "the space that was named");
	PROVE(to == address && level == level_of_entry, "the address and the level that were meant");
	PROVE(to < UINT64_C(1) << 47, "never the kernel's half");
	walks++;
	*error = way_leads_there ? BH_OK : any_bool() ? BH_ERROR_MAPPED : BH_ERROR_NOT_MAPPED;
	return way_leads_there ? &entry : NULL;
}

static void map(bool is_table, unsigned int bits, unsigned int entry_level)
{
	uint64_t flags = any_u64(), size = UINT64_C(1) << bits, rights = any_u8();
	struct invocation invocation = { .slot = &slot, .argument = { 0, address, flags } };
	bool was_mapped = any_bool(), writable = (rights & BH_RIGHT_WRITE) != 0;
	enum bh_error error;

	invocation.label = is_table ? BH_PAGE_TABLE_MAP : BH_FRAME_MAP;
	slot.rights = (uint8_t)rights;
	slot.space_link = was_mapped ? __CPROVER_POINTER_OFFSET(&holder.space) : 0;
	next[SENTINEL] = previous[SENTINEL] = NEIGHBOUR;
	next[NEIGHBOUR] = previous[NEIGHBOUR] = SENTINEL;
	next[SLOT] = previous[SLOT] = SLOT;
	is_named = any_bool();
	named.type = any_u8();
	named.rights = any_u8();
	named.object = (uint64_t)&holder.space;
	must_not_walk = !is_named ||
			(named.type != BH_OBJECT_ADDRESS_SPACE && named.type != BH_OBJECT_GUEST_SPACE &&
				named.type != BH_OBJECT_IO_SPACE) ||
			(named.rights & BH_RIGHT_WRITE) == 0 || (holder.space.is_io && device.domain == 0);
	if (is_table) {
		invocation.argument[2] = entry_level - 1;
		error = page_table_invoke(&invocation);
	} else {
		error = frame_invoke(&invocation);
	}
	COVER_IF(error == BH_OK && !holder.space.is_guest && !holder.space.is_io, "mapped in a task");
	COVER_IF(error == BH_OK && holder.space.is_io, "mapped for a device");
	COVER_IF(error == BH_OK && holder.space.is_guest, "mapped in a guest");
	COVER_IF(error == BH_ERROR_MAPPED, "something is there");
	COVER_IF(error == BH_ERROR_NOT_MAPPED, "a table is missing");
	PROVE(emptied == 0 && flushed_all + flushed_one == 0, "nothing goes");
	if (error != BH_OK) {
		PROVE(flushed_device == 0, "refused: nothing is flushed");
		PROVE(error != BH_ERROR_EMPTY_OBJECT || (holder.space.is_io && device.domain == 0),
			"an IoSpace without a function");
		PROVE(entry == old_entry, "refused: no entry changes");
		PROVE(ring_is_linked(false) &&
				slot.space_link == (was_mapped ? __CPROVER_POINTER_OFFSET(&holder.space) : 0),
			"refused: nothing changes");
		PROVE(error != BH_ERROR_CAPABILITY || !is_named, "a space that is not there");
		PROVE(error != BH_ERROR_STATE || was_mapped, "a second mapping of one capability");
		PROVE(error != BH_ERROR_NOT_MAPPED || !way_leads_there, "a table is missing");
		PROVE(error != BH_ERROR_RIGHTS || (named.rights & BH_RIGHT_WRITE) == 0 ||
				(!is_table && (rights & (BH_RIGHT_READ | BH_RIGHT_WRITE)) !=
						      (BH_RIGHT_READ | BH_RIGHT_WRITE)),
			"a right is missing");
		return;
	}
	PROVE(walks == 1, "one entry");
	PROVE(!must_not_walk && !was_mapped,
		"a space that was named, to be written; one mapping for a capability");
	PROVE(address < UINT64_C(1) << 47 && (address & (size - 1)) == 0, "in the lower half, aligned");
	PROVE(holder.space.is_guest || holder.space.is_io || address + size <= (UINT64_C(1) << 47) - 4096,
		"the last page below the hole stays empty");
	PROVE(!is_table || (address & ((UINT64_C(1) << (12 + 9 * (entry_level - 1))) - 1)) == 0,
		"a table's range is aligned");
	PROVE(way_leads_there && old_entry == 0, "in a free entry of a table that is there");
	PROVE(ring_is_linked(true) && slot.space_link == __CPROVER_POINTER_OFFSET(&holder.space) &&
			mapping_address(&slot) == address && mapping_level(&slot) == entry_level,
		"the capability knows where it is mapped");
	PROVE(flushed_device == (holder.space.is_io ? 1 : 0),
		"a device's entry is flushed when it comes, too");
	if (holder.space.is_io) {
		PROVE(entry == (guest_entry | (!is_table && entry_level > 1 ? 0x80 : 0)) && leaves == 1 &&
				leaf_physical == slot.object,
			"a device's entry is of it");
		PROVE(!is_table || leaf_flags == entry_level - 1, "the table's level");
		PROVE(is_table || (leaf_flags == ((flags & BH_MAP_WRITE) != 0) &&
					  (flags & ~(uint64_t)BH_MAP_WRITE) == BH_MAP_READ),
			"to read, or to read and write");
		PROVE(flushed_device_whole || (flushed_address == address && entry_level == 1),
			"the entry, or all of them");
	} else if (holder.space.is_guest) {
		PROVE(entry == guest_entry && leaves == 1 && leaf_physical == slot.object,
			"a guest's entry is of it");
		PROVE(is_table || (leaf_flags == flags && leaf_is_large == (entry_level > 1)),
			"as was asked for");
	} else if (is_table) {
		PROVE(entry == (slot.object | PRESENT_WRITE_USER), "the entry is of the table");
	} else {
		PROVE((entry & UINT64_C(0x000ffffffffff000)) == slot.object, "of exactly the Frame's memory");
		PROVE((entry & 5) == 5 && (flags & BH_MAP_READ) != 0, "present, and a user's");
		PROVE(((entry & 2) != 0) == ((flags & BH_MAP_WRITE) != 0),
			"written only if that was asked for");
		PROVE((entry & 2) == 0 || writable, "and with the right to");
		PROVE((entry & 2) == 0 || entry >> 63 == 1, "never writable and executable");
		PROVE(entry >> 63 == 1 || (flags & BH_MAP_EXECUTE) != 0,
			"executable only if that was asked for");
		PROVE(((entry & 0x10) != 0) == ((flags & BH_MAP_UNCACHED) != 0),
			"uncached if that was asked for");
		PROVE(((entry & 0x80) != 0) == (entry_level > 1), "a large page where the Frame is one");
		PROVE((entry & ~UINT64_C(0x800ffffffffff097)) == 0, "no other bit");
	}
	PROVE(holder.space.is_guest || is_table || (rights & BH_RIGHT_READ) != 0,
		"only with the right to read");
	PROVE((!holder.space.is_guest && !holder.space.is_io) || is_table || (flags & BH_MAP_WRITE) == 0 ||
			writable,
		"a guest's and a device's, too");
}

static void unmap(bool is_table, unsigned int bits, unsigned int entry_level)
{
	struct invocation invocation = { .slot = &slot };
	bool was_mapped = any_bool(), slot_first = any_bool();
	uint64_t size = UINT64_C(1) << bits, flushes = holder.space.flushes;

	invocation.label = is_table ? BH_PAGE_TABLE_UNMAP : BH_FRAME_UNMAP;
	ASSUME(address < UINT64_C(1) << 47 && (address & (size - 1)) == 0,
		"a mapped capability is mapped at an address that Map accepts");
	mapping_set_address(&slot, was_mapped ? address : 0);
	slot.mapping.level = is_table ? entry_level - 1 : 0;
	slot.space_link = was_mapped ? __CPROVER_POINTER_OFFSET(&holder.space) : 0;
	next[SENTINEL] = !was_mapped ? NEIGHBOUR : slot_first ? SLOT : NEIGHBOUR;
	next[SLOT] = slot_first ? NEIGHBOUR : SENTINEL;
	next[NEIGHBOUR] = !was_mapped || slot_first ? SENTINEL : SLOT;
	for (unsigned int i = 0; i < 3; i++) {
		previous[next[i]] = was_mapped || i != SLOT ? i : previous[next[i]];
	}
	if (is_table && any_bool()) {
		entry = NEW_TABLE | PRESENT_WRITE_USER; /* its own, if it still is there */
	}
	old_entry = entry;

	bool was_there = was_mapped && way_leads_there &&
			 (old_entry & UINT64_C(0x000ffffffffff000) & ~(size - 1)) == slot.object;
	enum bh_error error = is_table ? page_table_invoke(&invocation) : frame_invoke(&invocation);

	PROVE(error == BH_OK, "nothing can fail");
	PROVE(!was_there || entry == 0, "its entry is gone");
	PROVE(was_there || entry == old_entry, "what is another's stays");
	COVER_IF(was_there && !holder.space.is_guest && !holder.space.is_io, "a task's mapping goes");
	COVER_IF(was_there && holder.space.is_io, "a device's mapping goes");
	COVER_IF(was_mapped && !way_leads_there, "a table above went before");
	PROVE(emptied == (was_mapped && is_table ? 1 : 0), "a table that goes is emptied");
	if (holder.space.is_io) {
		PROVE(!was_there || (flushed_device == 1 &&
					    (flushed_device_whole ||
						    (flushed_address == address && entry_level == 1))),
			"a device's old translation is flushed");
	} else if (holder.space.is_guest) {
		PROVE(!was_there || holder.space.flushes == flushes + 1,
			"a guest's old translation is flushed");
	} else if (was_there && cpu.space == &holder.space) {
		PROVE(flushed_all == 1 || (!is_table && flushed_one == 1 && flushed_address == address),
			"a task's old translations are flushed");
	}
	PROVE(ring_is_linked(false) && slot.space_link == 0 && slot.map_next_link == 0 &&
			slot.map_previous_link == 0,
		"it is in no ring any more");
	PROVE(!was_mapped || (mapping_address(&slot) == 0 && slot.mapping.level == 0), "and nowhere");
}

/* Any capability, on a path where its size and level are constants. */
static void run(bool is_table, unsigned int bits, unsigned int entry_level)
{
	slot.type = is_table ? BH_OBJECT_PAGE_TABLE : BH_OBJECT_FRAME;
	slot.object = is_table ? NEW_TABLE : any_u64();
	slot.mapping.size_bits = bits & 63;
	ASSUME((slot.object & ((UINT64_C(1) << bits) - 1)) == 0 && slot.object >> 52 == 0 &&
			(is_table || slot.object >= UINT64_C(0x200000)),
		"a Frame is aligned to its size, and no table lies in it");
	entry = any_u64();
	old_entry = entry;
	way_leads_there = any_bool();
	level_of_entry = entry_level;
	if (any_bool()) {
		map(is_table, bits, entry_level);
	} else {
		unmap(is_table, bits, entry_level);
	}
}

/* A level that no table has: below the last, or as high as the root. */
static void wrong_level(void)
{
	struct invocation invocation = { .slot = &slot,
		.label = BH_PAGE_TABLE_MAP,
		.argument = { 0, address, any_bool() ? 0 : any_u64() } };

	__CPROVER_assume(invocation.argument[2] == 0 || invocation.argument[2] > 3);
	slot.type = BH_OBJECT_PAGE_TABLE;
	slot.object = NEW_TABLE;
	is_named = true;
	named.type = BH_OBJECT_ADDRESS_SPACE;
	named.rights = BH_RIGHTS_ALL;
	named.object = (uint64_t)&holder.space;
	must_not_walk = true;
	__CPROVER_assume(!holder.space.is_io || device.domain != 0);
	COVER("a level that no table has");
	PROVE(page_table_invoke(&invocation) == BH_ERROR_ARGUMENT && slot.space_link == 0,
		"a level that no table has is refused");
}

int main(void)
{
	address = any_u64();
	holder.space.is_io = any_bool();
	holder.space.is_guest = !holder.space.is_io && any_bool();
	device.domain = any_u8();
	holder.space.flushes = any_u32();
	guest_entry = any_u64();
	cpu.space = any_bool() ? &holder.space : NULL;
	switch (any_u8() & 7) {
	case 0:
		run(false, 12, 1);
		break;
	case 1:
		run(false, 21, 2);
		break;
	case 2:
		run(false, 30, 3);
		break;
	case 3:
		run(true, 12, 2);
		break;
	case 4:
		run(true, 12, 3);
		break;
	case 5:
		run(true, 12, 4);
		break;
	default:
		wrong_level();
		break;
	}
	return 0;
}
