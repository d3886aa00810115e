/* SPDX-License-Identifier: MIT */
/* Proof: ready-queues
 * Property: the ready queues stay well formed: linked both ways with the right ends; the bits say which queues are not empty, and ready_top is
 *	the highest of them; an execution stands in the queue of its priority exactly while it is READY, has a context with budget left and
 *	is not the current one; nobody else's place changes. Who becomes ready or yields goes behind the others, who is preempted before
 *	them; who is made prompt, and has less than all of the CPU, stands in the queue above. Whom the CPU goes to is the first of the highest
 *	queue, and who keeps it can run and is outranked by nobody who is ready.
 * Bound: each step from any well-formed state: any bits for the queues that the step has nothing to do with (and any highest of them), up to
 *	three executions in each of the two that it changes; a CPU of 66 queues, priorities 0, 63, 64 and 65, on both sides of a word's end.
 * Assumes: ready_top is the highest queue that is not empty
 * Models: the clock is any; a context may be filled up when it is looked at (see scheduler-time)
 * Models: charging may exhaust the context of the one that was picked, or ask for another look; what else it does to queues are steps of their own
 * Models: a pick that looks again is followed to there, and the queues are well formed then; its second look finds nobody who is ready
 * Functions: kernel/sched/scheduler.c: queue_append queue_prepend queue_remove can_run ready_enqueue ready_dequeue
 *	update scheduler_update scheduler_make_ready scheduler_wake scheduler_block scheduler_yield account_to_current scheduler_pick
 * Models: a CPU has 66 queues instead of 256, for CBMC's sake
 * Models: highest_ready finds the highest bit (see ready-top)
 * Replaces: rdtsc proof_rdtsc
 * Replaces: highest_ready proof_highest_ready
 * Options: --max-field-sensitivity-array-size 66 --slice-formula --unwind 5 --unwindset scheduler_pick.0:3 --unwindset others_stay.0:257 --unwindset begin.0:257
 */
#include "proof.h"

#include "arch/x86_64/cpu.h"

#include "object/objects.h"

/* The CPU has this many queues here, the bits have places for all. */
#define QUEUES 66
#define ready          \
	ready[QUEUES]; \
	struct execution_queue none
#include "sched/cpu.h"
#undef ready
#undef PRIORITIES
#define PRIORITIES QUEUES

#include "sched/scheduler.h"

_Static_assert(sizeof(((struct cpu *)0)->ready) == QUEUES * sizeof(struct execution_queue), "the queues");

static struct cpu cpu;
static struct sched_context context, first_context, second_context, third_context;
static struct execution one, first, second, third, running;
static struct execution elsewhere; /* stands in all queues that a step has nothing to do with */
static uint64_t bits_before[4], now;
static unsigned int charged, refreshed, armed;
static bool is_picking;
static void look_is_over(void);
static uint8_t top_priority, own_priority; /* of the two queues that a step may change */

uint64_t proof_rdtsc(void) { return now; }
void context_refresh(struct sched_context *of, uint64_t at)
{
	PROVE((of == &context || (is_picking && of == cpu.context)) && at == now, "its own context, now");
	refreshed++;
	of->remaining = any_bool() ? of->remaining : 1;
}
void context_charge(struct cpu *of)
{
	PROVE(is_picking || (charged == 0 && refreshed == 0), "who ran is charged first");
	charged++;
}
void time_arm(struct cpu *of)
{
	armed++;
	if (is_picking) {
		look_is_over();
	}
}
void panic_assertion(const char *file, unsigned int line, const char *condition)
{
	PROVE(false, "no assertion of the kernel fails");
}

#include "sched/scheduler.c"

/* Nothing but bit `top` and lower ones is set; -1: none. */
static bool is_highest(int32_t top)
{
	for (int32_t word = 0; word < 4; word++) {
		if (top < 64 * word && cpu.ready_bits[word] != 0) {
			return false;
		}
		if (top >= 64 * word && top < 64 * word + 64 &&
			cpu.ready_bits[word] >> (top - 64 * word) != 1) {
			return false;
		}
	}
	return top >= -1 && top < PRIORITIES;
}

int32_t proof_highest_ready(const struct cpu *of)
{
	int32_t top = (int32_t)(any_u16() & 511) - 1;

	PROVE(of == &cpu, "of its own CPU");
	__CPROVER_assume(is_highest(top));
	return top;
}

static void set_bit(uint64_t *bits, uint8_t priority, bool is_set)
{
	uint64_t bit = UINT64_C(1) << (priority % 64);

	bits[priority / 64] = (bits[priority / 64] & ~bit) | (is_set ? bit : 0);
}

static void stand(struct execution *execution, uint8_t priority, struct sched_context *of,
	struct execution *before, struct execution *behind)
{
	execution->cpu = &cpu;
	execution->state = EXECUTION_READY;
	execution->priority = priority;
	execution->ready_priority = priority;
	execution->in_ready_queue = true;
	execution->previous = before;
	execution->next = behind;
	execution->context = of;
	of->remaining = 1;
}

static struct sched_context *context_of(const struct execution *execution)
{
	return execution == &one      ? &context
	       : execution == &first  ? &first_context
	       : execution == &second ? &second_context
				      : &third_context;
}

/* The queue is these, in this order, whatever it was; NULLs at the end are none. */
static void lay(uint8_t priority, struct execution *a, struct execution *b, struct execution *c)
{
	if (a != NULL) {
		stand(a, priority, context_of(a), NULL, b);
	}
	if (b != NULL) {
		stand(b, priority, context_of(b), a, c);
	}
	if (c != NULL) {
		stand(c, priority, context_of(c), b, NULL);
	}
	cpu.ready[priority].head = a;
	cpu.ready[priority].tail = c != NULL ? c : b != NULL ? b : a;
	set_bit(cpu.ready_bits, priority, a != NULL);
}

/* In the queue of its priority, or, made prompt, in the one above. */
static bool stands(const struct execution *execution, uint8_t priority, const struct execution *before,
	const struct execution *behind)
{
	return execution->in_ready_queue && execution->ready_priority == priority &&
	       (execution->priority == priority || execution->priority + 1 == priority) &&
	       execution->previous == before && execution->next == behind;
}

static bool queue_is(
	uint8_t priority, const struct execution *a, const struct execution *b, const struct execution *c)
{
	const struct execution_queue *queue = &cpu.ready[priority];

	return queue->head == a &&
	       queue->tail == (c != NULL          ? c
				      : b != NULL ? b
						  : a) &&
	       (a == NULL || stands(a, priority, NULL, b)) && (b == NULL || stands(b, priority, a, c)) &&
	       (c == NULL || stands(c, priority, b, NULL)) &&
	       (cpu.ready_bits[priority / 64] >> (priority % 64) & 1) == (a != NULL ? 1 : 0);
}

/* Once for all paths: what one of them does not write stays a constant there. */
static void begin(void)
{
	for (unsigned int i = 0; i < QUEUES; i++) {
		cpu.ready[i] = (struct execution_queue){ &elsewhere, &elsewhere };
	}
	for (unsigned int i = 0; i < 4; i++) {
		cpu.ready_bits[i] = any_u64();
	}
	now = any_u64();
	one.cpu = &cpu;
}

/* Queues and executions stand; now the rest of the state. */
static void prepare(int32_t top)
{
	cpu.ready_top = top;
	ASSUME(is_highest(cpu.ready_top), "ready_top is the highest queue that is not empty");
	for (unsigned int i = 0; i < 4; i++) {
		bits_before[i] = cpu.ready_bits[i];
	}
}

/* What a step has nothing to do with is as it was. */
static bool others_stay(void)
{
	uint8_t p = top_priority, q = own_priority;
	bool stay = elsewhere.next == NULL && elsewhere.previous == NULL && !elsewhere.in_ready_queue;

	for (unsigned int i = 0; i < QUEUES; i++) {
		if (i != p && i != q) {
			stay = stay && cpu.ready[i].head == &elsewhere && cpu.ready[i].tail == &elsewhere;
		}
	}
	set_bit(bits_before, p, false);
	set_bit(bits_before, q, false);
	set_bit(bits_before, p, cpu.ready_bits[p / 64] >> (p % 64) & 1);
	set_bit(bits_before, q, cpu.ready_bits[q / 64] >> (q % 64) & 1);
	return stay && cpu.ready_bits[0] == bits_before[0] && cpu.ready_bits[1] == bits_before[1] &&
	       cpu.ready_bits[2] == bits_before[2] && cpu.ready_bits[3] == bits_before[3];
}

/* ---- `one` changes ---- */

static struct execution *ahead,
	*behind; /* the others of the priority that it has now: none, first, or first and second */
static bool is_queued, has_third;

/* Whether it is made prompt, and stands above its priority then. */
enum promptness { NOT_PROMPT, PROMPT_AHEAD, PROMPT_FULL_SHARE, PROMPT_HIGHEST };

static void others(uint8_t p, uint8_t shape)
{
	if (shape == 0) {
		lay(p, NULL, NULL, NULL);
	} else if (shape == 1) {
		ahead = &first;
		lay(p, &first, NULL, NULL);
	} else {
		ahead = &first;
		behind = &second;
		lay(p, &first, &second, NULL);
	}
}

/* `one` somewhere among the others of its priority. */
static void among(uint8_t p, uint8_t shape)
{
	is_queued = true;
	ahead = shape == 0 ? NULL : &first;
	behind = shape <= 2 ? NULL : &second;
	if (shape == 0) {
		lay(p, &one, NULL, NULL);
	} else if (shape == 1) {
		lay(p, &one, &first, NULL);
	} else if (shape == 2) {
		lay(p, &first, &one, NULL);
	} else if (shape == 3) {
		lay(p, &one, &first, &second);
	} else if (shape == 4) {
		lay(p, &first, &one, &second);
	} else {
		lay(p, &first, &second, &one);
	}
}

/* `one` in the queue of the priority that it had, or not there. */
static void in_old_queue(uint8_t q, uint8_t shape)
{
	is_queued = shape >= 2;
	has_third = shape != 0 && shape != 2;
	if (shape == 0) {
		lay(q, NULL, NULL, NULL);
	} else if (shape == 1) {
		lay(q, &third, NULL, NULL);
	} else if (shape == 2) {
		lay(q, &one, NULL, NULL);
	} else if (shape == 3) {
		lay(q, &one, &third, NULL);
	} else {
		lay(q, &third, &one, NULL);
	}
}

/* Its priority has become `p`; it stood in queue `q`, if it stood in one. These are constants: that makes the proof many times as fast. */
static void change(uint8_t p, uint8_t q, enum promptness promptness)
{
	bool is_prompt = promptness != NOT_PROMPT;
	uint8_t step = is_prompt ? 4 : any_u8() & 7;

	top_priority = p;
	own_priority = q;
	if (p == q && any_bool()) {
		among(p, any_u8());
	} else {
		others(p, any_u8());
		if (p != q) {
			in_old_queue(q, any_u8());
		}
	}
	prepare((int32_t)(any_u16() & 511) - 1);
	one.priority = promptness == PROMPT_AHEAD ? p - 1 : p;
	context.budget = 1;
	context.period = promptness == PROMPT_FULL_SHARE ? 1 : 2;
	one.ready_priority = q; /* where it stands, or stood last */
	one.state = any_u8();
	one.context = any_bool() ? &context : NULL;
	context.remaining = any_bool() ? 1 : 0;
	running.priority = any_u8();
	cpu.current = any_bool() ? &running : !is_queued && any_bool() ? &one : NULL;
	cpu.reschedule = any_bool();

	bool was_to_look = cpu.reschedule, was_current = cpu.current == &one, is_front = false;
	uint8_t state = one.state;

	if (step == 0) {
		__CPROVER_assume(!is_queued && !was_current);
		is_front = true;
		one.state = state = EXECUTION_READY;
		one.context = &context;
		context.remaining = 1;
		ready_enqueue(&one, p, true);
	} else if (step == 1) {
		__CPROVER_assume(was_current);
		cpu.current = &one;
		was_current = false;
		scheduler_yield(&cpu);
		PROVE(cpu.current == NULL && cpu.reschedule, "the next one is looked for");
	} else if (step == 2) {
		state = EXECUTION_READY;
		scheduler_make_ready(&one);
	} else if (step == 3) {
		state = any_u8();
		scheduler_block(&one, state);
	} else if (is_prompt) {
		state = EXECUTION_READY;
		scheduler_wake(&one, true);
	} else {
		scheduler_update(&one);
	}

	bool has_context = one.context != NULL;
	bool runs = one.state == EXECUTION_READY && has_context && context.remaining != 0 && !was_current;

	COVER_IF(runs && behind != NULL && is_queued && p != q, "it changes its queue");
	COVER_IF(!runs && is_queued && cpu.ready_top == -1, "the last one goes");
	COVER_IF(is_front, "it goes before the others");
	COVER_IF(runs && promptness == PROMPT_AHEAD, "it stands one above its priority");
	PROVE(one.state == state, "its state is as it was told");
	PROVE(one.in_ready_queue == runs, "in a queue exactly while it can run and does not");
	PROVE(one.priority == (promptness == PROMPT_AHEAD ? p - 1 : p), "its priority is its own");
	PROVE(was_current || is_front || refreshed == (state == EXECUTION_READY && has_context ? 1 : 0),
		"its period may have ended");
	PROVE(!was_current || cpu.reschedule, "whether the current one may go on is looked at");
	PROVE(!runs || cpu.reschedule || (cpu.current != NULL && cpu.current->priority >= p),
		"one of higher priority is noticed");
	PROVE(!was_to_look || cpu.reschedule, "what is to be looked at stays so");
	PROVE(runs || (one.next == NULL && one.previous == NULL), "who stands nowhere has no neighbours");
	if (!runs) {
		PROVE(queue_is(p, ahead, behind, NULL), "the others of its priority stay in order");
	} else if (is_front) {
		PROVE(queue_is(p, &one, ahead, behind), "before the others of its priority");
	} else if (ahead == NULL) {
		PROVE(queue_is(p, &one, NULL, NULL), "alone in its queue");
	} else if (behind == NULL) {
		PROVE(queue_is(p, &first, &one, NULL), "behind the other of its priority");
	} else {
		PROVE(queue_is(p, &first, &second, &one), "behind the others of its priority");
	}
	PROVE(p == q || queue_is(q, has_third ? &third : NULL, NULL, NULL), "no more in its old queue");
	PROVE(is_highest(cpu.ready_top), "ready_top is the highest queue that is not empty, afterwards too");
}

/* ---- whom the CPU goes to ---- */

static unsigned int rounds;
static bool has_current, has_first, has_second, could_run;

/* After the first look: all has to be well formed. Then contexts change, and nobody is ready any more. */
static void look_is_over(void)
{
	if (++rounds > 1) {
		PROVE(cpu.current == NULL || can_run(cpu.current), "the second look gives up who can't run");
		return;
	}

	bool goes_to_first = has_first && (!could_run || top_priority > own_priority);
	bool is_preempted = could_run && goes_to_first;

	COVER_IF(is_preempted, "somebody is preempted");
	COVER_IF(!could_run && has_current && goes_to_first, "somebody can't go on");
	PROVE(cpu.current == (goes_to_first      ? &first
				     : could_run ? &one
						 : NULL),
		"the first of the highest priority, if it outranks who runs");
	PROVE(!goes_to_first || (!first.in_ready_queue && first.next == NULL && first.previous == NULL),
		"who is current stands in no queue");
	PROVE(one.in_ready_queue == is_preempted, "who is preempted stands in its queue");
	if (has_first) {
		struct execution *head = goes_to_first ? NULL : &first;
		struct execution *rest = has_second ? &second : NULL;

		PROVE(queue_is(top_priority, head != NULL ? head : rest, head != NULL ? rest : NULL, NULL),
			"those behind move up");
	}
	if (own_priority != top_priority) {
		struct execution *rest = has_third ? &third : NULL;

		PROVE(queue_is(own_priority, is_preempted ? &one : rest, is_preempted ? rest : NULL, NULL),
			"before the others of its priority");
	}
	PROVE(is_highest(cpu.ready_top), "ready_top is the highest queue that is not empty, afterwards too");
	PROVE(cpu.current == NULL || cpu.ready_top <= (goes_to_first ? top_priority : cpu.current->priority),
		"nobody outranks who runs, or the place where it stood");
	PROVE(cpu.current != NULL || cpu.ready_top == -1, "nobody runs only if nobody is ready");
	PROVE(!cpu.reschedule, "looked at");
	PROVE(cpu.context == (cpu.current != NULL ? cpu.current->context : NULL) && cpu.context_start == now,
		"time belongs to the current one's context");
	context.remaining = any_bool() ? 1 : 0;
	first_context.remaining = any_bool() ? 1 : 0;
	cpu.reschedule = any_bool();
	cpu.ready_top = -1;
}

/* The highest queue is `p`: first, and perhaps second. `one` of priority `q` is current, or nobody. */
static void pick(uint8_t p, uint8_t q, bool is_anybody_ready, bool is_one_current)
{
	top_priority = p;
	own_priority = q;
	has_first = is_anybody_ready;
	has_current = is_one_current;
	if (!is_anybody_ready) {
		lay(p, NULL, NULL, NULL);
	} else if (any_bool()) {
		lay(p, &first, NULL, NULL);
	} else {
		has_second = true;
		lay(p, &first, &second, NULL);
	}
	if (p > q && is_anybody_ready && any_bool()) {
		has_third = true;
		lay(q, &third, NULL, NULL);
	} else if (p != q) {
		lay(q, NULL, NULL, NULL);
	}
	if (p == 65) {
		first.priority = p - 1; /* it was made prompt */
	}
	prepare(has_first ? p : -1);
	one.priority = q;
	one.state = any_u8();
	one.context = any_bool() ? &context : NULL;
	context.remaining = any_bool() ? 1 : 0;
	cpu.current = has_current ? &one : NULL;
	cpu.reschedule = true;
	cpu.context = &third_context; /* of somebody who ran before */
	is_picking = true;
	could_run =
		has_current && one.state == EXECUTION_READY && one.context != NULL && context.remaining != 0;

	struct execution *picked = scheduler_pick(&cpu);

	PROVE(rounds >= 1, "looked");
	PROVE(picked == cpu.current && (picked == NULL || can_run(picked)), "who is picked can run");
	PROVE(!cpu.reschedule, "no other look is due");
	COVER_IF(rounds == 2 && picked == NULL, "a pick looks again");
	COVER_IF(rounds == 1 && picked == &first, "a pick is made");
}

static void pick_any(void)
{
	switch (any_u8() & 7) {
	case 0:
		pick(64, 63, false, true);
		break;
	case 1:
		pick(64, 63, false, false);
		break;
	case 2:
		pick(64, 63, true, true);
		break;
	case 3:
		pick(63, 63, true, true);
		break;
	case 4:
		pick(63, 65, true, true);
		break;
	case 5:
		pick(65, 0, true, true);
		break;
	default:
		pick(0, 0, true, false);
		break;
	}
}

/* ---- whose time runs ---- */

static void account(void)
{
	struct sched_context *charged_before;

	one.context = any_bool() ? &context : NULL;
	cpu.current = any_bool() ? &one : NULL;
	cpu.context = any_bool() ? &context : any_bool() ? &first_context : NULL;
	cpu.context_start = any_u64();
	charged_before = cpu.context;

	uint64_t start = cpu.context_start;
	struct sched_context *its = cpu.current != NULL ? one.context : NULL;

	account_to_current(&cpu);
	PROVE(cpu.context == its, "time belongs to the current one's context");
	if (its == charged_before) {
		PROVE(charged == 0 && armed == 0 && cpu.context_start == start, "the same: time goes on");
		return;
	}
	COVER("time is another's");
	PROVE(charged == 1 && armed == 1 && cpu.context_start == now, "the former is charged, the timer set");
	PROVE(refreshed == (its != NULL ? 1 : 0), "the new one's period may have ended");
}

int main(void)
{
	begin();
	switch (any_u8() & 15) {
	case 0:
		change(63, 63, NOT_PROMPT);
		break;
	case 1:
		change(64, 63, NOT_PROMPT);
		break;
	case 2:
		change(0, 65, NOT_PROMPT);
		break;
	case 3:
		change(65, 64, NOT_PROMPT);
		break;
	case 4:
		pick_any();
		break;
	case 5:
		change(64, 63, PROMPT_AHEAD);
		break;
	case 6:
		change(64, 64, PROMPT_FULL_SHARE);
		break;
	case 7:
		change(65, 65, PROMPT_HIGHEST);
		break;
	default:
		account();
		return 0;
	}
	PROVE(others_stay(), "other queues stay");
	return 0;
}
