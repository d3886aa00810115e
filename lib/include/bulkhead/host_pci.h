/* SPDX-License-Identifier: MIT */
/*
 * What the PCI server and the root task tell each other about the host's PCI functions, in memory that outlives both:
 *
 *   a page for each function   written by the PCI server alone; read by the root task, which checks every number, and by the driver
 *   the page of orders         written by the root task alone; read by the PCI server
 *
 * A function has a number: its place among the PCI server's arguments, which the manifest's objects refer to. The PCI server looks for
 * all functions once and says for each what it found. From then on it does nothing but carry out orders: an order has a number, and
 * when `carried_out` is that number, the function is as the order says. An order is there until the next: whoever starts again finds it
 * carried out, or does it (again). Includes no system call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HOST_PCI_MAX_FUNCTIONS 16u
#define HOST_PCI_BARS 6u
#define HOST_PCI_MAX_VECTORS 4u /* messages of one function that a driver is given */
#define HOST_PCI_HEADER_WORDS \
	64u /* 32-bit words of configuration space that are copied: the first 256 bytes */
#define HOST_PCI_PAGE_SIZE 0x1000u
#define HOST_PCI_MAX_BAR_SIZE UINT64_C(0x1000000) /* larger BARs are given to no driver */
#define HOST_PCI_MAX_TABLE_ENTRIES 2048u          /* of an MSI-X table (PCI 3.0 section 6.8.2) */
#define HOST_PCI_TABLE_ENTRY_SIZE 16u

/* Bits of the PCI server's notification. */
#define HOST_PCI_SIGNAL_ORDER UINT64_C(1)

enum host_pci_state {
	HOST_PCI_UNKNOWN, /* nobody has looked yet: what zeroed memory says */
	HOST_PCI_FOUND,
	HOST_PCI_MISSING, /* no such function, or others of the appliance have them all */
	HOST_PCI_REFUSED, /* found, and not to be given to anybody: `reason` */
	HOST_PCI_STATES
};

enum host_pci_reason {
	HOST_PCI_NO_REASON,
	HOST_PCI_NO_MSIX,        /* has no MSI-X capability, or one that contradicts itself */
	HOST_PCI_BAR_UNASSIGNED, /* the firmware gave a memory BAR no address */
	HOST_PCI_BAR_SHARES_PAGE, /* another function's BAR lies in the same page: its registers would come along */
	HOST_PCI_IS_BRIDGE,       /* a bridge, or an IOMMU */
	HOST_PCI_REASONS
};

/* A memory BAR; size 0: there is none of this number (or it is of I/O ports, or the upper half of a 64-bit one). */
struct host_pci_bar {
	uint64_t address; /* physical, as the firmware assigned it; a multiple of the size */
	uint64_t size;    /* bytes, a power of two */
};

struct host_pci_function {
	uint32_t state;        /* enum host_pci_state; stored after all but carried_out */
	uint32_t reason;       /* enum host_pci_reason, of REFUSED */
	uint64_t carried_out;  /* number of the last order that was carried out */
	uint32_t requester;    /* bus << 8 | device << 3 | function */
	uint32_t table_bar;    /* where the MSI-X table is */
	uint32_t table_offset; /* in that BAR, a multiple of 8 */
	uint32_t table_entries;
	uint32_t pending_bar; /* where the pending bits are, one for each entry */
	uint32_t pending_offset;
	struct host_pci_bar bar[HOST_PCI_BARS];
	uint32_t
		header[HOST_PCI_HEADER_WORDS]; /* configuration space as it was when the function was found */
};
_Static_assert(offsetof(struct host_pci_function, bar) == 40, "host_pci_function is shared between tasks");
_Static_assert(sizeof(struct host_pci_function) == 392, "host_pci_function is shared between tasks");
_Static_assert(sizeof(struct host_pci_function) <= HOST_PCI_PAGE_SIZE, "a page for each function");

struct host_pci_vector {
	uint64_t address; /* what the function writes where, to interrupt */
	uint32_t data;
	uint32_t reserved;
};

#define HOST_PCI_ORDER_BUS_MASTER \
	(UINT32_C(1) << 0) /* the function may do DMA and send interrupts; otherwise it is quiet */

/* What the root task wants of a function. It gives the next order only when the last one was carried out, so nobody reads half of one. */
struct host_pci_order {
	uint64_t number; /* 1..; stored last. 0: none was given yet */
	uint32_t flags;  /* HOST_PCI_ORDER_* */
	uint32_t vector_count;
	struct host_pci_vector vector[HOST_PCI_MAX_VECTORS];
};
_Static_assert(sizeof(struct host_pci_order) == 16 + 16 * HOST_PCI_MAX_VECTORS,
	"host_pci_order is shared between tasks");

struct host_pci_orders {
	struct host_pci_order order[HOST_PCI_MAX_FUNCTIONS];
};
_Static_assert(sizeof(struct host_pci_orders) <= HOST_PCI_PAGE_SIZE, "all orders stand in one page");

/* Is page `page` (0..) of BAR `bar` one of the MSI-X table or its pending bits? No driver gets these. `function` has been checked. */
static inline int host_pci_is_message_page(
	const struct host_pci_function *function, uint32_t bar, uint64_t page)
{
	uint64_t table_end =
		function->table_offset + (uint64_t)function->table_entries * HOST_PCI_TABLE_ENTRY_SIZE;
	uint64_t pending_end = function->pending_offset + ((uint64_t)function->table_entries + 63) / 64 * 8;

	return (bar == function->table_bar && page >= function->table_offset / HOST_PCI_PAGE_SIZE &&
		       page * HOST_PCI_PAGE_SIZE < table_end) ||
	       (bar == function->pending_bar && page >= function->pending_offset / HOST_PCI_PAGE_SIZE &&
		       page * HOST_PCI_PAGE_SIZE < pending_end);
}
