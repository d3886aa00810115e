/* SPDX-License-Identifier: MIT */
/* A virtio device's configuration space as a driver walks it, and MSI-X: table, masks, pending bits. */
#include "pci/virtio_function.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <bulkhead/virtio_pci.h>

enum { DEVICE = 3, QUEUES = 2 };

static struct pci pci;
static struct msix msix;
static unsigned window;

static const struct virtio_function shape = { .type = 3, .class_code = 0x078000, .queues = QUEUES };

static int setup(void **context)
{
	(void)context;
	pci_initialize(&pci);
	return virtio_function_add(&pci, DEVICE, &shape, &msix, &window) == PCI_OK ? 0 : -1;
}

static uint32_t config(unsigned at, unsigned width) { return pci_config(&pci, DEVICE, at, width); }

static void identity(void **context)
{
	(void)context;
	assert_int_equal(config(PCI_VENDOR_ID, 4), 0x10431af4);
	assert_int_equal(config(PCI_CLASS_CODE, 3), 0x078000);
	assert_int_equal(config(PCI_REVISION_ID, 1), 1); /* not a transitional device (section 4.1.2.1) */
	assert_int_equal(config(PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(config(PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES, PCI_STATUS_CAPABILITIES);
	assert_int_equal(virtio_function_add(&pci, DEVICE, &shape, &msix, &window), PCI_OCCUPIED);
}

/* Follows the list as Linux does: the first capability of a type counts. */
static void capabilities(void **context)
{
	unsigned first[6] = { 0 };
	unsigned found = 0;

	(void)context;
	for (unsigned at = config(PCI_CAPABILITIES, 1); at != 0; at = config(at + 1, 1)) {
		assert_true(at >= 0x40 && at % 4 == 0 && found++ < 16);
		if (config(at, 1) == PCI_CAPABILITY_MSIX) {
			assert_int_equal(
				config(at + MSIX_CONTROL, 2), QUEUES); /* the table's size less one */
			assert_int_equal(config(at + 4, 4), VIRTIO_PCI_BAR_MSIX | MSIX_TABLE);
			assert_int_equal(config(at + 8, 4), VIRTIO_PCI_BAR_MSIX | MSIX_PENDING);
			continue;
		}
		assert_int_equal(config(at, 1), PCI_CAPABILITY_VENDOR);
		if (first[config(at + 3, 1)] == 0)
			first[config(at + 3, 1)] = at;
	}
	assert_int_equal(found, 7);
	assert_int_equal(config(first[1] + 4, 1), VIRTIO_PCI_BAR_REGISTERS);
	assert_int_equal(config(first[1] + 8, 4), VIRTIO_PCI_COMMON);
	assert_int_equal(config(first[2] + 4, 1), VIRTIO_PCI_BAR_NOTIFY);
	assert_int_equal(config(first[2] + 12, 4), 4 * QUEUES);
	assert_int_equal(config(first[2] + 16, 4), VIRTIO_PCI_NOTIFY_MULTIPLIER);
	assert_int_equal(config(first[3] + 8, 4), VIRTIO_PCI_ISR);
	assert_int_equal(config(first[4] + 8, 4), VIRTIO_PCI_CONFIG);
	assert_int_equal(first[5], window);
	/* Of all these only the window's fields and MSI-X' control can be written. */
	for (unsigned at = 0x40; at < 0xc0; at += 4)
		pci_config_write(&pci, DEVICE, at, 4, 0xffffffff);
	assert_int_equal(config(first[1] + 8, 4), VIRTIO_PCI_COMMON);
	assert_int_equal(config(window + VIRTIO_WINDOW_OFFSET, 4), 0xffffffff);
	assert_int_equal(config(0x40 + MSIX_CONTROL, 2), 0xc000 | QUEUES);
}

static void placed_as_firmware_does(void **context)
{
	uint64_t address;

	(void)context;
	assert_false(pci_bar_address(&pci, DEVICE, VIRTIO_PCI_BAR_NOTIFY, &address));
	virtio_function_place(&pci, DEVICE, 2);
	assert_true(pci_bar_address(&pci, DEVICE, VIRTIO_PCI_BAR_NOTIFY, &address));
	assert_int_equal(address, 0xc080);
	assert_true(pci_bar_address(&pci, DEVICE, VIRTIO_PCI_BAR_MSIX, &address));
	assert_int_equal(address, 0xfe004000);
	assert_true(pci_bar_address(&pci, DEVICE, VIRTIO_PCI_BAR_REGISTERS, &address));
	assert_int_equal(address, 0xfe005000);
	assert_int_equal(config(PCI_INTERRUPT_LINE, 1), pci_interrupt(DEVICE));
}

static void messages(void **context)
{
	uint64_t address;
	uint32_t data;

	(void)context;
	assert_int_equal(msix.vectors, QUEUES + 1);
	msix_write(&msix, 16, 4, 0xfee00003);
	msix_write(&msix, 24, 4, 0x4041);
	/* off: lost */
	assert_false(msix_raise(&msix, 1, &address, &data));
	msix_control(&msix, MSIX_CONTROL_ENABLE);
	assert_false(msix_take_pending(&msix, &address, &data));
	/* masked by itself, as every vector at first: it pends */
	assert_false(msix_raise(&msix, 1, &address, &data));
	assert_int_equal(msix_read(&msix, MSIX_PENDING, 4), 2);
	assert_false(msix_take_pending(&msix, &address, &data));
	msix_write(&msix, 28, 4, 0xfffffffe);
	assert_int_equal(msix_read(&msix, 28, 4), 0);
	assert_true(msix_take_pending(&msix, &address, &data));
	assert_int_equal(address, 0xfee00000);
	assert_int_equal(data, 0x4041);
	assert_false(msix_take_pending(&msix, &address, &data));
	/* open */
	assert_true(msix_raise(&msix, 1, &address, &data));
	/* all masked */
	msix_control(&msix, MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK);
	assert_false(msix_raise(&msix, 1, &address, &data));
	msix_control(&msix, MSIX_CONTROL_ENABLE);
	assert_true(msix_take_pending(&msix, &address, &data));
	assert_false(msix_raise(&msix, QUEUES + 1, &address, &data));
}

static void accesses_of_every_kind(void **context)
{
	(void)context;
	for (uint32_t offset = 0; offset < MSIX_BAR_SIZE; offset++) {
		for (uint32_t width = 1; width <= 8; width *= 2) {
			msix_write(&msix, offset, width, UINT64_MAX);
			if (width < 8)
				assert_int_equal(msix_read(&msix, offset, width) >> 8 * width, 0);
			else
				(void)msix_read(&msix, offset, width);
		}
	}
	assert_int_equal(msix_read(&msix, 0, 8), 0xfffffffffffffffc);
	assert_int_equal(msix_read(&msix, 1, 1), 0xff);
	assert_int_equal(msix_read(&msix, 12, 4), 1); /* one bit of the control word there is */
	assert_int_equal(msix_read(&msix, 16 * (QUEUES + 1), 8), 0);
	assert_int_equal(msix_read(&msix, MSIX_PENDING, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(identity, setup),
		cmocka_unit_test_setup(capabilities, setup),
		cmocka_unit_test_setup(placed_as_firmware_does, setup),
		cmocka_unit_test_setup(messages, setup),
		cmocka_unit_test_setup(accesses_of_every_kind, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
