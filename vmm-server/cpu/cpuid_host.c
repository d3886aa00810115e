/* SPDX-License-Identifier: MIT */
/* Reads the host's CPUID: the only place that executes the instruction. */

#include "cpu/cpuid.h"

static struct cpuid_result execute(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result result;

	__asm__ volatile("cpuid"
			 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
			 : "a"(leaf), "c"(subleaf));
	return result;
}

static void add(struct cpuid_host *host, uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result result = execute(leaf, subleaf);

	if ((result.eax | result.ebx | result.ecx | result.edx) != 0 && host->count < CPUID_HOST_ENTRIES) {
		host->entry[host->count++] =
			(struct cpuid_entry){ .leaf = leaf, .subleaf = subleaf, .result = result };
	}
}

/* Subleaves that the policy looks at: caches end by themselves, XSAVE components have gaps. */
static uint32_t subleaf_count(uint32_t leaf)
{
	switch (leaf) {
	case 0x4:
	case 0x8000001d:
		return 8;
	case 0xd:
		return 64;
	default:
		return 1;
	}
}

static void add_range(struct cpuid_host *host, uint32_t first, uint32_t limit)
{
	uint32_t last = execute(first, 0).eax;

	if (last < first) {
		return;
	}
	for (uint32_t leaf = first; leaf <= last && leaf - first < limit; leaf++) {
		for (uint32_t subleaf = 0; subleaf < subleaf_count(leaf); subleaf++) {
			add(host, leaf, subleaf);
		}
	}
}

void cpuid_host_read(struct cpuid_host *host)
{
	host->count = 0;
	add_range(host, 0, CPUID_BASIC_LEAVES);
	add_range(host, 0x80000000, CPUID_EXTENDED_LEAVES);
}
