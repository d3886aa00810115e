/* SPDX-License-Identifier: MIT */
/* Fills and loads one CPU's GDT and TSS. Descriptor formats: AMD APM vol. 2 §4.8. */

#include "arch/x86_64/gdt.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/kernel_space.h"
#include "string.h"

/* 64-bit code: present, DPL, L; data: present, DPL, writable. Accessed bits are set so that the CPU never writes. */
#define DESCRIPTOR_KERNEL_CODE 0x00209b0000000000ul
#define DESCRIPTOR_KERNEL_DATA 0x0000930000000000ul
#define DESCRIPTOR_USER_DATA 0x0000f30000000000ul
#define DESCRIPTOR_USER_CODE 0x0020fb0000000000ul
#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ul

_Static_assert(SELECTOR_USER_CODE == SELECTOR_USER_DATA + 8, "SYSRET loads SS = base + 8 and CS = base + 16");
_Static_assert(SELECTOR_KERNEL_DATA == SELECTOR_KERNEL_CODE + 8, "SYSCALL loads CS = base and SS = base + 8");

static void load_segments(void)
{
	__asm__ volatile("movl %0, %%ds\n\t"
			 "movl %0, %%es\n\t"
			 "movl %0, %%ss\n\t"
			 "movl %1, %%fs\n\t"
			 "movl %1, %%gs\n\t"
			 "pushq %2\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:"
			 :
			 : "r"(SELECTOR_KERNEL_DATA), "r"(0), "i"(SELECTOR_KERNEL_CODE)
			 : "rax", "memory");
}

void cpu_tables_load(struct cpu_tables *tables, unsigned int cpu)
{
	uint64_t base = (uint64_t)&tables->tss;
	uint64_t limit = sizeof(tables->tss) - 1;
	const struct descriptor_table_pointer pointer = { sizeof(tables->gdt) - 1, (uint64_t)tables->gdt };

	memset(tables, 0, sizeof(*tables));
	tables->gdt[SELECTOR_KERNEL_CODE / 8] = DESCRIPTOR_KERNEL_CODE;
	tables->gdt[SELECTOR_KERNEL_DATA / 8] = DESCRIPTOR_KERNEL_DATA;
	tables->gdt[SELECTOR_USER_DATA / 8] = DESCRIPTOR_USER_DATA;
	tables->gdt[SELECTOR_USER_CODE / 8] = DESCRIPTOR_USER_CODE;
	tables->gdt[SELECTOR_TSS / 8] = DESCRIPTOR_TSS_AVAILABLE | (limit & 0xffff) |
					(base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	tables->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;

	tables->tss.rsp0 = kernel_stack_top(cpu);
	for (unsigned int ist = 1; ist <= IST_COUNT; ist++) {
		tables->tss.ist[ist - 1] = kernel_ist_stack_top(cpu, ist);
	}
	memset(tables->tss.io_bitmap, 0xff, IO_BITMAP_BYTES);
	io_bitmap_disable(tables);

	load_gdt(&pointer);
	load_segments();
	load_task_register(SELECTOR_TSS);
}
