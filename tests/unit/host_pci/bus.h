/* SPDX-License-Identifier: MIT */
/* A machine's PCI functions for tests: registers that behave as PCI 3.0 chapter 6 says, and a list of all that was written. Host only. */
#pragma once

#include "config_space.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#define BUS_FUNCTIONS 16u

struct bus_function {
	uint32_t requester;
	uint32_t config[64];
	uint32_t writable[64]; /* bits that a write changes */
};

extern struct bus_function bus_functions[BUS_FUNCTIONS];
extern uint32_t bus_count;
extern uint32_t bus_writes;         /* so far */
extern uint32_t bus_writes_allowed; /* then the writer is killed: longjmp to bus_killed */
extern jmp_buf bus_killed;
extern bool bus_moved_while_decoding; /* a BAR was changed of a function that decodes memory */

void bus_reset(void);

/* A function without BARs and capabilities; its command register decodes memory and does DMA. */
struct bus_function *bus_add(uint32_t requester, uint32_t id, uint32_t class_code);

/* A memory BAR of 2^bits bytes at `address`; one of 64 bits takes two registers. */
void bus_add_bar(struct bus_function *function, uint32_t bar, uint32_t address, uint32_t bits, bool wide);

/* An MSI-X capability at 0x40, behind another at 0x50. `table` and `pending` are offset | BAR. */
void bus_add_msix(struct bus_function *function, uint32_t entries, uint32_t table, uint32_t pending);

uint32_t bus_command(const struct bus_function *function);
