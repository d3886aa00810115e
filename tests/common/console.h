/* SPDX-License-Identifier: MIT */
/* Output on COM1, and the end of the machine, for root tasks of tests. The memory functions that a compiler may call are in
 * console.c too. */
#pragma once

#include <stdint.h>

/* Makes COM1 and QEMU's debug-exit device usable: IoPorts objects from that Untyped, in the own slots first and first + 1, mapped in
 * the own address space. Only the root task can. Returns 0, or the error. */
uint64_t console_open(uint64_t untyped, uint64_t first);

/* Prints: %s %u %x (64-bit values each). */
void print(const char *format, ...);

/* Ends QEMU with status code * 2 + 1. */
_Noreturn void machine_exit(uint8_t code);
