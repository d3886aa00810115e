/* SPDX-License-Identifier: MIT */
/* The local APIC without its timer: registers, priorities, EOI, local sources, modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fabric/lapic.h"

static struct lapic lapic;
static struct lapic_action action;

static void write(uint32_t offset, uint32_t value) { lapic_write(&lapic, offset, value, 0, &action); }
static uint32_t read(uint32_t offset) { return lapic_read(&lapic, offset, 0); }

static int msr_write(uint32_t msr, uint64_t value)
{
	return (int)lapic_msr_write(&lapic, msr, value, 0, &action);
}

static uint64_t msr_read(uint32_t msr)
{
	uint64_t value = 1;

	assert_int_equal(lapic_msr_read(&lapic, msr, 0, &value), LAPIC_MSR_OK);
	return value;
}

static int msr_read_status(uint32_t msr)
{
	uint64_t value = 1;
	int status = (int)lapic_msr_read(&lapic, msr, 0, &value);

	if (status != LAPIC_MSR_OK) {
		assert_int_equal(value, 0);
	}
	return status;
}

static int setup(void **state)
{
	(void)state;
	lapic_init(&lapic, 3, true, true);
	write(LAPIC_SVR, 0x1ff);
	return 0;
}

static void enter_x2apic(void) { assert_int_equal(msr_write(MSR_APIC_BASE, 0xfee00d00), LAPIC_MSR_OK); }

static void test_reset_values(void **state)
{
	(void)state;
	lapic_init(&lapic, 3, true, true);
	assert_int_equal(read(LAPIC_ID), 0x03000000);
	assert_int_equal(read(LAPIC_VERSION), 0x00050014);
	assert_int_equal(read(LAPIC_TPR), 0);
	assert_int_equal(read(LAPIC_APR), 0);
	assert_int_equal(read(LAPIC_PPR), 0);
	assert_int_equal(read(LAPIC_LDR), 0);
	assert_int_equal(read(LAPIC_DFR), 0xffffffff);
	assert_int_equal(read(LAPIC_SVR), 0xff);
	assert_int_equal(read(LAPIC_ESR), 0);
	assert_int_equal(read(LAPIC_ICR_LOW), 0);
	assert_int_equal(read(LAPIC_ICR_HIGH), 0);
	for (uint32_t offset = LAPIC_LVT_TIMER; offset <= LAPIC_LVT_ERROR; offset += 0x10) {
		assert_int_equal(read(offset), 0x10000);
	}
	for (uint32_t offset = LAPIC_ISR; offset < LAPIC_ESR; offset += 0x10) {
		assert_int_equal(read(offset), 0);
	}
	assert_int_equal(read(LAPIC_INITIAL_COUNT), 0);
	assert_int_equal(read(LAPIC_CURRENT_COUNT), 0);
	assert_int_equal(read(LAPIC_DIVIDE), 0);
	assert_int_equal(msr_read(MSR_APIC_BASE), 0xfee00900);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
}

static void test_register_masks(void **state)
{
	static const struct {
		uint32_t offset, expected;
	} rows[] = {
		{ LAPIC_ID, 0x03000000 },
		{ LAPIC_VERSION, 0x50014 },
		{ LAPIC_TPR, 0xff },
		{ LAPIC_LDR, 0xff000000 },
		{ LAPIC_DFR, 0xffffffff },
		{ LAPIC_SVR, 0x3ff },
		{ LAPIC_ICR_HIGH, 0xff000000 },
		{ LAPIC_LVT_TIMER, 0x700ff },
		{ LAPIC_LVT_THERMAL, 0x107ff },
		{ LAPIC_LVT_PERFORMANCE, 0x107ff },
		{ LAPIC_LVT_LINT0, 0x1a7ff },
		{ LAPIC_LVT_LINT1, 0x1a7ff },
		{ LAPIC_LVT_ERROR, 0x100ff },
		{ LAPIC_DIVIDE, 0xb },
		{ LAPIC_CURRENT_COUNT, 0 },
		{ LAPIC_REMOTE_READ, 0 },
		{ LAPIC_EOI, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write(rows[i].offset, 0xffffffff);
		assert_int_equal(read(rows[i].offset), rows[i].expected);
	}
	write(LAPIC_DFR, 0);
	assert_int_equal(read(LAPIC_DFR), 0x0fffffff);
	/* Not at a register's start. */
	assert_int_equal(read(LAPIC_TPR + 4), 0);
	write(LAPIC_TPR + 4, 0);
	assert_int_equal(read(LAPIC_TPR), 0xff);
}

static void test_priorities(void **state)
{
	(void)state;
	assert_true(lapic_accept(&lapic, 0x31, false, 0));
	assert_true(lapic_accept(&lapic, 0x52, false, 0));
	assert_true(lapic_accept(&lapic, 0x38, false, 0));
	assert_int_equal(read(LAPIC_IRR + 0x10), 0x01020000);
	assert_int_equal(read(LAPIC_IRR + 0x20), 0x00040000);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x52);
	assert_int_equal(read(LAPIC_ISR + 0x20), 0x00040000);
	assert_int_equal(read(LAPIC_PPR), 0x50);
	/* Lower ones wait, the same class waits, a higher class nests. */
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
	assert_true(lapic_accept(&lapic, 0x5f, false, 0));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
	assert_int_equal(read(LAPIC_APR), 0x50);
	assert_true(lapic_accept(&lapic, 0x60, false, 0));
	assert_int_equal(read(LAPIC_APR), 0x60);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x60);
	write(LAPIC_EOI, 0);
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	assert_int_equal(read(LAPIC_PPR), 0x50);
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x5f);
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x38);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x31);
	write(LAPIC_EOI, 0);
	/* One EOI too many does nothing. */
	write(LAPIC_EOI, 0);
	assert_int_equal(read(LAPIC_PPR), 0);
}

static void test_tpr_and_cr8(void **state)
{
	(void)state;
	write(LAPIC_TPR, 0x4f);
	assert_int_equal(read(LAPIC_PPR), 0x4f);
	assert_int_equal(lapic_cr8(&lapic), 4);
	assert_true(lapic_accept(&lapic, 0x4f, false, 0));
	assert_int_equal(lapic_deliverable(&lapic), 0);
	lapic_set_cr8(&lapic, 3);
	assert_int_equal(read(LAPIC_TPR), 0x30);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x4f);
	assert_int_equal(read(LAPIC_PPR), 0x40);
	/* TPR of the same class or above: PPR is TPR with its lower half. */
	write(LAPIC_TPR, 0x45);
	assert_int_equal(read(LAPIC_PPR), 0x45);
	write(LAPIC_TPR, 0xff);
	assert_true(lapic_accept(&lapic, 0xff, false, 0));
	assert_int_equal(lapic_deliverable(&lapic), 0);
	write(LAPIC_TPR, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0xff);
}

static void test_every_vector(void **state)
{
	(void)state;
	for (uint32_t vector = 16; vector < 256; vector++) {
		assert_true(lapic_accept(&lapic, (uint8_t)vector, (vector & 1) != 0, 0));
	}
	for (uint32_t class = 15; class >= 1; class --) {
		for (int low = 15; low >= 0; low--) {
			uint8_t vector = (uint8_t)(class * 16 + (uint32_t)low);

			assert_int_equal(lapic_acknowledge(&lapic, 0), vector);
			assert_int_equal(lapic_eoi(&lapic), (vector & 1) != 0 ? vector : 0);
		}
	}
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
	for (uint32_t offset = LAPIC_TMR; offset < LAPIC_IRR; offset += 0x10) {
		assert_int_equal(read(offset), offset == LAPIC_TMR ? 0xaaaa0000 : 0xaaaaaaaa);
	}
}

static void test_level_eoi(void **state)
{
	(void)state;
	assert_true(lapic_accept(&lapic, 0x41, true, 0));
	assert_int_equal(read(LAPIC_TMR + 0x20), 2);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	write(LAPIC_EOI, 0);
	assert_int_equal(action.kind, LAPIC_ACTION_EOI);
	assert_int_equal(action.message.vector, 0x41);
	/* The same vector as an edge clears its TMR bit. */
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	assert_int_equal(read(LAPIC_TMR + 0x20), 0);
}

static void test_request_while_in_service(void **state)
{
	(void)state;
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
}

static void test_withdraw(void **state)
{
	(void)state;
	assert_true(lapic_accept(&lapic, 0x41, false, 5));
	assert_true(lapic_accept(&lapic, 0x30, false, 6));
	assert_false(lapic_withdraw(&lapic, 0x41, 6));
	assert_false(lapic_withdraw(&lapic, 0x41, 0));
	assert_true(lapic_withdraw(&lapic, 0x41, 5));
	assert_false(lapic_withdraw(&lapic, 0x41, 5));
	assert_int_equal(lapic_deliverable(&lapic), 0x30);
	/* Asked for by two: stays, whichever came first. */
	assert_true(lapic_accept(&lapic, 0x41, false, 5));
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	assert_false(lapic_withdraw(&lapic, 0x41, 5));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	assert_true(lapic_accept(&lapic, 0x41, false, 5));
	assert_false(lapic_withdraw(&lapic, 0x41, 5));
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	/* Taken: nothing to withdraw. */
	assert_int_equal(lapic_deliverable(&lapic), 0);
	assert_true(lapic_withdraw(&lapic, 0x30, 6));
	assert_true(lapic_accept(&lapic, 0x51, false, 5));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x51);
	assert_false(lapic_withdraw(&lapic, 0x51, 5));
}

static void test_software_disable(void **state)
{
	(void)state;
	write(LAPIC_LVT_LINT0, 0x700);
	write(LAPIC_LVT_ERROR, 0x33);
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	write(LAPIC_SVR, 0xff);
	assert_int_equal(action.kind, LAPIC_ACTION_ROUTING);
	assert_int_equal(read(LAPIC_LVT_LINT0), 0x10700);
	/* Masks cannot be cleared, nothing fixed is accepted; what was pending stays. */
	write(LAPIC_LVT_ERROR, 0x33);
	assert_int_equal(read(LAPIC_LVT_ERROR), 0x10033);
	assert_false(lapic_accept(&lapic, 0x42, false, 0));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	write(LAPIC_SVR, 0x1ff);
	assert_int_equal(read(LAPIC_LVT_ERROR), 0x10033);
	assert_true(lapic_accept(&lapic, 0x52, false, 0));
}

static void test_errors(void **state)
{
	(void)state;
	write(LAPIC_LVT_ERROR, 0x44);
	assert_false(lapic_accept(&lapic, 0x0f, false, 0));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x44);
	write(LAPIC_EOI, 0);
	/* ESR shows what was collected only after a write. */
	assert_int_equal(read(LAPIC_ESR), 0);
	(void)read(0x040);
	write(LAPIC_ESR, 0);
	assert_int_equal(read(LAPIC_ESR), LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR | LAPIC_ESR_ILLEGAL_REGISTER);
	write(LAPIC_ESR, 0);
	assert_int_equal(read(LAPIC_ESR), 0);
	write(LAPIC_ICR_LOW, 0x0000000f);
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	write(0x3a0, 1);
	write(LAPIC_ESR, 0);
	assert_int_equal(read(LAPIC_ESR), LAPIC_ESR_SEND_ILLEGAL_VECTOR | LAPIC_ESR_ILLEGAL_REGISTER);
	/* The error interrupt with an illegal vector of its own ends there. */
	write(LAPIC_LVT_ERROR, 0x05);
	(void)read(0x3f0);
	write(LAPIC_ESR, 0);
	assert_int_equal(read(LAPIC_ESR), LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR | LAPIC_ESR_ILLEGAL_REGISTER);
}

static void test_icr(void **state)
{
	(void)state;
	write(LAPIC_ICR_HIGH, 0x05000000);
	write(LAPIC_ICR_LOW, 0x00001851);
	assert_int_equal(action.kind, LAPIC_ACTION_IPI);
	assert_int_equal(action.shorthand, SHORTHAND_NONE);
	assert_int_equal(action.message.destination, 5);
	assert_int_equal(action.message.vector, 0x51);
	assert_int_equal(action.message.delivery_mode, DELIVERY_FIXED);
	assert_true(action.message.logical);
	assert_false(action.message.broadcast);
	/* Delivery status reads idle. */
	assert_int_equal(read(LAPIC_ICR_LOW), 0x00000851);
	write(LAPIC_ICR_HIGH, 0xff000000);
	write(LAPIC_ICR_LOW, 0x000c0400);
	assert_int_equal(action.shorthand, SHORTHAND_OTHERS);
	assert_int_equal(action.message.delivery_mode, DELIVERY_NMI);
	assert_true(action.message.broadcast);
	write(LAPIC_ICR_LOW, 0x00000151);
	assert_int_equal(action.message.delivery_mode, DELIVERY_LOWEST_PRIORITY);
	write(LAPIC_ICR_LOW, 0x0000c500);
	assert_int_equal(action.message.delivery_mode, DELIVERY_INIT);
	write(LAPIC_ICR_LOW, 0x00008500); /* INIT level de-assert */
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	write(LAPIC_ICR_LOW, 0x00000699);
	assert_int_equal(action.message.delivery_mode, DELIVERY_STARTUP);
	assert_int_equal(action.message.vector, 0x99);
	write(LAPIC_ICR_LOW, 0x00000351); /* reserved, SMI, ExtINT */
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	write(LAPIC_ICR_LOW, 0x00000200);
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	write(LAPIC_ICR_LOW, 0x00000751);
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
}

static bool matches(uint32_t destination, bool logical, bool broadcast)
{
	struct interrupt_message message = {
		.destination = destination, .logical = logical, .broadcast = broadcast
	};

	return lapic_matches(&lapic, &message);
}

static void test_matching(void **state)
{
	(void)state;
	assert_true(matches(3, false, false));
	assert_false(matches(2, false, false));
	assert_true(matches(0xff, false, true));
	/* Flat. */
	write(LAPIC_LDR, 0x08000000);
	assert_true(matches(0x08, true, false));
	assert_true(matches(0x0f, true, false));
	assert_false(matches(0x07, true, false));
	assert_false(matches(0x108, true, false));
	/* Cluster. */
	write(LAPIC_DFR, 0x0fffffff);
	write(LAPIC_LDR, 0x12000000);
	assert_true(matches(0x12, true, false));
	assert_true(matches(0x1f, true, false));
	assert_false(matches(0x11, true, false));
	assert_false(matches(0x22, true, false));
	/* A model that there is not. */
	write(LAPIC_DFR, 0x5fffffff);
	assert_false(matches(0x12, true, false));
	enter_x2apic();
	assert_true(matches(0x00008, true, false));
	assert_true(matches(0x0000f, true, false));
	assert_false(matches(0x10008, true, false));
	assert_false(matches(0x00004, true, false));
	assert_int_equal(msr_write(MSR_APIC_BASE, 0xfee00100), LAPIC_MSR_OK);
	assert_false(matches(3, false, false));
	assert_false(matches(0xff, false, true));
}

static void test_lint(void **state)
{
	(void)state;
	/* Masked: nothing. */
	lapic_set_lint(&lapic, 1, true);
	assert_int_equal(lapic.events, 0);
	lapic_set_lint(&lapic, 1, false);
	write(LAPIC_LVT_LINT1, 0x400);
	lapic_set_lint(&lapic, 1, true);
	lapic_set_lint(&lapic, 1, true);
	assert_int_equal(lapic.events, LAPIC_EVENT_NMI);
	lapic.events = 0;
	lapic_set_lint(&lapic, 1, true); /* no rising edge */
	assert_int_equal(lapic.events, 0);
	lapic_set_lint(&lapic, 1, false);
	write(LAPIC_LVT_LINT1, 0x500);
	lapic_set_lint(&lapic, 1, true);
	assert_int_equal(lapic.events, LAPIC_EVENT_INIT);
	lapic.events = 0;

	/* Fixed, edge. */
	write(LAPIC_LVT_LINT0, 0x45);
	assert_false(lapic_accepts_extint(&lapic));
	lapic_set_lint(&lapic, 0, true);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x45);
	write(LAPIC_EOI, 0);
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	lapic_set_lint(&lapic, 0, false);
	/* Fixed, level: asks again at EOI while it is high; remote IRR shows. */
	write(LAPIC_LVT_LINT0, 0x8046);
	lapic_set_lint(&lapic, 0, true);
	assert_int_equal(read(LAPIC_LVT_LINT0), 0xc046);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x46);
	write(LAPIC_EOI, 0);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x46);
	lapic_set_lint(&lapic, 0, false);
	write(LAPIC_EOI, 0);
	assert_int_equal(read(LAPIC_LVT_LINT0), 0x8046);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0);
	/* High before it was unmasked. */
	write(LAPIC_LVT_LINT0, 0x18046);
	lapic_set_lint(&lapic, 0, true);
	assert_int_equal(lapic_deliverable(&lapic), 0);
	write(LAPIC_LVT_LINT0, 0x8046);
	assert_int_equal(lapic_deliverable(&lapic), 0x46);
	/* A change to edge clears remote IRR. */
	write(LAPIC_LVT_LINT0, 0x46);
	assert_int_equal(read(LAPIC_LVT_LINT0), 0x46);
}

static void test_extint(void **state)
{
	(void)state;
	assert_false(lapic_accepts_extint(&lapic));
	write(LAPIC_LVT_LINT0, 0x8700);
	assert_int_equal(action.kind, LAPIC_ACTION_ROUTING);
	assert_true(lapic_accepts_extint(&lapic));
	lapic_set_lint(&lapic, 0, true);
	assert_int_equal(lapic_deliverable(&lapic), 0);
	write(LAPIC_LVT_LINT0, 0x18700);
	assert_false(lapic_accepts_extint(&lapic));
	/* Disabled: INTR and NMI pins. */
	assert_int_equal(msr_write(MSR_APIC_BASE, 0xfee00100), LAPIC_MSR_OK);
	assert_true(lapic_accepts_extint(&lapic));
	lapic_set_lint(&lapic, 1, true);
	assert_int_equal(lapic.events, LAPIC_EVENT_NMI);
}

static void test_firmware_state(void **state)
{
	(void)state;
	lapic_init(&lapic, 0, true, true);
	lapic_firmware_state(&lapic);
	assert_int_equal(read(LAPIC_SVR), 0x1ff);
	assert_int_equal(read(LAPIC_LVT_LINT0), 0x700);
	assert_int_equal(read(LAPIC_LVT_LINT1), 0x400);
	assert_true(lapic_accepts_extint(&lapic));
	assert_true(lapic_accept(&lapic, 0x40, false, 0));
	lapic_init(&lapic, 1, false, true);
	lapic_firmware_state(&lapic);
	assert_false(lapic_accepts_extint(&lapic));
	assert_true(lapic.wait_for_startup);
}

static void test_base_transitions(void **state)
{
	/* From mode (row) to the value (column): disabled, xAPIC, x2APIC, and EXTD without EN. */
	static const uint64_t values[4] = { 0xfee00000, 0xfee00800, 0xfee00c00, 0xfee00400 };
	static const int allowed[3][4] = { { 1, 1, 0, 0 }, { 1, 1, 1, 0 }, { 1, 0, 1, 0 } };

	(void)state;
	for (int from = 0; from < 3; from++) {
		for (int to = 0; to < 4; to++) {
			lapic_init(&lapic, 3, true, true);
			if (from == 0) {
				assert_int_equal(msr_write(MSR_APIC_BASE, values[0]), LAPIC_MSR_OK);
			} else if (from == 2) {
				assert_int_equal(msr_write(MSR_APIC_BASE, values[2]), LAPIC_MSR_OK);
			}
			assert_int_equal(msr_write(MSR_APIC_BASE, values[to]),
				allowed[from][to] ? LAPIC_MSR_OK : LAPIC_MSR_GENERAL_PROTECTION);
			assert_int_equal(msr_read(MSR_APIC_BASE),
				(allowed[from][to] ? values[to] : values[from]) | 0x100);
		}
	}
	lapic_init(&lapic, 3, false, true);
	assert_int_equal(msr_read(MSR_APIC_BASE), 0xfee00800);
	for (uint32_t bit = 0; bit < 64; bit++) {
		uint64_t value = UINT64_C(0xfee00800) | UINT64_C(1) << bit;
		int reserved = bit < 8 || bit == 9 || bit >= 52;

		lapic_init(&lapic, 3, false, true);
		assert_int_equal(msr_write(MSR_APIC_BASE, value),
			reserved ? LAPIC_MSR_GENERAL_PROTECTION : LAPIC_MSR_OK);
	}
	/* Relocation is kept; disabling loses the registers. */
	lapic_init(&lapic, 3, true, true);
	write(LAPIC_SVR, 0x1ff);
	write(LAPIC_TPR, 0x55);
	assert_int_equal(msr_write(MSR_APIC_BASE, 0xfed00800), LAPIC_MSR_OK);
	assert_true(lapic.base == 0xfed00000);
	assert_int_equal(read(LAPIC_TPR), 0x55);
	assert_int_equal(msr_write(MSR_APIC_BASE, 0xfed00000), LAPIC_MSR_OK);
	assert_int_equal(read(LAPIC_TPR), 0xffffffff);
	write(LAPIC_TPR, 0x66);
	assert_int_equal(msr_write(MSR_APIC_BASE, 0xfee00800), LAPIC_MSR_OK);
	assert_int_equal(read(LAPIC_TPR), 0);
	assert_int_equal(read(LAPIC_SVR), 0xff);
}

static void test_x2apic_transition_keeps_state(void **state)
{
	(void)state;
	write(LAPIC_TPR, 0x20);
	write(LAPIC_LDR, 0x04000000);
	write(LAPIC_LVT_ERROR, 0x77);
	write(LAPIC_ICR_HIGH, 0x01000000);
	assert_true(lapic_accept(&lapic, 0x41, true, 0));
	assert_true(lapic_accept(&lapic, 0x35, false, 0));
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x41);
	enter_x2apic();
	assert_int_equal(read(LAPIC_TPR), 0xffffffff); /* the page is gone */
	write(LAPIC_TPR, 0);
	assert_int_equal(msr_read(0x808), 0x20);
	assert_int_equal(msr_read(0x802), 3);
	assert_int_equal(msr_read(0x803), 0x50014);
	assert_int_equal(msr_read(0x80a), 0x40);
	assert_int_equal(msr_read(0x80d), 0x8);
	assert_int_equal(msr_read(0x80f), 0x1ff);
	assert_int_equal(msr_read(0x812), 2);
	assert_int_equal(msr_read(0x821), 0x00200000);
	assert_int_equal(msr_read(0x81a), 2);
	assert_int_equal(msr_read(0x837), 0x77);
	assert_int_equal(msr_read(0x830), 0);
	assert_int_equal(msr_write(0x80b, 0), LAPIC_MSR_OK);
	assert_int_equal(action.kind, LAPIC_ACTION_EOI);
	assert_int_equal(action.message.vector, 0x41);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x35);
}

static void test_x2apic_registers(void **state)
{
	(void)state;
	/* In xAPIC mode the MSRs are not there. */
	assert_int_equal(msr_read_status(0x802), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x80b, 0), LAPIC_MSR_GENERAL_PROTECTION);
	enter_x2apic();
	for (uint32_t msr = 0x800; msr <= 0x8ff; msr++) {
		uint32_t index = msr - 0x800;
		int readable = index == 2 || index == 3 || index == 8 || index == 0xa || index == 0xd ||
			       index == 0xf || (index >= 0x10 && index <= 0x28) || index == 0x30 ||
			       (index >= 0x32 && index <= 0x39) || index == 0x3e;
		int writable = index == 8 || index == 0xb || index == 0xf || index == 0x28 || index == 0x30 ||
			       (index >= 0x32 && index <= 0x38) || index == 0x3e || index == 0x3f;

		assert_int_equal(
			msr_read_status(msr), readable ? LAPIC_MSR_OK : LAPIC_MSR_GENERAL_PROTECTION);
		assert_int_equal(msr_write(msr, 0), writable ? LAPIC_MSR_OK : LAPIC_MSR_GENERAL_PROTECTION);
		if (msr != 0x830) {
			assert_int_equal(msr_write(msr, UINT64_C(1) << 32), LAPIC_MSR_GENERAL_PROTECTION);
		}
	}
	assert_int_equal(msr_write(0x80f, 0x1ff), LAPIC_MSR_OK);
	/* Reserved bits. */
	assert_int_equal(msr_write(0x808, 0x100), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x80b, 1), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x80f, 0x1000), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x828, 1), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x830, 0x100051), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x832, 0x80051), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x835, 0x800), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x837, 0x100), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x83e, 4), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x83f, 0x100), LAPIC_MSR_GENERAL_PROTECTION);
	/* ICR in one write. */
	assert_int_equal(msr_write(0x830, UINT64_C(0x0001000200000851)), LAPIC_MSR_OK);
	assert_int_equal(action.kind, LAPIC_ACTION_IPI);
	assert_int_equal(action.message.destination, 0x10002);
	assert_true(action.message.logical);
	assert_true(msr_read(0x830) == UINT64_C(0x0001000200000851));
	assert_int_equal(msr_write(0x830, UINT64_C(0xffffffff00000051)), LAPIC_MSR_OK);
	assert_true(action.message.broadcast);
	assert_int_equal(msr_write(0x830, UINT64_C(0xff00000051)), LAPIC_MSR_OK);
	assert_false(action.message.broadcast);
	/* Self IPI. */
	assert_int_equal(msr_write(0x83f, 0x61), LAPIC_MSR_OK);
	assert_int_equal(action.kind, LAPIC_ACTION_NONE);
	assert_int_equal(lapic_acknowledge(&lapic, 0), 0x61);
	assert_int_equal(msr_write(0x83f, 0x01), LAPIC_MSR_OK);
	assert_int_equal(msr_write(0x828, 0), LAPIC_MSR_OK);
	assert_int_equal(msr_read(0x828), LAPIC_ESR_SEND_ILLEGAL_VECTOR);
	/* Other MSRs. */
	assert_int_equal(msr_read_status(0x1c), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_write(0x7ff, 0), LAPIC_MSR_GENERAL_PROTECTION);
}

static void test_init_and_startup(void **state)
{
	(void)state;
	lapic_init(&lapic, 2, false, true);
	assert_true(lapic.wait_for_startup);
	lapic_raise_startup(&lapic, 0x9a);
	lapic_raise_startup(&lapic, 0x9b); /* the first counts */
	assert_int_equal(lapic.events, LAPIC_EVENT_STARTUP);
	assert_int_equal(lapic.startup_vector, 0x9a);
	lapic.events = 0;
	lapic.wait_for_startup = false;
	lapic_raise_startup(&lapic, 0x9c); /* running: ignored */
	assert_int_equal(lapic.events, 0);
	write(LAPIC_SVR, 0x1ff);
	write(LAPIC_TPR, 0x20);
	assert_true(lapic_accept(&lapic, 0x41, false, 0));
	lapic_raise_nmi(&lapic);
	lapic_raise_init(&lapic);
	assert_int_equal(lapic.events, LAPIC_EVENT_INIT);
	lapic_raise_startup(&lapic, 0x9d);
	lapic_init_reset(&lapic);
	assert_int_equal(lapic.events, LAPIC_EVENT_STARTUP);
	assert_int_equal(lapic.startup_vector, 0x9d);
	assert_true(lapic.wait_for_startup);
	assert_int_equal(lapic_deliverable(&lapic), 0);
	assert_int_equal(read(LAPIC_SVR), 0xff);
	assert_int_equal(read(LAPIC_TPR), 0);
	assert_int_equal(read(LAPIC_ID), 0x02000000);
	/* INIT keeps the mode; the bootstrap processor does not wait. */
	lapic_init(&lapic, 0, true, true);
	enter_x2apic();
	lapic_raise_init(&lapic);
	lapic_raise_startup(&lapic, 0x9d);
	lapic_init_reset(&lapic);
	assert_int_equal(lapic.events, 0);
	assert_false(lapic.wait_for_startup);
	assert_int_equal(msr_read(MSR_APIC_BASE), 0xfee00d00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_values, setup),
		cmocka_unit_test_setup(test_register_masks, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_tpr_and_cr8, setup),
		cmocka_unit_test_setup(test_every_vector, setup),
		cmocka_unit_test_setup(test_level_eoi, setup),
		cmocka_unit_test_setup(test_request_while_in_service, setup),
		cmocka_unit_test_setup(test_withdraw, setup),
		cmocka_unit_test_setup(test_software_disable, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_icr, setup),
		cmocka_unit_test_setup(test_matching, setup),
		cmocka_unit_test_setup(test_lint, setup),
		cmocka_unit_test_setup(test_extint, setup),
		cmocka_unit_test_setup(test_firmware_state, setup),
		cmocka_unit_test_setup(test_base_transitions, setup),
		cmocka_unit_test_setup(test_x2apic_transition_keeps_state, setup),
		cmocka_unit_test_setup(test_x2apic_registers, setup),
		cmocka_unit_test_setup(test_init_and_startup, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
