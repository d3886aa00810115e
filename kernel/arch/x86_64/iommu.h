/* SPDX-License-Identifier: MIT */
/* IOMMU with interrupt remapping (AMD-Vi): which memory a PCI function reaches by DMA, and which interrupts it can send. Unless
 * something here says otherwise a function reaches nothing and sends none. A function is bus << 8 | device << 3 | function. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/acpi.h"

#define IOMMU_DOMAINS 256 /* 1..255; 0: what belongs to nobody */

/* Starts all IOMMUs, if they are such that everything can be confined; clock_calibrate() and lapic_enable() done. Boot only. */
void iommu_initialise(const struct platform_information *platform);

/* Is DMA confined? Without an IOMMU nothing below may be called, but iommu_message_set and iommu_message_clear. */
bool iommu_is_on(void);

/* The function's DMA goes by those page tables (four levels) from now on. */
void iommu_attach(uint32_t function, uint32_t domain, uint64_t root_physical);

/* The domain that the function is in; 0: none. */
uint32_t iommu_domain(uint64_t function);

/* The function reaches no memory any more; when this returns, none of its accesses is under way by the old tables. */
void iommu_detach(uint32_t function);

/* An entry of the domain's tables was changed: when this returns nothing uses the old one any more. whole: a table's. */
void iommu_flush(uint32_t domain, uint64_t address, bool whole);

/* Entries of its page tables: 4 KiB, or large, of memory; of a table, which is of that level (1 to 3). */
uint64_t iommu_leaf(uint64_t physical, bool writable);
uint64_t iommu_table(uint64_t physical, unsigned int level);

/* Lets message `index` (below BH_MSI_INDEXES) of the function be that vector on this CPU; *address and *data are what it has to
 * send. At most INTERRUPTS - INTERRUPT_LINES at a time, each once. */
void iommu_message_set(uint32_t function, uint32_t index, uint32_t vector, uint64_t *address, uint64_t *data);
void iommu_message_clear(uint32_t function, uint32_t index);

/* Reports the function's next fault, after one that was told to io_space_fault() and silenced it; reads what the event logs hold, of all
 * functions: they interrupt no more when a function's events cannot be silenced, until the next call. */
void iommu_listen(uint32_t function);

/* The IOMMU's own interrupt (arch entry): tells io_space_fault() of what its event logs hold. */
void iommu_interrupt(void);
