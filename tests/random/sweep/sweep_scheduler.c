/* SPDX-License-Identifier: MIT */
/* Sweep: the ready queues hold exactly who can run, the heap of deadlines is one and holds exactly what is armed, and the CPU refers
 * to nothing dead. */
#include "sweep.h"

#include "sched/cpu.h"

#define CONTAINER(pointer, type, member) ((const type *)((uint64_t)(pointer)-offsetof(type, member)))

static bool can_run(const struct execution *execution)
{
	return execution->state == EXECUTION_READY && execution->context != NULL &&
	       execution->context->remaining != 0;
}

/* A vCPU that was signalled stands in the queue above its own. */
static bool belongs_to(const struct execution *execution, unsigned int priority)
{
	return execution->priority == priority ||
	       (execution->kind == EXECUTION_VCPU && execution->priority + 1u == priority);
}

static uint64_t check_ready_queue(const struct cpu *cpu, unsigned int priority)
{
	const struct execution_queue *queue = &cpu->ready[priority];
	const struct execution *previous = NULL;
	uint64_t count = 0;

	SWEEP_CHECK(((cpu->ready_bits[priority / 64] >> (priority % 64) & 1) != 0) == (queue->head != NULL),
		"ready queue and its bit disagree", priority, queue->head);
	for (const struct execution *at = queue->head; at != NULL; at = at->next) {
		SWEEP_CHECK(sweep_is_live(at, at->kind == EXECUTION_VCPU ? BH_OBJECT_VCPU : BH_OBJECT_THREAD),
			"dead execution in a ready queue", priority, at);
		SWEEP_CHECK(at->previous == previous, "ready queue: neighbours disagree", priority, at);
		SWEEP_CHECK(at->in_ready_queue && at->ready_priority == priority && belongs_to(at, priority),
			"in a ready queue of another priority", priority, at);
		SWEEP_CHECK(at->state == EXECUTION_READY && at->context != NULL && at != cpu->current,
			"in a ready queue, and can't run", priority, at);
		SWEEP_CHECK(count++ < SWEEP_ENTRIES, "ready queue without an end", priority, 0);
		previous = at;
	}
	SWEEP_CHECK(queue->tail == previous, "ready queue with another end", priority, queue->tail);
	return count;
}

static void check_ready(const struct cpu *cpu)
{
	uint64_t count = 0;

	for (unsigned int priority = 0; priority < PRIORITIES; priority++) {
		count += check_ready_queue(cpu, priority);
	}
	for (uint32_t i = 0; i < sweep_object_count; i++) {
		const struct execution *execution = (const struct execution *)sweep_objects[i].object;

		if (sweep_objects[i].type != BH_OBJECT_THREAD && sweep_objects[i].type != BH_OBJECT_VCPU) {
			continue;
		}
		SWEEP_CHECK(execution->in_ready_queue || execution == cpu->current || !can_run(execution),
			"can run, and is in no ready queue", execution, execution->context);
		count -= execution->in_ready_queue ? 1 : 0;
	}
	SWEEP_CHECK(count == 0, "ready queues have others than those that say so", count, 0);
}

static uint32_t rank_of(const struct timeout *node) { return node == NULL ? 0 : node->rank; }

static void check_timeout(const struct timeout *node)
{
	SWEEP_CHECK(node->armed, "deadline that is not armed", node, node->deadline);
	if (node->kind == TIMEOUT_TIMER) {
		SWEEP_CHECK(sweep_is_live(CONTAINER(node, struct timer, timeout), BH_OBJECT_TIMER),
			"deadline of a dead timer", node, node->deadline);
	} else {
		SWEEP_CHECK(sweep_is_live(CONTAINER(node, struct sched_context, replenishment),
				    BH_OBJECT_SCHED_CONTEXT),
			"deadline of a dead context", node, node->deadline);
	}
	SWEEP_CHECK((node->left == NULL ||
			    (node->left->parent == node && node->left->deadline >= node->deadline)) &&
			    (node->right == NULL ||
				    (node->right->parent == node && node->right->deadline >= node->deadline)),
		"heap of deadlines out of order", node, node->deadline);
	SWEEP_CHECK(rank_of(node->left) >= rank_of(node->right) && node->rank == rank_of(node->right) + 1,
		"heap of deadlines out of shape", node, node->rank);
}

/* Every node once, by the links upward. */
static void check_timeouts(const struct cpu *cpu)
{
	const struct timeout *node = cpu->timeouts, *from = NULL;
	uint64_t count = 0;

	SWEEP_CHECK(node == NULL || node->parent == NULL, "heap of deadlines with a parent", node, node);
	while (node != NULL) {
		const struct timeout *next = node->parent;

		if (from == node->parent) {
			check_timeout(node);
			SWEEP_CHECK(count++ < SWEEP_ENTRIES, "heap of deadlines without an end", node, 0);
			next = node->left != NULL    ? node->left
			       : node->right != NULL ? node->right
						     : node->parent;
		} else if (from == node->left && node->right != NULL) {
			next = node->right;
		}
		from = node;
		node = next;
	}
	for (uint32_t i = 0; i < sweep_object_count; i++) {
		if (sweep_objects[i].type == BH_OBJECT_TIMER) {
			count -= ((const struct timer *)sweep_objects[i].object)->timeout.armed ? 1 : 0;
		} else if (sweep_objects[i].type == BH_OBJECT_SCHED_CONTEXT) {
			count -= ((const struct sched_context *)sweep_objects[i].object)->replenishment.armed
					 ? 1
					 : 0;
		}
	}
	SWEEP_CHECK(count == 0, "armed deadlines that are not in the heap", count, 0);
}

static void check_cpu(const struct cpu *cpu)
{
	SWEEP_CHECK(cpu->current != NULL && cpu->current->state == EXECUTION_READY,
		"who makes a system call does not run", cpu->current, 0);
	SWEEP_CHECK(cpu->space == NULL || sweep_is_live(cpu->space, BH_OBJECT_ADDRESS_SPACE),
		"CPU in a dead space", cpu->space, 0);
	SWEEP_CHECK(cpu->io_space == NULL || sweep_is_live(cpu->io_space, BH_OBJECT_ADDRESS_SPACE),
		"CPU with ports of a dead space", cpu->io_space, 0);
	SWEEP_CHECK(cpu->fpu_owner == NULL || sweep_is_live(cpu->fpu_owner, BH_OBJECT_THREAD) ||
			    sweep_is_live(cpu->fpu_owner, BH_OBJECT_VCPU),
		"CPU with the FPU state of the dead", cpu->fpu_owner, 0);
	SWEEP_CHECK(cpu->bases_owner == NULL || sweep_is_live(cpu->bases_owner, BH_OBJECT_THREAD),
		"CPU with the bases of a dead thread", cpu->bases_owner, 0);
	SWEEP_CHECK(cpu->context == NULL || sweep_is_live(cpu->context, BH_OBJECT_SCHED_CONTEXT),
		"CPU on a dead context", cpu->context, 0);
}

void sweep_scheduler(void)
{
	const struct cpu *cpu = this_cpu();

	check_ready(cpu);
	check_timeouts(cpu);
	check_cpu(cpu);
}
