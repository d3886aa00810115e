/* SPDX-License-Identifier: MIT */
/* IrqHandlers of message-signalled interrupts: a device of QEMU's sends them. */
#include "edu.h"
#include "harness.h"

#define MSI_COUNT 64 /* that the kernel has vectors for */

static uint64_t handler, notification, address, word;
static uint32_t data;
static struct edu edu;

static enum bh_error configure(uint64_t object, uint64_t function, uint64_t index)
{
	return bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, object, function, index, &address, &data);
}

static void fires(void)
{
	uint64_t second_address;
	uint32_t second_data;

	case_begin("msi.fires",
		"each message of the function signals the notification with the badge, without an Ack; the message is new for each index");
	REQUIRE(edu_open(&edu, 0));
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REQUIRE_OK(configure(handler, edu.function, 0));
	CHECK_EQUAL(0xfee, address >> 20);
	edu_set_message(&edu, address, data);
	edu_interrupt(&edu);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word); /* not bound */
	REQUIRE_OK(bh_irq_bind(handler, mint_new(notification, BH_RIGHT_WRITE, 0x20)));
	for (unsigned int i = 0; i < 3; i++) {
		edu_interrupt(&edu);
		REQUIRE_OK(bh_wait(notification, &word));
		CHECK_EQUAL(0x20, word);
	}
	REQUIRE_OK(bh_irq_acknowledge(handler)); /* is allowed, and does nothing */
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	uint64_t second = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	REQUIRE_OK(bh_irq_control_configure_msi(
		BH_BOOT_IRQ_CONTROL, second, edu.function, 1, &second_address, &second_data));
	CHECK(second_data != data || second_address != address);
	REQUIRE_OK(bh_irq_bind(second, mint_new(notification, BH_RIGHT_WRITE, 0x40)));
	edu_set_message(&edu, second_address, second_data);
	edu_interrupt(&edu);
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK_EQUAL(0x40, word);

	case_begin("msi.end",
		"the message of a handler that was deleted signals nobody; the function's index is free again");
	REQUIRE(edu_open(&edu, 0));
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REQUIRE_OK(configure(handler, edu.function, 7));
	REQUIRE_OK(bh_irq_bind(handler, mint_new(notification, BH_RIGHT_WRITE, 1)));
	edu_set_message(&edu, address, data);
	REQUIRE_OK(bh_cnode_delete(SELF, handler));
	edu_interrupt(&edu);
	pause_us(100);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	REQUIRE_OK(configure(handler, edu.function, 7));
	REQUIRE_OK(bh_irq_bind(handler, mint_new(notification, BH_RIGHT_WRITE, 2)));
	edu_set_message(&edu, address, data);
	edu_interrupt(&edu);
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK_EQUAL(2, word);
}

static void refused(void)
{
	case_begin("msi.refused",
		"a message has one handler, a handler one message or line; functions and indexes have their range");
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	uint64_t other = object_new(BH_OBJECT_IRQ_HANDLER, 0);

	REFUSED(BH_ERROR_ARGUMENT, bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, handler,
					   BH_PCI_FUNCTIONS, 0, &address, &data));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, handler, ~UINT64_C(0), 0, &address, &data));
	REFUSED(BH_ERROR_ARGUMENT, bh_irq_control_configure_msi(
					   BH_BOOT_IRQ_CONTROL, handler, 0, BH_MSI_INDEXES, &address, &data));
	REFUSED(BH_ERROR_TYPE,
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, notification, 0, 0, &address, &data));
	REFUSED(BH_ERROR_CAPABILITY,
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, NO_SLOT, 0, 0, &address, &data));
	REFUSED(BH_ERROR_RIGHTS, bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL,
					 copy_new(handler, BH_RIGHT_READ), 0, 0, &address, &data));
	REFUSED(BH_ERROR_RIGHTS, bh_irq_control_configure_msi(copy_new(BH_BOOT_IRQ_CONTROL, BH_RIGHT_READ),
					 handler, 0, 0, &address, &data));
	REQUIRE_OK(configure(handler, 0xffff, 255));
	REFUSED(BH_ERROR_STATE,
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, handler, 0, 0, &address, &data));
	REFUSED(BH_ERROR_STATE, bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, handler, 5, 0));
	REFUSED(BH_ERROR_IN_USE,
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, other, 0xffff, 255, &address, &data));
	REQUIRE_OK(configure(other, 0xfffe, 255));

	case_begin("msi.many", "there are 64 at a time");
	for (unsigned int i = 0; i < MSI_COUNT; i++) {
		handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
		REQUIRE_OK(configure(handler, 8, i));
	}
	uint64_t last = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	REFUSED(BH_ERROR_MEMORY,
		bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, last, 8, MSI_COUNT, &address, &data));
	REQUIRE_OK(bh_cnode_delete(SELF, handler));
	REQUIRE_OK(configure(last, 8, MSI_COUNT));

	case_begin("msi.narrowed",
		"an IrqControl that was narrowed to functions gives their messages only, and no line; one for lines gives no message");
	handler = object_new(BH_OBJECT_IRQ_HANDLER, 0);
	uint64_t functions =
		mint_new(BH_BOOT_IRQ_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(BH_IRQ_MSI_FIRST + 0x10, 2));
	uint64_t lines = mint_new(BH_BOOT_IRQ_CONTROL, BH_RIGHTS_ALL, BH_CONTROL_RANGE(0, 64));

	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure_msi(functions, handler, 0xf, 0, &address, &data));
	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure_msi(functions, handler, 0x12, 0, &address, &data));
	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure_msi(lines, handler, 0x10, 0, &address, &data));
	REFUSED(BH_ERROR_RANGE, bh_irq_control_configure(functions, handler, 5, 0));
	REQUIRE_OK(bh_irq_control_configure_msi(functions, handler, 0x11, 0, &address, &data));
}

void group_msi(void)
{
	fires();
	refused();
}
