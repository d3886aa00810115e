/* SPDX-License-Identifier: MIT */
/* CPUID policy (AMD APM vol. 3 appendix E, Intel SDM vol. 2A CPUID): builds the guest's table and looks things up in it. */

#include "cpu/cpuid.h"

#include <string.h>

#define EXTENDED UINT32_C(0x80000000)
#define HYPERVISOR UINT32_C(0x40000000)
#define BULKHEAD UINT32_C(0x40000100)
#define BULKHEAD_VERSION 1u
#define PHYSICAL_BITS_LIMIT 40u
#define VCPUS_LIMIT 8u
#define XSAVE_COMPONENTS 63u
#define XSAVE_LEGACY_AND_HEADER 576u /* legacy region of 512 bytes, header of 64 */
#define CACHES_MAXIMUM 8u

#define XCR0_X87 UINT64_C(0x1)
#define XCR0_SSE UINT64_C(0x2)
#define XCR0_AVX UINT64_C(0x4)
#define XCR0_AVX512 UINT64_C(0xe0)
#define XCR0_PKRU UINT64_C(0x200)
/* What this policy knows how to offer: no MPX, no AMX, no LWP. */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

#define BIT(n) (UINT32_C(1) << (n))

/* Leaf 1. */
#define F1C_PCID BIT(17)
#define F1C_X2APIC BIT(21)
#define F1C_TSC_DEADLINE BIT(24)
#define F1C_XSAVE BIT(26)
#define F1C_OSXSAVE BIT(27)
#define F1C_HYPERVISOR BIT(31)
#define F1D_APIC BIT(9)
#define F1D_HTT BIT(28)
/* SSE3 PCLMULQDQ SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES RDRAND; not MONITOR, VMX, EST, PDCM. */
#define F1C_PLAIN \
	(BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(30))
/* FMA AVX F16C */
#define F1C_WITH_AVX (BIT(12) | BIT(28) | BIT(29))
/* FPU VME DE PSE TSC MSR PAE MCE CX8 SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 SS; not DS, ACPI, TM, PBE. */
#define F1D_PLAIN                                                                                         \
	(BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) |       \
		BIT(12) | BIT(13) | BIT(14) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(23) | BIT(24) | \
		BIT(25) | BIT(26) | BIT(27))

/* Leaf 7, subleaf 0. */
/* FSGSBASE TSC_ADJUST BMI1 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA and FDP/FCS behaviour; not HLE, RTM, RDT, MPX, PT, SGX. */
#define F7B_PLAIN                                                                                     \
	(BIT(0) | BIT(1) | BIT(3) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(13) | BIT(18) | BIT(19) | \
		BIT(20) | BIT(23) | BIT(24) | BIT(29))
#define F7B_AVX2 BIT(5)
#define F7B_INVPCID BIT(10)
/* AVX512 F DQ IFMA CD BW VL */
#define F7B_AVX512 (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
/* UMIP GFNI; not LA57: nested paging is asked for 48-bit guests only. */
#define F7C_PLAIN (BIT(2) | BIT(8))
#define F7C_PKU BIT(3)
#define F7C_OSPKE BIT(4)
/* VAES VPCLMULQDQ */
#define F7C_WITH_AVX (BIT(9) | BIT(10))
/* VBMI VBMI2 VNNI BITALG VPOPCNTDQ */
#define F7C_WITH_AVX512 (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define F7C_RDPID BIT(22)
/* FSRM SERIALIZE; not the speculation controls: their MSRs are not virtualized. */
#define F7D_PLAIN (BIT(4) | BIT(14))

/* Leaf 0xD, subleaf 1: XSAVEOPT XSAVEC XGETBV1; not XSAVES. */
#define FDA_PLAIN (BIT(0) | BIT(1) | BIT(2))
#define FDA_XSAVEC BIT(1)
#define COMPONENT_ALIGNED BIT(1) /* ECX of a component: 64-byte aligned in the compacted form */

/* Leaf 0x80000001. */
/* LAHF CR8-legacy ABM SSE4A misaligned-SSE 3DNow-prefetch TBM; not SVM, EXTAPIC, OSVW, IBS, SKINIT, WDT, LWP, performance counters,
 * MWAITX. */
#define E1C_PLAIN (BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(21))
#define E1C_CMP_LEGACY BIT(1)
/* XOP FMA4 */
#define E1C_WITH_AVX (BIT(11) | BIT(16))
#define E1C_TOPOLOGY BIT(22)
/* SYSCALL NX MMXEXT FFXSR 1-GiB-pages LM 3DNow 3DNowExt, and AMD's copies of leaf 1. */
#define E1D_COPIES (F1D_PLAIN & UINT32_C(0x0183f1ff))
#define E1D_PLAIN (E1D_COPIES | BIT(11) | BIT(20) | BIT(22) | BIT(25) | BIT(26) | BIT(29) | BIT(30) | BIT(31))
#define E1D_NX BIT(20)
#define E1D_FFXSR BIT(25)
#define E1D_GIGABYTE_PAGES BIT(26)
#define E1D_RDTSCP BIT(27)

#define E7D_INVARIANT_TSC BIT(8)
/* CLZERO, XSAVE of error pointers */
#define E8B_PLAIN (BIT(0) | BIT(2))
/* NoNestedDataBp, LFENCE always serializing, null selector clears base */
#define E21A_PLAIN (BIT(0) | BIT(2) | BIT(6))

#define KVM_CLOCK_BITS (BIT(0) | BIT(3))
#define KVM_PV_EOI_BIT BIT(6)
#define KVM_CLOCK_STABLE_BIT BIT(24)

enum fixup {
	FIXUP_NONE,
	FIXUP_FEATURES,
	FIXUP_AMD_FEATURES,
	FIXUP_STRUCTURED,
	FIXUP_TOPOLOGY,
	FIXUP_XSAVE,
	FIXUP_AMD_TOPOLOGY,
};

/* What a build works with. */
struct builder {
	struct cpuid_policy *policy;
	const struct cpuid_host *host;
	const struct cpuid_config *config;
	bool room;
};

static struct cpuid_result host_leaf(const struct cpuid_host *host, uint32_t leaf, uint32_t subleaf)
{
	uint32_t count = host->count < CPUID_HOST_ENTRIES ? host->count : CPUID_HOST_ENTRIES;

	for (uint32_t i = 0; i < count; i++) {
		if (host->entry[i].leaf == leaf && host->entry[i].subleaf == subleaf) {
			return host->entry[i].result;
		}
	}
	return (struct cpuid_result){ 0 };
}

/* Where a leaf stands in the policy's table; CPUID_LEAVES for one that is not known. */
static uint32_t leaf_index(uint32_t leaf)
{
	if (leaf < CPUID_BASIC_LEAVES) {
		return leaf;
	}
	if (leaf - EXTENDED < CPUID_EXTENDED_LEAVES) {
		return CPUID_BASIC_LEAVES + (leaf - EXTENDED);
	}
	if (leaf - HYPERVISOR < CPUID_HYPERVISOR_LEAVES) {
		return CPUID_BASIC_LEAVES + CPUID_EXTENDED_LEAVES + (leaf - HYPERVISOR);
	}
	if (leaf - BULKHEAD < CPUID_HYPERVISOR_LEAVES) {
		return CPUID_BASIC_LEAVES + CPUID_EXTENDED_LEAVES + CPUID_HYPERVISOR_LEAVES +
		       (leaf - BULKHEAD);
	}
	return CPUID_LEAVES;
}

/* Gives `leaf` its value; for an indexed leaf, the value of its next subleaf. Subleaves are put one after another. */
static void put_subleaf(
	struct builder *builder, uint32_t leaf, enum fixup fixup, bool indexed, struct cpuid_result value)
{
	struct cpuid_policy *policy = builder->policy;
	uint32_t index = leaf_index(leaf);
	struct cpuid_leaf *slot;

	if (index == CPUID_LEAVES || policy->entry_count == CPUID_TABLE_ENTRIES) {
		builder->room = false;
		return;
	}
	slot = &policy->leaf[index];
	if (slot->count == 0) {
		slot->first = (uint8_t)policy->entry_count;
		slot->fixup = (uint8_t)fixup;
		slot->indexed = indexed;
	}
	slot->count++;
	policy->entry[policy->entry_count++] = value;
}

static void put(struct builder *builder, uint32_t leaf, enum fixup fixup, struct cpuid_result value)
{
	put_subleaf(builder, leaf, fixup, false, value);
}

/* As the host has it. */
static void put_host(struct builder *builder, uint32_t leaf)
{
	put(builder, leaf, FIXUP_NONE, host_leaf(builder->host, leaf, 0));
}

static uint32_t bits_for(uint32_t count)
{
	uint32_t bits = 0;

	while (UINT32_C(1) << bits < count) {
		bits++;
	}
	return bits;
}

static bool is_amd(const struct cpuid_host *host)
{
	uint32_t vendor = host_leaf(host, 0, 0).ebx;

	return vendor == 0x68747541 || vendor == 0x6f677948; /* "Auth"enticAMD, "Hygo"nGenuine */
}

/* The configured XCR0 bits that the host has; x87 and SSE go together, AVX needs them, AVX-512 needs all of its three and AVX. */
static uint64_t usable_xcr0(const struct cpuid_host *host, const struct cpuid_config *config)
{
	struct cpuid_result components = host_leaf(host, 0xd, 0);
	uint64_t mask = config->xcr0_mask & XCR0_KNOWN & ((uint64_t)components.edx << 32 | components.eax);

	if ((host_leaf(host, 1, 0).ecx & F1C_XSAVE) == 0 || (mask & XCR0_X87) == 0 ||
		(mask & XCR0_SSE) == 0) {
		return 0;
	}
	if ((mask & XCR0_AVX) == 0 || (mask & XCR0_AVX512) != XCR0_AVX512) {
		mask &= ~XCR0_AVX512;
	}
	return mask;
}

static void build_features(struct builder *builder)
{
	const struct cpuid_config *config = builder->config;
	struct cpuid_policy *policy = builder->policy;
	struct cpuid_result value = host_leaf(builder->host, 1, 0);
	uint32_t ecx_allowed = F1C_PLAIN;

	if (policy->xcr0_mask != 0) {
		ecx_allowed |= F1C_XSAVE;
	}
	if ((policy->xcr0_mask & XCR0_AVX) != 0) {
		ecx_allowed |= F1C_WITH_AVX;
	}
	if (config->pcid) {
		ecx_allowed |= F1C_PCID;
	}
	value.ecx = (value.ecx & ecx_allowed) | F1C_X2APIC | F1C_HYPERVISOR;
	if (config->tsc_deadline) {
		value.ecx |= F1C_TSC_DEADLINE;
	}
	value.edx &= F1D_PLAIN;
	/* Brand and CLFLUSH size stay; logical processors; the APIC ID comes at lookup. */
	value.ebx = (value.ebx & 0xffff) | config->vcpu_count << 16;
	if (config->vcpu_count > 1) {
		value.edx |= F1D_HTT;
	}
	put(builder, 1, FIXUP_FEATURES, value);
}

static void build_structured_features(struct builder *builder)
{
	const struct cpuid_config *config = builder->config;
	uint64_t xcr0 = builder->policy->xcr0_mask;
	struct cpuid_result value = host_leaf(builder->host, 7, 0);
	uint32_t ebx_allowed = F7B_PLAIN;
	uint32_t ecx_allowed = F7C_PLAIN;

	if ((xcr0 & XCR0_AVX) != 0) {
		ebx_allowed |= F7B_AVX2;
		ecx_allowed |= F7C_WITH_AVX;
	}
	if ((xcr0 & XCR0_AVX512) != 0) {
		ebx_allowed |= F7B_AVX512;
		ecx_allowed |= F7C_WITH_AVX512;
	}
	if ((xcr0 & XCR0_PKRU) != 0) {
		ecx_allowed |= F7C_PKU;
	}
	if (config->pcid) {
		ebx_allowed |= F7B_INVPCID;
	}
	if (config->rdtscp) {
		ecx_allowed |= F7C_RDPID;
	}
	value.eax = 0; /* highest subleaf */
	value.ebx &= ebx_allowed;
	value.ecx &= ecx_allowed;
	value.edx &= F7D_PLAIN;
	put_subleaf(builder, 7, FIXUP_STRUCTURED, true, value);
}

/* Caches (leaf 4 of Intel, 0x8000001d of AMD, same layout): shared by nobody below level 3, by all vCPUs there. */
static void build_caches(struct builder *builder, uint32_t leaf, bool intel)
{
	uint32_t others = builder->config->vcpu_count - 1;

	for (uint32_t subleaf = 0; subleaf < CACHES_MAXIMUM; subleaf++) {
		struct cpuid_result value = host_leaf(builder->host, leaf, subleaf);
		uint32_t level = value.eax >> 5 & 7;

		if ((value.eax & 0x1f) == 0) {
			return;
		}
		/* Threads sharing it less 1: bits 25..14; Intel: cores of the package less 1: bits 31..26. */
		value.eax =
			(value.eax & 0x3fff) | (level >= 3 ? others << 14 : 0) | (intel ? others << 26 : 0);
		put_subleaf(builder, leaf, FIXUP_NONE, true, value);
	}
}

/* Leaf 0xB: one thread per core, the cores of one package. EDX, the x2APIC ID, comes at lookup. */
static void build_topology(struct builder *builder)
{
	uint32_t count = builder->config->vcpu_count;

	put_subleaf(builder, 0xb, FIXUP_TOPOLOGY, true,
		(struct cpuid_result){ .eax = 0, .ebx = 1, .ecx = 1 << 8 | 0 });
	put_subleaf(builder, 0xb, FIXUP_TOPOLOGY, true,
		(struct cpuid_result){ .eax = bits_for(count), .ebx = count, .ecx = 2 << 8 | 1 });
}

/* The size of the XSAVE area for these components, in the standard or the compacted form (Intel SDM vol. 1 §13.4.3). */
static uint32_t xsave_size(const struct cpuid_policy *policy, uint64_t components, bool compacted)
{
	const struct cpuid_leaf *leaf = &policy->leaf[0xd];
	uint32_t size = XSAVE_LEGACY_AND_HEADER;

	for (uint64_t left = components & policy->xcr0_mask & ~(XCR0_X87 | XCR0_SSE); left != 0;
		left &= left - 1) {
		uint32_t component = (uint32_t)__builtin_ctzll(left);
		const struct cpuid_result *value;
		uint32_t start;

		if (component >= leaf->count) {
			break;
		}
		value = &policy->entry[leaf->first + component];
		start = value->ebx;
		if (compacted) {
			start = (value->ecx & COMPONENT_ALIGNED) != 0 ? (size + 63) & ~UINT32_C(63) : size;
		}
		if (start + value->eax > size) {
			size = start + value->eax;
		}
	}
	return size;
}

static void build_xsave(struct builder *builder)
{
	struct cpuid_policy *policy = builder->policy;
	uint32_t highest = policy->xcr0_mask == 0 ? 0 : (uint32_t)(63 - __builtin_clzll(policy->xcr0_mask));
	struct cpuid_result *main;

	if (policy->xcr0_mask == 0) {
		return;
	}
	put_subleaf(builder, 0xd, FIXUP_XSAVE, true,
		(struct cpuid_result){
			.eax = (uint32_t)policy->xcr0_mask, .edx = (uint32_t)(policy->xcr0_mask >> 32) });
	put_subleaf(builder, 0xd, FIXUP_XSAVE, true,
		(struct cpuid_result){ .eax = host_leaf(builder->host, 0xd, 1).eax & FDA_PLAIN });
	for (uint32_t component = 2; component <= highest; component++) {
		struct cpuid_result value = { 0 };

		if ((policy->xcr0_mask >> component & 1) != 0) {
			value = host_leaf(builder->host, 0xd, component);
			value.ecx &= COMPONENT_ALIGNED; /* bit 0: supervisor state, which there is none */
			value.edx = 0;
		}
		put_subleaf(builder, 0xd, FIXUP_XSAVE, true, value);
	}
	if (builder->room) {
		main = &policy->entry[policy->leaf[0xd].first];
		main->ecx = xsave_size(policy, policy->xcr0_mask, false);
	}
}

static void build_basic(struct builder *builder)
{
	struct cpuid_result vendor = host_leaf(builder->host, 0, 0);

	vendor.eax = builder->policy->xcr0_mask != 0 ? 0xd : 0xb;
	put(builder, 0, FIXUP_NONE, vendor);
	build_features(builder);
	if (!is_amd(builder->host)) {
		put_host(builder, 2);
		build_caches(builder, 4, true);
	}
	/* Thermal and power: the APIC timer never stops (ARAT), nothing else. */
	put(builder, 6, FIXUP_NONE, (struct cpuid_result){ .eax = BIT(2) });
	build_structured_features(builder);
	build_topology(builder);
	build_xsave(builder);
}

static void build_extended_features(struct builder *builder)
{
	const struct cpuid_config *config = builder->config;
	struct cpuid_policy *policy = builder->policy;
	struct cpuid_result value = host_leaf(builder->host, EXTENDED + 1, 0);
	uint32_t ecx_allowed = E1C_PLAIN;
	uint32_t edx_allowed = E1D_PLAIN;

	if ((policy->xcr0_mask & XCR0_AVX) != 0) {
		ecx_allowed |= E1C_WITH_AVX;
	}
	if (is_amd(builder->host)) {
		ecx_allowed |= E1C_TOPOLOGY;
	}
	if (config->rdtscp) {
		edx_allowed |= E1D_RDTSCP;
	}
	value.ecx &= ecx_allowed;
	if (is_amd(builder->host)) {
		if (config->vcpu_count > 1) {
			value.ecx |= E1C_CMP_LEGACY;
		}
	}
	value.edx &= edx_allowed;
	policy->nx = (value.edx & E1D_NX) != 0;
	policy->fast_fxsr = (value.edx & E1D_FFXSR) != 0;
	policy->gigabyte_pages = (value.edx & E1D_GIGABYTE_PAGES) != 0;
	/* AMD repeats features of leaf 1 here, the APIC too: its bit comes at lookup. */
	put(builder, EXTENDED + 1, is_amd(builder->host) ? FIXUP_AMD_FEATURES : FIXUP_NONE, value);
}

static void build_address_sizes(struct builder *builder)
{
	struct cpuid_result value = host_leaf(builder->host, EXTENDED + 8, 0);
	uint32_t count = builder->config->vcpu_count;
	uint32_t linear = value.eax >> 8 & 0xff;

	/* Linear addresses: 48 bits, since LA57 is not offered. */
	value.eax = builder->policy->physical_bits | (linear < 48 && linear != 0 ? linear : 48) << 8;
	value.ebx &= E8B_PLAIN;
	value.ecx = is_amd(builder->host) ? (count - 1) | bits_for(count) << 12 : 0;
	value.edx = 0;
	put(builder, EXTENDED + 8, FIXUP_NONE, value);
}

static void build_extended(struct builder *builder)
{
	bool amd = is_amd(builder->host);
	struct cpuid_result range = host_leaf(builder->host, EXTENDED, 0);
	uint32_t host_last = range.eax;
	struct cpuid_result value;

	range.eax = amd ? EXTENDED + 0x21 : EXTENDED + 8;
	if (range.eax > host_last && host_last >= EXTENDED + 8) {
		range.eax = host_last;
	}
	put(builder, EXTENDED, FIXUP_NONE, range);
	build_extended_features(builder);
	for (uint32_t leaf = EXTENDED + 2; leaf <= EXTENDED + 6; leaf++) {
		put_host(builder, leaf);
	}
	value = host_leaf(builder->host, EXTENDED + 7, 0);
	put(builder, EXTENDED + 7, FIXUP_NONE,
		(struct cpuid_result){
			.edx = builder->config->invariant_tsc ? value.edx & E7D_INVARIANT_TSC : 0 });
	build_address_sizes(builder);
	if (!amd) {
		return;
	}
	put_host(builder, EXTENDED + 0x19);
	put_host(builder, EXTENDED + 0x1a);
	build_caches(builder, EXTENDED + 0x1d, false);
	/* Extended APIC ID, core ID; one thread per core, one node. */
	put(builder, EXTENDED + 0x1e, FIXUP_AMD_TOPOLOGY, (struct cpuid_result){ 0 });
	value = host_leaf(builder->host, EXTENDED + 0x21, 0);
	put(builder, EXTENDED + 0x21, FIXUP_NONE, (struct cpuid_result){ .eax = value.eax & E21A_PLAIN });
	/* Leaves above the highest that the guest is told of are not there. */
	for (uint32_t leaf = EXTENDED + 0x21; leaf > range.eax && leaf > EXTENDED + 8; leaf--) {
		builder->policy->leaf[leaf_index(leaf)] = (struct cpuid_leaf){ 0 };
	}
}

/* A signature of 12 characters in EBX, ECX, EDX. */
static struct cpuid_result signature(uint32_t last_leaf, const char text[12])
{
	struct cpuid_result value = { .eax = last_leaf };

	memcpy(&value.ebx, text, 4);
	memcpy(&value.ecx, text + 4, 4);
	memcpy(&value.edx, text + 8, 4);
	return value;
}

static void build_hypervisor(struct builder *builder)
{
	const struct cpuid_config *config = builder->config;
	uint32_t kvm = (config->kvm_clock ? KVM_CLOCK_BITS : 0) | (config->pv_eoi ? KVM_PV_EOI_BIT : 0) |
		       (config->kvm_clock && config->kvm_clock_stable ? KVM_CLOCK_STABLE_BIT : 0);

	if (kvm != 0) {
		put(builder, HYPERVISOR, FIXUP_NONE, signature(HYPERVISOR + 1, "KVMKVMKVM\0\0\0"));
		put(builder, HYPERVISOR + 1, FIXUP_NONE, (struct cpuid_result){ .eax = kvm });
	} else {
		put(builder, HYPERVISOR, FIXUP_NONE, signature(HYPERVISOR, "BulkheadHv  "));
	}
	put(builder, BULKHEAD, FIXUP_NONE, signature(BULKHEAD + 1, "BulkheadHv  "));
	put(builder, BULKHEAD + 1, FIXUP_NONE, (struct cpuid_result){ .eax = BULKHEAD_VERSION });
}

static void find_plain(struct cpuid_policy *policy)
{
	_Static_assert(CPUID_TABLE_ENTRIES < 256, "an entry's number is a byte");
	for (uint32_t i = 0; i < CPUID_BASIC_LEAVES + CPUID_EXTENDED_LEAVES; i++) {
		const struct cpuid_leaf *leaf = &policy->leaf[i];

		if (leaf->count == 1 && !leaf->indexed && leaf->fixup == FIXUP_NONE) {
			policy->plain[i] = (uint8_t)(leaf->first + 1);
		}
	}
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

enum cpuid_status cpuid_build(
	struct cpuid_policy *policy, const struct cpuid_host *host, const struct cpuid_config *config)
{
	struct builder builder = { .policy = policy, .host = host, .config = config, .room = true };
	uint32_t host_bits = host_leaf(host, EXTENDED + 8, 0).eax & 0xff;

	memset(policy, 0, sizeof(*policy));
	if (config->vcpu_count == 0 || config->vcpu_count > VCPUS_LIMIT || config->physical_bits < 32 ||
		config->physical_bits > 52) {
		return CPUID_BAD_CONFIG;
	}
	/* A processor without leaf 0x80000008 has 36 bits. */
	policy->physical_bits =
		least(least(host_bits == 0 ? 36 : host_bits, config->physical_bits), PHYSICAL_BITS_LIMIT);
	policy->xcr0_mask = usable_xcr0(host, config);
	build_basic(&builder);
	build_extended(&builder);
	build_hypervisor(&builder);
	if (!builder.room) {
		memset(policy, 0, sizeof(*policy));
		return CPUID_NO_ROOM;
	}
	find_plain(policy);
	return CPUID_OK;
}

static void fix_xsave(const struct cpuid_policy *policy, const struct cpuid_vcpu *vcpu, uint32_t subleaf,
	struct cpuid_result *result)
{
	if (subleaf == 0) {
		result->ebx = xsave_size(policy, vcpu->xcr0, false);
	} else if (subleaf == 1 && (result->eax & FDA_XSAVEC) != 0) {
		result->ebx = xsave_size(policy, vcpu->xcr0, true);
	}
}

/* What a leaf shows of the vCPU's state. */
static void fix(const struct cpuid_policy *policy, const struct cpuid_vcpu *vcpu,
	const struct cpuid_leaf *slot, uint32_t subleaf, struct cpuid_result *result)
{
	switch (slot->fixup) {
	case FIXUP_FEATURES:
		result->ebx |= vcpu->apic_id << 24;
		if (vcpu->apic_enabled) {
			result->edx |= F1D_APIC;
		}
		if (vcpu->cr4_osxsave && (result->ecx & F1C_XSAVE) != 0) {
			result->ecx |= F1C_OSXSAVE;
		}
		break;
	case FIXUP_AMD_FEATURES:
		if (vcpu->apic_enabled) {
			result->edx |= F1D_APIC;
		}
		break;
	case FIXUP_STRUCTURED:
		if (vcpu->cr4_pke && (result->ecx & F7C_PKU) != 0) {
			result->ecx |= F7C_OSPKE;
		}
		break;
	case FIXUP_TOPOLOGY:
		result->edx = vcpu->apic_id;
		break;
	case FIXUP_XSAVE:
		fix_xsave(policy, vcpu, subleaf, result);
		break;
	case FIXUP_AMD_TOPOLOGY:
		result->eax = vcpu->apic_id;
		result->ebx = vcpu->apic_id;
		break;
	default:
		break;
	}
}

void cpuid_lookup(const struct cpuid_policy *policy, const struct cpuid_vcpu *vcpu, uint32_t leaf,
	uint32_t subleaf, struct cpuid_result *result)
{
	uint32_t place = leaf_index(leaf);
	const struct cpuid_leaf *slot;
	uint32_t index;

	*result = (struct cpuid_result){ 0 };
	if (place == CPUID_LEAVES) {
		return;
	}
	slot = &policy->leaf[place];
	index = slot->indexed ? subleaf : 0;
	if (index >= slot->count) {
		if (slot->fixup == FIXUP_TOPOLOGY) {
			/* Past the last level, leaf 0xB still tells the level asked for and the x2APIC ID. */
			result->ecx = subleaf & 0xff;
			result->edx = vcpu->apic_id;
		}
		return;
	}
	*result = policy->entry[slot->first + index];
	if (slot->fixup != FIXUP_NONE) {
		fix(policy, vcpu, slot, index, result);
	}
}

bool cpuid_xcr0_valid(const struct cpuid_policy *policy, uint64_t value)
{
	if ((value & ~policy->xcr0_mask) != 0 || (value & XCR0_X87) == 0) {
		return false;
	}
	if ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0) {
		return false;
	}
	return (value & XCR0_AVX512) == 0 || (value & (XCR0_AVX512 | XCR0_AVX)) == (XCR0_AVX512 | XCR0_AVX);
}
