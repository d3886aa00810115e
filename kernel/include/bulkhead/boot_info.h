/* SPDX-License-Identifier: MIT */
/* What the kernel hands the root task: its initial capabilities and the machine's facts, in one read-only page run. */
#ifndef BULKHEAD_BOOT_INFO_H
#define BULKHEAD_BOOT_INFO_H

#include <stdint.h>

/* Slots of the root task's CNode. */
enum bh_boot_slot {
	BH_BOOT_NULL = 0,
	BH_BOOT_CNODE,
	BH_BOOT_THREAD,
	BH_BOOT_ADDRESS_SPACE,
	BH_BOOT_SCHED_CONTEXT,
	BH_BOOT_IPC_BUFFER,
	BH_BOOT_SCHED_CONTROL, /* of CPU 0 */
	BH_BOOT_IRQ_CONTROL,
	BH_BOOT_IO_PORT_CONTROL,
	BH_BOOT_IO_SPACE_CONTROL,
	BH_BOOT_LOG_RING, /* Frames of the log ring: log_pages slots from log_first on; this slot is not used */
	BH_BOOT_FIRST_FREE =
		16, /* from here: log frames, trace frames, ACPI frames, Untypeds, as boot information says; then free slots */
};
#define BH_BOOT_CNODE_BITS 17

/* Addresses in the root task's space. */
#define BH_BOOT_INFO_ADDRESS UINT64_C(0x7f0000000000)
#define BH_BOOT_BUFFER_ADDRESS UINT64_C(0x7f0000100000)
#define BH_BOOT_STACK_TOP UINT64_C(0x7e0000100000) /* 256 KiB below it are mapped */

#define BH_BOOT_UNTYPEDS_MAX 256u
#define BH_BOOT_MODULES_MAX 64u
#define BH_BOOT_ACPI_TABLES_MAX 32u

struct bh_boot_untyped {
	uint64_t physical;
	uint8_t size_bits;
	uint8_t device; /* 1: never zeroed (device memory, or a module's pages) */
	uint8_t module; /* 1 + index of the module whose pages these are, 0 = none */
	uint8_t reserved[5];
};

struct bh_boot_module {
	uint64_t physical; /* page-aligned start */
	uint64_t length;   /* bytes */
	char name[64];     /* the loader's command line of this module */
};

/* A table of the firmware's whose length and checksum are right (ACPI 6.4 chapter 5): those that the root table lists, and the DSDT. */
struct bh_boot_acpi_table {
	char signature[4];
	uint32_t length; /* bytes */
	uint64_t physical;
	uint32_t first; /* slot of the first Frame (read) of the pages that it touches */
	uint32_t reserved;
};

struct bh_boot_info {
	uint32_t abi_version;
	uint32_t size;
	uint32_t untyped_first, untyped_count; /* slots, in the order of `untyped` */
	uint32_t log_first, log_pages;         /* Frame capabilities (read) of the log ring's pages */
	uint32_t trace_first, trace_pages;     /* likewise of the trace ring */
	uint32_t free_first, free_end;         /* slots that are empty */
	uint32_t module_count;
	uint32_t cpu_count;
	uint64_t tsc_khz;
	uint64_t boot_tsc; /* TSC when the root task was started */
	uint32_t acpi_table_count;
	uint32_t
		has_iommu; /* 1: DMA and interrupts of PCI functions are confined to what IoSpaces and IrqHandlers let through */
	uint64_t reserved[10];
	char command_line[1024];
	struct bh_boot_module module[BH_BOOT_MODULES_MAX];
	struct bh_boot_untyped untyped[BH_BOOT_UNTYPEDS_MAX];
	struct bh_boot_acpi_table acpi_table[BH_BOOT_ACPI_TABLES_MAX];
};

#endif
