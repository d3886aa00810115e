/* SPDX-License-Identifier: MIT */
/* The vCPU's bound notification in every state of the vCPU, halt, stop, and run. */
#include "guest.h"

GUEST_CODE(hlt);
GUEST_CODE(spin);
GUEST_CODE(cpuid);
GUEST_CODE(ports);

static uint32_t count_of(struct test_guest *guest) { return *(volatile uint32_t *)(guest->memory + 0x800); }

/* Waits until the guest was seen to run. */
static bool runs(struct test_guest *guest)
{
	uint32_t seen = count_of(guest);

	for (unsigned int i = 0; i < 10000; i++) {
		if (count_of(guest) != seen) {
			return true;
		}
		pause_us(100);
	}
	return false;
}

static void signals(void)
{
	struct test_guest guest;
	uint64_t word, two;

	case_begin(
		"notify.before", "a signal before the entry is an exit before the guest's first instruction");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	two = mint_new(guest.notification, BH_RIGHT_WRITE, 0x8000000000000002);
	REQUIRE_OK(bh_signal(guest.doorbell));
	REQUIRE_OK(bh_signal(two));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_run(&guest));
	CHECK_EQUAL(0x8000000000000003, guest.message.word[1]);
	CHECK_EQUAL(0, guest.state->rip);
	REQUIRE_OK(bh_poll(guest.notification, &word));
	CHECK_EQUAL(0, word); /* the exit took it */
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));

	case_begin("notify.running", "a timer's signal makes a guest leave that spins with interrupts off");
	REQUIRE(guest_new(&guest, GUEST(spin)));
	uint64_t timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, guest.doorbell));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(runs(&guest));
	REQUIRE_OK(bh_timer_arm(timer, rdtsc() + ticks_of_us(300)));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK_EQUAL(1, guest.message.word[1]);
	REQUIRE(guest_answer(&guest, 0));
	CHECK(runs(&guest));

	case_begin("notify.waiting", "a signal while an exit waits for its answer is told after the answer");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	REQUIRE_OK(bh_signal(guest.doorbell));
	guest.state->rip = 2;
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_resume(&guest, 0));
	CHECK_EQUAL(2, guest.state->rip);
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));

	case_begin("halt",
		"the answer HALT puts the vCPU to sleep until its notification is signalled: exit NOTIFY");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	guest.state->rip = 1;
	REQUIRE(guest_answer(&guest, BH_RESUME_HALT));
	CHECK(guest_is_silent(&guest));
	CHECK_EQUAL(BH_VCPU_HALTED, guest_status(&guest));
	REQUIRE_OK(bh_signal(guest.doorbell));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK_EQUAL(1, guest.state->rip);
	REQUIRE(guest_answer(&guest, BH_RESUME_HALT)); /* and again */
	CHECK(guest_is_silent(&guest));
	CHECK_EQUAL(BH_VCPU_HALTED, guest_status(&guest));
	REFUSED(BH_ERROR_STATE, bh_vcpu_read_state(guest.vcpu, 0));
	REQUIRE_OK(bh_signal(guest.doorbell));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));

	case_begin("halt.signalled",
		"a signal before the answer HALT is not lost: the vCPU doesn't fall asleep (settled)");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	REQUIRE_OK(bh_signal(guest.doorbell));
	guest.state->rip = 1;
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_resume(&guest, BH_RESUME_HALT));
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0)); /* no halt is left over */

	case_begin("halt.many", "2000 rounds of HALT and a timer: each wakes the guest, none hangs");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, guest.doorbell));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	for (unsigned int i = 0; i < 2000; i++) {
		/* from well before the vCPU sleeps to well after */
		REQUIRE_OK(bh_timer_arm(timer, rdtsc() + i * 7 % 12000));
		if (guest_resume(&guest, BH_RESUME_HALT) != BH_EXIT_NOTIFY) {
			CHECK(false);
			break;
		}
	}

	case_begin("halt.budget",
		"a vCPU with 10 % of the time that is woken all the time never hangs, whatever is left of its budget");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, guest.doorbell));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, 10, 100));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	for (unsigned int i = 0; i < 2000; i++) {
		REQUIRE_OK(bh_timer_arm(timer, rdtsc() + i * 13 % 5000));
		if (guest_resume(&guest, BH_RESUME_HALT) != BH_EXIT_NOTIFY) {
			CHECK(false);
			break;
		}
	}
}

static volatile uint64_t equal_count;

/* Others of its priority wait until it has used up its turn. */
static void spin_beside(uint64_t argument)
{
	for (;;) {
		equal_count = equal_count + argument;
	}
}

/* A thread of the guest's priority, whose turn is long. */
static bool equal_new(struct test_thread *equal, uint64_t turn)
{
	*equal = (struct test_thread){ .budget = turn, .period = turn };
	equal_count = 0;
	return thread_new(equal, spin_beside, 1, GUEST_PRIORITY, true) &&
	       bh_thread_resume(equal->thread) == BH_OK && wait_until(&equal_count, 1);
}

/* It halts, with so much of the CPU in a period, beside a thread that runs. */
static bool halted_beside(
	struct test_guest *guest, struct test_thread *equal, uint64_t budget, uint64_t period, uint64_t turn)
{
	return guest_new(guest, GUEST(hlt)) &&
	       bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest->context, budget, period) == BH_OK &&
	       guest_run(guest) == BH_EXIT_HLT && guest_answer(guest, BH_RESUME_HALT) &&
	       guest_is_silent(guest) && guest_status(guest) == BH_VCPU_HALTED && equal_new(equal, turn);
}

/* Who goes first where others of the vCPU's priority are ready. The one that runs beside has been preempted by this thread, so it would go
 * on first. */
static void order(void)
{
	struct test_guest guest;
	struct test_thread equal;
	uint64_t seen, timer, consumed;

	case_begin("order.halted",
		"a halted vCPU that is signalled goes before one of its priority that was running");
	REQUIRE(halted_beside(&guest, &equal, 100000, 1000000, 1000000));
	seen = equal_count;
	REQUIRE_OK(bh_signal(guest.doorbell));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK_EQUAL(seen, equal_count);

	case_begin("order.patient", "woken by a patient signal it goes behind one of its priority");
	REQUIRE(halted_beside(&guest, &equal, 100000, 1000000, 2000));
	seen = equal_count;
	REQUIRE_OK(bh_signal_patiently(guest.doorbell));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK(equal_count != seen);

	case_begin("order.full_share",
		"a vCPU that may have all of the time goes behind: nothing else would keep it from always being first");
	REQUIRE(halted_beside(&guest, &equal, 100000, 100000, 2000));
	seen = equal_count;
	REQUIRE_OK(bh_signal(guest.doorbell));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK(equal_count != seen);

	case_begin("order.running",
		"a timer's signal takes the CPU from one of its priority that runs, in the middle of its turn");
	REQUIRE(halted_beside(&guest, &equal, 100000, 1000000, 1000000));
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, guest.doorbell));
	REQUIRE_OK(bh_timer_arm(timer, rdtsc() + ticks_of_us(1000)));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	REQUIRE_OK(bh_sched_context_consumed(equal.context, &consumed));
	CHECK(consumed < ticks_of_us(1000000));

	case_begin("order.ready",
		"one that is ready, but was preempted, goes before one of its priority when it is signalled, not by a patient one");
	REQUIRE(guest_new(&guest, GUEST(spin)));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, 1000, 100000));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(runs(&guest));
	REQUIRE(equal_new(&equal, 2000000));
	/* The guest's budget ended, and was filled up meanwhile: it stands behind who runs. */
	pause_us(200000);
	seen = equal_count;
	uint32_t guest_seen = count_of(&guest);
	pause_us(1000);
	REQUIRE(equal_count != seen);
	CHECK_EQUAL(guest_seen, count_of(&guest));
	REQUIRE_OK(bh_signal_patiently(guest.doorbell));
	CHECK(guest_is_silent(&guest));
	CHECK_EQUAL(guest_seen, count_of(&guest));
	seen = equal_count;
	REQUIRE_OK(bh_signal(guest.doorbell));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK_EQUAL(seen, equal_count);
}

static void stopping(void)
{
	struct test_guest guest;
	uint64_t sequence;
	struct bh_vcpu_facts facts;

	case_begin("stop.running", "Stop takes a running vCPU off at once; Run goes on where it was");
	REQUIRE(guest_new(&guest, GUEST(spin)));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(runs(&guest));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	uint32_t seen = count_of(&guest);
	pause_us(2000);
	CHECK_EQUAL(seen, count_of(&guest));
	REQUIRE_OK(bh_vcpu_read_state(guest.vcpu, BH_GROUPS_ALL));
	CHECK(guest.state->rip >= 9 && guest.state->rip < 16);
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu)); /* running already: no error */
	CHECK(runs(&guest));
	CHECK(count_of(&guest) > seen);

	case_begin("stop.halted", "Stop of a halted vCPU; Run enters the guest, it is not halted any more");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	guest.state->rip = 1;
	REQUIRE(guest_answer(&guest, BH_RESUME_HALT));
	CHECK(guest_is_silent(&guest));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	REQUIRE_OK(bh_signal(guest.doorbell)); /* wakes nobody */
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_run(&guest));
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));
	CHECK_EQUAL(1, guest.state->rip);

	case_begin("stop.waiting",
		"Stop while an exit is being handled: the late answer is nothing; Run repeats the instruction");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	guest.state->rip = 2;
	REQUIRE(guest_answer(&guest, BH_GROUPS_ALL));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	CHECK_EQUAL(0, guest.state->rip);
	guest.state->rip = 2;
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));

	case_begin("stop.queued", "Stop while an exit waits for a receiver takes it out of the queue");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	for (unsigned int i = 0; i < 10000 && guest_status(&guest) != BH_VCPU_WAITING_EXIT; i++) {
		pause_us(100);
	}
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK(guest_is_silent(&guest));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));

	case_begin("stop.answer", "the answer STOP keeps the vCPU stopped until Run; what it loads counts");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	guest.state->rip = 2;
	guest.state->registers[BH_RBX] = 42;
	REQUIRE(guest_answer(&guest, BH_RESUME_STOP));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	CHECK_EQUAL(2, guest.state->rip);
	CHECK_EQUAL(42, guest.state->registers[BH_RBX]);

	case_begin("stop.no_context",
		"Stop of a vCPU that waits for an answer while its context was unbound: it is stopped, and runs with another");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	REQUIRE_OK(bh_sched_context_unbind(guest.context));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	REQUIRE_OK(bh_sched_context_bind(guest.context, guest.vcpu));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));

	case_begin("stop.route",
		"Stop while a routed access waits: Run does the access again, with a new sequence number");
	REQUIRE(guest_new(&guest, GUEST(ports)));
	REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 0, 0x80, 4));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, guest.endpoint, 0));
	CHECK_EQUAL(BH_EXIT_REASONS, guest_run(&guest));
	CHECK_EQUAL(BH_LABEL_PORT, BH_MESSAGE_LABEL(guest.message.info));
	sequence = guest.message.word[2];
	REQUIRE_OK(bh_vcpu_inspect(guest.vcpu, &facts));
	CHECK_EQUAL(BH_VCPU_WAITING_ROUTE, facts.status);
	CHECK_EQUAL(0, facts.waits_for);
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	CHECK_EQUAL(BH_EXIT_REASONS, guest_run(&guest));
	CHECK_EQUAL(BH_LABEL_PORT, BH_MESSAGE_LABEL(guest.message.info));
	CHECK(guest.message.word[2] != sequence);
}

/* Where the one signal comes. */
enum point {
	BEFORE_RUN,
	AFTER_RUN,
	QUEUED,
	RECEIVED,
	ANSWERED,
	BEFORE_HALT,
	AFTER_HALT,
	STOPPED,
	TWICE,
	POINTS
};

static bool signal_at(struct test_guest *guest, enum point point, enum point now)
{
	return (point != now && (point != TWICE || (now != RECEIVED && now != ANSWERED))) ||
	       bh_signal(guest->doorbell) == BH_OK;
}

/* Takes exits until the guest's second HLT was answered HALT and it sleeps: how many NOTIFY, how many others. */
static void each_point(void)
{
	static const char *const names[] = { "notify.at.before_run", "notify.at.after_run",
		"notify.at.queued", "notify.at.received", "notify.at.answered", "notify.at.before_halt",
		"notify.at.after_halt", "notify.at.stopped", "notify.at.twice" };
	static struct test_guest guest;

	for (enum point point = BEFORE_RUN; point < POINTS; point++) {
		unsigned int notified = 0, cpuids = 0, halts = 0;

		case_begin(names[point],
			"a signal at that point of an entry is told by exactly one NOTIFY, before the guest goes on, and takes "
			"nothing from the guest");
		REQUIRE(guest_new(&guest, GUEST(cpuid)));
		REQUIRE(signal_at(&guest, point, BEFORE_RUN));
		REQUIRE_OK(bh_vcpu_run(guest.vcpu));
		REQUIRE(signal_at(&guest, point, AFTER_RUN));
		for (unsigned int i = 0; i < 8 && halts < 2; i++) {
			uint64_t word = 0;

			pause_us(200);
			if (guest_status(&guest) == BH_VCPU_WAITING_EXIT && cpuids + notified == 0) {
				REQUIRE(signal_at(&guest, point, QUEUED));
			}
			if (guest_status(&guest) == BH_VCPU_HALTED) {
				break;
			}
			switch (guest_exit_soon(&guest)) {
			case BH_EXIT_NOTIFY:
				CHECK_EQUAL(1, guest.message.word[1]);
				notified++;
				break;
			case BH_EXIT_CPUID:
				cpuids++;
				REQUIRE(signal_at(&guest, point, RECEIVED));
				guest.state->rip = 2;
				break;
			case BH_EXIT_HLT:
				halts++;
				guest.state->rip = 3;
				REQUIRE(signal_at(&guest, point, BEFORE_HALT));
				word = BH_RESUME_HALT;
				break;
			default:
				CHECK(false);
				return;
			}
			if (point == STOPPED && cpuids == 1 && notified == 0 && halts == 0) {
				REQUIRE(guest_answer(&guest, BH_RESUME_STOP));
				REQUIRE_OK(bh_signal(guest.doorbell));
				REQUIRE_OK(bh_vcpu_run(guest.vcpu));
				continue;
			}
			REQUIRE(guest_answer(&guest, word));
			if (cpuids == 1 && halts == 0 && notified == 0) {
				REQUIRE(signal_at(&guest, point, ANSWERED));
			}
			if (word != 0) {
				pause_us(200);
				if (point == AFTER_HALT) {
					CHECK_EQUAL(BH_VCPU_HALTED, guest_status(&guest));
				}
				REQUIRE(signal_at(&guest, point, AFTER_HALT));
				if (point == BEFORE_HALT || point == AFTER_HALT) {
					CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit_soon(&guest));
					notified++;
					CHECK_EQUAL(3, guest.state->rip); /* behind its HLT */
				}
				break;
			}
		}
		CHECK_EQUAL(1, notified);
		CHECK_EQUAL(1, cpuids);
		CHECK_EQUAL(1, halts);
	}
}

void group_guest_signal(void)
{
	each_point();
	signals();
	order();
	stopping();
}
