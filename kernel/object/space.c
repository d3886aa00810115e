/* SPDX-License-Identifier: MIT */
/* Address spaces of tasks, guests and devices: page tables built from PageTable and Frame capabilities. A capability is one mapping
 * at most, and every present entry belongs to one: an entry is only ever written for a capability that the caller holds,
 * and goes when that capability goes.
 *
 * Levels: a table of level 1 holds 4 KiB pages, 2: 2 MiB, 3: 1 GiB, 4 is the root (AMD APM vol. 2 section 5.3). */
#include "object/invocation.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/iommu.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/user_ports.h"
#include "panic.h"
#include "sched/cpu.h"
#include "string.h"
#include "virt/backend.h"

#define ROOT_LEVEL 4
#define ENTRY_PRESENT (UINT64_C(1) << 0)
#define ENTRY_WRITE (UINT64_C(1) << 1)
#define ENTRY_USER (UINT64_C(1) << 2)
#define ENTRY_UNCACHED (UINT64_C(1) << 4)
#define ENTRY_LARGE (UINT64_C(1) << 7)
#define ENTRY_NX (UINT64_C(1) << 63)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define GUEST_PHYSICAL_END (UINT64_C(1) << 47)

void space_initialise(struct space *space, uint64_t root_physical, bool is_guest)
{
	space->root_physical = root_physical;
	space->is_guest = is_guest;
	mapping_link(&space->mappings, &space->mappings);
}

void io_space_initialise(struct io_space *space, uint64_t physical)
{
	space_initialise(&space->space, physical, false);
	space->space.is_io = true;
}

void address_space_initialise(struct address_space *space, uint64_t physical)
{
	memcpy(&space->table[PML4_KERNEL_FIRST], &kernel_pml4[PML4_KERNEL_FIRST],
		(512 - PML4_KERNEL_FIRST) * sizeof(uint64_t));
	space_initialise(&space->space, physical, false);
}

static unsigned int shift_of(unsigned int level) { return PAGE_SHIFT + 9 * (level - 1); }

/* The entry for `address` in the table of that level; NULL with *error NOT_MAPPED or MAPPED where the way there ends early. */
static uint64_t *walk(const struct space *space, uint64_t address, unsigned int level, enum bh_error *error)
{
	uint64_t *table = phys_to_virt(space->root_physical);

	for (unsigned int at = ROOT_LEVEL; at > level; at--) {
		uint64_t entry = table[address >> shift_of(at) & 511];

		if (entry == 0) {
			*error = BH_ERROR_NOT_MAPPED;
			return NULL;
		}
		if ((entry & ENTRY_LARGE) != 0) {
			*error = BH_ERROR_MAPPED;
			return NULL;
		}
		table = phys_to_virt(entry & ENTRY_ADDRESS);
	}
	*error = BH_OK;
	return &table[address >> shift_of(level) & 511];
}

/* Nothing may use the old translation of `address` any more. */
static void flush(struct space *space, uint64_t address, bool whole)
{
	if (space->is_io) {
		iommu_flush(io_space_of(space)->domain, address, whole);
	} else if (space->is_guest) {
		space->flushes++;
	} else if (this_cpu()->space == space) {
		if (whole) {
			write_cr3(read_cr3());
		} else {
			invlpg(address);
		}
	}
}

static void link_mapping(struct space *space, struct capability *slot, uint64_t address)
{
	struct capability *head = &space->mappings;

	slot->space_link = (uint64_t)space & LINK_MASK;
	mapping_set_address(slot, address);
	mapping_link(slot, mapping_next(head));
	mapping_link(head, slot);
}

static void unlink_mapping(struct capability *slot)
{
	mapping_link(mapping_previous(slot), mapping_next(slot));
	slot->space_link = 0;
	slot->map_next_link = 0;
	slot->map_previous_link = 0;
	mapping_set_address(slot, 0);
	slot->mapping.level = 0;
}

void mapping_remove(struct capability *slot)
{
	struct space *space = mapping_space(slot);
	uint64_t address = mapping_address(slot);
	bool is_table = slot->type == BH_OBJECT_PAGE_TABLE;
	unsigned int level = mapping_level(slot);
	enum bh_error error;
	uint64_t *entry;

	if (space == NULL) {
		return;
	}
	/* A table above may have been unmapped meanwhile: then there is no entry, or it is another capability's. */
	entry = walk(space, address, level, &error);
	if (entry != NULL &&
		(*entry & ENTRY_ADDRESS &
			~((UINT64_C(1) << (is_table ? PAGE_SHIFT : shift_of(level))) - 1)) == slot->object) {
		*entry = 0;
		flush(space, address, is_table || (space->is_io && level > 1));
	}
	if (is_table) {
		memset(phys_to_virt(slot->object), 0, PAGE_SIZE);
	}
	unlink_mapping(slot);
}

bool space_forget_one(struct space *space)
{
	struct capability *slot = mapping_next(&space->mappings);

	if (slot == &space->mappings) {
		return false;
	}
	/* The tables die with the space: nothing to clear in a Frame's; a PageTable must be empty for its next use. */
	if (slot->type == BH_OBJECT_PAGE_TABLE) {
		memset(phys_to_virt(slot->object), 0, PAGE_SIZE);
	}
	unlink_mapping(slot);
	return true;
}

void space_end(struct space *space)
{
	struct cpu *cpu = this_cpu();

	if (cpu->space == space) {
		write_cr3(virt_to_phys(kernel_pml4));
		cpu->space = NULL;
	}
	if (space->is_io) {
		io_space_end(io_space_of(space));
	}
	/* Its tables may serve another space before the last mapping here has been forgotten: no walk from here finds them. */
	memset(phys_to_virt(space->root_physical), 0, PML4_KERNEL_FIRST * sizeof(uint64_t));
	for (unsigned int i = 0; i < IO_RANGES_PER_SPACE; i++) {
		if (space->io_ranges[i] != NULL) {
			space->io_ranges[i]->space = NULL;
			space->io_ranges[i] = NULL;
		}
	}
	io_bitmap_forget(space);
}

/* The space that argument 0 names, for the invoked Frame or PageTable to be mapped there. */
static enum bh_error space_find(const struct invocation *invocation, struct space **space)
{
	struct capability *slot = capability_lookup(invocation->caller, invocation->argument[0]);

	if (slot == NULL) {
		return BH_ERROR_CAPABILITY;
	}
	if (slot->type != BH_OBJECT_ADDRESS_SPACE && slot->type != BH_OBJECT_GUEST_SPACE &&
		slot->type != BH_OBJECT_IO_SPACE) {
		return BH_ERROR_TYPE;
	}
	if ((slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	*space = (struct space *)slot->object;
	if ((*space)->is_io && io_space_of(*space)->domain == 0) {
		return BH_ERROR_EMPTY_OBJECT;
	}
	return mapping_space(invocation->slot) == NULL ? BH_OK : BH_ERROR_STATE;
}

static bool range_is_mappable(const struct space *space, uint64_t address, unsigned int bits)
{
	uint64_t end = space->is_guest || space->is_io ? GUEST_PHYSICAL_END : USER_ADDRESS_END - PAGE_SIZE;
	uint64_t size = UINT64_C(1) << bits;

	/* The last page below the hole stays empty: SYSRET to a non-canonical address faults in the kernel on Intel. */
	return (address & (size - 1)) == 0 && size <= end && address <= end - size;
}

static uint64_t host_leaf(uint64_t physical, uint64_t flags, bool large)
{
	return physical | ENTRY_PRESENT | ENTRY_USER | ((flags & BH_MAP_WRITE) != 0 ? ENTRY_WRITE : 0) |
	       ((flags & BH_MAP_EXECUTE) != 0 ? 0 : ENTRY_NX) |
	       ((flags & BH_MAP_UNCACHED) != 0 ? ENTRY_UNCACHED : 0) | (large ? ENTRY_LARGE : 0);
}

bool space_has_table(const struct space *space, uint64_t address, unsigned int level)
{
	enum bh_error error;
	const uint64_t *entry = walk(space, address, level + 1, &error);

	return entry != NULL && *entry != 0;
}

enum bh_error space_insert_frame(
	struct space *space, struct capability *frame, uint64_t address, uint64_t flags)
{
	unsigned int level = mapping_level(frame);
	enum bh_error error;
	uint64_t *entry = walk(space, address, level, &error);

	if (entry == NULL) {
		return error;
	}
	if (*entry != 0) {
		return BH_ERROR_MAPPED;
	}
	/* An entry that was not present needs no flush (no negative caching: APM vol. 2 section 5.5.2) but in an IOMMU. */
	if (space->is_io) {
		*entry = iommu_leaf(frame->object, (flags & BH_MAP_WRITE) != 0) |
			 (level > 1 ? ENTRY_LARGE : 0); /* for walk: to the IOMMU the bit says nothing */
		flush(space, address, level > 1);
	} else {
		*entry = space->is_guest ? backend_guest_leaf(frame->object, flags, level > 1)
					 : host_leaf(frame->object, flags, level > 1);
	}
	link_mapping(space, frame, address);
	return BH_OK;
}

enum bh_error space_insert_table(
	struct space *space, struct capability *table, uint64_t address, unsigned int level)
{
	enum bh_error error;
	uint64_t *entry = walk(space, address, level + 1, &error);

	if (entry == NULL) {
		return error;
	}
	if (*entry != 0) {
		return BH_ERROR_MAPPED;
	}
	if (space->is_io) {
		*entry = iommu_table(table->object, level);
		flush(space, address, true);
	} else {
		*entry = space->is_guest ? backend_guest_table(table->object)
					 : table->object | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER;
	}
	link_mapping(space, table, address);
	table->mapping.level = level & 7;
	return BH_OK;
}

static enum bh_error frame_map(const struct invocation *invocation)
{
	struct capability *frame = invocation->slot;
	uint64_t address = invocation->argument[1], flags = invocation->argument[2];
	unsigned int bits = frame->mapping.size_bits;
	struct space *space;
	enum bh_error error;

	error = space_find(invocation, &space);
	if (error != BH_OK) {
		return error;
	}
	if ((flags & ~(uint64_t)(BH_MAP_READ | BH_MAP_WRITE | BH_MAP_EXECUTE | BH_MAP_UNCACHED)) != 0 ||
		(flags & BH_MAP_READ) == 0 || !range_is_mappable(space, address, bits)) {
		return BH_ERROR_ARGUMENT;
	}
	if (space->is_io ? (flags & (BH_MAP_EXECUTE | BH_MAP_UNCACHED)) != 0
			 : !space->is_guest && (flags & BH_MAP_WRITE) != 0 && (flags & BH_MAP_EXECUTE) != 0) {
		return BH_ERROR_ARGUMENT;
	}
	if ((frame->rights & BH_RIGHT_READ) == 0 ||
		((flags & BH_MAP_WRITE) != 0 && (frame->rights & BH_RIGHT_WRITE) == 0)) {
		return BH_ERROR_RIGHTS;
	}
	return space_insert_frame(space, frame, address, flags);
}

enum bh_error frame_invoke(struct invocation *invocation)
{
	switch (invocation->label) {
	case BH_FRAME_MAP:
		return frame_map(invocation);
	case BH_FRAME_UNMAP:
		mapping_remove(invocation->slot);
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}

static enum bh_error page_table_map(const struct invocation *invocation)
{
	struct capability *table = invocation->slot;
	uint64_t address = invocation->argument[1], level = invocation->argument[2];
	struct space *space;
	enum bh_error error;

	error = space_find(invocation, &space);
	if (error != BH_OK) {
		return error;
	}
	if (level < 1 || level >= ROOT_LEVEL || !range_is_mappable(space, address, PAGE_SHIFT) ||
		(address & ((UINT64_C(1) << shift_of((unsigned int)level + 1)) - 1)) != 0) {
		return BH_ERROR_ARGUMENT;
	}
	return space_insert_table(space, table, address, (unsigned int)level);
}

enum bh_error page_table_invoke(struct invocation *invocation)
{
	switch (invocation->label) {
	case BH_PAGE_TABLE_MAP:
		return page_table_map(invocation);
	case BH_PAGE_TABLE_UNMAP:
		mapping_remove(invocation->slot);
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}
