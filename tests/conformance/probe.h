/* SPDX-License-Identifier: MIT */
/* What is mapped in the own space, found out by another thread that runs there. */
#pragma once

#include "harness.h"

#define HIGH UINT64_C(0x200000000000) /* far from all else in the own space */
/* A page there for cases about translations. In Bochs one goes out of the TLB when another is used whose number has the same low eleven
 * bits; the header of the own CNode, which each invocation reads, stands at a multiple of the CNode's 8 MiB. */
#define HIGH_PAGE (HIGH + 0x180000)

enum { WORKED = 6, PAGE_FAULT = 14 }; /* what probe returns: vectors of #UD and #PF */

/* Where the thread begins: reads *rdi to rax, writes rsi to *rdi, jumps to rdi; an access that works is followed by UD2. */
extern const char probe_read[], probe_write[], probe_jump[];

/* What it meets at the address: WORKED, PAGE_FAULT or another vector. *value is written, or is what was read. */
unsigned int probe(const char *how, uint64_t address, uint64_t *value);
unsigned int readable(uint64_t address);
unsigned int writable(uint64_t address);

/* PageTables from the pool for an address, from level 3 down to the lowest. */
bool make_tables(uint64_t space, uint64_t address, unsigned int lowest);
