/* SPDX-License-Identifier: MIT */
/* A small guest for the unit tests of memory, instruction and mmio: 4 MiB of RAM, one vCPU state, page
 * tables in each format. */
#ifndef TESTS_UNIT_MEMORY_MACHINE_H
#define TESTS_UNIT_MEMORY_MACHINE_H

#include <bulkhead/guest_memory.h>
#include "memory/guest_paging.h"

#include <bulkhead/vcpu.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { MACHINE_RAM = 4 << 20, MACHINE_CODE = 0x200000, MACHINE_DATA = 0x300000, MACHINE_TABLES = 0x10000 };
enum { MAP_PRESENT = 1, MAP_WRITABLE = 2, MAP_USER = 4, MAP_LARGE = 0x80 };
#define MAP_NO_EXECUTE (UINT64_C(1) << 63)

enum machine_mode {
	MACHINE_REAL,
	MACHINE_FLAT_32,
	MACHINE_PAGED_32,
	MACHINE_PAE,
	MACHINE_COMPATIBLE,
	MACHINE_LONG
};

struct machine {
	struct guest_memory memory;
	struct bh_vcpu_state state;
	enum machine_mode mode;
	uint64_t next_table;
	uint8_t ram[MACHINE_RAM] __attribute__((aligned(4096)));
};

static inline uint64_t machine_entry(struct machine *machine, uint64_t address, unsigned bytes)
{
	uint64_t value = 0;
	memcpy(&value, machine->ram + address, bytes);
	return value;
}

/* The address of the table entry for `linear` at `level`, making the tables above it. */
static inline uint64_t machine_entry_address(struct machine *machine, uint64_t linear, unsigned level)
{
	bool two_level = machine->mode == MACHINE_PAGED_32;
	unsigned levels = two_level ? 2 : machine->mode == MACHINE_PAE ? 3 : 4;
	unsigned bits = two_level ? 10 : 9, bytes = two_level ? 4 : 8;
	uint64_t table = machine->state.cr3;
	for (unsigned at = levels - 1;; at--) {
		uint64_t address = table + (linear >> (12 + bits * at) & ((1u << bits) - 1)) * bytes;
		if (at == level)
			return address;
		if (!(machine_entry(machine, address, bytes) & MAP_PRESENT)) {
			uint64_t flags = machine->mode == MACHINE_PAE && at == 2
						 ? MAP_PRESENT
						 : MAP_PRESENT | MAP_WRITABLE | MAP_USER;
			uint64_t entry = machine->next_table | flags;
			memcpy(machine->ram + address, &entry, bytes);
			machine->next_table += 4096;
			assert_true(machine->next_table <= MACHINE_CODE);
		}
		table = machine_entry(machine, address, bytes) & UINT64_C(0x000ffffffffff000);
	}
}

/* Maps a page (level 0: 4 KiB, 1: large) with the flags MAP_*. */
static inline void machine_map(
	struct machine *machine, uint64_t linear, uint64_t physical, uint64_t flags, unsigned level)
{
	uint64_t entry = physical | flags | (level ? MAP_LARGE : 0);
	memcpy(machine->ram + machine_entry_address(machine, linear, level), &entry,
		machine->mode == MACHINE_PAGED_32 ? 4 : 8);
}

static inline void machine_start(struct machine *machine, enum machine_mode mode)
{
	enum { CODE_16 = 0x09b, CODE_32 = 0xc9b, CODE_64 = 0xa9b, DATA_16 = 0x093, DATA_32 = 0xc93 };
	memset(machine, 0, sizeof *machine);
	machine->mode = mode;
	machine->next_table = MACHINE_TABLES + 4096;
	guest_memory_initialize(&machine->memory, 40);
	assert_true(guest_memory_add(&machine->memory, 0, MACHINE_RAM, machine->ram));
	struct bh_vcpu_state *state = &machine->state;
	state->rflags = 2;
	for (unsigned i = BH_ES; i <= BH_GS; i++) {
		state->segment[i].attributes = mode == MACHINE_REAL ? DATA_16 : DATA_32;
		state->segment[i].limit = mode == MACHINE_REAL ? 0xffff : UINT32_MAX;
	}
	state->segment[BH_CS].attributes = mode == MACHINE_REAL   ? CODE_16
					   : mode == MACHINE_LONG ? CODE_64
								  : CODE_32;
	state->cr0 = mode == MACHINE_REAL ? 0x10 : 0x11;
	state->rip = mode == MACHINE_REAL ? 0x100 : MACHINE_CODE;
	if (mode == MACHINE_REAL)
		state->segment[BH_CS].base = 0x8000;
	if (mode <= MACHINE_FLAT_32)
		return;
	state->cr0 |= UINT64_C(0x80010000); /* PG, WP */
	state->cr3 = MACHINE_TABLES;
	state->cr4 = mode == MACHINE_PAGED_32 ? 0x10 : 0x20;
	state->efer = mode == MACHINE_PAGED_32 ? 0 : 0x800; /* NXE */
	if (mode >= MACHINE_COMPATIBLE)
		state->efer |= 0x500;
	for (uint64_t page = MACHINE_CODE; page < MACHINE_RAM; page += 4096)
		machine_map(machine, page, page, MAP_PRESENT | MAP_WRITABLE | MAP_USER, 0);
}

/* Puts code where the state's instruction pointer stands. */
static inline void machine_code(struct machine *machine, const uint8_t *bytes, size_t count)
{
	uint64_t at = machine->mode == MACHINE_REAL ? machine->state.segment[BH_CS].base + machine->state.rip
						    : machine->state.rip;
	memcpy(machine->ram + at, bytes, count);
}

#endif
