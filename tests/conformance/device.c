/* SPDX-License-Identifier: MIT */
/* IrqHandler and IoPorts: usable by their control capabilities alone, one owner each, gone with their object. */
#include "harness.h"

#define PIT_LINE 2 /* as the emulators' tables say of ISA interrupt 0 */
#define RTC_LINE 8

static uint64_t endpoint, reply;
static struct test_thread prober;

extern const char probe_in[];
__asm__(".text\n"
	"probe_in: movl %edi, %edx; inb %dx, %al; ud2\n");

/* Does IN from that port work for a thread in that space (0: the own)? */
static bool port_is_open(uint64_t port)
{
	struct bh_message message = { 0 };

	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	prober = (struct test_thread){ .fault_endpoint = endpoint };
	if (!thread_new(&prober, NULL, 0, OWN_PRIORITY - 1, true)) {
		return false;
	}
	prober.registers.rip = (uint64_t)probe_in;
	prober.registers.rdi = port;
	if (bh_thread_write_registers(prober.thread, OWN_BUFFER, &prober.registers) != BH_OK ||
		bh_thread_resume(prober.thread) != BH_OK || bh_receive(endpoint, reply, &message) != BH_OK) {
		return false;
	}
	return message.word[0] == (BH_FAULT_EXCEPTION | 6 << 8);
}

static void ports(void)
{
	uint64_t ports, other, space, narrowed;

	case_begin("io_ports.map",
		"ports are closed until a configured IoPorts is mapped, open then, and closed again when it is unmapped or deleted");
	ports = object_new(BH_OBJECT_IO_PORTS, 0);
	CHECK(!port_is_open(0x70));
	REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x70, 2));
	CHECK(!port_is_open(0x70));
	REQUIRE_OK(bh_io_ports_map(ports, OWN_SPACE));
	CHECK(port_is_open(0x70));
	CHECK(port_is_open(0x71));
	CHECK(!port_is_open(0x6f));
	CHECK(!port_is_open(0x72));
	REQUIRE_OK(bh_io_ports_unmap(ports));
	REQUIRE_OK(bh_io_ports_unmap(ports)); /* no error where it is not mapped */
	CHECK(!port_is_open(0x70));
	REQUIRE_OK(bh_io_ports_map(ports, OWN_SPACE));
	CHECK(port_is_open(0x71));
	REQUIRE_OK(bh_cnode_delete(SELF, ports));
	CHECK(!port_is_open(0x71));
	ports = object_new(BH_OBJECT_IO_PORTS, 0);
	REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x71, 1)); /* free again */

	case_begin("io_ports.width", "an access of four bytes needs all four ports");
	ports = object_new(BH_OBJECT_IO_PORTS, 0);
	REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0xffff, 1));
	REQUIRE_OK(bh_io_ports_map(ports, OWN_SPACE));
	CHECK(port_is_open(0xffff)); /* the last one */
	CHECK(!port_is_open(0xfffe));

	case_begin("io_ports.edges",
		"a range that begins and ends inside bytes of the CPU's bitmap, with whole ones between, is open from its first port "
		"to its last");
	ports = object_new(BH_OBJECT_IO_PORTS, 0);
	REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x2005, 0x2d));
	REQUIRE_OK(bh_io_ports_map(ports, OWN_SPACE));
	for (uint64_t port = 0x2000; port < 0x2038; port += port % 8 == 5 ? 2 : 1) {
		CHECK_EQUAL(port >= 0x2005 && port < 0x2032, port_is_open(port));
	}

	case_begin("io_ports.refused",
		"memory is not authority: fresh IoPorts can't be mapped; a range has one owner, an object one range and one space");
	ports = object_new(BH_OBJECT_IO_PORTS, 0);
	other = object_new(BH_OBJECT_IO_PORTS, 0);
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	REFUSED(BH_ERROR_EMPTY_OBJECT, bh_io_ports_map(ports, space));
	REFUSED(BH_ERROR_IN_USE,
		bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x3f8, 1)); /* the harness's */
	REFUSED(BH_ERROR_IN_USE, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0, 65536));
	REFUSED(BH_ERROR_ARGUMENT, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x100, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 65536, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 65535, 2));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, ~UINT64_C(0), 2));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 2, ~UINT64_C(0)));
	REFUSED(BH_ERROR_TYPE, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, space, 0x100, 1));
	REFUSED(BH_ERROR_CAPABILITY,
		bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, NO_SLOT, 0x100, 1));
	REFUSED(BH_ERROR_RIGHTS, bh_io_port_control_configure(
					 BH_BOOT_IO_PORT_CONTROL, copy_new(ports, BH_RIGHT_READ), 0x100, 1));
	REFUSED(BH_ERROR_RIGHTS, bh_io_port_control_configure(
					 copy_new(BH_BOOT_IO_PORT_CONTROL, BH_RIGHT_READ), ports, 0x100, 1));
	REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x100, 16));
	REFUSED(BH_ERROR_STATE, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x200, 16));
	REFUSED(BH_ERROR_IN_USE, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, other, 0x10f, 1));
	REFUSED(BH_ERROR_IN_USE, bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, other, 0xff, 2));
	REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, other, 0x110, 1));
	REFUSED(BH_ERROR_TYPE, bh_io_ports_map(ports, object_new(BH_OBJECT_GUEST_SPACE, 0)));
	REFUSED(BH_ERROR_CAPABILITY, bh_io_ports_map(ports, NO_SLOT));
	REFUSED(BH_ERROR_RIGHTS, bh_io_ports_map(ports, copy_new(space, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_io_ports_map(copy_new(ports, BH_RIGHT_READ), space));
	REFUSED(BH_ERROR_RIGHTS, bh_io_ports_unmap(copy_new(ports, BH_RIGHT_READ)));
	REQUIRE_OK(bh_io_ports_map(ports, space));
	REFUSED(BH_ERROR_STATE, bh_io_ports_map(ports, OWN_SPACE));
	REQUIRE_OK(bh_cnode_revoke(SELF, space));
	REQUIRE_OK(bh_cnode_delete(SELF, space)); /* the end of the space unmaps */
	REQUIRE_OK(bh_io_ports_map(ports, OWN_SPACE));

	case_begin("io_ports.eight", "a space has room for eight ranges");
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	for (unsigned int i = 0; i < 9; i++) {
		ports = object_new(BH_OBJECT_IO_PORTS, 0);
		REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x200 + i, 1));
		if (i < 8) {
			REQUIRE_OK(bh_io_ports_map(ports, space));
		}
	}
	REFUSED(BH_ERROR_MEMORY, bh_io_ports_map(ports, space));

	case_begin("io_ports.narrowed", "a narrowed IoPortControl gives its range only");
	ports = object_new(BH_OBJECT_IO_PORTS, 0);
	narrowed = mint_new(BH_BOOT_IO_PORT_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0x100, 8));
	REFUSED(BH_ERROR_RANGE, bh_io_port_control_configure(narrowed, ports, 0xff, 2));
	REFUSED(BH_ERROR_RANGE, bh_io_port_control_configure(narrowed, ports, 0x107, 2));
	REFUSED(BH_ERROR_RANGE, bh_io_port_control_configure(narrowed, ports, 0x70, 1));
	REQUIRE_OK(bh_io_port_control_configure(narrowed, ports, 0x100, 8));
}

static bool open_ports(uint64_t first, uint64_t count)
{
	uint64_t ports = object_new(BH_OBJECT_IO_PORTS, 0);

	return bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, first, count) == BH_OK &&
	       bh_io_ports_map(ports, OWN_SPACE) == BH_OK;
}

static void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

/* PIT channel 0, mode 2, about 1 kHz: MC8254 data sheet. */
static void pit_start(void)
{
	outb(0x43, 0x34);
	outb(0x40, 0xa9);
	outb(0x40, 0x04);
}

static void pit_stop(void) { outb(0x43, 0x30); /* mode 0, count not written: silent */ }

static void interrupts(void)
{
	uint64_t handler, other, notification, word, narrowed;

	case_begin("irq.fires",
		"a line signals its notification with the badge, is masked then, and fires again after Ack");
	REQUIRE(open_ports(0x40, 4));
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REQUIRE_OK(bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, PIT_LINE, 0));
	pit_start();
	pause_us(5000);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word); /* not bound: masked */
	REQUIRE_OK(bh_irq_bind(handler, mint_new(notification, BH_RIGHT_WRITE, 0x40)));
	for (unsigned int i = 0; i < 5; i++) {
		REQUIRE_OK(bh_wait(notification, &word));
		CHECK_EQUAL(0x40, word);
		pause_us(5000);
		REQUIRE_OK(bh_poll(notification, &word));
		CHECK_EQUAL(0, word); /* masked until the Ack */
		REQUIRE_OK(bh_irq_acknowledge(handler));
	}
	REQUIRE_OK(bh_wait(notification, &word));
	REQUIRE_OK(bh_cnode_delete(SELF, handler));
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	REQUIRE_OK(bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, PIT_LINE, 0)); /* free again */
	pit_stop();

	case_begin("irq.target.revoked",
		"a line whose notification was revoked fires at nothing, and can be bound again");
	REQUIRE(open_ports(0x40, 4));
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REQUIRE_OK(bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, PIT_LINE, 0));
	REQUIRE_OK(bh_irq_bind(handler, notification));
	REQUIRE_OK(bh_cnode_revoke(SELF, notification));
	pit_start();
	pause_us(5000);
	REQUIRE_OK(bh_irq_acknowledge(handler));
	REQUIRE_OK(bh_irq_bind(handler, mint_new(notification, BH_RIGHT_WRITE, 1)));
	REQUIRE_OK(bh_irq_acknowledge(handler));
	REQUIRE_OK(bh_wait(notification, &word));
	pit_stop();

	case_begin("irq.refused",
		"memory is not authority: a fresh IrqHandler can't be bound; a line has one handler, a handler one line");
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	other = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REFUSED(BH_ERROR_EMPTY_OBJECT, bh_irq_bind(handler, notification));
	REFUSED(BH_ERROR_EMPTY_OBJECT, bh_irq_acknowledge(handler));
	REFUSED(BH_ERROR_ARGUMENT, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, 64, 0));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, 63, 0)); /* no such line here */
	REFUSED(BH_ERROR_ARGUMENT, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, ~UINT64_C(0), 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, 5, 4));
	REFUSED(BH_ERROR_ARGUMENT, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, 5, 8));
	REFUSED(BH_ERROR_TYPE, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, notification, 5, 0));
	REFUSED(BH_ERROR_CAPABILITY, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, NO_SLOT, 5, 0));
	REFUSED(BH_ERROR_RIGHTS,
		bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, copy_new(handler, BH_RIGHT_READ), 5, 0));
	REFUSED(BH_ERROR_RIGHTS,
		bh_irq_control_configure(copy_new(BH_BOOT_IRQ_CONTROL, BH_RIGHT_READ), handler, 5, 0));
	REQUIRE_OK(bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, RTC_LINE, 0));
	REFUSED(BH_ERROR_STATE, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, 5, 0));
	REFUSED(BH_ERROR_IN_USE, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, other, RTC_LINE, 0));
	REFUSED(BH_ERROR_TYPE, bh_irq_bind(handler, other));
	REFUSED(BH_ERROR_CAPABILITY, bh_irq_bind(handler, NO_SLOT));
	REFUSED(BH_ERROR_RIGHTS, bh_irq_bind(handler, copy_new(notification, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_irq_bind(copy_new(handler, BH_RIGHT_READ), notification));
	REFUSED(BH_ERROR_RIGHTS, bh_irq_acknowledge(copy_new(handler, BH_RIGHT_READ)));
	REQUIRE_OK(bh_irq_bind(handler, notification));
	REFUSED(BH_ERROR_STATE, bh_irq_bind(handler, notification));

	case_begin("irq.narrowed",
		"a narrowed IrqControl gives its lines only, as the interrupt controller counts them");
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	narrowed = mint_new(BH_BOOT_IRQ_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(4, 2));
	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure(narrowed, handler, 3, 0));
	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure(narrowed, handler, 6, 0));
	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure(narrowed, handler, PIT_LINE, 0));
	REQUIRE_OK(bh_irq_control_configure(narrowed, handler, 5, BH_IRQ_LEVEL | BH_IRQ_ACTIVE_LOW));
}

void group_device(void)
{
	ports();
	interrupts();
}
