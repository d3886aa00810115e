/* SPDX-License-Identifier: MIT */
/* The fabric as a whole: lines to 8259s and I/O APIC, EOI, MSI, IPIs between vCPUs, virtual wire, what a vCPU is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bulkhead/lines.h>

#include "fabric/fabric.h"

#define COM1_GSI 4u
#define SCI_GSI 9u

static struct fabric fabric;
static uint64_t words[FABRIC_LINES_MAXIMUM]; /* the line page */

static void start(uint32_t vcpus)
{
	assert_int_equal(fabric_init(&fabric, vcpus, true), FABRIC_OK);
	for (uint32_t i = 0; i < FABRIC_LINES_MAXIMUM; i++) {
		words[i] = 0;
	}
	for (uint32_t vcpu = 0; vcpu < vcpus; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_SVR, 0x1ff, 0);
	}
	(void)fabric_take_kicks(&fabric);
}

static int setup(void **state)
{
	(void)state;
	start(1);
	return 0;
}

static int setup_four(void **state)
{
	(void)state;
	start(4);
	for (uint32_t vcpu = 1; vcpu < 4; vcpu++) {
		lapic_raise_startup(&fabric.lapic[vcpu], 1);
		assert_int_equal(fabric_take_startup(&fabric, vcpu), 1);
	}
	return 0;
}

static uint32_t attach(uint32_t gsi)
{
	uint32_t line;

	assert_int_equal(fabric_attach_line(&fabric, gsi, 0, &line), FABRIC_OK);
	return line;
}

static void ring(uint32_t line) { fabric_update_line(&fabric, line, words[line]); }

static void raise(uint32_t line)
{
	words[line] = line_word_raise(words[line]);
	ring(line);
}

static void lower(uint32_t line)
{
	words[line] = line_word_lower(words[line]);
	ring(line);
}

/* What the exit loop does before an entry: the interrupt that the vCPU takes, or -1. */
static int enter(uint32_t vcpu)
{
	struct fabric_pending pending;
	int vector;

	for (uint32_t lines = fabric_lines_wanted(&fabric, vcpu); lines != 0; lines &= lines - 1) {
		ring((uint32_t)__builtin_ctz(lines));
	}
	pending = fabric_pending(&fabric, vcpu);
	vector = fabric_acknowledge(&fabric, vcpu, 0);
	if ((pending.events & FABRIC_EVENT_INTERRUPT) != 0) {
		assert_int_equal(vector, pending.vector);
	} else {
		assert_int_equal(vector, -1);
	}
	return vector;
}

static void route(uint32_t pin, uint32_t low, uint32_t destination)
{
	fabric_ioapic_write(&fabric, IOAPIC_SELECT, 0x11 + 2 * pin);
	fabric_ioapic_write(&fabric, IOAPIC_WINDOW, destination << 24);
	fabric_ioapic_write(&fabric, IOAPIC_SELECT, 0x10 + 2 * pin);
	fabric_ioapic_write(&fabric, IOAPIC_WINDOW, low);
}

static uint32_t entry_low(uint32_t pin)
{
	fabric_ioapic_write(&fabric, IOAPIC_SELECT, 0x10 + 2 * pin);
	return fabric_ioapic_read(&fabric, IOAPIC_WINDOW);
}

static void eoi(uint32_t vcpu) { fabric_apic_write(&fabric, vcpu, LAPIC_EOI, 0, 0); }

static void ipi(uint32_t vcpu, uint32_t destination, uint32_t low)
{
	fabric_apic_write(&fabric, vcpu, LAPIC_ICR_HIGH, destination << 24, 0);
	fabric_apic_write(&fabric, vcpu, LAPIC_ICR_LOW, low, 0);
}

static void pic_setup(void)
{
	static const uint16_t sequence[][2] = { { 0x20, 0x11 }, { 0x21, 0x30 }, { 0x21, 0x04 },
		{ 0x21, 0x01 }, { 0xa0, 0x11 }, { 0xa1, 0x38 }, { 0xa1, 0x02 }, { 0xa1, 0x01 } };

	for (size_t i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
		fabric_pic_write(&fabric, sequence[i][0], (uint8_t)sequence[i][1]);
	}
}

static void test_limits(void **state)
{
	struct fabric other;
	uint32_t line;

	(void)state;
	assert_int_equal(fabric_init(&other, 0, true), FABRIC_BAD_VCPU_COUNT);
	assert_int_equal(fabric_init(&other, 9, true), FABRIC_BAD_VCPU_COUNT);
	assert_int_equal(fabric_init(&other, 8, true), FABRIC_OK);
	assert_int_equal(fabric_attach_line(&other, 0, 0, &line), FABRIC_BAD_GSI);
	assert_int_equal(fabric_attach_line(&other, 24, 0, &line), FABRIC_BAD_GSI);
	for (uint32_t i = 0; i < FABRIC_LINES_MAXIMUM; i++) {
		assert_int_equal(fabric_attach_line(&other, 1 + i % 23, 0, &line), FABRIC_OK);
		assert_int_equal(line, i);
	}
	assert_int_equal(fabric_attach_line(&other, 5, 0, &line), FABRIC_TOO_MANY_LINES);
	fabric_update_line(&other, FABRIC_LINES_MAXIMUM, 3);
	fabric_update_line(&other, UINT32_MAX, 3);
}

static void test_edge_through_ioapic(void **state)
{
	uint32_t line = attach(COM1_GSI);

	(void)state;
	route(COM1_GSI, 0x34, 0);
	assert_int_equal(enter(0), -1);
	raise(line);
	assert_int_equal(fabric_take_kicks(&fabric), 1);
	assert_int_equal(fabric_take_kicks(&fabric), 0);
	assert_int_equal(enter(0), 0x34);
	assert_int_equal(enter(0), -1);
	/* High at EOI, but edge-triggered: nothing. */
	eoi(0);
	assert_int_equal(enter(0), -1);
	/* A second edge while in service comes after the EOI, once. */
	lower(line);
	raise(line);
	assert_int_equal(enter(0), 0x34);
	lower(line);
	raise(line);
	lower(line);
	raise(line);
	assert_int_equal(enter(0), -1);
	eoi(0);
	assert_int_equal(enter(0), 0x34);
	eoi(0);
	assert_int_equal(enter(0), -1);
	/* An edge on a masked pin is not held. */
	lower(line);
	route(COM1_GSI, 0x10034, 0);
	raise(line);
	route(COM1_GSI, 0x34, 0);
	assert_int_equal(enter(0), -1);
}

static void test_fallen_line_raises_nothing(void **state)
{
	uint32_t com = attach(COM1_GSI);
	uint32_t sci = attach(SCI_GSI);

	(void)state;
	route(COM1_GSI, 0x34, 0);
	route(SCI_GSI, 0x8039, 0);
	/* The model lowers the line without ringing: the page says so when it is read again. */
	raise(com);
	raise(sci);
	words[com] = line_word_lower(words[com]);
	words[sci] = line_word_lower(words[sci]);
	assert_int_equal(enter(0), -1);
	assert_int_equal(entry_low(SCI_GSI), 0x8039);
	/* And both work on. */
	raise(com);
	assert_int_equal(enter(0), 0x34);
	eoi(0);
	raise(sci);
	assert_int_equal(enter(0), 0x39);
	words[sci] = line_word_lower(words[sci]);
	assert_int_equal(enter(0), -1);
	eoi(0);
	assert_int_equal(enter(0), -1);
	/* Fell and rose between two looks: one request. */
	words[com] = line_word_raise(line_word_lower(words[com]));
	words[com] = line_word_raise(line_word_lower(words[com]));
	ring(com);
	assert_int_equal(enter(0), 0x34);
	eoi(0);
	assert_int_equal(enter(0), -1);
	/* A pulse that is over before anybody looked. */
	words[com] = line_word_lower(words[com]);
	ring(com);
	words[com] = line_word_lower(line_word_raise(words[com]));
	ring(com);
	assert_int_equal(enter(0), -1);
}

static void test_level_reraised_at_eoi(void **state)
{
	uint32_t sci = attach(SCI_GSI);

	(void)state;
	route(SCI_GSI, 0x8039, 0);
	raise(sci);
	assert_int_equal(entry_low(SCI_GSI), 0xc039);
	assert_int_equal(enter(0), 0x39);
	assert_int_equal(enter(0), -1);
	eoi(0);
	assert_int_equal(enter(0), 0x39);
	/* Serviced by a route that the VMM does not see. */
	words[sci] = line_word_lower(words[sci]);
	eoi(0);
	assert_int_equal(enter(0), -1);
	assert_int_equal(entry_low(SCI_GSI), 0x8039);
	/* The I/O APIC's EOI register. */
	raise(sci);
	assert_int_equal(enter(0), 0x39);
	fabric_eoi(&fabric, 0);
	assert_int_equal(enter(0), 0x39);
	fabric_ioapic_write(&fabric, IOAPIC_EOI, 0x39);
	assert_int_equal(enter(0), -1); /* in service still */
	eoi(0);
	assert_int_equal(enter(0), 0x39);
	lower(sci);
	eoi(0);
	/* Masked while high, unmasked: comes. Fallen meanwhile: does not. */
	route(SCI_GSI, 0x18039, 0);
	raise(sci);
	assert_int_equal(enter(0), -1);
	route(SCI_GSI, 0x8039, 0);
	assert_int_equal(enter(0), 0x39);
	eoi(0);
	lower(sci);
	assert_int_equal(enter(0), -1);
}

static void test_shared_level_line(void **state)
{
	uint32_t first = attach(17);
	uint32_t second = attach(17);

	(void)state;
	route(17, 0x8051, 0);
	raise(first);
	assert_int_equal(enter(0), 0x51);
	raise(second);
	lower(first);
	eoi(0);
	assert_int_equal(enter(0), 0x51);
	lower(second);
	eoi(0);
	assert_int_equal(enter(0), -1);
}

static void test_level_offered_when_apic_accepts(void **state)
{
	uint32_t sci = attach(SCI_GSI);

	(void)state;
	fabric_apic_write(&fabric, 0, LAPIC_SVR, 0xff, 0);
	route(SCI_GSI, 0x8039, 0);
	raise(sci);
	assert_int_equal(enter(0), -1);
	assert_int_equal(entry_low(SCI_GSI), 0x8039);
	fabric_apic_write(&fabric, 0, LAPIC_SVR, 0x1ff, 0);
	assert_int_equal(enter(0), 0x39);
	/* A logical destination that starts to match. */
	lower(sci);
	eoi(0);
	route(SCI_GSI, 0x8839, 0x02);
	raise(sci);
	assert_int_equal(enter(0), -1);
	fabric_apic_write(&fabric, 0, LAPIC_LDR, 0x02000000, 0);
	assert_int_equal(enter(0), 0x39);
}

static void test_vector_shared_with_ipi(void **state)
{
	uint32_t com = attach(COM1_GSI);

	(void)state;
	route(COM1_GSI, 0x34, 0);
	raise(com);
	ipi(0, 0, 0x34);
	lower(com);
	/* The IPI asked too: it must not go with the line. */
	assert_int_equal(enter(0), 0x34);
	eoi(0);
	assert_int_equal(enter(0), -1);
}

static void test_line_to_pic(void **state)
{
	uint32_t timer = attach(2);
	uint32_t com = attach(COM1_GSI);
	uint32_t rtc = attach(8);
	uint32_t pci = attach(16); /* not on the 8259s */

	(void)state;
	/* LINT0 masked: nobody hears the 8259s. */
	pic_setup();
	raise(timer);
	assert_int_equal(enter(0), -1);
	fabric_apic_write(&fabric, 0, LAPIC_LVT_LINT0, 0x700, 0);
	assert_int_equal(fabric_take_kicks(&fabric), 1);
	assert_int_equal(enter(0), 0x30); /* GSI 2 is ISA interrupt 0 */
	fabric_pic_write(&fabric, 0x20, 0x20);
	raise(com);
	raise(rtc);
	raise(pci);
	assert_int_equal(enter(0), 0x38);
	assert_int_equal(enter(0), -1);
	fabric_pic_write(&fabric, 0xa0, 0x20);
	fabric_pic_write(&fabric, 0x20, 0x20);
	words[com] = line_word_lower(words[com]);
	assert_int_equal(enter(0), -1); /* fell before it was taken */
	/* ExtINT does not go through ISR or PPR. */
	fabric_apic_write(&fabric, 0, LAPIC_TPR, 0xff, 0);
	raise(com);
	assert_int_equal(enter(0), 0x34);
	assert_int_equal(fabric_apic_read(&fabric, 0, LAPIC_ISR + 0x10, 0), 0);
	fabric_pic_write(&fabric, 0x20, 0x20);
	/* Poll through the port. */
	lower(com);
	raise(com);
	fabric_pic_write(&fabric, 0x20, 0x0c);
	assert_int_equal(fabric_pic_read(&fabric, 0x20), 0x84);
	assert_int_equal(enter(0), -1);
	fabric_pic_write(&fabric, 0x20, 0x20);
	/* With the APIC disabled altogether INTR is the processor's. */
	assert_int_equal(fabric_msr_write(&fabric, 0, MSR_APIC_BASE, 0xfee00100, 0), LAPIC_MSR_OK);
	lower(com);
	raise(com);
	assert_int_equal(enter(0), 0x34);
}

static void test_pic_level_at_eoi(void **state)
{
	uint32_t sci = attach(SCI_GSI);

	(void)state;
	fabric_firmware_state(&fabric);
	pic_setup();
	fabric_pic_write(&fabric, 0x4d1, 0x02);
	raise(sci);
	assert_int_equal(enter(0), 0x39);
	fabric_pic_write(&fabric, 0xa0, 0x20);
	fabric_pic_write(&fabric, 0x20, 0x20);
	assert_int_equal(enter(0), 0x39);
	words[sci] = line_word_lower(words[sci]);
	fabric_pic_write(&fabric, 0xa0, 0x20);
	fabric_pic_write(&fabric, 0x20, 0x20);
	assert_int_equal(enter(0), -1);
}

static void test_lint0_fixed(void **state)
{
	uint32_t com = attach(COM1_GSI);

	(void)state;
	pic_setup();
	fabric_apic_write(&fabric, 0, LAPIC_LVT_LINT0, 0x0000006a, 0);
	raise(com);
	assert_int_equal(enter(0), 0x6a);
	eoi(0);
	fabric_apic_write(&fabric, 0, LAPIC_LVT_LINT0, 0x00000400, 0);
	fabric_pic_write(&fabric, 0x21, 0xff);
	fabric_pic_write(&fabric, 0x21, 0x00);
	assert_int_equal(fabric_pending(&fabric, 0).events, FABRIC_EVENT_NMI);
	fabric_take_nmi(&fabric, 0);
	assert_int_equal(fabric_pending(&fabric, 0).events, 0);
}

static void test_edge_words_before_attach(void **state)
{
	uint32_t line;

	(void)state;
	route(COM1_GSI, 0x34, 0);
	route(SCI_GSI, 0x8039, 0);
	assert_int_equal(fabric_attach_line(&fabric, COM1_GSI, 7 * LINES_EDGE + 1, &line), FABRIC_OK);
	assert_int_equal(fabric_acknowledge(&fabric, 0, 0), -1);
	/* A level that is high is a request however old it is. */
	assert_int_equal(fabric_attach_line(&fabric, SCI_GSI, 7 * LINES_EDGE + 1, &line), FABRIC_OK);
	assert_int_equal(fabric_acknowledge(&fabric, 0, 0), 0x39);
}

static void test_wrapping_count(void **state)
{
	uint32_t line;

	(void)state;
	route(COM1_GSI, 0x34, 0);
	words[0] = ~LINES_LEVEL;
	assert_int_equal(fabric_attach_line(&fabric, COM1_GSI, words[0], &line), FABRIC_OK);
	raise(line);
	assert_true(line_word_edges(words[0]) == 0);
	assert_int_equal(enter(0), 0x34);
}

static void test_msi(void **state)
{
	(void)state;
	fabric_msi(&fabric, 0xfee00000, 0x51);
	assert_int_equal(enter(0), 0x51);
	eoi(0);
	fabric_msi(&fabric, 0xfee01000, 0x51); /* no such processor */
	fabric_msi(&fabric, 0xfed00000, 0x51); /* not an MSI */
	fabric_msi(&fabric, 0x1fee00000, 0x51);
	fabric_msi(&fabric, 0xfee00000, 0x8051); /* level de-assert */
	fabric_msi(&fabric, 0xfee00000, 0x0651); /* STARTUP, SMI, ExtINT by MSI */
	fabric_msi(&fabric, 0xfee00000, 0x0251);
	fabric_msi(&fabric, 0xfee00000, 0x0751);
	assert_int_equal(enter(0), -1);
	fabric_msi(&fabric, 0xfee00000, 0xc051);
	assert_int_equal(enter(0), 0x51);
	assert_int_equal(fabric_apic_read(&fabric, 0, LAPIC_TMR + 0x20, 0), 0x00020000);
	eoi(0);
	fabric_msi(&fabric, 0xfeeff000, 0x61);
	assert_int_equal(enter(0), 0x61);
	eoi(0);
	fabric_msi(&fabric, 0xfee00000, 0x400);
	assert_int_equal(fabric_pending(&fabric, 0).events, FABRIC_EVENT_NMI);
	fabric_take_nmi(&fabric, 0);
	fabric_msi(&fabric, 0xfee00000, 0x05); /* illegal vector */
	assert_int_equal(enter(0), -1);
	fabric_apic_write(&fabric, 0, LAPIC_ESR, 0, 0);
	assert_int_equal(fabric_apic_read(&fabric, 0, LAPIC_ESR, 0), LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR);
}

static void test_ipis(void **state)
{
	(void)state;
	ipi(1, 2, 0x51);
	assert_int_equal(fabric_take_kicks(&fabric), 1 << 2);
	assert_int_equal(enter(2), 0x51);
	ipi(1, 9, 0x51);
	assert_int_equal(fabric_take_kicks(&fabric), 0);
	ipi(1, 0, 0x40051); /* self */
	assert_int_equal(fabric_take_kicks(&fabric), 1 << 1);
	ipi(1, 0, 0xc0061); /* all others */
	assert_int_equal(fabric_take_kicks(&fabric), 0xd);
	ipi(1, 0, 0x80071); /* all */
	assert_int_equal(fabric_take_kicks(&fabric), 0xf);
	ipi(1, 0xff, 0x81); /* broadcast */
	assert_int_equal(fabric_take_kicks(&fabric), 0xf);
	assert_int_equal(enter(1), 0x81);
	eoi(1);
	assert_int_equal(enter(1), 0x71);
	eoi(1);
	assert_int_equal(enter(1), 0x51);
	eoi(1);
	assert_int_equal(enter(1), -1);
	ipi(0, 3, 0x400);
	assert_int_equal(fabric_pending(&fabric, 3).events, FABRIC_EVENT_NMI | FABRIC_EVENT_INTERRUPT);
	/* What is not deliverable now kicks nobody. */
	(void)fabric_take_kicks(&fabric);
	fabric_apic_write(&fabric, 0, LAPIC_TPR, 0xf0, 0);
	ipi(1, 0, 0x91);
	assert_int_equal(fabric_take_kicks(&fabric), 0);
	fabric_set_cr8(&fabric, 0, 16); /* ignored */
	assert_int_equal(fabric_cr8(&fabric, 0), 15);
	fabric_set_cr8(&fabric, 0, 0);
	assert_int_equal(enter(0), 0x91);
}

static void test_logical_ipis(void **state)
{
	(void)state;
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_LDR, 0x01000000u << vcpu, 0);
	}
	ipi(0, 0x0a, 0x851);
	assert_int_equal(fabric_take_kicks(&fabric), 0xa);
	/* x2APIC: cluster 0, and a 32-bit destination. */
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		assert_int_equal(fabric_msr_write(&fabric, vcpu, MSR_APIC_BASE,
					 vcpu == 0 ? 0xfee00d00 : 0xfee00c00, 0),
			LAPIC_MSR_OK);
		assert_true(fabric_apic_page(&fabric, vcpu) == LAPIC_NEVER);
	}
	assert_int_equal(fabric_msr_write(&fabric, 0, 0x830, UINT64_C(0x0000000500000861), 0), LAPIC_MSR_OK);
	assert_int_equal(fabric_take_kicks(&fabric), 0x5);
	assert_int_equal(fabric_msr_write(&fabric, 0, 0x830, UINT64_C(0x0001000500000861), 0), LAPIC_MSR_OK);
	assert_int_equal(fabric_take_kicks(&fabric), 0);
	assert_int_equal(fabric_msr_write(&fabric, 0, 0x830, UINT64_C(0xffffffff00000071), 0), LAPIC_MSR_OK);
	assert_int_equal(fabric_take_kicks(&fabric), 0xf);
	assert_int_equal(enter(0), 0x71);
	assert_int_equal(fabric_msr_write(&fabric, 0, 0x80b, 1, 0), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(fabric_msr_write(&fabric, 0, 0x80b, 0, 0), LAPIC_MSR_OK);
	assert_int_equal(enter(0), 0x61);
	/* MSIs and the I/O APIC have 8 bits: 0xff means all. */
	fabric_msi(&fabric, 0xfeeff000, 0x81);
	assert_int_equal(fabric_take_kicks(&fabric), 0xf);
}

static void test_lowest_priority(void **state)
{
	uint32_t counts[4] = { 0 };

	(void)state;
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_LDR, 0x01000000u << vcpu, 0);
		fabric_apic_write(&fabric, vcpu, LAPIC_TPR, vcpu == 2 ? 0x00 : 0x40, 0);
	}
	fabric_msi(&fabric, 0xfee0f00c, 0x151);
	assert_int_equal(fabric_take_kicks(&fabric), 1 << 2);
	/* vCPU 2 now serves class 5: one of the others. */
	assert_int_equal(enter(2), 0x51);
	fabric_msi(&fabric, 0xfee0f00c, 0x151);
	assert_int_equal(fabric_take_kicks(&fabric) & (1 << 2), 0);
	eoi(2);
	/* Equals take turns; the redirection hint of a fixed logical MSI does the same. */
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_TPR, 0, 0);
		while (fabric_acknowledge(&fabric, vcpu, 0) >= 0) {
			eoi(vcpu);
		}
	}
	(void)fabric_take_kicks(&fabric);
	for (uint32_t i = 0; i < 400; i++) {
		uint32_t kicks;

		fabric_msi(&fabric, 0xfee0f00c, (i & 1) != 0 ? 0x151 : 0x51);
		kicks = fabric_take_kicks(&fabric);
		assert_int_equal(__builtin_popcount(kicks), 1);
		counts[__builtin_ctz(kicks)]++;
		assert_int_equal(enter((uint32_t)__builtin_ctz(kicks)), 0x51);
		eoi((uint32_t)__builtin_ctz(kicks));
	}
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		assert_int_equal(counts[vcpu], 100);
	}
	/* A software-disabled APIC is no candidate; no candidate at all: nobody. */
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_SVR, vcpu == 3 ? 0x1ff : 0xff, 0);
	}
	fabric_msi(&fabric, 0xfee0f00c, 0x151);
	assert_int_equal(fabric_take_kicks(&fabric), 1 << 3);
	fabric_apic_write(&fabric, 3, LAPIC_SVR, 0xff, 0);
	(void)fabric_take_kicks(&fabric);
	fabric_msi(&fabric, 0xfee0f00c, 0x161);
	assert_int_equal(fabric_take_kicks(&fabric), 0);
}

static void test_level_to_many(void **state)
{
	uint32_t line = attach(17);

	(void)state;
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_LDR, 0x01000000u << vcpu, 0);
	}
	route(17, 0x8851, 0x03);
	raise(line);
	assert_int_equal(fabric_take_kicks(&fabric), 3);
	assert_int_equal(enter(0), 0x51);
	/* vCPU 1 did not take it yet: withdrawn there; vCPU 0's EOI frees the pin. */
	lower(line);
	assert_int_equal(enter(1), -1);
	assert_int_equal(entry_low(17), 0xc851);
	raise(line);
	eoi(0);
	assert_int_equal(enter(1), 0x51);
	assert_int_equal(enter(0), 0x51);
	lower(line);
	eoi(0);
	eoi(1);
	assert_int_equal(enter(0), -1);
	assert_int_equal(enter(1), -1);
	assert_int_equal(entry_low(17), 0x8851);
}

/* The sequence that Linux starts a processor with: INIT, de-assert, SIPI twice. */
static void test_processor_start(void **state)
{
	struct fabric_pending pending;

	(void)state;
	start(2);
	assert_true(fabric_runs(&fabric, 0));
	assert_false(fabric_runs(&fabric, 1));
	ipi(0, 1, 0x400); /* an NMI to a waiting processor */
	assert_int_equal(fabric_pending(&fabric, 1).events, 0);
	ipi(0, 1, 0xc500);
	ipi(0, 1, 0x8500);
	pending = fabric_pending(&fabric, 1);
	assert_int_equal(pending.events, FABRIC_EVENT_INIT);
	assert_int_equal(fabric_take_startup(&fabric, 1), -1);
	fabric_take_init(&fabric, 1);
	fabric_take_init(&fabric, 1);
	assert_int_equal(fabric_pending(&fabric, 1).events, 0);
	(void)fabric_take_kicks(&fabric);
	ipi(0, 1, 0x69a);
	assert_int_equal(fabric_take_kicks(&fabric), 2);
	pending = fabric_pending(&fabric, 1);
	assert_int_equal(pending.events, FABRIC_EVENT_STARTUP);
	assert_int_equal(pending.startup_vector, 0x9a);
	assert_int_equal(fabric_acknowledge(&fabric, 1, 0), -1);
	assert_int_equal(fabric_take_startup(&fabric, 1), 0x9a);
	assert_true(fabric_runs(&fabric, 1));
	ipi(0, 1, 0x69b); /* the second one */
	assert_int_equal(fabric_pending(&fabric, 1).events, 0);
	assert_int_equal(fabric_take_startup(&fabric, 1), -1);
	/* INIT and SIPI in a row before the vCPU looked. */
	ipi(0, 1, 0xc500);
	ipi(0, 1, 0x677);
	pending = fabric_pending(&fabric, 1);
	assert_int_equal(pending.events, FABRIC_EVENT_INIT | FABRIC_EVENT_STARTUP);
	assert_int_equal(fabric_acknowledge(&fabric, 1, 0), -1);
	fabric_take_init(&fabric, 1);
	assert_int_equal(fabric_take_startup(&fabric, 1), 0x77);
	/* An NMI that came while it waited for SIPI is taken once it runs. */
	ipi(0, 1, 0xc500);
	fabric_take_init(&fabric, 1);
	ipi(0, 1, 0x400);
	ipi(0, 1, 0x678);
	assert_int_equal(fabric_take_startup(&fabric, 1), 0x78);
	assert_int_equal(fabric_pending(&fabric, 1).events, FABRIC_EVENT_NMI);
	/* INIT of the bootstrap processor: it runs again, without waiting. */
	ipi(1, 0, 0xc500);
	assert_int_equal(fabric_pending(&fabric, 0).events, FABRIC_EVENT_INIT);
	fabric_take_init(&fabric, 0);
	assert_true(fabric_runs(&fabric, 0));
}

static void test_extint_has_one_taker(void **state)
{
	uint32_t com = attach(COM1_GSI);

	(void)state;
	pic_setup();
	for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
		fabric_apic_write(&fabric, vcpu, LAPIC_LVT_LINT0, 0x700, 0);
	}
	raise(com);
	assert_int_equal(fabric_take_kicks(&fabric), 1);
	assert_int_equal(enter(1), -1);
	/* vCPU 0 refuses: the next one gets it. */
	fabric_apic_write(&fabric, 0, LAPIC_LVT_LINT0, 0x10700, 0);
	assert_int_equal(fabric_take_kicks(&fabric), 2);
	assert_int_equal(enter(0), -1);
	assert_int_equal(enter(1), 0x34);
	assert_int_equal(enter(2), -1);
}

static void test_timer(void **state)
{
	(void)state;
	assert_true(fabric_next_deadline(&fabric, 0) == FABRIC_NEVER);
	fabric_apic_write(&fabric, 0, LAPIC_DIVIDE, 0xb, 0);
	fabric_apic_write(&fabric, 0, LAPIC_LVT_TIMER, 0xef, 0);
	fabric_apic_write(&fabric, 0, LAPIC_INITIAL_COUNT, 1000, 0);
	assert_true(fabric_next_deadline(&fabric, 0) == 1000);
	fabric_advance(&fabric, 0, 1000);
	assert_int_equal(fabric_acknowledge(&fabric, 0, 1000), 0xef);
	eoi(0);
	assert_int_equal(fabric_acknowledge(&fabric, 0, 5000), -1);
	assert_true(fabric_apic_page(&fabric, 0) == 0xfee00000);
}

/* Where there is one processor, a message takes a shorter way: it does what it does beside one that is switched off. */
static void a_message_to_the_only_processor(void **state)
{
	static struct fabric one, two;
	uint32_t seed = 1;
	uint32_t accepted = 0;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t address;
		uint32_t data;

		assert_int_equal(fabric_init(&one, 1, true), FABRIC_OK);
		fabric_firmware_state(&one);
		seed = seed * 1664525 + 1013904223;
		one.lapic[0].software_enabled = (seed >> 8 & 7) != 0;
		one.lapic[0].mode = (seed >> 11 & 7) == 0   ? LAPIC_MODE_DISABLED
				    : (seed >> 11 & 7) == 1 ? LAPIC_MODE_X2APIC
							    : LAPIC_MODE_XAPIC;
		one.lapic[0].logical_destination = (seed >> 14 & 3) << 24;
		one.lapic[0].destination_format = (seed >> 16 & 1) != 0 ? UINT32_MAX : 0x0fffffff;
		(void)lapic_accept(&one.lapic[0], (uint8_t)(seed >> 24), true, 3);
		assert_int_equal(fabric_init(&two, 2, true), FABRIC_OK);
		two.lapic[0] = one.lapic[0];
		two.lapic[1].mode = LAPIC_MODE_DISABLED;
		seed = seed * 1664525 + 1013904223;
		address = 0xfee00000 | (seed >> 8 & 0xc) |
			  ((seed >> 10 & 1) != 0 ? 0xff000 : (seed >> 12 & 3) << 12);
		seed = seed * 1664525 + 1013904223;
		data = seed >> 8 & 0xc7ff;
		one.kicks = two.kicks = 0;
		fabric_msi(&one, address, data);
		fabric_msi(&two, address, data);
		assert_memory_equal(&one.lapic[0], &two.lapic[0], sizeof(one.lapic[0]));
		assert_int_equal(one.kicks, two.kicks);
		accepted += one.kicks != 0;
	}
	assert_true(accepted > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_to_the_only_processor),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_edge_through_ioapic, setup),
		cmocka_unit_test_setup(test_fallen_line_raises_nothing, setup),
		cmocka_unit_test_setup(test_level_reraised_at_eoi, setup),
		cmocka_unit_test_setup(test_shared_level_line, setup),
		cmocka_unit_test_setup(test_level_offered_when_apic_accepts, setup),
		cmocka_unit_test_setup(test_vector_shared_with_ipi, setup),
		cmocka_unit_test_setup(test_line_to_pic, setup),
		cmocka_unit_test_setup(test_pic_level_at_eoi, setup),
		cmocka_unit_test_setup(test_lint0_fixed, setup),
		cmocka_unit_test_setup(test_edge_words_before_attach, setup),
		cmocka_unit_test_setup(test_wrapping_count, setup),
		cmocka_unit_test_setup(test_msi, setup),
		cmocka_unit_test_setup(test_ipis, setup_four),
		cmocka_unit_test_setup(test_logical_ipis, setup_four),
		cmocka_unit_test_setup(test_lowest_priority, setup_four),
		cmocka_unit_test_setup(test_level_to_many, setup_four),
		cmocka_unit_test_setup(test_processor_start, setup),
		cmocka_unit_test_setup(test_extint_has_one_taker, setup_four),
		cmocka_unit_test_setup(test_timer, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
