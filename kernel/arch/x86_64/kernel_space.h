/* SPDX-License-Identifier: MIT */
/* The kernel's final page tables and stacks. Made once at boot; the upper half never changes after that, so every
 * address space copies PML4 entries PML4_KERNEL_FIRST..511 from kernel_pml4 and keeps them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/layout.h"

/* The kernel's own PML4 (lower half empty), 512 entries. */
extern uint64_t kernel_pml4[512];

/* Builds the final tables and loads CR3 with them: text RX, constants R, data RW, direct map RW and never
 * executable. Needs NXE and, if it is to be used, PGE set. Boot only. */
void kernel_space_create(const struct boot_information *boot);

/* Maps the stacks of one CPU (0 <= cpu < MAXIMUM_CPUS). CPU 0's are made by boot; others, at boot only. The tables below KERNEL_STACKS_BASE are shared: no PML4 entry changes. */
void kernel_stacks_create(unsigned int cpu);

/* First address above the CPU's kernel stack (16-byte aligned), and above its stack for IST number ist (1..IST_COUNT). */
uint64_t kernel_stack_top(unsigned int cpu);
uint64_t kernel_ist_stack_top(unsigned int cpu, unsigned int ist);

/* End of the kernel stack (boot's included) that holds `address`, or `address` itself if none does: how far a back
 * trace may read. */
uint64_t kernel_stack_end(uint64_t address);

/* Is all of [physical, physical + length) in the direct map? For addresses that come from tables of the firmware. */
bool direct_map_covers(uint64_t physical, uint64_t length);
