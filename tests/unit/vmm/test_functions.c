/* SPDX-License-Identifier: MIT */
/* A virtio function through exits: configuration space, doorbells that follow their BAR, MSI-X and INTx from the line page. */
#include "fixture.h"

#include <bulkhead/virtio_pci.h>

#include "pci/virtio_function.h"
#include "vcpu/functions.h"
#include "vcpu/lines.h"

enum { DEVICE = 3, QUEUES = 2, ROUTE = 7, REGISTERS = 50, DOORBELL = 60, SIGNAL_BIT = 9 };
enum { GSI = 11, VECTOR = 0x51 };

static struct lines_page page_of_function;

static int setup(void **state)
{
	static const struct vmm_arguments arguments = {
		.virtio = { { .device = DEVICE, .type = 3, .class_code = 0x078000, .queues = QUEUES } },
		.virtio_count = 1,
	};
	struct vmm_function *function = &vmm.functions[0];

	assert_int_equal(fixture_setup(state), 0);
	page_of_function = (struct lines_page){ 0 };
	assert_int_equal(lines_attach(&page_of_function), 0);
	*function = (struct vmm_function){
		.page = &page_of_function,
		.signal = UINT64_C(1) << SIGNAL_BIT,
		.device = DEVICE,
		.queues = QUEUES,
		.first_route = ROUTE,
		.memory = 0,
		.line = vmm.line_count,
		.doorbell = { DOORBELL, DOORBELL + 1 },
	};
	vmm.function_count = 1;
	vmm.memories[0].endpoint = REGISTERS;
	vmm.memory_count = 1;
	vmm.lines[vmm.line_count] = (struct vmm_line){
		.page = &page_of_function,
		.signal = function->signal,
		.number = VIRTIO_PCI_LINE_INTX,
		.gsi = GSI,
		.action = VMM_LINE_GSI,
		.function = function,
	};
	assert_int_equal(
		fabric_attach_line(&vmm.fabric, GSI, 0, &vmm.lines[vmm.line_count].fabric_line), FABRIC_OK);
	vmm.fabric_line[vmm.lines[vmm.line_count].fabric_line] = (uint8_t)vmm.line_count;
	vmm.line_count++;
	lines_note_signals(&vmm);
	assert_true(functions_start(&vmm, &arguments));
	return 0;
}

static uint32_t in(uint32_t port, uint32_t width)
{
	page.registers[BH_RAX] = 0;
	(void)take_exit(BH_EXIT_PORT, BH_PORT_WORD(1, width, port, 0), page.rip + 1, 0);
	return (uint32_t)page.registers[BH_RAX];
}

static void out(uint32_t port, uint32_t width, uint32_t value)
{
	page.registers[BH_RAX] = value;
	(void)take_exit(BH_EXIT_PORT, BH_PORT_WORD(0, width, port, 0), page.rip + 1, 0);
}

static void select_register(unsigned at) { out(0xcf8, 4, 0x80000000u | DEVICE << 11 | (at & 0xfc)); }

static uint32_t config_read(unsigned at, uint32_t width)
{
	select_register(at);
	return in(0xcfc + (at & 3), width);
}

static void config_write(unsigned at, uint32_t width, uint32_t value)
{
	select_register(at);
	out(0xcfc + (at & 3), width, value);
}

static void doorbells_follow_their_bar(void **state)
{
	uint32_t port = config_read(PCI_BAR0, 4) & ~3u;

	(void)state;
	assert_int_equal(fake.route[ROUTE], port);
	assert_int_equal(fake.route[ROUTE + 1], port + 4);
	config_write(PCI_BAR0, 4, 0xd000);
	assert_int_equal(fake.route[ROUTE], 0xd000);
	assert_int_equal(fake.route[ROUTE + 1], 0xd004);
	/* Decoding off: no doorbells; on: there again. */
	config_write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(fake.route[ROUTE], 0);
	assert_int_equal(fake.route[ROUTE + 1], 0);
	config_write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	assert_int_equal(fake.route[ROUTE], 0xd000);
	/* What changes no address routes nothing anew. */
	fake.routings = 0;
	config_write(PCI_INTERRUPT_LINE, 1, 5);
	assert_int_equal(fake.routings, 0);
	/* A BAR at port 0 is nowhere, and not on top of the machine's ports. */
	config_write(PCI_BAR0, 4, 0);
	assert_int_equal(fake.route[ROUTE], 0);
}

static void accesses_to_doorbells_that_come_to_the_vmm(void **state)
{
	uint32_t port = config_read(PCI_BAR0, 4) & ~3u;

	(void)state;
	out(port + 4, 2, 1);
	assert_int_equal(fake.signals, 1);
	assert_int_equal(fake.signalled, DOORBELL + 1);
	assert_int_equal(in(port, 4), 0);
	assert_int_equal(fake.signals, 1);
	out(port + 8, 1, 0); /* behind the last */
	assert_int_equal(fake.signals, 1);
}

static void registers_are_the_models_where_the_bar_is(void **state)
{
	(void)state;
	assert_int_equal(vmm.memories[0].first, config_read(PCI_BAR0 + 8, 4));
	assert_int_equal(vmm.memories[0].size, VIRTIO_PCI_REGION_SIZE);
	config_write(PCI_BAR0 + 8, 4, 0xfe100000);
	assert_int_equal(vmm.memories[0].first, 0xfe100000);
	config_write(PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(vmm.memories[0].size, 0);
}

static void memory_of_the_vmm(void **state)
{
	uint64_t msix = config_read(PCI_BAR0 + 4, 4);
	uint64_t registers = config_read(PCI_BAR0 + 8, 4);
	uint64_t value = 0xfee00000;

	(void)state;
	assert_true(functions_memory(&vmm, true, msix, 4, &value));
	value = 0;
	assert_true(functions_memory(&vmm, false, msix, 4, &value));
	assert_int_equal(value, 0xfee00000);
	/* Notifications in memory ring too. */
	value = 0;
	assert_true(functions_memory(&vmm, true, registers + VIRTIO_PCI_NOTIFY + 4, 2, &value));
	assert_int_equal(fake.signalled, DOORBELL + 1);
	/* What is the model's is not ours, nor what is nobody's. */
	assert_false(functions_memory(&vmm, true, registers, 4, &value));
	assert_false(functions_memory(&vmm, true, registers + VIRTIO_PCI_REGISTERS_SIZE, 4, &value));
}

static void pulse(uint32_t line)
{
	lines_pulse(&page_of_function, line);
	(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << SIGNAL_BIT, 0, 0);
}

static void vectors_send_their_messages(void **state)
{
	uint64_t msix = config_read(PCI_BAR0 + 4, 4);
	uint64_t value = 0xfee00000;

	(void)state;
	fabric_apic_write(&vmm.fabric, 0, 0xf0, 0x1ff, 0); /* the local APIC is on */
	assert_true(functions_memory(&vmm, true, msix + 16, 4, &value));
	value = VECTOR;
	assert_true(functions_memory(&vmm, true, msix + 24, 4, &value));
	config_write(0x40 + MSIX_CONTROL, 2, MSIX_CONTROL_ENABLE);
	/* masked: pends until it is not */
	pulse(VIRTIO_PCI_LINE_VECTOR + 1);
	assert_int_equal(injected, 0);
	value = 0;
	assert_true(functions_memory(&vmm, true, msix + 28, 4, &value));
	(void)take_exit(BH_EXIT_NOTIFY, 0, 0, 0);
	assert_int_equal(injected & 0xff, VECTOR);
	fabric_eoi(&vmm.fabric, 0);
	pulse(VIRTIO_PCI_LINE_VECTOR + 1);
	assert_int_equal(injected & 0xff, VECTOR);
	fabric_eoi(&vmm.fabric, 0);
	/* Nothing new, nothing sent. */
	(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << SIGNAL_BIT, 0, 0);
	assert_int_equal(injected, 0);
}

static uint64_t line_word(void)
{
	return vmm.fabric.line[vmm.lines[vmm.functions[0].line].fabric_line].word & LINES_LEVEL;
}

static void intx_is_low_while_it_is_off(void **state)
{
	(void)state;
	lines_raise(&page_of_function, VIRTIO_PCI_LINE_INTX);
	(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << SIGNAL_BIT, 0, 0);
	assert_int_equal(line_word(), 1);
	config_write(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(line_word(), 0);
	config_write(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	assert_int_equal(line_word(), 1);
	config_write(0x40 + MSIX_CONTROL, 2, MSIX_CONTROL_ENABLE);
	assert_int_equal(line_word(), 0);
	/* also when the line is read again */
	(void)take_exit(BH_EXIT_NOTIFY, UINT64_C(1) << SIGNAL_BIT, 0, 0);
	assert_int_equal(line_word(), 0);
}

static void the_window_reaches_every_bar(void **state)
{
	unsigned window = vmm.functions[0].window;

	(void)state;
	/* the model's registers: status, 1 byte */
	config_write(window + VIRTIO_WINDOW_BAR, 1, VIRTIO_PCI_BAR_REGISTERS);
	config_write(window + VIRTIO_WINDOW_OFFSET, 4, VIRTIO_PCI_COMMON + 20);
	config_write(window + VIRTIO_WINDOW_LENGTH, 4, 1);
	fake.call_answer = 0x0f;
	fake.calls = 0;
	assert_int_equal(config_read(window + VIRTIO_WINDOW_DATA, 1), 0x0f);
	assert_int_equal(fake.calls, 1);
	assert_int_equal(fake.call[0].endpoint, REGISTERS);
	assert_int_equal(fake.call[0].word, BH_PORT_WORD(1, 1, VIRTIO_PCI_COMMON + 20, 0));
	/* another width is no access (section 4.1.4.9.1) */
	(void)config_read(window + VIRTIO_WINDOW_DATA, 4);
	assert_int_equal(fake.calls, 1);
	/* a doorbell */
	config_write(window + VIRTIO_WINDOW_BAR, 1, VIRTIO_PCI_BAR_NOTIFY);
	config_write(window + VIRTIO_WINDOW_OFFSET, 4, 4);
	config_write(window + VIRTIO_WINDOW_LENGTH, 4, 2);
	config_write(window + VIRTIO_WINDOW_DATA, 2, 1);
	assert_int_equal(fake.signalled, DOORBELL + 1);
	/* nothing there */
	config_write(window + VIRTIO_WINDOW_BAR, 1, 5);
	assert_int_equal(config_read(window + VIRTIO_WINDOW_DATA, 2), 0xffff);
	config_write(window + VIRTIO_WINDOW_LENGTH, 4, 0);
	(void)config_read(window + VIRTIO_WINDOW_DATA, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(doorbells_follow_their_bar, setup),
		cmocka_unit_test_setup(accesses_to_doorbells_that_come_to_the_vmm, setup),
		cmocka_unit_test_setup(registers_are_the_models_where_the_bar_is, setup),
		cmocka_unit_test_setup(memory_of_the_vmm, setup),
		cmocka_unit_test_setup(vectors_send_their_messages, setup),
		cmocka_unit_test_setup(intx_is_low_while_it_is_off, setup),
		cmocka_unit_test_setup(the_window_reaches_every_bar, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
