/* SPDX-License-Identifier: MIT */
/* CPUID policy over made-up hosts, the widest possible one, and the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/cpuid.h"

static struct cpuid_host host;
static struct cpuid_config config;
static struct cpuid_policy policy;
static struct cpuid_vcpu vcpu;

static void add(uint32_t leaf, uint32_t subleaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	host.entry[host.count++] =
		(struct cpuid_entry){ .leaf = leaf, .subleaf = subleaf, .result = { eax, ebx, ecx, edx } };
}

/* A host that has every feature bit set. */
static void every_bit(bool amd)
{
	host.count = 0;
	if (amd) {
		add(0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65);
	} else {
		add(0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69);
	}
	add(1, 0, 0x00800f12, 0xff400800, 0xffffffff, 0xffffffff);
	add(2, 0, 0x00feff01, 0xf0, 0, 0);
	add(4, 0, 0xfc004121, 0x01c0003f, 0x3f, 0);
	add(4, 1, 0xfc004122, 0x01c0003f, 0x3f, 0);
	add(4, 2, 0xfc01c143, 0x03c0003f, 0x3ff, 0);
	add(4, 3, 0xfc03c163, 0x03c0003f, 0xfff, 6);
	add(5, 0, 0x40, 0x40, 3, 0x20);
	add(6, 0, 0xff, 0xff, 0xff, 0xff);
	add(7, 0, 2, 0xffffffff, 0xffffffff, 0xffffffff);
	add(7, 1, 0xffffffff, 0, 0, 0);
	add(0xa, 0, 0x07300403, 0, 0, 0x603);
	add(0xd, 0, 0x2ff, 2696, 2696, 0);
	add(0xd, 1, 0xffffffff, 1, 2, 3);
	add(0xd, 2, 256, 576, 0, 0);
	add(0xd, 3, 64, 960, 0, 0);
	add(0xd, 4, 64, 1024, 0, 0);
	add(0xd, 5, 64, 1088, 0, 0);
	add(0xd, 6, 512, 1152, 0, 0);
	add(0xd, 7, 1024, 1664, 0, 0);
	add(0xd, 9, 8, 2688, 2, 0);
	add(0x80000000, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65);
	add(0x80000001, 0, 0x00800f12, 0x20000000, 0xffffffff, 0xffffffff);
	add(0x80000002, 0, 1, 2, 3, 4);
	add(0x80000005, 0, 5, 6, 7, 8);
	add(0x80000007, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff);
	add(0x80000008, 0, 0x00003030, 0xffffffff, 0x7007, 0x10007);
	add(0x8000000a, 0, 1, 0x8000, 0, 0xffffffff);
	add(0x80000019, 0, 9, 9, 9, 9);
	add(0x8000001b, 0, 0x3ff, 0, 0, 0);
	add(0x8000001d, 0, 0x00004121, 0x01c0003f, 0x3f, 0);
	add(0x8000001d, 1, 0x0001c163, 0x03c0003f, 0xfff, 1);
	add(0x8000001e, 0, 7, 0x103, 0x301, 0);
	add(0x8000001f, 0, 0xffffffff, 0x3f, 0x10, 1);
	add(0x80000021, 0, 0xffffffff, 0, 0, 0);
}

static int setup(void **state)
{
	(void)state;
	every_bit(true);
	config = (struct cpuid_config){
		.vcpu_count = 4, .xcr0_mask = 7, .physical_bits = 48, .tsc_deadline = true
	};
	vcpu = (struct cpuid_vcpu){ .apic_id = 2, .apic_enabled = true, .xcr0 = 7 };
	return 0;
}

static void build(void) { assert_int_equal(cpuid_build(&policy, &host, &config), CPUID_OK); }

static struct cpuid_result get(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result result = { 1, 1, 1, 1 };

	cpuid_lookup(&policy, &vcpu, leaf, subleaf, &result);
	return result;
}

static void assert_zero(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result result = get(leaf, subleaf);

	assert_int_equal(result.eax | result.ebx | result.ecx | result.edx, 0);
}

static bool bit(uint32_t word, uint32_t number) { return (word >> number & 1) != 0; }

static void test_vendor_and_features(void **state)
{
	struct cpuid_result result;

	(void)state;
	build();
	result = get(0, 5);
	assert_int_equal(result.eax, 0xd);
	assert_memory_equal(&result.ebx, "Auth", 4);
	assert_memory_equal(&result.edx, "enti", 4);
	result = get(1, 0);
	assert_int_equal(result.eax, 0x00800f12);
	assert_int_equal(result.ebx, 0x02040800); /* APIC ID 2, 4 processors, CLFLUSH */
	/* What is not virtualized. */
	static const uint8_t hidden[] = { 2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 16, 17, 18, 27 };

	for (size_t i = 0; i < sizeof(hidden); i++) {
		assert_false(bit(result.ecx, hidden[i]));
	}
	assert_true(bit(result.ecx, 21)); /* x2APIC */
	assert_true(bit(result.ecx, 24)); /* TSC deadline */
	assert_true(bit(result.ecx, 26)); /* XSAVE */
	assert_true(bit(result.ecx, 28)); /* AVX */
	assert_true(bit(result.ecx, 31)); /* hypervisor */
	assert_int_equal(result.edx, 0x178bfbff | 1u << 27);
	result = get(7, 0);
	assert_int_equal(result.eax, 0);
	assert_false(bit(result.ebx, 2));  /* SGX */
	assert_false(bit(result.ebx, 4));  /* HLE */
	assert_false(bit(result.ebx, 10)); /* INVPCID */
	assert_false(bit(result.ebx, 12)); /* RDT monitoring */
	assert_false(bit(result.ebx, 15)); /* RDT allocation */
	assert_false(bit(result.ebx, 16)); /* AVX512F */
	assert_true(bit(result.ebx, 5));   /* AVX2 */
	assert_true(bit(result.ebx, 7));   /* SMEP */
	assert_true(bit(result.ebx, 20));  /* SMAP */
	assert_true(bit(result.ecx, 2));   /* UMIP */
	assert_false(bit(result.ecx, 3));  /* PKU */
	assert_false(bit(result.ecx, 16)); /* LA57 */
	assert_false(bit(result.ecx, 22)); /* RDPID */
	assert_false(bit(result.edx, 26)); /* SPEC_CTRL */
	assert_zero(7, 1);
	result = get(0x80000001, 0);
	assert_false(bit(result.ecx, 2));  /* SVM */
	assert_false(bit(result.ecx, 3));  /* extended APIC space */
	assert_false(bit(result.ecx, 23)); /* performance counters */
	assert_false(bit(result.ecx, 29)); /* MWAITX */
	assert_true(bit(result.ecx, 1));
	assert_true(bit(result.ecx, 22));
	assert_true(bit(result.edx, 9)); /* APIC */
	assert_true(bit(result.edx, 20));
	assert_true(bit(result.edx, 29));
	assert_false(bit(result.edx, 27)); /* RDTSCP */
	assert_true(policy.nx && policy.fast_fxsr && policy.gigabyte_pages);
	assert_int_equal(get(0x80000007, 0).edx, 0);
	assert_int_equal(get(0x80000021, 0).eax, 0x45);
	assert_int_equal(get(6, 0).eax, 4);
}

static void test_no_features_from_nothing(void **state)
{
	struct cpuid_result result;

	(void)state;
	host.count = 0;
	build();
	result = get(1, 0);
	assert_int_equal(result.ecx, 1u << 21 | 1u << 24 | 1u << 31);
	assert_int_equal(result.edx, 1u << 9 | 1u << 28);
	result = get(7, 0);
	assert_int_equal(result.ebx | result.ecx | result.edx, 0);
	assert_zero(0xd, 0);
	assert_int_equal(get(0, 0).eax, 0xb);
	assert_int_equal(policy.physical_bits, 36);
	assert_false(policy.nx);
}

static void test_options(void **state)
{
	(void)state;
	config.pcid = true;
	config.rdtscp = true;
	config.invariant_tsc = true;
	config.tsc_deadline = false;
	build();
	assert_true(bit(get(1, 0).ecx, 17));
	assert_false(bit(get(1, 0).ecx, 24));
	assert_true(bit(get(7, 0).ebx, 10));
	assert_true(bit(get(7, 0).ecx, 22));
	assert_true(bit(get(0x80000001, 0).edx, 27));
	assert_int_equal(get(0x80000007, 0).edx, 1u << 8);
	/* Only what the host has. */
	for (uint32_t i = 0; i < host.count; i++) {
		if (host.entry[i].leaf == 0x80000007) {
			host.entry[i].result.edx = 0;
		}
	}
	build();
	assert_int_equal(get(0x80000007, 0).edx, 0);
}

static void test_vcpu_state(void **state)
{
	(void)state;
	config.xcr0_mask = 0x2ff;
	build();
	vcpu = (struct cpuid_vcpu){ .apic_id = 3 };
	assert_false(bit(get(1, 0).edx, 9));
	assert_false(bit(get(0x80000001, 0).edx, 9));
	assert_false(bit(get(1, 0).ecx, 27));
	assert_false(bit(get(7, 0).ecx, 4));
	assert_int_equal(get(1, 0).ebx >> 24, 3);
	vcpu.apic_enabled = true;
	vcpu.cr4_osxsave = true;
	vcpu.cr4_pke = true;
	assert_true(bit(get(1, 0).edx, 9));
	assert_true(bit(get(0x80000001, 0).edx, 9));
	assert_true(bit(get(1, 0).ecx, 27));
	assert_true(bit(get(7, 0).ecx, 4));
}

static void test_xsave(void **state)
{
	struct cpuid_result result;

	(void)state;
	build();
	result = get(0xd, 0);
	assert_int_equal(result.eax, 7);
	assert_int_equal(result.ebx, 832);
	assert_int_equal(result.ecx, 832);
	assert_int_equal(result.edx, 0);
	vcpu.xcr0 = 1;
	assert_int_equal(get(0xd, 0).ebx, 576);
	assert_int_equal(get(0xd, 1).ebx, 576);
	result = get(0xd, 1);
	assert_int_equal(result.eax, 7); /* no XSAVES */
	assert_int_equal(result.ecx | result.edx, 0);
	assert_int_equal(get(0xd, 2).eax, 256);
	assert_int_equal(get(0xd, 2).ebx, 576);
	assert_zero(0xd, 3);
	assert_zero(0xd, 9);
	assert_zero(0xd, UINT32_MAX);
	assert_true(cpuid_xcr0_valid(&policy, 1));
	assert_true(cpuid_xcr0_valid(&policy, 7));
	assert_false(cpuid_xcr0_valid(&policy, 0));
	assert_false(cpuid_xcr0_valid(&policy, 2));
	assert_false(cpuid_xcr0_valid(&policy, 5));
	assert_false(cpuid_xcr0_valid(&policy, 0xe7));
	/* AVX-512 and PKRU; MPX (3, 4) is never offered. */
	config.xcr0_mask = UINT64_MAX;
	build();
	vcpu.xcr0 = 0x2e7;
	result = get(0xd, 0);
	assert_int_equal(result.eax, 0x2e7);
	assert_int_equal(result.ebx, 2696);
	assert_int_equal(result.ecx, 2696);
	/* Compacted: 576 + 256 + 64 + 512 + 1024, which is aligned, + 8. */
	assert_int_equal(get(0xd, 1).ebx, 2440);
	vcpu.xcr0 = 0x203;
	assert_int_equal(get(0xd, 0).ebx, 2696);
	assert_int_equal(get(0xd, 1).ebx, 584);
	assert_zero(0xd, 3);
	assert_zero(0xd, 8);
	assert_true(bit(get(7, 0).ebx, 16));
	assert_true(bit(get(7, 0).ecx, 3));
	assert_true(cpuid_xcr0_valid(&policy, 0xe7));
	assert_false(cpuid_xcr0_valid(&policy, 0x67));
	assert_false(cpuid_xcr0_valid(&policy, 0xe3));
	/* Parts of AVX-512, or no AVX: none of it. */
	config.xcr0_mask = 0x67;
	build();
	assert_true(policy.xcr0_mask == 7);
	config.xcr0_mask = 0xe3;
	build();
	assert_true(policy.xcr0_mask == 3);
	assert_false(bit(get(1, 0).ecx, 28));
	config.xcr0_mask = 1;
	build();
	assert_true(policy.xcr0_mask == 0);
	assert_false(bit(get(1, 0).ecx, 26));
	assert_zero(0xd, 0);
}

static void test_topology(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= 8; count++) {
		struct cpuid_result result;
		uint32_t bits = count <= 1 ? 0 : count <= 2 ? 1 : count <= 4 ? 2 : 3;

		config.vcpu_count = count;
		build();
		vcpu.apic_id = count - 1;
		result = get(0xb, 0);
		assert_int_equal(result.eax, 0);
		assert_int_equal(result.ebx, 1);
		assert_int_equal(result.ecx, 0x100);
		assert_int_equal(result.edx, count - 1);
		result = get(0xb, 1);
		assert_int_equal(result.eax, bits);
		assert_int_equal(result.ebx, count);
		assert_int_equal(result.ecx, 0x201);
		assert_int_equal(result.edx, count - 1);
		result = get(0xb, 2);
		assert_int_equal(result.eax | result.ebx, 0);
		assert_int_equal(result.ecx, 2);
		assert_int_equal(result.edx, count - 1);
		assert_int_equal(get(1, 0).ebx >> 16 & 0xff, count);
		assert_int_equal(bit(get(1, 0).edx, 28), count > 1);
		assert_int_equal(get(0x80000008, 0).ecx, (count - 1) | bits << 12);
		result = get(0x8000001e, 0);
		assert_int_equal(result.eax, count - 1);
		assert_int_equal(result.ebx, count - 1);
		assert_int_equal(result.ecx, 0);
		assert_int_equal(get(0x8000001d, 0).eax, 0x0121);
		assert_int_equal(get(0x8000001d, 1).eax, 0x0163 | (count - 1) << 14);
		assert_int_equal(get(0x8000001d, 1).ebx, 0x03c0003f);
		assert_zero(0x8000001d, 2);
		assert_zero(4, 0); /* Intel's */
	}
}

static void test_intel(void **state)
{
	(void)state;
	every_bit(false);
	build();
	assert_int_equal(get(4, 0).eax, 0x00000121 | 3u << 26);
	assert_int_equal(get(4, 2).eax, 0x00000143 | 3u << 26);
	assert_int_equal(get(4, 3).eax, 0x00000163 | 3u << 14 | 3u << 26);
	assert_zero(4, 4);
	assert_int_equal(get(2, 0).eax, 0x00feff01);
	assert_int_equal(get(0x80000000, 0).eax, 0x80000008);
	assert_zero(0x8000001d, 0);
	assert_zero(0x8000001e, 0);
	assert_int_equal(get(0x80000008, 0).ecx, 0);
	assert_false(bit(get(0x80000001, 0).edx, 9));
}

static void test_addresses(void **state)
{
	(void)state;
	build();
	assert_int_equal(get(0x80000008, 0).eax, 40 | 48 << 8);
	assert_int_equal(get(0x80000008, 0).ebx, 5);
	assert_int_equal(get(0x80000008, 0).edx, 0);
	config.physical_bits = 36;
	build();
	assert_int_equal(get(0x80000008, 0).eax & 0xff, 36);
	assert_int_equal(policy.physical_bits, 36);
	for (uint32_t i = 0; i < host.count; i++) {
		if (host.entry[i].leaf == 0x80000008) {
			host.entry[i].result.eax = 57 << 8 | 34;
		}
	}
	build();
	assert_int_equal(get(0x80000008, 0).eax, 34 | 48 << 8);
}

static void test_hypervisor_leaves(void **state)
{
	struct cpuid_result result;

	(void)state;
	build();
	result = get(0x40000000, 7);
	assert_int_equal(result.eax, 0x40000000);
	assert_memory_equal(&result.ebx, "BulkheadHv  ", 12);
	assert_zero(0x40000001, 0);
	result = get(0x40000100, 0);
	assert_int_equal(result.eax, 0x40000101);
	assert_memory_equal(&result.ebx, "BulkheadHv  ", 12);
	assert_int_equal(get(0x40000101, 0).eax, 1);
	config.pv_eoi = true;
	build();
	result = get(0x40000000, 0);
	assert_int_equal(result.eax, 0x40000001);
	assert_memory_equal(&result.ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(get(0x40000001, 0).eax, 1u << 6);
	config.pv_eoi = false;
	config.kvm_clock_stable = true; /* nothing without the clock */
	build();
	assert_zero(0x40000001, 0);
	config.kvm_clock = true;
	build();
	assert_int_equal(get(0x40000001, 0).eax, 1u << 24 | 9);
	result = get(0x40000100, 0);
	assert_memory_equal(&result.ebx, "BulkheadHv  ", 12);
}

static void test_unsupported_leaves(void **state)
{
	static const uint32_t leaves[] = { 3, 5, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x12, 0x14, 0x15, 0x1f, 0x20,
		0x21, 0x3fffffff, 0x40000002, 0x40000010, 0x400000ff, 0x40000102, 0x7fffffff, 0x80000009,
		0x8000000a, 0x8000001b, 0x8000001c, 0x8000001f, 0x80000022, 0x80860000, 0xc0000000,
		0xffffffff };

	(void)state;
	build();
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		assert_zero(leaves[i], 0);
		assert_zero(leaves[i], UINT32_MAX);
	}
	/* A leaf without subleaves does not look at ECX. */
	assert_int_equal(get(1, 0x1234).eax, 0x00800f12);
	/* Nothing above the highest extended leaf. */
	for (uint32_t i = 0; i < host.count; i++) {
		if (host.entry[i].leaf == 0x80000000) {
			host.entry[i].result.eax = 0x8000001a;
		}
	}
	build();
	assert_int_equal(get(0x80000000, 0).eax, 0x8000001a);
	assert_zero(0x8000001d, 0);
	assert_zero(0x8000001e, 0);
	assert_zero(0x80000021, 0);
	assert_int_equal(get(0x80000019, 0).eax, 9);
}

static void test_bad_config(void **state)
{
	(void)state;
	config.vcpu_count = 0;
	assert_int_equal(cpuid_build(&policy, &host, &config), CPUID_BAD_CONFIG);
	assert_zero(0, 0);
	config.vcpu_count = 9;
	assert_int_equal(cpuid_build(&policy, &host, &config), CPUID_BAD_CONFIG);
	config.vcpu_count = 1;
	config.physical_bits = 31;
	assert_int_equal(cpuid_build(&policy, &host, &config), CPUID_BAD_CONFIG);
	config.physical_bits = 53;
	assert_int_equal(cpuid_build(&policy, &host, &config), CPUID_BAD_CONFIG);
}

static void test_this_host(void **state)
{
	struct cpuid_result result;

	(void)state;
	cpuid_host_read(&host);
	assert_true(host.count > 5 && host.count < CPUID_HOST_ENTRIES);
	config.xcr0_mask = UINT64_MAX;
	config.physical_bits = 52;
	build();
	result = get(1, 0);
	assert_true(bit(result.ecx, 31));
	assert_true(bit(result.edx, 0) && bit(result.edx, 5));
	assert_true(policy.physical_bits >= 32 && policy.physical_bits <= 40);
	vcpu.xcr0 = policy.xcr0_mask;
	assert_int_equal(get(0xd, 0).ebx, get(0xd, 0).ecx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_vendor_and_features, setup),
		cmocka_unit_test_setup(test_no_features_from_nothing, setup),
		cmocka_unit_test_setup(test_options, setup),
		cmocka_unit_test_setup(test_vcpu_state, setup),
		cmocka_unit_test_setup(test_xsave, setup),
		cmocka_unit_test_setup(test_topology, setup),
		cmocka_unit_test_setup(test_intel, setup),
		cmocka_unit_test_setup(test_addresses, setup),
		cmocka_unit_test_setup(test_hypervisor_leaves, setup),
		cmocka_unit_test_setup(test_unsupported_leaves, setup),
		cmocka_unit_test_setup(test_bad_config, setup),
		cmocka_unit_test_setup(test_this_host, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
