/* SPDX-License-Identifier: MIT */
/* Orders: see orders.h. The MSI-X table's format is PCI 3.0 section 6.8.2: address, upper address, data, and bit 0 of the fourth word masks. */
#include "orders.h"

#include "config_space.h"

#define WORDS_PER_ENTRY 4u
#define ENTRY_MASKED 1u

static uint32_t command_of(const struct host_pci_function *page)
{
	return config_read(page->requester, CONFIG_COMMAND) & COMMAND_MASK;
}

/* Registers can be reached, and nothing goes out. A message is a write like any DMA, so this holds interrupts back, too. Reading the register back
 * makes sure that the function has seen it. */
static void quiet(const struct host_pci_function *page, uint32_t msix)
{
	uint32_t control = config_read(page->requester, msix);

	config_write(page->requester, CONFIG_COMMAND,
		((command_of(page) & ~COMMAND_BUS_MASTER) | COMMAND_MEMORY | COMMAND_NO_INTX));
	(void)command_of(page);
	config_write(page->requester, msix, control | MSIX_ENABLE | MSIX_MASK_ALL);
}

static void write_table(
	const struct host_pci_function *page, const struct host_pci_order *order, volatile uint32_t *table)
{
	uint32_t count =
		order->vector_count < HOST_PCI_MAX_VECTORS ? order->vector_count : HOST_PCI_MAX_VECTORS;

	for (uint32_t i = 0; i < page->table_entries; i++) {
		volatile uint32_t *entry = table + (uint64_t)i * WORDS_PER_ENTRY;

		entry[3] = ENTRY_MASKED;
		if (i < count) {
			entry[0] = (uint32_t)order->vector[i].address;
			entry[1] = (uint32_t)(order->vector[i].address >> 32);
			entry[2] = order->vector[i].data;
			entry[3] = 0;
		}
	}
}

bool order_carry_out(
	struct host_pci_function *page, const struct host_pci_order *order, volatile uint32_t *table)
{
	uint64_t number = __atomic_load_n(&order->number, __ATOMIC_ACQUIRE);
	uint32_t msix = config_capability(page->requester, CAPABILITY_MSIX);

	if (number == page->carried_out || msix == 0) {
		return false;
	}
	quiet(page, msix);
	write_table(page, order, table);
	if ((order->flags & HOST_PCI_ORDER_BUS_MASTER) != 0) {
		config_write(page->requester, msix,
			(config_read(page->requester, msix) | MSIX_ENABLE) & ~MSIX_MASK_ALL);
		config_write(page->requester, CONFIG_COMMAND, command_of(page) | COMMAND_BUS_MASTER);
	}
	__atomic_store_n(&page->carried_out, number, __ATOMIC_RELEASE);
	return true;
}
