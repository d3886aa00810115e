/* SPDX-License-Identifier: MIT */
/* The kernel's virtual address space, for C and assembly.
 *
 *   0xffff800000000000  direct map: physical address p stands at DIRECT_MAP_BASE + p (RW, NX, global)
 *   0xffffffff80000000  kernel image: linked at + 1 MiB, loaded at physical 1 MiB
 *   0xffffffffc0000000  kernel stacks, each between unmapped guard pages
 *
 * The lower half belongs to user address spaces. Nothing else is mapped in the upper half. */
#pragma once

#define PAGE_SIZE 4096
#define PAGE_SHIFT 12
#define LARGE_PAGE_SIZE 0x200000
#define HUGE_PAGE_SIZE 0x40000000

#define DIRECT_MAP_BASE 0xffff800000000000
#define DIRECT_MAP_LIMIT 0x400000000000 /* bytes: 64 TiB, 128 entries of the PML4 */
#define KERNEL_IMAGE_BASE 0xffffffff80000000
#define KERNEL_STACKS_BASE 0xffffffffc0000000
#define USER_ADDRESS_END 0x0000800000000000 /* first address that is not a user's */

#define PML4_KERNEL_FIRST 256 /* PML4 entries 256..511 are the kernel's, the same in every address space */

#define KERNEL_STACK_SIZE 16384
#define IST_STACK_SIZE 8192
#define MAXIMUM_CPUS 64

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

/* The kernel's pointer to physical memory. Valid for what kernel_space.c mapped: see direct_map_covers(). */
static inline void *phys_to_virt(uint64_t physical) { return (void *)(DIRECT_MAP_BASE + physical); }

/* Physical address of a pointer into the direct map or the kernel image. Not for stack addresses. */
static inline uint64_t virt_to_phys(const void *pointer)
{
	uint64_t address = (uint64_t)pointer;

	return address >= KERNEL_IMAGE_BASE ? address - KERNEL_IMAGE_BASE : address - DIRECT_MAP_BASE;
}
#endif
