/* SPDX-License-Identifier: MIT */
/* MSR policy: who deals with each register, value checks, MTRRs, EFER, what is remembered of unknown ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/msr.h"

static struct msr_cpu cpu;
static struct msr_unknown unknown;
static struct msr_policy policy;
static uint64_t value;

static int setup(void **state)
{
	(void)state;
	msr_init(&cpu);
	unknown = (struct msr_unknown){ 0 };
	policy = (struct msr_policy){
		.physical_bits = 40, .patch_level = 0x1000065, .nx = true, .fast_fxsr = true
	};
	return 0;
}

static int get(uint32_t msr)
{
	value = 1;
	return (int)msr_read(&cpu, &policy, msr, &value, &unknown);
}

static int set(uint32_t msr, uint64_t new_value)
{
	return (int)msr_write(&cpu, &policy, msr, new_value, &unknown);
}

static void test_owners(void **state)
{
	static const struct {
		uint32_t msr;
		int read, write;
	} rows[] = {
		{ 0x10, MSR_TIME, MSR_TIME },
		{ 0x3b, MSR_TIME, MSR_TIME },
		{ 0x1b, MSR_FABRIC, MSR_FABRIC },
		{ 0x6e0, MSR_FABRIC, MSR_FABRIC },
		{ 0x800, MSR_FABRIC, MSR_FABRIC },
		{ 0x8ff, MSR_FABRIC, MSR_FABRIC },
		{ MSR_EFER, MSR_STATE, MSR_STATE_EFER },
		{ MSR_STAR, MSR_STATE, MSR_STATE },
		{ MSR_LSTAR, MSR_STATE, MSR_STATE },
		{ MSR_CSTAR, MSR_STATE, MSR_STATE },
		{ MSR_SFMASK, MSR_STATE, MSR_STATE },
		{ MSR_FS_BASE, MSR_STATE, MSR_STATE },
		{ MSR_GS_BASE, MSR_STATE, MSR_STATE },
		{ MSR_KERNEL_GS_BASE, MSR_STATE, MSR_STATE },
		{ MSR_TSC_AUX, MSR_STATE, MSR_STATE },
		{ MSR_SYSENTER_CS, MSR_STATE, MSR_STATE },
		{ MSR_SYSENTER_ESP, MSR_STATE, MSR_STATE },
		{ MSR_SYSENTER_EIP, MSR_STATE, MSR_STATE },
		{ MSR_PAT, MSR_STATE, MSR_STATE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(get(rows[i].msr), rows[i].read);
		assert_int_equal(value, 0);
		assert_int_equal(set(rows[i].msr, 0), rows[i].write);
	}
	assert_int_equal(unknown.accesses, 0);
	assert_int_equal(get(0x7ff), MSR_GENERAL_PROTECTION);
	assert_int_equal(get(0x900), MSR_GENERAL_PROTECTION);
}

static void test_ignored_and_constant(void **state)
{
	static const struct {
		uint32_t first, last;
		uint64_t value;
	} rows[] = {
		{ 0xc0010000, 0xc0010007, 0 },
		{ 0xc0010010, 0xc0010010, 0 },
		{ 0xc0010015, 0xc0010015, 0x1000000 },
		{ 0xc001001a, 0xc001001a, 0 },
		{ 0xc001001d, 0xc001001d, 0 },
		{ 0xc001001f, 0xc0010020, 0 },
		{ 0xc0010055, 0xc0010055, 0 },
		{ 0xc0010058, 0xc0010058, 0 },
		{ 0xc0010061, 0xc001006b, 0 },
		{ 0xc0010112, 0xc0010113, 0 },
		{ 0xc0010114, 0xc0010114, 0x18 },
		{ 0xc0010117, 0xc0010117, 0 },
		{ 0xc0010140, 0xc0010141, 0 },
		{ 0xc0010200, 0xc001020b, 0 },
		{ 0xc0011020, 0xc0011023, 0 },
		{ 0xc0011029, 0xc001102a, 0 },
		{ 0x8b, 0x8b, 0x1000065 },
		{ 0x3a, 0x3a, 1 },
		{ 0x179, 0x179, 0 },
		{ 0x17b, 0x17b, 0 },
		{ 0x1d9, 0x1d9, 0 },
		{ 0x1db, 0x1de, 0 },
		{ 0x400, 0x47f, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint32_t msr = rows[i].first; msr <= rows[i].last; msr++) {
			assert_int_equal(set(msr, UINT64_MAX), MSR_OK);
			assert_int_equal(get(msr), MSR_OK);
			assert_true(value == rows[i].value);
		}
	}
	policy.lfence_serializing = true;
	assert_int_equal(get(MSR_DE_CFG), MSR_OK);
	assert_true(value == 2);
	assert_int_equal(set(MSR_MCG_STATUS, 5), MSR_OK);
	assert_int_equal(get(MSR_MCG_STATUS), MSR_OK);
	assert_true(value == 5);
	assert_int_equal(get(MSR_MISC_ENABLE), MSR_OK);
	assert_true(value == 0x1801);
	assert_int_equal(set(MSR_MISC_ENABLE, 0x1800), MSR_OK);
	assert_int_equal(get(MSR_MISC_ENABLE), MSR_OK);
	assert_true(value == 0x1800);
	assert_int_equal(unknown.accesses, 0);
}

static void test_canonical(void **state)
{
	static const uint32_t bases[] = { MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_SYSENTER_ESP, MSR_SYSENTER_EIP };

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		assert_int_equal(set(bases[i], UINT64_C(0x00007fffffffffff)), MSR_STATE);
		assert_int_equal(set(bases[i], UINT64_C(0xffff800000000000)), MSR_STATE);
		assert_int_equal(set(bases[i], UINT64_MAX), MSR_STATE);
		assert_int_equal(set(bases[i], UINT64_C(0x0000800000000000)), MSR_GENERAL_PROTECTION);
		assert_int_equal(set(bases[i], UINT64_C(0xffff7fffffffffff)), MSR_GENERAL_PROTECTION);
		assert_int_equal(set(bases[i], UINT64_C(0x8000000000000000)), MSR_GENERAL_PROTECTION);
	}
	assert_int_equal(set(MSR_STAR, UINT64_MAX), MSR_STATE);
	assert_int_equal(set(MSR_SFMASK, UINT64_C(0x100000000)), MSR_GENERAL_PROTECTION);
	assert_int_equal(set(MSR_TSC_AUX, UINT64_C(0x100000000)), MSR_GENERAL_PROTECTION);
	assert_int_equal(set(MSR_TSC_AUX, 0xffffffff), MSR_STATE);
	assert_int_equal(unknown.accesses, 0);
}

static void test_pat(void **state)
{
	(void)state;
	assert_int_equal(set(MSR_PAT, UINT64_C(0x0007040600070406)), MSR_STATE);
	for (uint64_t type = 0; type < 256; type++) {
		bool valid = type <= 1 || (type >= 4 && type <= 7);

		for (uint32_t i = 0; i < 8; i++) {
			assert_int_equal(
				set(MSR_PAT, type << (8 * i)), valid ? MSR_STATE : MSR_GENERAL_PROTECTION);
		}
	}
}

static void test_mtrr(void **state)
{
	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d,
		0x26e, 0x26f };

	(void)state;
	assert_int_equal(get(MSR_MTRR_CAP), MSR_OK);
	assert_true(value == 0x508);
	assert_int_equal(set(MSR_MTRR_CAP, 0x508), MSR_GENERAL_PROTECTION);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		assert_int_equal(get(fixed[i]), MSR_OK);
		assert_true(value == 0);
		assert_int_equal(set(fixed[i], UINT64_C(0x0605040100060600) | (i & 1)), MSR_OK);
		assert_int_equal(set(fixed[i], UINT64_C(0x0200000000000000)), MSR_GENERAL_PROTECTION);
		assert_int_equal(set(fixed[i], UINT64_C(0x0700000000000000)), MSR_GENERAL_PROTECTION);
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		assert_int_equal(get(fixed[i]), MSR_OK);
		assert_true(value == (UINT64_C(0x0605040100060600) | (i & 1)));
	}
	for (uint32_t pair = 0; pair < 8; pair++) {
		uint32_t base = 0x200 + 2 * pair;

		assert_int_equal(set(base, UINT64_C(0xff00000006) + ((uint64_t)pair << 12)), MSR_OK);
		assert_int_equal(set(base + 1, UINT64_C(0xffffff0800) + ((uint64_t)pair << 12)), MSR_OK);
		assert_int_equal(
			set(base, UINT64_C(0x10000000006)), MSR_GENERAL_PROTECTION); /* above 40 bits */
		assert_int_equal(set(base, 0x106), MSR_GENERAL_PROTECTION);
		assert_int_equal(set(base, 0x2), MSR_GENERAL_PROTECTION);
		assert_int_equal(set(base + 1, 0x400), MSR_GENERAL_PROTECTION);
		assert_int_equal(set(base + 1, UINT64_C(0x10000000800)), MSR_GENERAL_PROTECTION);
		assert_int_equal(get(base), MSR_OK);
		assert_true(value == UINT64_C(0xff00000006) + ((uint64_t)pair << 12));
	}
	assert_int_equal(get(0x210), MSR_GENERAL_PROTECTION);
	assert_int_equal(get(0x1ff), MSR_GENERAL_PROTECTION);
	assert_int_equal(set(MSR_MTRR_DEFAULT_TYPE, 0xc06), MSR_OK);
	assert_int_equal(set(MSR_MTRR_DEFAULT_TYPE, 0x306), MSR_GENERAL_PROTECTION);
	assert_int_equal(set(MSR_MTRR_DEFAULT_TYPE, 0xc02), MSR_GENERAL_PROTECTION);
	assert_int_equal(get(MSR_MTRR_DEFAULT_TYPE), MSR_OK);
	assert_true(value == 0xc06);
}

static void test_firmware_state(void **state)
{
	(void)state;
	msr_firmware_state(&cpu, &policy, 0xc0000000);
	assert_int_equal(get(MSR_MTRR_DEFAULT_TYPE), MSR_OK);
	assert_true(value == 0xc06);
	assert_int_equal(get(0x200), MSR_OK);
	assert_true(value == 0xc0000000);
	assert_int_equal(get(0x201), MSR_OK);
	assert_true(value == UINT64_C(0xffc0000800));
	assert_int_equal(get(0x250), MSR_OK);
	assert_true(value == UINT64_C(0x0606060606060606));
	assert_int_equal(get(0x258), MSR_OK);
	assert_true(value == UINT64_C(0x0606060606060606));
	assert_int_equal(get(0x259), MSR_OK);
	assert_true(value == 0);
	assert_int_equal(get(0x268), MSR_OK);
	assert_true(value == UINT64_C(0x0505050505050505));
	/* All of it may be written back as it is. */
	for (uint32_t msr = 0x200; msr <= 0x2ff; msr++) {
		if (get(msr) == MSR_OK) {
			assert_int_equal(set(msr, value), MSR_OK);
		}
	}
	msr_init(&cpu);
	msr_firmware_state(&cpu, &policy, 0xb0000000); /* no single range covers that */
	assert_int_equal(get(0x201), MSR_OK);
	assert_true(value == 0);
}

static void test_efer(void **state)
{
	uint64_t efer = 0;

	(void)state;
	assert_int_equal(msr_efer(&policy, 1, 0x901, &efer), MSR_STATE);
	assert_true(efer == 0x901);
	/* The processor sets LMA; writes leave it. */
	efer |= EFER_LMA;
	assert_int_equal(msr_efer(&policy, 0x80000001, 0x101, &efer), MSR_STATE);
	assert_true(efer == 0x501);
	assert_int_equal(msr_efer(&policy, 0x80000001, 0x501, &efer), MSR_STATE);
	assert_true(efer == 0x501);
	/* LME while paging. */
	assert_int_equal(msr_efer(&policy, 0x80000001, 0x1, &efer), MSR_GENERAL_PROTECTION);
	assert_true(efer == 0x501);
	/* Allowed bits, one by one. */
	for (uint32_t bit = 0; bit < 64; bit++) {
		bool allowed = bit == 0 || bit == 8 || bit == 10 || bit == 11 || bit == 14;

		efer = 0;
		assert_int_equal(msr_efer(&policy, 1, UINT64_C(1) << bit, &efer),
			allowed ? MSR_STATE : MSR_GENERAL_PROTECTION);
	}
	policy.nx = false;
	policy.fast_fxsr = false;
	assert_int_equal(msr_efer(&policy, 1, EFER_NXE, &efer), MSR_GENERAL_PROTECTION);
	assert_int_equal(msr_efer(&policy, 1, EFER_FFXSR, &efer), MSR_GENERAL_PROTECTION);
}

static void test_paravirtual(void **state)
{
	(void)state;
	assert_int_equal(get(MSR_KVM_SYSTEM_TIME), MSR_GENERAL_PROTECTION);
	assert_int_equal(set(MSR_KVM_PV_EOI, 1), MSR_GENERAL_PROTECTION);
	assert_int_equal(unknown.count, 2);
	policy.kvm_clock = true;
	assert_int_equal(get(MSR_KVM_SYSTEM_TIME), MSR_PARAVIRTUAL);
	assert_int_equal(set(MSR_KVM_WALL_CLOCK_OLD, 1), MSR_PARAVIRTUAL);
	assert_int_equal(set(MSR_KVM_PV_EOI, 1), MSR_GENERAL_PROTECTION);
	policy.pv_eoi = true;
	assert_int_equal(set(MSR_KVM_PV_EOI, 1), MSR_PARAVIRTUAL);
}

static void test_unknown(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 64; i++) {
			assert_int_equal(get(0x12340000 + i), MSR_GENERAL_PROTECTION);
			assert_int_equal(value, 0);
		}
	}
	assert_int_equal(unknown.accesses, 192);
	assert_int_equal(unknown.count, 64);
	assert_false(unknown.more);
	assert_int_equal(unknown.msr[63], 0x1234003f);
	assert_int_equal(set(0x12340040, 1), MSR_GENERAL_PROTECTION);
	assert_int_equal(unknown.count, 64);
	assert_true(unknown.more);
	assert_int_equal(unknown.accesses, 193);
	/* At the ends of the number space. */
	assert_int_equal(get(0), MSR_GENERAL_PROTECTION);
	assert_int_equal(get(UINT32_MAX), MSR_GENERAL_PROTECTION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_owners, setup),
		cmocka_unit_test_setup(test_ignored_and_constant, setup),
		cmocka_unit_test_setup(test_canonical, setup),
		cmocka_unit_test_setup(test_pat, setup),
		cmocka_unit_test_setup(test_mtrr, setup),
		cmocka_unit_test_setup(test_firmware_state, setup),
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_paravirtual, setup),
		cmocka_unit_test_setup(test_unknown, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
