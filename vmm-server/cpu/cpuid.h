/* SPDX-License-Identifier: MIT */
/* CPUID policy: the guest's CPUID is the host's vendor and features less what is not virtualized. Built once into a table; an exit is
 * a lookup. No system calls, no libc; touches only what it is given (the host's values are read by cpu/cpuid_host.c).
 * Sources: AMD APM vol. 3 appendix E, Intel SDM vol. 2A CPUID. Features are let through by name: an unknown bit reads 0. */
#ifndef BULKHEAD_VMM_CPU_CPUID_H
#define BULKHEAD_VMM_CPU_CPUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpuid_result {
	uint32_t eax, ebx, ecx, edx;
};

struct cpuid_entry {
	uint32_t leaf, subleaf;
	struct cpuid_result result;
};

/* The host's CPUID. Leaves that it does not list count as all zero. */
#define CPUID_HOST_ENTRIES 160u
struct cpuid_host {
	uint32_t count;
	struct cpuid_entry entry[CPUID_HOST_ENTRIES];
};

struct cpuid_config {
	uint32_t vcpu_count; /* 1..8: one package of that many cores */
	uint64_t xcr0_mask;  /* XCR0 bits that the guest may set; 0 = no XSAVE, no AVX */
	uint32_t
		physical_bits; /* upper limit of the guest's physical address width, 32..52; also limited to 40 */
	bool pcid;             /* offer PCID and INVPCID */
	bool rdtscp;           /* offer RDTSCP and RDPID: TSC_AUX is the guest's own */
	bool tsc_deadline;     /* offer the APIC timer's TSC-deadline mode */
	bool invariant_tsc;    /* offer the invariant TSC if the host has it */
	bool kvm_clock;        /* KVM's paravirtual clock, CPUID 0x40000001 EAX bits 0 and 3 */
	bool kvm_clock_stable; /* and bit 24: it needs no cross-CPU correction */
	bool pv_eoi;           /* KVM's paravirtual EOI, bit 6 */
};

/* What of the vCPU's state CPUID shows. */
struct cpuid_vcpu {
	uint32_t apic_id;
	bool apic_enabled; /* bit 11 of MSR_APIC_BASE */
	bool cr4_osxsave;  /* CR4 bit 18 */
	bool cr4_pke;      /* CR4 bit 22 */
	uint64_t xcr0;
};

#define CPUID_BASIC_LEAVES 0x20u
#define CPUID_EXTENDED_LEAVES 0x22u
#define CPUID_HYPERVISOR_LEAVES 2u
#define CPUID_LEAVES (CPUID_BASIC_LEAVES + CPUID_EXTENDED_LEAVES + 2 * CPUID_HYPERVISOR_LEAVES)
#define CPUID_TABLE_ENTRIES 160u

struct cpuid_leaf {
	uint8_t first; /* index of subleaf 0's entry */
	uint8_t count; /* subleaves in the table; 0 = reads zero. A leaf without subleaves has 1 and ignores ECX. */
	bool indexed;  /* ECX counts */
	uint8_t fixup; /* what depends on the vCPU's state: private to cpuid.c */
};

struct cpuid_policy {
	struct cpuid_leaf leaf[CPUID_LEAVES]; /* basic, extended, 0x40000000.., 0x40000100.. */
	struct cpuid_result entry[CPUID_TABLE_ENTRIES];
	/* Basic and extended leaves that depend on neither ECX nor the vCPU: 1 + index of the entry; else 0. */
	uint8_t plain[CPUID_BASIC_LEAVES + CPUID_EXTENDED_LEAVES];
	uint32_t entry_count;
	uint64_t
		xcr0_mask; /* XCR0 bits that the guest may set: the configured ones that the host has, made consistent */
	uint32_t physical_bits;             /* of the guest */
	bool nx, fast_fxsr, gigabyte_pages; /* for EFER's check */
};

enum cpuid_status {
	CPUID_OK,
	CPUID_BAD_CONFIG, /* vcpu_count or physical_bits out of range */
	CPUID_NO_ROOM, /* the host has more subleaves than the table: a build-time limit, see CPUID_TABLE_ENTRIES */
};

/* Reads this CPU's CPUID (cpu/cpuid_host.c). `host` is overwritten; at most CPUID_HOST_ENTRIES entries. */
void cpuid_host_read(struct cpuid_host *host);

/* Builds the guest's table. On an error `policy` is all zero. Called at start. */
__attribute__((warn_unused_result)) enum cpuid_status cpuid_build(
	struct cpuid_policy *policy, const struct cpuid_host *host, const struct cpuid_config *config);

/* What CPUID returns in the guest. A leaf or subleaf that there is not is all zero, for every vendor (AMD's rule). Any thread. */
void cpuid_lookup(const struct cpuid_policy *policy, const struct cpuid_vcpu *vcpu, uint32_t leaf,
	uint32_t subleaf, struct cpuid_result *result);

/* What cpuid_lookup() gives for a leaf that depends on nothing else; NULL: ask that. Any thread. */
static inline const struct cpuid_result *cpuid_plain(const struct cpuid_policy *policy, uint32_t leaf)
{
	uint32_t place = leaf;

	if (leaf >= CPUID_BASIC_LEAVES) {
		place = leaf - UINT32_C(0x80000000);
		if (place >= CPUID_EXTENDED_LEAVES) {
			return NULL;
		}
		place += CPUID_BASIC_LEAVES;
	}
	return policy->plain[place] != 0 ? &policy->entry[policy->plain[place] - 1] : NULL;
}

/* Whether XSETBV of XCR0 with `value` is allowed (Intel SDM vol. 1 §13.3); if not: #GP. */
bool cpuid_xcr0_valid(const struct cpuid_policy *policy, uint64_t value);

#endif
