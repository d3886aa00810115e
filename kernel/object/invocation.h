/* SPDX-License-Identifier: MIT */
/* How an invocation reaches its object: one function per object type, which decodes (all checks, may fail) and then acts
 * (can't fail). */
#pragma once

#include <bulkhead/invocation.h>

#include "object/objects.h"

/* Not an error of the ABI: the system call is to be made again, because an interrupt came at a preemption point. */
#define INVOCATION_RESTART ((enum bh_error)BH_ERROR_COUNT)

struct invocation {
	struct thread *caller;
	struct capability *slot; /* the invoked capability */
	uint64_t label;
	uint64_t argument[6];
	uint64_t result[4];
};

/* The slot of the caller's CNode, or NULL if outside or empty. */
static inline struct capability *capability_lookup(const struct thread *thread, uint64_t index)
{
	const struct capability *space = &thread->slots[THREAD_CSPACE];
	struct capability *slot;

	if (space->type != BH_OBJECT_CNODE) {
		return NULL;
	}
	slot = cnode_slot((struct cnode *)space->object, index);
	return slot == NULL || capability_is_empty(slot) ? NULL : slot;
}

/* The same, of that type and with those rights: CAPABILITY, TYPE, RIGHTS. */
__attribute__((warn_unused_result)) static inline enum bh_error capability_find(const struct thread *thread,
	uint64_t index, enum bh_object_type type, uint64_t rights, struct capability **found)
{
	struct capability *slot = capability_lookup(thread, index);

	if (slot == NULL) {
		return BH_ERROR_CAPABILITY;
	}
	if (slot->type != type) {
		return BH_ERROR_TYPE;
	}
	if ((slot->rights & rights) != rights) {
		return BH_ERROR_RIGHTS;
	}
	*found = slot;
	return BH_OK;
}

/* The CNode that an argument names; 0 is the caller's own. Also checks rights on it. */
__attribute__((warn_unused_result)) enum bh_error cnode_find(
	const struct thread *thread, uint64_t index, uint64_t rights, struct cnode **found);

/* Is an interrupt pending that was not handled yet? Opens the interrupt window. */
bool preemption_point(void);

enum bh_error invoke(struct invocation *invocation);

enum bh_error untyped_invoke(struct invocation *invocation);
enum bh_error cnode_invoke(struct invocation *invocation);
enum bh_error thread_invoke(struct invocation *invocation);
enum bh_error sched_context_invoke(struct invocation *invocation);
enum bh_error sched_control_invoke(struct invocation *invocation);
enum bh_error endpoint_invoke(struct invocation *invocation);
enum bh_error timer_invoke(struct invocation *invocation);
enum bh_error frame_invoke(struct invocation *invocation);
enum bh_error page_table_invoke(struct invocation *invocation);
enum bh_error guest_space_invoke(struct invocation *invocation);
enum bh_error vcpu_invoke(struct invocation *invocation);
enum bh_error irq_handler_invoke(struct invocation *invocation);
enum bh_error irq_control_invoke(struct invocation *invocation);
enum bh_error io_ports_invoke(struct invocation *invocation);
enum bh_error io_port_control_invoke(struct invocation *invocation);
enum bh_error io_space_invoke(struct invocation *invocation);
enum bh_error io_space_control_invoke(struct invocation *invocation);

/* --- teardown.c --- */

/* Empties the slot. The last capability of an object ends it at once; what takes long is left to teardown_run. */
void capability_delete(struct capability *slot);

/* Goes on with the teardown of dead objects. false: preempted, there is more. Before it returned true no memory that they
 * stood in may be used again. */
bool teardown_run(void);

/* --- per type: what the end of an object does at once --- */
void thread_stop_for_good(struct thread *thread);
void vcpu_stop_for_good(struct vcpu *vcpu);
void sched_context_end(struct sched_context *context);
void timer_end(struct timer *timer);

/* Arms it to a deadline that is still to come. false: it is not, or the timer has no target; nothing was done. */
bool timer_arm(struct timer *timer, uint64_t deadline);
void irq_handler_end(struct irq_handler *handler);
void io_ports_end(struct io_ports *ports);
void io_space_end(struct io_space *space);
void execution_end(struct execution *execution);
void reply_end(struct reply *reply);

/* A PCI function's access was refused by the IOMMU: tells the owner of the IoSpace of that domain, and the log. */
void io_space_fault(uint32_t domain, uint32_t function, uint64_t address, enum bh_io_fault kind);

/* --- per type: what is not zero in a fresh object --- */
void io_space_initialise(struct io_space *space, uint64_t physical);
void thread_initialise(struct thread *thread);
void sched_context_initialise(struct sched_context *context);
void address_space_initialise(struct address_space *space, uint64_t physical);
void vcpu_initialise(struct vcpu *vcpu);

/* THREAD_BIND_NOTIFICATION and VCPU_BIND_NOTIFICATION: argument 0 names the Notification. */
__attribute__((warn_unused_result)) enum bh_error execution_bind_notification(
	const struct invocation *invocation, struct execution *execution);

/* TIMER_BIND and its like: argument 0 names the Notification that `target`, in an object, is from now on. STATE: it is one already. */
__attribute__((warn_unused_result)) enum bh_error target_bind(
	const struct invocation *invocation, struct capability *target);

/* What a control capability is invoked for, by that label: an object of that type, which argument 0 names. */
__attribute__((warn_unused_result)) enum bh_error control_find(const struct invocation *invocation,
	enum bh_invocation label, enum bh_object_type type, void **object);

/* Makes slot (empty, in an object) a copy of source, for an object that keeps a capability. */
__attribute__((warn_unused_result)) enum bh_error slot_keep(
	struct capability *slot, struct capability *source);

/* --- spaces --- */
void mapping_remove(struct capability *slot);
void space_initialise(struct space *space, uint64_t root_physical, bool is_guest);
/* Maps at an address that was checked: NOT_MAPPED, MAPPED. */
__attribute__((warn_unused_result)) enum bh_error space_insert_frame(
	struct space *space, struct capability *frame, uint64_t address, uint64_t flags);
__attribute__((warn_unused_result)) enum bh_error space_insert_table(
	struct space *space, struct capability *table, uint64_t address, unsigned int level);
/* Is something (a table, or a large page) mapped where the table of that level for the address goes? */
bool space_has_table(const struct space *space, uint64_t address, unsigned int level);
/* One mapping capability of a dying space forgets it; false: none left. */
bool space_forget_one(struct space *space);
void space_end(struct space *space);

/* An interrupt came (arch entry), number 0..INTERRUPTS - 1: masks a line, signals its handler's Notification. INTERRUPTS is the
 * IOMMU's own. */
void interrupt_fired(uint32_t interrupt);
