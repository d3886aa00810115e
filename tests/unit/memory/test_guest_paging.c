/* SPDX-License-Identifier: MIT */
/* The page walk: every format and page size, every cause of a fault with its error code, tables outside of
 * RAM, and proofs. */
#include "memory/machine.h"

static struct machine machine;
static struct guest_translation translation;

#define FAULT_P 1u
#define FAULT_W 2u
#define FAULT_U 4u
#define FAULT_R 8u
#define FAULT_I 16u

static void expect(uint64_t linear, uint32_t access, uint64_t physical)
{
	assert_int_equal(guest_translate(&machine.memory, &machine.state, linear, access, &translation, NULL),
		GUEST_PAGING_OK);
	assert_int_equal(translation.guest_physical, physical);
}

static void expect_fault(uint64_t linear, uint32_t access, uint32_t code)
{
	assert_int_equal(guest_translate(&machine.memory, &machine.state, linear, access, &translation, NULL),
		GUEST_PAGING_FAULT);
	assert_int_equal(translation.error_code, code);
}

static void unpaged(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_FLAT_32);
	expect(0xfee00020, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER, 0xfee00020);
}

static void four_levels(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine_map(&machine, UINT64_C(0xffffc90000001000), 0xfee00000, MAP_PRESENT | MAP_WRITABLE, 0);
	machine_map(&machine, UINT64_C(0xffffffff80000000), 0x40000000, MAP_PRESENT | MAP_WRITABLE, 1);
	machine_map(&machine, UINT64_C(0xffff888040000000), UINT64_C(0xc0000000), MAP_PRESENT, 2);
	expect(UINT64_C(0xffffc900000010b0), GUEST_ACCESS_WRITE, 0xfee000b0);
	assert_int_equal(translation.page_size, 0x1000);
	expect(UINT64_C(0xffffffff80123456), GUEST_ACCESS_WRITE, 0x40123456);
	assert_int_equal(translation.page_size, 0x200000);
	expect(UINT64_C(0xffff888052345678), GUEST_ACCESS_READ, 0xd2345678);
	assert_int_equal(translation.page_size, 0x40000000);
	assert_int_equal(guest_translate(&machine.memory, &machine.state, UINT64_C(0x0000800000000000), 0,
				 &translation, NULL),
		GUEST_PAGING_NOT_CANONICAL);
	assert_int_equal(guest_translate(&machine.memory, &machine.state, UINT64_C(0xffff7fffffffffff), 0,
				 &translation, NULL),
		GUEST_PAGING_NOT_CANONICAL);
}

static void missing_pages(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	expect_fault(0x1000, GUEST_ACCESS_READ, 0);
	expect_fault(0x1000, GUEST_ACCESS_WRITE, FAULT_W);
	expect_fault(0x1000, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER, FAULT_W | FAULT_U);
	expect_fault(0x1000, GUEST_ACCESS_FETCH, FAULT_I);
	machine.state.efer &= ~UINT64_C(0x800);
	expect_fault(0x1000, GUEST_ACCESS_FETCH, 0); /* neither NX nor SMEP: the bit is not reported */
}

static void rights(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	/* supervisor, read-only */
	machine_map(&machine, 0x400000, 0x1000, MAP_PRESENT, 0);
	/* supervisor */
	machine_map(&machine, 0x401000, 0x2000, MAP_PRESENT | MAP_WRITABLE, 0);
	/* user, read-only */
	machine_map(&machine, 0x402000, 0x3000, MAP_PRESENT | MAP_USER, 0);
	machine_map(&machine, 0x403000, 0x4000, MAP_PRESENT | MAP_USER | MAP_NO_EXECUTE, 0);
	expect(0x400000, GUEST_ACCESS_READ, 0x1000);
	expect_fault(0x400000, GUEST_ACCESS_WRITE, FAULT_P | FAULT_W);
	expect_fault(0x401000, GUEST_ACCESS_USER, FAULT_P | FAULT_U);
	expect_fault(0x401000, GUEST_ACCESS_USER | GUEST_ACCESS_FETCH, FAULT_P | FAULT_U | FAULT_I);
	expect(0x402000, GUEST_ACCESS_USER, 0x3000);
	expect_fault(0x402000, GUEST_ACCESS_USER | GUEST_ACCESS_WRITE, FAULT_P | FAULT_U | FAULT_W);
	expect(0x402000, GUEST_ACCESS_FETCH, 0x3000);
	expect_fault(0x403000, GUEST_ACCESS_FETCH, FAULT_P | FAULT_I);
	expect(0x400000, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER | GUEST_ACCESS_UNCHECKED, 0x1000);

	/* no WP: the supervisor writes anywhere, the user does not */
	machine.state.cr0 &= ~UINT64_C(0x10000);
	expect(0x400000, GUEST_ACCESS_WRITE, 0x1000);
	expect_fault(0x402000, GUEST_ACCESS_USER | GUEST_ACCESS_WRITE, FAULT_P | FAULT_U | FAULT_W);

	machine.state.cr4 |= UINT64_C(1) << 20 | UINT64_C(1) << 21; /* SMEP, SMAP */
	expect_fault(0x402000, GUEST_ACCESS_FETCH, FAULT_P | FAULT_I);
	expect_fault(0x402000, GUEST_ACCESS_READ, FAULT_P);
	expect_fault(0x402000, GUEST_ACCESS_WRITE, FAULT_P | FAULT_W);
	expect(0x402000, GUEST_ACCESS_USER, 0x3000);
	machine.state.rflags |= UINT64_C(1) << 18; /* AC lifts SMAP */
	expect(0x402000, GUEST_ACCESS_READ, 0x3000);
}

static void rights_of_upper_levels_count(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine_map(&machine, 0x400000, 0x1000, MAP_PRESENT | MAP_WRITABLE | MAP_USER, 0);
	uint64_t directory_entry = machine_entry_address(&machine, 0x400000, 1);
	machine.ram[directory_entry] &= (uint8_t)~MAP_WRITABLE;
	expect_fault(0x400000, GUEST_ACCESS_WRITE, FAULT_P | FAULT_W);
	machine.ram[directory_entry] &= (uint8_t)~MAP_USER;
	expect_fault(0x400000, GUEST_ACCESS_USER, FAULT_P | FAULT_U);
	machine.ram[directory_entry + 7] |= 0x80;
	expect_fault(0x400000, GUEST_ACCESS_FETCH, FAULT_P | FAULT_I);
}

static void reserved_bits_fault(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	/* 40 physical bits: this is one more */
	machine_map(&machine, 0x400000, UINT64_C(1) << 40, MAP_PRESENT, 0);
	expect_fault(0x400000, GUEST_ACCESS_READ, FAULT_P | FAULT_R);
	machine_map(&machine, 0x40000000, 0x2000, MAP_PRESENT | MAP_USER, 1); /* low bits of a 2 MiB page */
	expect_fault(0x40000000, GUEST_ACCESS_USER, FAULT_P | FAULT_R | FAULT_U);
	machine_map(&machine, 0x40000000, 0x1000, MAP_PRESENT | MAP_USER, 1); /* bit 12 is PAT there */
	expect(0x40000000, GUEST_ACCESS_USER, 0);
	uint64_t top = machine_entry_address(&machine, 0x401000, 3);
	machine.ram[top] |= MAP_LARGE;
	expect_fault(0x401000, GUEST_ACCESS_READ, FAULT_P | FAULT_R);
	machine.ram[top] &= (uint8_t)~MAP_LARGE;
	machine_map(&machine, 0x401000, 0x1000, MAP_PRESENT | MAP_NO_EXECUTE, 0);
	expect(0x401000, GUEST_ACCESS_READ, 0x1000);
	machine.state.efer &= ~UINT64_C(0x800); /* without NXE the bit is reserved */
	expect_fault(0x401000, GUEST_ACCESS_READ, FAULT_P | FAULT_R);
}

static void pae(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_PAE);
	machine_map(&machine, 0xc0001000, 0xfec00000, MAP_PRESENT | MAP_WRITABLE, 0);
	machine_map(&machine, 0xe0000000, UINT64_C(0x1c0000000), MAP_PRESENT | MAP_WRITABLE | MAP_USER, 1);
	expect(0xc0001010, GUEST_ACCESS_WRITE, 0xfec00010);
	expect(0xe01fffff, GUEST_ACCESS_WRITE | GUEST_ACCESS_USER, UINT64_C(0x1c01fffff));
	expect(UINT64_C(0x1c0001010), GUEST_ACCESS_READ, 0xfec00010); /* linear addresses have 32 bits */
	expect_fault(0x80000000, GUEST_ACCESS_READ, 0);
	machine_map(&machine, 0xc0002000, 0x1000, MAP_PRESENT | MAP_NO_EXECUTE, 0);
	expect_fault(0xc0002000, GUEST_ACCESS_FETCH, FAULT_P | FAULT_I);
}

static void two_levels(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_PAGED_32);
	machine_map(&machine, 0xc0000000, 0xfee00000, MAP_PRESENT | MAP_WRITABLE, 0);
	machine_map(&machine, 0xc0001000, 0xfec00000, MAP_PRESENT, 0);
	machine_map(&machine, 0xd0000000, 0x40000000 | 3u << 13, MAP_PRESENT | MAP_WRITABLE | MAP_USER, 1);
	expect(0xc0000300, GUEST_ACCESS_WRITE, 0xfee00300);
	expect(0xc0001010, GUEST_ACCESS_READ, 0xfec00010);
	expect_fault(0xc0001010, GUEST_ACCESS_WRITE, FAULT_P | FAULT_W);
	expect_fault(0xc0001010, GUEST_ACCESS_FETCH | GUEST_ACCESS_USER, FAULT_P | FAULT_U);
	expect(0xd0312345, GUEST_ACCESS_WRITE, UINT64_C(0x340312345)); /* PSE-36 */
	assert_int_equal(translation.page_size, 0x400000);
	machine_map(&machine, 0xd0000000, 0x40200000, MAP_PRESENT, 1);
	expect_fault(0xd0000000, GUEST_ACCESS_READ, FAULT_P | FAULT_R);
	/* without PSE bit 7 means nothing: 0x40200000 is a table, far outside of RAM */
	machine.state.cr4 = 0;
	assert_int_equal(guest_translate(&machine.memory, &machine.state, 0xd0000000, 0, &translation, NULL),
		GUEST_PAGING_OUTSIDE);
}

static void tables_outside(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine.state.cr3 = MACHINE_RAM;
	assert_int_equal(
		guest_translate(&machine.memory, &machine.state, MACHINE_CODE, 0, &translation, NULL),
		GUEST_PAGING_OUTSIDE);
	machine.state.cr3 = MACHINE_TABLES;
	machine.state.cr4 |= 1u << 12; /* 5 levels */
	assert_int_equal(
		guest_translate(&machine.memory, &machine.state, MACHINE_CODE, 0, &translation, NULL),
		GUEST_PAGING_OUTSIDE);
}

static void proofs(void **context)
{
	(void)context;
	static const struct {
		enum machine_mode mode;
		unsigned levels, entry_bytes;
	} formats[] = { { MACHINE_PAGED_32, 2, 4 }, { MACHINE_PAE, 3, 8 }, { MACHINE_LONG, 4, 8 } };
	for (unsigned f = 0; f < 3; f++) {
		machine_start(&machine, formats[f].mode);
		for (uint64_t page = 0; page < 2; page++) {
			/* both halves of an 8-byte word, with 4-byte entries */
			uint64_t linear = MACHINE_DATA + page * 4096;
			struct guest_walk_proof proof;
			assert_int_equal(guest_translate(&machine.memory, &machine.state, linear, 0,
						 &translation, &proof),
				GUEST_PAGING_OK);
			assert_int_equal(proof.levels, formats[f].entry_bytes == 4 ? 2 : 4);
			for (unsigned level = 0; level < formats[f].levels; level++) {
				uint64_t entry = machine_entry_address(&machine, linear, level);
				assert_true(guest_walk_proof_holds(&proof));
				machine.ram[entry] ^= 0x60; /* accessed and dirty: no change of meaning */
				assert_true(guest_walk_proof_holds(&proof));
				machine.ram[entry + 1] ^= 0x10;
				assert_false(guest_walk_proof_holds(&proof));
				machine.ram[entry + 1] ^= 0x10;
			}
			uint64_t leaf = machine_entry_address(&machine, linear, 0) ^ formats[f].entry_bytes;
			machine.ram[leaf + 1] ^= 0x10; /* a neighbour says nothing */
			assert_true(guest_walk_proof_holds(&proof));
			machine.ram[leaf + 1] ^= 0x10;
		}
	}
}

static void mode_keys_differ(void **context)
{
	(void)context;
	uint32_t keys[MACHINE_LONG + 1];
	for (unsigned mode = 0; mode <= MACHINE_LONG; mode++) {
		machine_start(&machine, (enum machine_mode)mode);
		keys[mode] = guest_mode_key(&machine.state);
		for (unsigned other = 0; other < mode; other++)
			assert_int_not_equal(keys[mode], keys[other]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpaged),
		cmocka_unit_test(four_levels),
		cmocka_unit_test(missing_pages),
		cmocka_unit_test(rights),
		cmocka_unit_test(rights_of_upper_levels_count),
		cmocka_unit_test(reserved_bits_fault),
		cmocka_unit_test(pae),
		cmocka_unit_test(two_levels),
		cmocka_unit_test(tables_outside),
		cmocka_unit_test(proofs),
		cmocka_unit_test(mode_keys_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
