/* SPDX-License-Identifier: MIT */
/* See machine.h. What the capability code calls elsewhere in the kernel is replaced here: nobody ever waits at these endpoints. */
#include "machine.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "object/invocation.h"

#include "ipc/ipc.h"
#include "panic.h"

/* Its list of zombies is part of the system's state. */
#include "object/teardown.c" /* NOLINT(bugprone-suspicious-include) */

/* The caller's capability to its own CNode: not in the derivation list, and never changed. */
#define ROOT_SLOT_OF_CNODE 15

static struct {
	struct capability slots[16];
	uint8_t bytes[1u << MEMORY_BITS];
	struct endpoint boot_endpoint; /* 64 bytes, not of these */
} memory __attribute__((aligned(1024)));
static struct thread caller;
static jmp_buf assertion_failed;
static unsigned int points;      /* preemption points in this call */
static unsigned int points_left; /* preemption points until an interrupt is pending; 0: never */

static struct cnode *root(void) { return (struct cnode *)(void *)memory.slots; }

bool preemption_point(void)
{
	ASSERT(++points < 1000); /* else it goes round in circles */
	return points_left != 0 && --points_left == 0;
}

void panic_assertion(const char *file, unsigned int line, const char *condition)
{
	printf("%s:%u: the kernel's assertion failed: %s\n", file, line, condition);
	longjmp(assertion_failed, 1);
}

/* --- the rest of the kernel --- */

#define NO_INVOCATIONS(name)                          \
	enum bh_error name(struct invocation *unused) \
	{                                             \
		(void)unused;                         \
		return BH_ERROR_INVOCATION;           \
	}
NO_INVOCATIONS(thread_invoke)
NO_INVOCATIONS(sched_context_invoke)
NO_INVOCATIONS(sched_control_invoke)
NO_INVOCATIONS(timer_invoke)
NO_INVOCATIONS(frame_invoke)
NO_INVOCATIONS(page_table_invoke)
NO_INVOCATIONS(guest_space_invoke)
NO_INVOCATIONS(vcpu_invoke)
NO_INVOCATIONS(irq_handler_invoke)
NO_INVOCATIONS(irq_control_invoke)
NO_INVOCATIONS(io_space_invoke)
NO_INVOCATIONS(io_space_control_invoke)
NO_INVOCATIONS(io_ports_invoke)
NO_INVOCATIONS(io_port_control_invoke)

#define NOTHING(name, type)             \
	void name(type *unused)         \
	{                               \
		(void)unused;           \
		ASSERT(unused == NULL); \
	}
NOTHING(thread_initialise, struct thread)
NOTHING(sched_context_initialise, struct sched_context)
NOTHING(vcpu_initialise, struct vcpu)
NOTHING(thread_stop_for_good, struct thread)
NOTHING(vcpu_stop_for_good, struct vcpu)
NOTHING(sched_context_end, struct sched_context)
NOTHING(reply_end, struct reply)
NOTHING(timer_end, struct timer)
NOTHING(irq_handler_end, struct irq_handler)
NOTHING(io_ports_end, struct io_ports)
NOTHING(space_end, struct space)
NOTHING(mapping_remove, struct capability)
NOTHING(notification_unbind, struct execution)

void address_space_initialise(struct address_space *space, uint64_t physical)
{
	(void)physical;
	ASSERT(space == NULL);
}

void io_space_initialise(struct io_space *space, uint64_t physical)
{
	(void)physical;
	ASSERT(space == NULL);
}

void space_initialise(struct space *space, uint64_t root_physical, bool is_guest)
{
	(void)root_physical;
	ASSERT(space == NULL && is_guest);
}

bool space_forget_one(struct space *space)
{
	ASSERT(space == NULL);
	return false;
}

bool endpoint_cancel_one(struct endpoint *endpoint)
{
	ASSERT(endpoint->queue.head == NULL);
	return false;
}

bool endpoint_cancel_badged(struct endpoint *endpoint, uint64_t badge, unsigned int limit)
{
	(void)badge;
	(void)limit;
	ASSERT(endpoint->queue.head == NULL);
	return true;
}

bool notification_cancel_one(struct notification *notification)
{
	ASSERT(notification == NULL);
	return false;
}

/* --- places --- */

static struct cnode *cnode_at(unsigned int number)
{
	return (struct cnode *)(void *)&memory.bytes[number * CNODE_BYTES];
}

static struct capability *slot_at(unsigned int place)
{
	return place < ROOT_PLACES ? &root()->slots_from_1[place]
				   : &cnode_at(place - ROOT_PLACES)->slots_from_1[0];
}

static unsigned int place_of(const struct capability *slot)
{
	if (slot >= memory.slots && slot < memory.slots + 16) {
		return (unsigned int)(slot - memory.slots) - 1;
	}
	return ROOT_PLACES + (unsigned int)((const uint8_t *)slot - memory.bytes) / CNODE_BYTES;
}

/* Index in the caller's CNode of a capability to the CNode that the place is in: one with all rights; 0: there is none. */
static uint64_t cnode_index(const struct model *model, unsigned int place)
{
	if (place < ROOT_PLACES) {
		return ROOT_SLOT_OF_CNODE;
	}
	for (unsigned int other = 0; other < ROOT_PLACES; other++) {
		if (model->node[other].type == BH_OBJECT_CNODE &&
			model->node[other].rights == BH_RIGHTS_ALL &&
			model->node[other].object == (place - ROOT_PLACES) * (CNODE_BYTES / 64)) {
			return other + 1;
		}
	}
	return 0;
}

static uint64_t index_in_cnode(unsigned int place) { return place < ROOT_PLACES ? place + 1 : 1; }

bool machine_reaches(const struct model *model, unsigned int place) { return cnode_index(model, place) != 0; }

bool machine_is_present(unsigned int place) { return !capability_is_empty(slot_at(place)); }

bool machine_is_settled(void) { return zombies == NULL; }

/* --- life --- */

void machine_start(struct model *model)
{
	struct capability *own = &memory.slots[ROOT_SLOT_OF_CNODE], *untyped = slot_at(0),
			  *endpoint = slot_at(1);

	memset(&memory, 0, sizeof(memory));
	zombies = NULL;
	cnode_initialise(root(), 4);
	root()->header.references = 1;
	*own = (struct capability){
		.type = BH_OBJECT_CNODE, .rights = BH_RIGHTS_ALL, .object = (uint64_t)root()
	};
	caller.slots[THREAD_CSPACE] = *own;
	untyped->type = BH_OBJECT_UNTYPED;
	untyped->rights = BH_RIGHTS_ALL;
	untyped->object = virt_to_phys(memory.bytes);
	untyped->untyped.size_bits = MEMORY_BITS;
	derivation_append(NULL, untyped);
	memory.boot_endpoint.header.references = 1;
	endpoint->type = BH_OBJECT_ENDPOINT;
	endpoint->rights = BH_RIGHTS_ALL;
	endpoint->object = (uint64_t)&memory.boot_endpoint;
	derivation_append(untyped, endpoint);

	memset(model, 0, sizeof(*model));
	model->node[0] = (struct node){
		.type = BH_OBJECT_UNTYPED, .rights = BH_RIGHTS_ALL, .bits = MEMORY_BITS, .parent = NO_PLACE
	};
	model->node[1] = (struct node){ .type = BH_OBJECT_ENDPOINT,
		.rights = BH_RIGHTS_ALL,
		.object = BOOT_ENDPOINT,
		.parent = NO_PLACE };
}

void machine_save(struct image *image)
{
	_Static_assert(sizeof(memory) <= sizeof(image->memory), "struct image");
	memcpy(image->memory, &memory, sizeof(memory));
	image->zombies = zombies;
}

void machine_restore(const struct image *image)
{
	memcpy(&memory, image->memory, sizeof(memory));
	zombies = image->zombies;
}

enum bh_error machine_apply(const struct model *model, const struct operation *operation)
{
	struct invocation invocation = { .caller = &caller };
	uint64_t index = cnode_index(model, operation->b), *argument = invocation.argument;
	enum bh_error error;

	switch ((enum kind)operation->kind) {
	case COPY:
	case MINT:
	case MOVE:
		invocation.label = operation->kind == COPY   ? BH_CNODE_COPY
				   : operation->kind == MINT ? BH_CNODE_MINT
							     : BH_CNODE_MOVE;
		argument[0] = index_in_cnode(operation->b);
		argument[1] = cnode_index(model, operation->a);
		argument[2] = index_in_cnode(operation->a);
		argument[3] = operation->rights;
		argument[4] = operation->badge;
		break;
	case DELETE:
	case REVOKE:
		invocation.label = operation->kind == DELETE ? BH_CNODE_DELETE : BH_CNODE_REVOKE;
		index = cnode_index(model, operation->a);
		argument[0] = index_in_cnode(operation->a);
		break;
	case ROTATE:
		invocation.label = BH_CNODE_ROTATE;
		argument[0] = index_in_cnode(operation->b);
		argument[1] = index_in_cnode(operation->a);
		argument[2] = index_in_cnode(operation->c);
		break;
	case RETYPE:
		invocation.label = BH_UNTYPED_RETYPE;
		argument[0] = operation->type;
		argument[1] = operation->type == BH_OBJECT_UNTYPED ? operation->bits
			      : operation->type == BH_OBJECT_CNODE
				      ? operation->bits - (uint64_t)BH_CNODE_SLOT_BITS
				      : 0;
		argument[2] = index;
		argument[3] = index_in_cnode(operation->b);
		argument[4] = operation->count;
		index = operation->a + 1;
		break;
	case KINDS:
		break;
	}
	invocation.slot = capability_lookup(&caller, index);
	if (invocation.slot == NULL) {
		return BH_ERROR_CAPABILITY;
	}
	points = 0;
	points_left = operation->preempt_at;
	if (setjmp(assertion_failed) != 0) {
		return ASSERTION_FAILED;
	}
	error = invoke(&invocation);
	points_left = 0;
	return error == INVOCATION_RESTART ? PREEMPTED : error;
}

/* --- comparison --- */

static const char *compare_slot(const struct model *model, unsigned int place)
{
	static const struct capability empty;
	const struct capability *slot = slot_at(place);
	const struct node *node = &model->node[place];
	uint64_t object = node->object == BOOT_ENDPOINT ? (uint64_t)&memory.boot_endpoint
							: (uint64_t)&memory.bytes[node->object * 64u];

	if (node->type == BH_OBJECT_NULL) {
		return memcmp(slot, &empty, sizeof(empty)) == 0 ? NULL : "an empty slot is not empty";
	}
	if (slot->type != node->type || slot->rights != node->rights) {
		return "type or rights differ";
	}
	if (node->type == BH_OBJECT_UNTYPED) {
		if (slot->object != virt_to_phys((void *)object) || slot->untyped.size_bits != node->bits) {
			return "an Untyped stands for other memory";
		}
		if (derivation_first_child(slot) != NULL && slot->untyped.used != node->used) {
			return "an Untyped has handed out another amount";
		}
	} else if (slot->object != object || slot->badge != node->badge) {
		return "object or badge differ";
	} else if (capability_header(slot)->references != model_references(model, node)) {
		return "the object's references are not counted right";
	}
	return NULL;
}

/* What Revoke of that slot would delete. */
static uint32_t descendants(const struct capability *slot)
{
	uint32_t found = 0;

	for (const struct capability *entry = slot->next;
		entry != NULL && derivation_join(entry) > slot->depth; entry = entry->next) {
		found |= 1u << place_of(entry);
	}
	return found;
}

static const struct capability *list_head(const struct model *model)
{
	for (unsigned int place = 0; place < PLACES; place++) {
		if (is_present(model, place) && slot_at(place)->previous == NULL) {
			return slot_at(place);
		}
	}
	return NULL;
}

const char *machine_compare(const struct model *model)
{
	const struct capability *before = NULL;
	unsigned int present = 0, listed = 0;

	for (unsigned int place = 0; place < PLACES; place++) {
		const char *difference;

		if (place >= ROOT_PLACES && !model_cnode_exists(model, place - ROOT_PLACES)) {
			continue; /* no slot, just memory */
		}
		difference = compare_slot(model, place);
		if (difference != NULL) {
			return difference;
		}
		present += is_present(model, place) ? 1 : 0;
	}
	for (const struct capability *entry = list_head(model); entry != NULL; entry = entry->next) {
		if (entry->previous != before || ++listed > present ||
			derivation_join(entry) > entry->depth) {
			return "the derivation list is not well formed";
		}
		before = entry;
	}
	if (listed != present) {
		return "the derivation list has not every capability";
	}
	for (unsigned int place = 0; place < PLACES; place++) {
		if (is_present(model, place) &&
			descendants(slot_at(place)) != model_descendants(model, place)) {
			return "Revoke would delete others than what is derived";
		}
		if (is_present(model, place) && (derivation_first_child(slot_at(place)) != NULL) !=
							(model_descendants(model, place) != 0)) {
			return "has it children?";
		}
	}
	return model_overlaps(model) ? "memory was handed out twice" : NULL;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

uint64_t machine_hash(const struct model *model)
{
	uint64_t hash = 1;

	for (const struct capability *entry = list_head(model); entry != NULL; entry = entry->next) {
		unsigned int place = place_of(entry);

		hash = mix(hash, (uint64_t)entry->type << 56 | (uint64_t)entry->rights << 48 | entry->depth);
		hash = mix(hash, derivation_join(entry) << 16 | (place < ROOT_PLACES ? 0 : place));
		hash = mix(hash, entry->object);
		hash = mix(hash, entry->badge);
	}
	for (const struct object_header *zombie = zombies; zombie != NULL; zombie = zombie->zombie_next) {
		hash = mix(hash, (uint64_t)zombie);
		hash = mix(hash, (uint64_t)zombie->type << 32 | zombie->progress);
	}
	return hash;
}

void machine_soil(const struct model *model, unsigned int place)
{
	const struct node *node = &model->node[place];
	unsigned int used = model_used(model, place);

	memset(&memory.bytes[node->object * 64u + used], 0xa5, (1u << node->bits) - used);
}
