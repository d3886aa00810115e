/* SPDX-License-Identifier: MIT */
/* Unit tests of injection: events one at a time and in order, halts, the timer, and a long random run in
 * which a simulated guest takes interrupts while deliveries are interrupted, flags change and lines move:
 * none lost, none doubled, none spurious. */
#include "fixture.h"

#include <stdio.h>

#include "clock/time.h"

#define EDGE_VECTOR 0x44u
#define LEVEL_VECTOR 0x59u
#define SIGNAL (1u << 5)
#define UD BH_EVENT_EXCEPTION(VECTOR_UD)

static void write_io_apic(uint32_t index, uint32_t value)
{
	fabric_ioapic_write(&vmm.fabric, IOAPIC_SELECT, index);
	fabric_ioapic_write(&vmm.fabric, IOAPIC_WINDOW, value);
}

static int interrupts_setup(void **state)
{
	(void)fixture_setup(state);
	write_io_apic(0x10 + 2 * 4, EDGE_VECTOR);
	write_io_apic(0x10 + 2 * 9, LEVEL_VECTOR | (uint32_t)IOAPIC_ENTRY_LEVEL);
	return 0;
}

static void raise_edge(void) { lines_pulse(&lines_page, 0); }

static void end_of_interrupt(void)
{
	page.rip = CODE_ADDRESS;
	page.registers[BH_RBX] = 0xfee000b0;
	CODE(0x89, 0x03); /* mov [rbx], eax */
	(void)take_exit(BH_EXIT_MEMORY, 0xfee000b0, BH_MEMORY_WRITE, 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
}

static void an_interrupt_waits_for_if_and_shadow(void **state)
{
	(void)state;
	raise_edge();
	page.rflags = 2;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(page.interrupt_window, 1);
	page.rflags = 0x202;
	page.interrupt_shadow = 1;
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(page.interrupt_window, 1);
	page.interrupt_shadow = 0;
	(void)take_exit(BH_EXIT_INTERRUPT_WINDOW, 0, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(EDGE_VECTOR));
	assert_int_equal(page.interrupt_window, 0);
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0);
	assert_int_equal(injected, 0);
}

static void nothing_is_injected_over_an_interrupted_delivery(void **state)
{
	(void)state;
	raise_edge();
	page.undelivered = BH_EVENT_INTERRUPT(0x30);
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(page.undelivered, BH_EVENT_INTERRUPT(0x30));
	assert_int_equal(page.interrupt_window, 1);
}

static void an_exception_takes_the_place_of_an_interrupted_interrupt(void **state)
{
	(void)state;
	page.undelivered = BH_EVENT_INTERRUPT(0x30);
	(void)take_exit(BH_EXIT_HYPERCALL, 0, 0, 0);
	assert_int_equal(injected, UD);
	assert_int_equal(page.undelivered, 0);
	assert_int_equal(page.interrupt_window, 1);
	(void)take_exit(BH_EXIT_INTERRUPT_WINDOW, 0, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x30));
	(void)take_exit(BH_EXIT_INTERRUPT_WINDOW, 0, 0, 0);
	assert_int_equal(injected, 0);
	page.undelivered = BH_EVENT_NMI;
	(void)take_exit(BH_EXIT_HYPERCALL, 0, 0, 0);
	assert_int_equal(injected, UD);
	(void)take_exit(BH_EXIT_INTERRUPT_WINDOW, 0, 0, 0);
	assert_int_equal(injected, BH_EVENT_NMI);
}

static void exceptions_in_delivery_combine(void **state)
{
	static const struct {
		uint64_t first, second, result; /* result 0: shutdown */
	} cases[] = {
		{ BH_EVENT_EXCEPTION(VECTOR_DE), BH_EVENT_EXCEPTION(VECTOR_UD), UD },
		{ BH_EVENT_EXCEPTION(VECTOR_UD), BH_EVENT_EXCEPTION_CODE(VECTOR_GP, 0),
			BH_EVENT_EXCEPTION_CODE(VECTOR_GP, 0) },
		{ BH_EVENT_EXCEPTION(VECTOR_DE), BH_EVENT_EXCEPTION_CODE(VECTOR_GP, 0),
			BH_EVENT_EXCEPTION_CODE(VECTOR_DF, 0) },
		{ BH_EVENT_EXCEPTION_CODE(VECTOR_GP, 0), BH_EVENT_EXCEPTION_CODE(VECTOR_PF, 2),
			BH_EVENT_EXCEPTION_CODE(VECTOR_PF, 2) },
		{ BH_EVENT_EXCEPTION_CODE(VECTOR_PF, 2), BH_EVENT_EXCEPTION_CODE(VECTOR_PF, 0),
			BH_EVENT_EXCEPTION_CODE(VECTOR_DF, 0) },
		{ BH_EVENT_EXCEPTION_CODE(VECTOR_PF, 2), BH_EVENT_EXCEPTION_CODE(VECTOR_NP, 0),
			BH_EVENT_EXCEPTION_CODE(VECTOR_DF, 0) },
		{ BH_EVENT_EXCEPTION_CODE(VECTOR_DF, 0), BH_EVENT_EXCEPTION_CODE(VECTOR_GP, 0), 0 },
		{ BH_EVENT_EXCEPTION_CODE(VECTOR_DF, 0), BH_EVENT_EXCEPTION(VECTOR_DB),
			BH_EVENT_EXCEPTION(VECTOR_DB) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vcpu *vcpu = &vmm.vcpu;

		vcpu->exception = 0;
		vcpu->shutdown = false;
		page.undelivered = cases[i].first;
		vcpu_raise(vcpu, cases[i].second);
		assert_int_equal(page.undelivered, 0);
		assert_int_equal(vcpu->exception, cases[i].result);
		assert_int_equal(vcpu->shutdown, cases[i].result == 0);
	}
}

static void a_halt_lasts_until_an_interrupt_can_be_taken(void **state)
{
	(void)state;
	CODE(0xf4);
	page.interrupt_shadow = 1; /* STI; HLT */
	assert_int_equal(take_exit(BH_EXIT_HLT, 0, 0, 0), BH_RESUME_HALT);
	assert_int_equal(page.rip, CODE_ADDRESS + 1);
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, 1u << 7, 0, 0), BH_RESUME_HALT);
	raise_edge();
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0), 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(EDGE_VECTOR));
	end_of_interrupt();
	page.rip = CODE_ADDRESS;
	CODE(0xf4);
	page.rflags = 2;
	assert_int_equal(take_exit(BH_EXIT_HLT, 0, 0, 0), BH_RESUME_HALT);
	raise_edge();
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0), BH_RESUME_HALT);
	assert_int_equal(injected, 0);
}

static void a_halt_does_not_begin_with_an_interrupt_waiting(void **state)
{
	(void)state;
	CODE(0xf4);
	page.interrupt_shadow = 1;
	raise_edge();
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(take_exit(BH_EXIT_HLT, 0, 0, 0), 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(EDGE_VECTOR));
	assert_int_equal(page.rip, CODE_ADDRESS + 1);
}

static void a_level_that_fell_raises_nothing_and_one_that_stands_comes_again(void **state)
{
	(void)state;
	page.rflags = 2;
	lines_raise(&lines_page, 4);
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0);
	lines_lower(&lines_page, 4);
	page.rflags = 0x202;
	(void)take_exit(BH_EXIT_INTERRUPT_WINDOW, 0, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(page.interrupt_window, 0);
	lines_raise(&lines_page, 4);
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(LEVEL_VECTOR));
	end_of_interrupt();
	assert_int_equal(injected, BH_EVENT_INTERRUPT(LEVEL_VECTOR));
	lines_lower(&lines_page, 4);
	end_of_interrupt();
	assert_int_equal(injected, 0);
}

static void the_timer_is_armed_only_when_its_deadline_changes(void **state)
{
	(void)state;
	fabric_apic_write(&vmm.fabric, 0, LAPIC_DIVIDE, 0xb, time_now(&vmm)); /* by 1 */
	fabric_apic_write(&vmm.fabric, 0, LAPIC_LVT_TIMER, 0x60, time_now(&vmm));
	fabric_apic_write(&vmm.fabric, 0, LAPIC_INITIAL_COUNT, 10000, time_now(&vmm));
	for (uint32_t i = 0; i < 10; i++) {
		(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	}
	assert_int_equal(fake.arms, 1);
	assert_int_equal(fake.armed, fake.tsc + 10000);
	fake.tsc += 10001;
	(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << 63, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x60));
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(fake.arms, 1);
}

static void a_periodic_timer_is_armed_again_when_its_interrupt_is_taken(void **state)
{
	uint64_t start;

	(void)state;
	start = fake.tsc;
	fabric_apic_write(&vmm.fabric, 0, LAPIC_DIVIDE, 0xb, time_now(&vmm));
	fabric_apic_write(&vmm.fabric, 0, LAPIC_LVT_TIMER, 0x20060, time_now(&vmm));
	fabric_apic_write(&vmm.fabric, 0, LAPIC_INITIAL_COUNT, 10000, time_now(&vmm));
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(fake.armed, start + 10000);
	fake.tsc += 10001;
	(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << 63, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x60));
	assert_int_equal(fake.armed, start + 20000);
	assert_int_equal(fake.arms, 2);
}

static void a_deadline_in_the_past_is_served_at_once(void **state)
{
	(void)state;
	page.rip = CODE_ADDRESS;
	fabric_apic_write(&vmm.fabric, 0, LAPIC_DIVIDE, 0xb, time_now(&vmm));
	fabric_apic_write(&vmm.fabric, 0, LAPIC_LVT_TIMER, 0x60, time_now(&vmm));
	fabric_apic_write(&vmm.fabric, 0, LAPIC_INITIAL_COUNT, 10, time_now(&vmm));
	fake.tsc += 1000;
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(injected, BH_EVENT_INTERRUPT(0x60));
	assert_int_equal(fake.arms, 0);
}

/* ---- The random run ---- */

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % limit;
}

struct guest {
	uint64_t edges, edge_interrupts;   /* edges asked for by the device; taken by the guest */
	uint64_t levels, level_interrupts; /* rises that stood until they were served; taken */
	uint32_t in_service;
	uint64_t arriving; /* injected, not delivered yet: its delivery can be interrupted */
};

/* The guest takes what was injected: vector to its handler. */
static void deliver(struct guest *guest)
{
	uint64_t event = guest->arriving;

	guest->arriving = 0;
	if (event == 0 || EVENT_TYPE(event) != EVENT_TYPE_INTERRUPT) {
		return;
	}
	page.rflags &= ~RFLAGS_IF;
	guest->in_service++;
	if (EVENT_VECTOR(event) == EDGE_VECTOR) {
		guest->edge_interrupts++;
		assert_true(guest->edge_interrupts <= guest->edges);
	} else {
		assert_int_equal(EVENT_VECTOR(event), LEVEL_VECTOR);
		assert_true(line_word_level(lines_page.lines[4])); /* never spurious */
		guest->level_interrupts++;
		guest->levels++;
		lines_lower(&lines_page, 4); /* the handler serves the device */
	}
}

/* One exit of the simulated machine, and the entry after it. */
static void machine_exit(struct guest *guest, enum bh_exit_reason reason, uint64_t qualification)
{
	page.undelivered = 0;
	if (guest->arriving != 0 && reason != BH_EXIT_CPUID && random_below(4) == 0) {
		page.undelivered = guest->arriving; /* this exit came in the middle of the delivery */
	} else {
		deliver(guest);
	}
	page.rip = CODE_ADDRESS;
	if (reason == BH_EXIT_CPUID) {
		CODE(0x0f, 0xa2);
	}
	(void)take_exit(reason, qualification, 0, 0);
	if (injected != 0 && EVENT_TYPE(injected) == EVENT_TYPE_INTERRUPT) {
		assert_true((page.rflags & RFLAGS_IF) != 0 && (page.interrupt_shadow & 1) == 0);
	}
	guest->arriving = injected != 0 ? injected : page.undelivered;
	page.undelivered = 0;
}

static void settle(struct guest *guest)
{
	machine_exit(guest, BH_EXIT_NOTIFY, SIGNAL);
	for (uint32_t i = 0; i < 50; i++) {
		deliver(guest);
		if (guest->in_service > 0) {
			guest->in_service--;
			end_of_interrupt();
			guest->arriving = injected;
			assert_true(injected == 0 || (page.rflags & RFLAGS_IF) != 0);
			deliver(guest);
		}
		page.rflags |= RFLAGS_IF;
		page.interrupt_shadow = 0;
		if (page.interrupt_window != 0) {
			machine_exit(guest, BH_EXIT_INTERRUPT_WINDOW, 0);
		}
	}
}

static void interrupts_are_neither_lost_nor_doubled_nor_spurious(void **state)
{
	(void)state;
	for (uint32_t run = 0; run < 400; run++) {
		struct guest guest = { 0 };

		(void)interrupts_setup(NULL);
		for (uint32_t step = 0; step < 500; step++) {
			switch (random_below(8)) {
			case 0: /* the device has one request out at a time, as a UART has */
				if (guest.edges == guest.edge_interrupts) {
					guest.edges++;
					raise_edge();
					machine_exit(&guest, BH_EXIT_NOTIFY, SIGNAL);
				}
				break;
			case 1:
				if (!line_word_level(lines_page.lines[4])) {
					lines_raise(&lines_page, 4);
					machine_exit(&guest, BH_EXIT_NOTIFY, SIGNAL);
				}
				break;
			case 2:
				/* The guest serves the device by polling, or the device gives up: nothing must
				 * come then, but for what the guest has acknowledged already. */
				deliver(&guest);
				if (vmm.vcpu.held == 0) {
					lines_lower(&lines_page, 4);
				}
				break;
			case 3:
				deliver(&guest);
				page.rflags ^= RFLAGS_IF;
				page.interrupt_shadow =
					(page.rflags & RFLAGS_IF) != 0 && random_below(2) != 0;
				machine_exit(&guest, BH_EXIT_NOTIFY, 0);
				break;
			case 4:
				deliver(&guest);
				if (guest.in_service > 0) {
					guest.in_service--;
					end_of_interrupt();
					guest.arriving = injected;
				}
				break;
			case 5:
				deliver(&guest);
				page.interrupt_shadow = 0;
				machine_exit(&guest, BH_EXIT_CPUID, 0);
				break;
			case 6: /* the window comes when the guest can take an interrupt, no sooner */
				deliver(&guest);
				page.interrupt_shadow = 0;
				if (page.interrupt_window != 0 && (page.rflags & RFLAGS_IF) != 0) {
					machine_exit(&guest, BH_EXIT_INTERRUPT_WINDOW, 0);
				}
				break;
			default: /* an exception in the middle of things */
				machine_exit(&guest, BH_EXIT_EXCEPTION, VECTOR_AC);
				break;
			}
		}
		settle(&guest);
		lines_lower(&lines_page, 4);
		settle(&guest);
		assert_int_equal(guest.edge_interrupts, guest.edges);
		assert_int_equal(guest.in_service, 0);
		assert_int_equal(page.interrupt_window, 0);
		assert_true(guest.edges > 5 && guest.level_interrupts > 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_interrupt_waits_for_if_and_shadow, interrupts_setup),
		cmocka_unit_test_setup(nothing_is_injected_over_an_interrupted_delivery, interrupts_setup),
		cmocka_unit_test_setup(
			an_exception_takes_the_place_of_an_interrupted_interrupt, interrupts_setup),
		cmocka_unit_test_setup(exceptions_in_delivery_combine, interrupts_setup),
		cmocka_unit_test_setup(a_halt_lasts_until_an_interrupt_can_be_taken, interrupts_setup),
		cmocka_unit_test_setup(a_halt_does_not_begin_with_an_interrupt_waiting, interrupts_setup),
		cmocka_unit_test_setup(
			a_level_that_fell_raises_nothing_and_one_that_stands_comes_again, interrupts_setup),
		cmocka_unit_test_setup(the_timer_is_armed_only_when_its_deadline_changes, interrupts_setup),
		cmocka_unit_test_setup(
			a_periodic_timer_is_armed_again_when_its_interrupt_is_taken, interrupts_setup),
		cmocka_unit_test_setup(a_deadline_in_the_past_is_served_at_once, interrupts_setup),
		cmocka_unit_test_setup(
			interrupts_are_neither_lost_nor_doubled_nor_spurious, interrupts_setup),
	};

	return cmocka_run_group_tests_name("vmm injection", tests, NULL, NULL);
}
