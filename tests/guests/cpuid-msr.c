/* SPDX-License-Identifier: MIT */
/* What CPUID tells, and which MSRs there are: known ones answer, unknown ones raise #GP, the counters of AMD processors are ignored. */
#include "guest.h"

const char guest_name[] = "cpuid-msr";

static void cpuid(uint32_t leaf, uint32_t out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "0"(leaf), "2"(0));
}

static uint64_t read_msr(uint32_t index)
{
	uint32_t low = 0, high = 0;

	TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(index) : "memory");
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t index, uint64_t value)
{
	TRY("wrmsr", ::"a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(index) : "memory");
}

static void known(const char *name, uint32_t index)
{
	(void)read_msr(index);
	check_equal(name, trap_vector, TRAP_NONE);
}

int main(void)
{
	uint32_t r[4], maximum;
	uint64_t hsave;
	char vendor[13] = { 0 };

	cpuid(0, r);
	maximum = r[0];
	__builtin_memcpy(vendor, &r[1], 4);
	__builtin_memcpy(vendor + 4, &r[3], 4);
	__builtin_memcpy(vendor + 8, &r[2], 4);
	put("vendor ");
	put(vendor);
	cpuid(1, r);
	put(", signature ");
	put_hex(r[0]);
	put(", features ");
	put_hex(r[2]);
	put(" ");
	put_hex(r[3]);
	if (r[2] >> 31 & 1) {
		cpuid(0x40000000, r);
		put(", under a hypervisor");
	}
	put("\n");
	cpuid(1, r);
	check("FPU, TSC, MSR, PAE, APIC, SSE2, FXSR, long mode", (r[3] & 0x07000271u) == 0x07000271u);
	check("there is a leaf 1", maximum >= 1);
	cpuid(0x80000001, r);
	check("long mode and NX", (r[3] >> 29 & 1) && (r[3] >> 20 & 1));

	known("EFER", 0xc0000080);
	known("STAR", 0xc0000081);
	known("LSTAR", 0xc0000082);
	known("FS base", 0xc0000100);
	known("kernel GS base", 0xc0000102);
	known("APIC base", 0x1b);
	known("PAT", 0x277);
	known("TSC", 0x10);
	known("SYSENTER_CS", 0x174);
	known("MTRR default type", 0x2ff);
	check_equal("APIC base: where, enabled, boot processor", read_msr(0x1b) & 0xfffff900u, 0xfee00900u);

	write_msr(0xc0000082, 0xffffffff81000000ull);
	check_equal("LSTAR can be written", trap_vector, TRAP_NONE);
	check_equal("LSTAR reads back", read_msr(0xc0000082), 0xffffffff81000000ull);
	write_msr(0xc0010007, 0x1234);
	check_equal("a write to a performance counter is ignored", trap_vector, TRAP_NONE);
	write_msr(0xc0000080, 1ull << 40);
	check_equal("a reserved bit of EFER", trap_vector, VECTOR_GP);

	read_msr(0xc0de0000);
	check_equal("reading an unknown MSR", trap_vector, VECTOR_GP);
	write_msr(0xc0de0000, 0);
	check_equal("writing an unknown MSR", trap_vector, VECTOR_GP);
	read_msr(0x00001fff);
	check_equal("reading an unknown low MSR", trap_vector, VECTOR_GP);
	hsave = read_msr(0xc0010117);
	check("VM_HSAVE_PA tells nothing of the host's", trap_vector == VECTOR_GP || hsave == 0);
	return 0;
}
