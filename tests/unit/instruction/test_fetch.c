/* SPDX-License-Identifier: MIT */
/* Instruction fetch across pages and into faults; the cache answers only while page tables and bytes are
 * the same. */
#include "memory/machine.h"

#include "instruction/fetch.h"

static struct machine machine;
static struct instruction_cache cache;
static struct instruction scratch;
static const struct instruction *instruction;
static struct guest_fault fault;

static enum exit_instruction_result ask(void)
{
	return exit_instruction(&cache, &machine.memory, &machine.state, &scratch, &instruction, &fault);
}

static const uint8_t cpuid[] = { 0x0f, 0xa2 };
static const uint8_t rdmsr[] = { 0x0f, 0x32 };

static void every_mode(void **context)
{
	(void)context;
	for (unsigned mode = 0; mode <= MACHINE_LONG; mode++) {
		machine_start(&machine, (enum machine_mode)mode);
		memset(&cache, 0, sizeof cache);
		machine_code(&machine, cpuid, 2);
		for (unsigned round = 0; round < 3; round++) {
			assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
			assert_int_equal(instruction->operation, INSTRUCTION_CPUID);
			assert_int_equal(instruction->length, 2);
		}
		assert_int_equal(cache.misses, 1);
		assert_int_equal(cache.hits, 2);
	}
}

static void changed_bytes_are_seen(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	memset(&cache, 0, sizeof cache);
	machine_code(&machine, cpuid, 2);
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	machine_code(&machine, rdmsr, 2);
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(instruction->operation, INSTRUCTION_RDMSR);
	/* what follows the instruction may change freely */
	uint64_t misses = cache.misses;
	machine.ram[MACHINE_CODE + 2] ^= 0xff;
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(cache.misses, misses);
	/* each byte of a long one counts */
	static const uint8_t long_one[] = { 0x2e, 0x3e, 0x26, 0x64, 0x65, 0x2e, 0x3e, 0x26, 0x36, 0x0f,
		0xa2 };
	machine_code(&machine, long_one, sizeof long_one);
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(instruction->length, 11);
	for (unsigned i = 0; i < sizeof long_one; i++) {
		misses = cache.misses;
		machine.ram[MACHINE_CODE + i] ^= 1;
		(void)!ask();
		assert_int_equal(cache.misses, misses + 1);
		machine_code(&machine, long_one, sizeof long_one);
		assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	}
}

static void changed_mappings_are_seen(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	memset(&cache, 0, sizeof cache);
	machine_code(&machine, cpuid, 2);
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	memcpy(machine.ram + MACHINE_DATA, rdmsr, 2);
	machine_map(&machine, MACHINE_CODE, MACHINE_DATA, MAP_PRESENT, 0);
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(instruction->operation, INSTRUCTION_RDMSR);
	machine_map(&machine, MACHINE_CODE, MACHINE_DATA, 0, 0);
	assert_int_equal(ask(), EXIT_INSTRUCTION_FAULT);
	assert_int_equal(fault.vector, GUEST_FAULT_PF);
	assert_int_equal(fault.error_code, 0x10);
	assert_int_equal(fault.address, MACHINE_CODE);
}

static void other_address_spaces_and_modes_are_told_apart(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	memset(&cache, 0, sizeof cache);
	static const uint8_t rex_hlt[] = { 0x48, 0xf4 };
	machine_code(&machine, rex_hlt, 2);
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(instruction->length, 2);
	machine.state.segment[BH_CS].attributes = 0xc9b; /* compatibility mode: dec eax */
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(instruction->length, 1);
	machine.state.segment[BH_CS].attributes = 0xa9b;
	memcpy(machine.ram + MACHINE_DATA, machine.ram + MACHINE_TABLES, 4096);
	machine.state.cr3 = MACHINE_DATA;
	uint64_t misses = cache.misses;
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(cache.misses, misses + 1);
}

static void across_pages(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	memset(&cache, 0, sizeof cache);
	machine.state.rip = MACHINE_CODE + 0xfff;
	/* not neighbours in memory */
	machine_map(&machine, MACHINE_CODE + 0x1000, MACHINE_DATA, MAP_PRESENT, 0);
	machine.ram[MACHINE_CODE + 0xfff] = 0x0f;
	machine.ram[MACHINE_DATA] = 0xa2;
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
		assert_int_equal(instruction->operation, INSTRUCTION_CPUID);
	}
	assert_int_equal(cache.hits, 0); /* not remembered */

	machine_map(&machine, MACHINE_CODE + 0x1000, 0, 0, 0);
	machine.state.cpl = 3;
	assert_int_equal(ask(), EXIT_INSTRUCTION_FAULT);
	assert_int_equal(fault.vector, GUEST_FAULT_PF);
	assert_int_equal(fault.address, MACHINE_CODE + 0x1000);
	assert_int_equal(fault.error_code, 0x14);
	/* whole before the page's end: the next page does not matter */
	machine.ram[MACHINE_CODE + 0xfff] = 0xf4;
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	assert_int_equal(instruction->operation, INSTRUCTION_HLT);
}

static void outside_of_ram(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_FLAT_32);
	memset(&cache, 0, sizeof cache);
	machine.state.rip = 0xfee00000;
	assert_int_equal(ask(), EXIT_INSTRUCTION_OUTSIDE);
	machine.state.rip = MACHINE_RAM - 1;
	machine.ram[MACHINE_RAM - 1] = 0x0f;
	assert_int_equal(ask(), EXIT_INSTRUCTION_OUTSIDE);
	machine.ram[MACHINE_RAM - 1] = 0xf4;
	assert_int_equal(ask(), EXIT_INSTRUCTION_OK);
	machine_start(&machine, MACHINE_LONG);
	machine.state.rip = UINT64_C(0x1000000000000);
	assert_int_equal(ask(), EXIT_INSTRUCTION_FAULT);
	assert_int_equal(fault.vector, GUEST_FAULT_GP);
}

static void rubbish_is_undefined(void **context)
{
	(void)context;
	static const uint8_t locked[] = { 0xf0, 0x0f, 0xa2 };
	machine_start(&machine, MACHINE_LONG);
	machine_code(&machine, locked, 3);
	assert_int_equal(ask(), EXIT_INSTRUCTION_FAULT);
	assert_int_equal(fault.vector, GUEST_FAULT_UD);
}

static void injecting(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	fault = (struct guest_fault){ GUEST_FAULT_PF, 6, 0x1234 };
	guest_fault_inject(&machine.state, &fault);
	assert_int_equal(machine.state.cr2, 0x1234);
	assert_int_equal(machine.state.inject, BH_EVENT_EXCEPTION_CODE(14, 6));
	fault = (struct guest_fault){ GUEST_FAULT_UD, 0, 0 };
	guest_fault_inject(&machine.state, &fault);
	assert_int_equal(machine.state.inject, BH_EVENT_EXCEPTION(6));
	machine_start(&machine, MACHINE_REAL);
	fault = (struct guest_fault){ GUEST_FAULT_GP, 0, 0 };
	guest_fault_inject(&machine.state, &fault);
	assert_int_equal(machine.state.inject, BH_EVENT_EXCEPTION(13));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode),
		cmocka_unit_test(changed_bytes_are_seen),
		cmocka_unit_test(changed_mappings_are_seen),
		cmocka_unit_test(other_address_spaces_and_modes_are_told_apart),
		cmocka_unit_test(across_pages),
		cmocka_unit_test(outside_of_ram),
		cmocka_unit_test(rubbish_is_undefined),
		cmocka_unit_test(injecting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
