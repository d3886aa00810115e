/* SPDX-License-Identifier: MIT */
/* The end of capabilities and objects. An object whose last capability went away stops acting at once; taking its contents
 * apart may take long, so it becomes a zombie: it stands in a list, and every system call that changes capabilities first
 * works that list off, preemptibly. No recursion: a zombie's contents only add zombies to the list. */
#include "object/invocation.h"

#include "ipc/ipc.h"
#include "panic.h"
#include "string.h"

static struct object_header *zombies;

static void become_zombie(struct object_header *header, uint64_t type)
{
	header->type = (uint32_t)type;
	header->progress = 0;
	header->zombie_next = zombies;
	zombies = header;
}

/* What the object does from now on: nothing. Bounded work only. */
static void object_end(uint64_t type, uint64_t object)
{
	switch ((enum bh_object_type)type) {
	case BH_OBJECT_THREAD:
		thread_stop_for_good((struct thread *)object);
		break;
	case BH_OBJECT_VCPU:
		vcpu_stop_for_good((struct vcpu *)object);
		break;
	case BH_OBJECT_SCHED_CONTEXT:
		sched_context_end((struct sched_context *)object);
		return;
	case BH_OBJECT_REPLY:
		reply_end((struct reply *)object);
		return;
	case BH_OBJECT_TIMER:
		timer_end((struct timer *)object);
		break;
	case BH_OBJECT_IRQ_HANDLER:
		irq_handler_end((struct irq_handler *)object);
		break;
	case BH_OBJECT_IO_PORTS:
		io_ports_end((struct io_ports *)object);
		return;
	case BH_OBJECT_ADDRESS_SPACE:
	case BH_OBJECT_GUEST_SPACE:
	case BH_OBJECT_IO_SPACE:
		space_end((struct space *)object);
		break;
	case BH_OBJECT_NOTIFICATION:
		if (((struct notification *)object)->bound != NULL) {
			notification_unbind(((struct notification *)object)->bound);
		}
		break;
	default:
		break;
	}
	become_zombie((struct object_header *)object, type);
}

void capability_delete(struct capability *slot)
{
	uint64_t type = slot->type, object = slot->object;

	if (type == BH_OBJECT_FRAME || type == BH_OBJECT_PAGE_TABLE) {
		mapping_remove(slot);
	}
	derivation_remove(slot);
	memset(slot, 0, sizeof(*slot));
	if (type_is_counted(type) && --((struct object_header *)object)->references == 0) {
		object_end(type, object);
	}
}

/* Deletes the next capability in an array that an object keeps. false: none left. */
static bool delete_next(struct object_header *header, struct capability *slots, uint64_t count)
{
	while (header->progress < count) {
		struct capability *slot = &slots[header->progress++];

		if (!capability_is_empty(slot)) {
			capability_delete(slot);
			return true;
		}
		if (header->progress % 64 == 0) {
			return true; /* empty slots count as work, too */
		}
	}
	return false;
}

/* One bounded step of taking a zombie apart. false: finished. */
static bool teardown_step(struct object_header *header)
{
	switch ((enum bh_object_type)header->type) {
	case BH_OBJECT_CNODE: {
		struct cnode *cnode = (struct cnode *)header;

		return delete_next(header, cnode->slots_from_1, cnode->last_slot);
	}
	case BH_OBJECT_THREAD:
		return delete_next(header, ((struct thread *)header)->slots, THREAD_SLOTS);
	case BH_OBJECT_VCPU:
		return delete_next(header, ((struct vcpu *)header)->slots, VCPU_SLOTS);
	case BH_OBJECT_TIMER:
		return delete_next(header, &((struct timer *)header)->target, 1);
	case BH_OBJECT_IRQ_HANDLER:
		return delete_next(header, &((struct irq_handler *)header)->target, 1);
	case BH_OBJECT_ADDRESS_SPACE:
	case BH_OBJECT_GUEST_SPACE:
		return space_forget_one((struct space *)header);
	case BH_OBJECT_IO_SPACE:
		return space_forget_one((struct space *)header) ||
		       delete_next(header, &io_space_of((struct space *)header)->target, 1);
	case BH_OBJECT_ENDPOINT:
		return endpoint_cancel_one((struct endpoint *)header);
	case BH_OBJECT_NOTIFICATION:
		return notification_cancel_one((struct notification *)header);
	default:
		ASSERT(false);
		return false;
	}
}

bool teardown_run(void)
{
	while (zombies != NULL) {
		struct object_header *header = zombies;

		if (!teardown_step(header)) {
			/* Steps put new zombies in front: unlink this one wherever it stands now. It is the first still,
			 * since a finishing step adds none. */
			zombies = header->zombie_next;
		}
		if (zombies != NULL && preemption_point()) {
			return false;
		}
	}
	return true;
}
