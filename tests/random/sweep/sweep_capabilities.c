/* SPDX-License-Identifier: MIT */
/* Sweep: the derivation list is well formed, every capability stands in a slot of a live object and descends from nothing but its
 * own kind, no two objects share memory, and references are counted right. */
#include "sweep.h"

#include <stddef.h>

#include "arch/x86_64/image.h"
#include "boot/root_task.h"

struct sweep_entry sweep_entries[SWEEP_ENTRIES];
struct sweep_object sweep_objects[SWEEP_ENTRIES];
uint32_t sweep_entry_count, sweep_object_count;

/* Indices of entries that name memory, by start; then those with the greater end first, then in the list's order. */
static uint32_t order[SWEEP_ENTRIES], scratch[SWEEP_ENTRIES];
static uint32_t ordered;
static uint32_t open_entries[SWEEP_ENTRIES];

/* Said once more on purpose, from the ABI and not from kernel/object/untyped.c: a size that is wrong there, too small for its object or not the
 * ABI's, has to disagree with something. */
static uint64_t fixed_bits(uint64_t type)
{
	static const uint8_t bits[BH_OBJECT_TYPES] = {
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

	return bits[type];
}

static void find_range(struct sweep_entry *entry)
{
	const struct capability *slot = entry->slot;
	uint64_t bits;

	switch (slot->type) {
	case BH_OBJECT_UNTYPED:
		entry->start = slot->object;
		bits = slot->untyped.size_bits;
		break;
	case BH_OBJECT_FRAME:
	case BH_OBJECT_PAGE_TABLE:
		entry->start = slot->object;
		bits = slot->mapping.size_bits;
		break;
	case BH_OBJECT_CNODE:
		entry->start = virt_to_phys((const void *)slot->object);
		bits = ((const struct cnode *)slot->object)->bits + BH_CNODE_SLOT_BITS;
		break;
	case BH_OBJECT_ADDRESS_SPACE:
	case BH_OBJECT_GUEST_SPACE:
	case BH_OBJECT_IO_SPACE:
		entry->start = virt_to_phys((const void *)slot->object) - PAGE_SIZE;
		bits = fixed_bits(slot->type);
		break;
	default:
		if (slot->type >= BH_OBJECT_SCHED_CONTROL) {
			entry->start = entry->end = 0;
			return;
		}
		entry->start = virt_to_phys((const void *)slot->object);
		bits = fixed_bits(slot->type);
		break;
	}
	entry->end = entry->start + (UINT64_C(1) << bits);
}

/* Do both name the same object? What cannot be copied is never the same. */
static bool same_object(const struct capability *first, const struct capability *second)
{
	return first->type == second->type && first->object == second->object &&
	       first->type != BH_OBJECT_UNTYPED && first->type != BH_OBJECT_PAGE_TABLE &&
	       (first->type != BH_OBJECT_FRAME || first->mapping.size_bits == second->mapping.size_bits);
}

/* What a capability may be derived from. */
static void check_kin(const struct sweep_entry *parent, const struct sweep_entry *child)
{
	const struct capability *from = parent->slot, *slot = child->slot;

	if (from->type == BH_OBJECT_UNTYPED) {
		SWEEP_CHECK(child->start >= parent->start && child->end <= parent->end,
			"derived from an Untyped, outside its memory", from, slot);
		SWEEP_CHECK(
			slot->type < BH_OBJECT_SCHED_CONTROL, "control object made of memory", from, slot);
		return;
	}
	if (from->type == BH_OBJECT_VCPU && slot->type == BH_OBJECT_FRAME) {
		SWEEP_CHECK(slot->object == virt_to_phys(((const struct vcpu *)from->object)->state_page),
			"frame of a VCPU that is not its state page", from, slot);
		return;
	}
	SWEEP_CHECK(same_object(from, slot), "derived from a capability of another object", from, slot);
	SWEEP_CHECK(
		(slot->rights & ~from->rights) == 0, "more rights than what it is derived from", from, slot);
}

static void walk_list(void)
{
	struct capability *slot = (struct capability *)&root_thread->slots[THREAD_CSPACE];
	uint32_t count = 0, open = 0;

	while (slot->previous != NULL) {
		SWEEP_CHECK(count++ < SWEEP_ENTRIES, "derivation list without a beginning", slot, 0);
		slot = slot->previous;
	}
	count = 0;
	for (; slot != NULL; slot = slot->next) {
		struct sweep_entry *entry = &sweep_entries[count];

		SWEEP_CHECK(count < SWEEP_ENTRIES, "derivation list without an end", slot, count);
		SWEEP_CHECK(slot->type > BH_OBJECT_NULL && slot->type < BH_OBJECT_TYPES,
			"empty slot in the derivation list", slot, slot->type);
		SWEEP_CHECK((slot->rights & ~(uint64_t)BH_RIGHTS_ALL) == 0, "rights that there are not", slot,
			slot->rights);
		SWEEP_CHECK(slot->next == NULL || slot->next->previous == slot,
			"derivation list: neighbours disagree", slot, slot->next);
		entry->slot = slot;
		find_range(entry);
		SWEEP_CHECK(
			derivation_join(slot) <= slot->depth &&
				derivation_join(slot) <=
					(slot->previous != NULL ? slot->previous->depth + UINT64_C(1) : 0),
			"join too great", slot, derivation_join(slot));
		/* Who stands before it with at least its join is no ancestor. */
		while (open > 0 &&
			sweep_entries[open_entries[open - 1]].slot->depth >= derivation_join(slot)) {
			sweep_entries[open_entries[--open]].last = count - 1;
		}
		if (open > 0) {
			check_kin(&sweep_entries[open_entries[open - 1]], entry);
		} else {
			SWEEP_CHECK(
				derivation_join(slot) == 0, "no ancestor, but joins one", slot, slot->depth);
		}
		open_entries[open++] = count++;
	}
	while (open > 0) {
		sweep_entries[open_entries[--open]].last = count - 1;
	}
	sweep_entry_count = count;
}

static bool comes_first(uint32_t first, uint32_t second)
{
	const struct sweep_entry *a = &sweep_entries[first], *b = &sweep_entries[second];

	if (a->start != b->start) {
		return a->start < b->start;
	}
	return a->end != b->end ? a->end > b->end : first < second;
}

/* Merge sort from the bottom: no recursion in a kernel. */
static void sort_by_memory(void)
{
	uint32_t *from = order, *to = scratch;

	ordered = 0;
	for (uint32_t i = 0; i < sweep_entry_count; i++) {
		if (sweep_entries[i].end != 0) {
			order[ordered++] = i;
		}
	}
	for (uint32_t width = 1; width < ordered; width *= 2) {
		for (uint32_t begin = 0; begin < ordered; begin += 2 * width) {
			uint32_t middle = begin + width < ordered ? begin + width : ordered;
			uint32_t end = begin + 2 * width < ordered ? begin + 2 * width : ordered;
			uint32_t left = begin, right = middle;

			for (uint32_t at = begin; at < end; at++) {
				bool take_left = left < middle &&
						 (right == end || comes_first(from[left], from[right]));

				to[at] = take_left ? from[left++] : from[right++];
			}
		}

		uint32_t *swap = from;

		from = to;
		to = swap;
	}
	if (from != order) {
		for (uint32_t i = 0; i < ordered; i++) {
			order[i] = from[i];
		}
	}
}

/* An entry's memory lies in another's: is that in order? */
static void check_nesting(uint32_t outer_index, uint32_t inner_index)
{
	const struct sweep_entry *outer = &sweep_entries[outer_index], *inner = &sweep_entries[inner_index];

	SWEEP_CHECK(inner->end <= outer->end, "two objects share some memory", outer->slot, inner->slot);
	if (outer->slot->type == BH_OBJECT_VCPU) {
		SWEEP_CHECK(
			inner->slot->type == BH_OBJECT_FRAME &&
				inner->slot->object ==
					virt_to_phys(((const struct vcpu *)outer->slot->object)->state_page),
			"two objects on the same memory", outer->slot, inner->slot);
		return;
	}
	SWEEP_CHECK(outer->slot->type == BH_OBJECT_UNTYPED && outer_index < inner_index &&
			    inner_index <= outer->last,
		"two objects on the same memory", outer->slot, inner->slot);
	SWEEP_CHECK(inner->end - outer->start <= outer->slot->untyped.used,
		"memory that an Untyped would hand out again is in use", outer->slot, inner->slot);
}

static void add_object(const struct sweep_entry *entry, uint64_t references)
{
	const struct capability *slot = entry->slot;

	if (!type_is_counted(slot->type)) {
		return;
	}
	SWEEP_CHECK(capability_header(slot)->references == references, "references miscounted", slot->object,
		references);
	sweep_objects[sweep_object_count++] =
		(struct sweep_object){ slot->type, slot->object, entry->start, entry->end };
}

/* The kernel's image has its log and trace rings in it, for reading. */
static void check_kernel_memory(const struct sweep_entry *entry)
{
	if (entry->start < virt_to_phys(kernel_data_end) && entry->end > virt_to_phys(kernel_text_start)) {
		SWEEP_CHECK(entry->slot->type == BH_OBJECT_FRAME &&
				    (entry->slot->rights & BH_RIGHT_WRITE) == 0 &&
				    entry->start >= virt_to_phys(kernel_data_start),
			"capability to the kernel's own memory", entry->slot, entry->start);
	}
}

static void check_memory(void)
{
	uint32_t open = 0;

	sweep_object_count = 0;
	for (uint32_t i = 0; i < ordered; i++) {
		const struct sweep_entry *entry = &sweep_entries[order[i]];
		uint64_t references = 0;
		bool copy;

		check_kernel_memory(entry);
		while (open > 0 && sweep_entries[open_entries[open - 1]].end <= entry->start) {
			open--;
		}
		/* The first of an object's capabilities stands for it; what is around that is around the others too. */
		copy = open > 0 && same_object(sweep_entries[open_entries[open - 1]].slot, entry->slot);
		if (open > (copy ? 1u : 0u)) {
			check_nesting(open_entries[open - (copy ? 2 : 1)], order[i]);
		}
		if (copy) {
			continue;
		}
		open_entries[open++] = order[i];
		while (i + references < ordered &&
			same_object(sweep_entries[order[i + references]].slot, entry->slot)) {
			references++;
		}
		add_object(entry, references);
	}
}

const struct sweep_object *sweep_find(const void *address)
{
	uint64_t physical = virt_to_phys(address);
	uint32_t low = 0, high = sweep_object_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (sweep_objects[middle].end <= physical) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < sweep_object_count && sweep_objects[low].start <= physical ? &sweep_objects[low] : NULL;
}

bool sweep_is_live(const void *object, uint64_t type)
{
	const struct sweep_object *found = sweep_find(object);

	return found != NULL && found->type == type && found->object == (uint64_t)object;
}

struct capability *sweep_slots(const struct sweep_object *object, uint64_t *count)
{
	switch (object->type) {
	case BH_OBJECT_CNODE:
		*count = (UINT64_C(1) << ((const struct cnode *)object->object)->bits) - 1;
		return ((struct cnode *)object->object)->slots_from_1;
	case BH_OBJECT_THREAD:
		*count = THREAD_SLOTS;
		return ((struct thread *)object->object)->slots;
	case BH_OBJECT_VCPU:
		*count = VCPU_SLOTS;
		return ((struct vcpu *)object->object)->slots;
	case BH_OBJECT_TIMER:
		*count = 1;
		return &((struct timer *)object->object)->target;
	case BH_OBJECT_IRQ_HANDLER:
		*count = 1;
		return &((struct irq_handler *)object->object)->target;
	case BH_OBJECT_IO_SPACE:
		*count = 1;
		return &io_space_of((struct space *)object->object)->target;
	default:
		*count = 0;
		return NULL;
	}
}

/* Each capability of the list stands in a slot of a live object, and each slot that is not empty is in the list. */
static void check_places(void)
{
	uint64_t filled = 0;

	for (uint32_t i = 0; i < sweep_entry_count; i++) {
		struct capability *slot = sweep_entries[i].slot;
		const struct sweep_object *object = sweep_find(slot);
		uint64_t count = 0;
		struct capability *slots = object != NULL ? sweep_slots(object, &count) : NULL;

		SWEEP_CHECK(slots != NULL && slot >= slots && slot < slots + count &&
				    ((uint64_t)slot - (uint64_t)slots) % sizeof(*slot) == 0,
			"capability that stands in no slot of a live object", slot, slot->type);
	}
	for (uint32_t i = 0; i < sweep_object_count; i++) {
		uint64_t count;
		const struct capability *slots = sweep_slots(&sweep_objects[i], &count);

		for (uint64_t at = 0; at < count; at++) {
			filled += capability_is_empty(&slots[at]) ? 0 : 1;
		}
	}
	SWEEP_CHECK(filled == sweep_entry_count, "slots that are not empty, and not in the derivation list",
		filled, sweep_entry_count);
}

void sweep_capabilities(void)
{
	walk_list();
	sort_by_memory();
	check_memory();
	check_places();
}
