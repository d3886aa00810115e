/* SPDX-License-Identifier: MIT */
/* One CPU's descriptor tables: GDT, TSS with its stacks and I/O permission bitmap (AMD APM vol. 2 §4.7, §12.2.5). They
 * stand in the per-CPU structure; the CPU reads them on every entry from user mode. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/selectors.h"

#define IO_BITMAP_BYTES 8193 /* 65536 ports and the byte of ones that must follow (APM vol. 2 §12.2.4) */

struct task_state_segment {
	uint32_t reserved0;
	uint64_t rsp0; /* stack for entries from ring 3 */
	uint64_t rsp1;
	uint64_t rsp2;
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is IST number n */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_bitmap_offset;
	uint8_t io_bitmap[IO_BITMAP_BYTES]; /* a set bit forbids the port */
} __attribute__((packed));

_Static_assert(offsetof(struct task_state_segment, ist) == 0x24, "TSS layout");
_Static_assert(offsetof(struct task_state_segment, io_bitmap_offset) == 0x66, "TSS layout");
_Static_assert(offsetof(struct task_state_segment, io_bitmap) == 0x68, "TSS layout");

struct cpu_tables {
	uint64_t gdt[8];          /* null, kernel code, kernel data, user data, user code, TSS (two), spare */
	uint8_t tss_alignment[4]; /* puts rsp0 and the IST entries on 8-byte boundaries */
	struct task_state_segment tss;
} __attribute__((aligned(64)));

_Static_assert((offsetof(struct cpu_tables, tss) + offsetof(struct task_state_segment, rsp0)) % 8 == 0,
	"TSS stacks");

/* An offset beyond the TSS limit forbids all ports: what a thread without IoPorts has. */
#define IO_BITMAP_OFFSET_NONE ((uint16_t)sizeof(struct task_state_segment))

/* Fills the tables (rsp0 and IST from cpu's stacks, no port open) and loads GDTR, all segment registers and TR. This
 * zeroes FS and GS base: set GS base after it. Each CPU, once. */
void cpu_tables_load(struct cpu_tables *tables, unsigned int cpu);

/* Switches user port access by the bitmap on (its contents count) or off (no port at all). */
static inline void io_bitmap_enable(struct cpu_tables *tables)
{
	tables->tss.io_bitmap_offset = (uint16_t)offsetof(struct task_state_segment, io_bitmap);
}

static inline void io_bitmap_disable(struct cpu_tables *tables)
{
	tables->tss.io_bitmap_offset = IO_BITMAP_OFFSET_NONE;
}
