/* SPDX-License-Identifier: MIT */
/* Sweep: every page-table entry belongs to a mapped capability and allows no more than it, unmapped tables are empty, port tables and
 * port ranges say the same as their objects.
 *
 * Entries that a capability accounts for are marked by a bit that the CPU does not look at (APM vol. 2 section 5.4.1); a walk over all
 * tables then finds those that nobody accounts for, and takes the marks away. Meanwhile nobody runs on them. */
#include "sweep.h"

#include <bulkhead/invocation.h>

#include "arch/x86_64/kernel_space.h"

#define ROOT_LEVEL 4
#define PRESENT (UINT64_C(1) << 0)
#define WRITE (UINT64_C(1) << 1)
#define USER (UINT64_C(1) << 2)
#define LARGE (UINT64_C(1) << 7)
#define MARK (UINT64_C(1) << 9)
#define NX (UINT64_C(1) << 63)
#define ADDRESS UINT64_C(0x000ffffffffff000)

static unsigned int shift_of(unsigned int level) { return PAGE_SHIFT + 9 * (level - 1); }

/* Where the entry for address stands in the table of that level, or NULL where the way there ends early. */
static uint64_t *find_entry(const struct space *space, uint64_t address, unsigned int level)
{
	uint64_t *table = phys_to_virt(space->root_physical);

	for (unsigned int at = ROOT_LEVEL; at > level; at--) {
		uint64_t entry = table[address >> shift_of(at) & 511];

		if ((entry & PRESENT) == 0 || (entry & LARGE) != 0) {
			return NULL;
		}
		table = phys_to_virt(entry & ADDRESS);
	}
	return &table[address >> shift_of(level) & 511];
}

/* The entry of a mapped capability. None, or another's, where a table above it was unmapped since. */
static void mark(const struct space *space, const struct capability *slot)
{
	bool is_table = slot->type == BH_OBJECT_PAGE_TABLE;
	unsigned int level = mapping_level(slot);
	uint64_t *entry = find_entry(space, mapping_address(slot), level);
	bool large = !is_table && level > 1;

	if (entry == NULL || (*entry & ADDRESS) != slot->object || ((*entry & LARGE) != 0) != large ||
		(*entry & PRESENT) == 0) {
		return;
	}
	if (!is_table) {
		SWEEP_CHECK((*entry & WRITE) == 0 || (slot->rights & BH_RIGHT_WRITE) != 0,
			"page mapped writable without the right", slot, mapping_address(slot));
		SWEEP_CHECK((slot->rights & BH_RIGHT_READ) != 0, "page mapped without the right", slot,
			mapping_address(slot));
		SWEEP_CHECK(space->is_guest || (*entry & WRITE) == 0 || (*entry & NX) != 0,
			"page mapped writable and executable", slot, mapping_address(slot));
	}
	SWEEP_CHECK(
		(*entry & USER) != 0, "page-table entry of a user's that is not the user's", slot, *entry);
	*entry |= MARK;
}

static void check_entry(uint64_t *entry, const struct space *space, uint64_t address)
{
	SWEEP_CHECK((*entry & PRESENT) != 0, "page-table entry that is neither present nor empty", space,
		address);
	SWEEP_CHECK((*entry & MARK) != 0, "mapped, and no capability covers it", space, address);
	*entry &= ~MARK;
}

/* Depth first over all tables that the root reaches. */
static void check_tables(const struct space *space)
{
	uint64_t *table[ROOT_LEVEL + 1];
	unsigned int index[ROOT_LEVEL + 1];
	unsigned int level = ROOT_LEVEL;
	uint64_t address = 0;

	table[level] = phys_to_virt(space->root_physical);
	index[level] = 0;
	while (level <= ROOT_LEVEL) {
		unsigned int end = level == ROOT_LEVEL && !space->is_guest ? PML4_KERNEL_FIRST : 512;
		uint64_t *entry;

		while (index[level] < end && table[level][index[level]] == 0) {
			index[level]++;
		}
		if (index[level] == end) {
			level++;
			continue;
		}
		entry = &table[level][index[level]];
		address = (address & ~((UINT64_C(512) << shift_of(level)) - 1)) | (uint64_t)index[level]
											  << shift_of(level);
		check_entry(entry, space, address);
		index[level]++;
		if (level > 1 && (*entry & LARGE) == 0) {
			table[level - 1] = phys_to_virt(*entry & ADDRESS);
			level--;
			index[level] = 0;
		}
	}
	for (unsigned int at = PML4_KERNEL_FIRST; at < 512 && !space->is_guest; at++) {
		SWEEP_CHECK(((const uint64_t *)phys_to_virt(space->root_physical))[at] == kernel_pml4[at],
			"address space with another kernel", space, at);
	}
}

static uint64_t check_ring(struct space *space)
{
	const struct capability *slot = &space->mappings;
	uint64_t count = 0;

	for (;;) {
		SWEEP_CHECK(mapping_next(slot) != NULL && mapping_previous(mapping_next(slot)) == slot,
			"mappings of a space: neighbours disagree", space, slot);
		slot = mapping_next(slot);
		if (slot == &space->mappings) {
			return count;
		}
		SWEEP_CHECK(mapping_space(slot) == space &&
				    (slot->type == BH_OBJECT_FRAME || slot->type == BH_OBJECT_PAGE_TABLE),
			"mappings of a space: not mapped there", space, slot);
		SWEEP_CHECK(count++ < SWEEP_ENTRIES, "mappings of a space without an end", space, 0);
	}
}

static void check_ports(const struct guest_space *guest)
{
	const uint64_t *words = (const uint64_t *)(const void *)guest->ports;
	uint32_t routed = 0, filled = 0;

	for (unsigned int number = 0; number < BH_ROUTES; number++) {
		const struct port_route *route = &guest->routes[number];

		routed += route->count;
		for (uint32_t port = route->first; port < route->first + route->count; port++) {
			SWEEP_CHECK(guest->ports[port] == number + 1, "port table and routes disagree", guest,
				port);
		}
	}
	for (unsigned int i = 0; i < sizeof(guest->ports) / sizeof(uint64_t); i++) {
		if (words[i] == 0) {
			continue;
		}
		for (unsigned int port = i * 8; port < i * 8 + 8; port++) {
			filled += guest->ports[port] != 0 ? 1 : 0;
		}
	}
	SWEEP_CHECK(filled == routed, "port table has ports that no route has", guest, filled);
}

static void check_io_ranges(const struct space *space)
{
	for (unsigned int i = 0; i < IO_RANGES_PER_SPACE; i++) {
		const struct io_ports *ports = space->io_ranges[i];

		SWEEP_CHECK(
			ports == NULL || (sweep_is_live(ports, BH_OBJECT_IO_PORTS) && ports->space == space),
			"space with ports that are not mapped there", space, ports);
	}
}

/* Configured port ranges: they do not overlap, and one that is mapped is known to its space. */
static void check_io_ports(const struct io_ports *ports)
{
	bool known = false;

	for (unsigned int i = 0; ports->space != NULL && i < IO_RANGES_PER_SPACE; i++) {
		known = known || ports->space->io_ranges[i] == ports;
	}
	SWEEP_CHECK(known == (ports->space != NULL), "ports mapped in a space that does not know it", ports,
		ports->space);
	SWEEP_CHECK(ports->space == NULL || sweep_is_live(ports->space, BH_OBJECT_ADDRESS_SPACE),
		"ports mapped in a dead space", ports, ports->space);
	for (uint32_t i = 0; ports->count != 0 && i < sweep_object_count; i++) {
		const struct io_ports *other = (const struct io_ports *)sweep_objects[i].object;

		SWEEP_CHECK(sweep_objects[i].type != BH_OBJECT_IO_PORTS || other == ports ||
				    other->count == 0 || other->first >= ports->first + ports->count ||
				    ports->first >= other->first + other->count,
			"one port in two objects", ports, other);
	}
}

static bool is_mapped(const struct capability *slot)
{
	return (slot->type == BH_OBJECT_FRAME || slot->type == BH_OBJECT_PAGE_TABLE) &&
	       mapping_space(slot) != NULL;
}

static void check_unmapped_table(const struct capability *slot)
{
	const uint64_t *table = phys_to_virt(slot->object);

	for (unsigned int i = 0; i < 512; i++) {
		SWEEP_CHECK(table[i] == 0, "a table that is not mapped has entries", slot, i);
	}
}

void sweep_mappings(void)
{
	uint64_t mapped = 0, in_rings = 0;

	for (uint32_t i = 0; i < sweep_entry_count; i++) {
		const struct capability *slot = sweep_entries[i].slot;

		if (is_mapped(slot)) {
			SWEEP_CHECK(sweep_is_live(mapping_space(slot), BH_OBJECT_ADDRESS_SPACE) ||
					    sweep_is_live(mapping_space(slot), BH_OBJECT_GUEST_SPACE),
				"mapped in a dead space", slot, mapping_space(slot));
			mark(mapping_space(slot), slot);
			mapped++;
			continue;
		}
		SWEEP_CHECK((slot->type != BH_OBJECT_FRAME && slot->type != BH_OBJECT_PAGE_TABLE) ||
				    mapping_address(slot) == 0,
			"not mapped, and has a place", slot, mapping_address(slot));
		if (slot->type == BH_OBJECT_PAGE_TABLE) {
			check_unmapped_table(slot);
		}
	}
	for (uint32_t i = 0; i < sweep_object_count; i++) {
		const struct sweep_object *object = &sweep_objects[i];

		if (object->type == BH_OBJECT_ADDRESS_SPACE || object->type == BH_OBJECT_GUEST_SPACE) {
			in_rings += check_ring((struct space *)object->object);
			check_tables((const struct space *)object->object);
			check_io_ranges((const struct space *)object->object);
		}
		if (object->type == BH_OBJECT_GUEST_SPACE) {
			check_ports(guest_space_of((struct space *)object->object));
		}
		if (object->type == BH_OBJECT_IO_PORTS) {
			check_io_ports((const struct io_ports *)object->object);
		}
	}
	SWEEP_CHECK(mapped == in_rings, "mapped capabilities that no space knows", mapped, in_rings);
}
