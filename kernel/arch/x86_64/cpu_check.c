/* SPDX-License-Identifier: MIT */
/* Finds out what the CPU can do, refuses one that cannot run us, and sets the control registers. Feature bits: AMD APM
 * vol. 3 appendix E, Intel SDM vol. 2 CPUID. Texts here are for the person in front of the machine. */

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/layout.h"
#include "log.h"
#include "string.h"

struct cpu_features cpu_features;

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_EXTENDED 0x80000000u
#define LEAF_EXTENDED_FEATURES 0x80000001u
#define LEAF_ADDRESS_SIZES 0x80000008u
#define LEAF_SVM 0x8000000au
#define LEAF_STRUCTURED 7u
#define LEAF_XSAVE 0xdu

/* PAT entries: 0 WB, 1 WT, 2 UC-, 3 UC, and the same again: the power-on value (APM vol. 2 §7.8.2). */
#define PAT_VALUE 0x0007040600070406ul

static bool bit(uint32_t value, unsigned int number) { return (value >> number & 1) != 0; }

#define NEWER_CPU "It takes a newer CPU; in QEMU use -cpu EPYC."
#define FIRMWARE_SETUP "Enable it in the firmware setup; in QEMU use -cpu EPYC."
#define AMD_CPU "It takes an AMD CPU with AMD-V; in QEMU use -cpu EPYC."

/* An empty result for leaves that the CPU does not have: it would answer with another leaf's data. */
static struct cpuid_registers cpuid_or_zero(uint32_t leaf, uint32_t subleaf)
{
	return leaf <= cpuid(leaf & LEAF_EXTENDED, 0).eax ? cpuid(leaf, subleaf)
							  : (struct cpuid_registers){ 0, 0, 0, 0 };
}

static bool require(bool there, const char *what, const char *remedy)
{
	if (!there) {
		log_line("This machine cannot run Bulkhead: %s. %s", what, remedy);
	}
	return there;
}

static bool is_amd(void)
{
	struct cpuid_registers r = cpuid(0, 0);
	uint32_t name[3] = { r.ebx, r.edx, r.ecx };

	return memcmp(name, "AuthenticAMD", 12) == 0 || memcmp(name, "HygonGenuine", 12) == 0;
}

/* QEMU's emulator names itself in the hypervisor's CPUID leaf, which is there only if leaf 1 says so. */
static bool is_emulated_by_qemu(void)
{
	struct cpuid_registers r = cpuid(LEAF_HYPERVISOR, 0);

	return bit(cpuid(1, 0).ecx, 31) && memcmp(&r.ebx, "TCGTCGTCGTCG", 12) == 0;
}

static void find_features(struct cpu_features *f)
{
	struct cpuid_registers basic = cpuid(1, 0);
	struct cpuid_registers structured = cpuid_or_zero(LEAF_STRUCTURED, 0);
	struct cpuid_registers extended = cpuid_or_zero(LEAF_EXTENDED_FEATURES, 0);
	struct cpuid_registers sizes = cpuid_or_zero(LEAF_ADDRESS_SIZES, 0);

	f->physical_address_bits = sizes.eax != 0 ? (uint8_t)sizes.eax : 36;
	f->global_pages = bit(basic.edx, 13);
	f->machine_check = bit(basic.edx, 7);
	f->avx = bit(basic.ecx, 28);
	f->smep = bit(structured.ebx, 7);
	f->smap = bit(structured.ebx, 20);
	f->umip = bit(structured.ecx, 2);
	f->huge_pages = bit(extended.edx, 26);
	f->spec_ctrl_ibpb = bit(sizes.ebx, 12);
	f->svm_event_repeats = is_emulated_by_qemu();
	f->xcr0 = XCR0_X87 | XCR0_SSE;
	if (f->avx && bit(cpuid_or_zero(LEAF_XSAVE, 0).eax, 2)) {
		f->xcr0 |= XCR0_AVX;
	}
}

static bool check_basics(void)
{
	struct cpuid_registers basic = cpuid(1, 0);
	struct cpuid_registers structured = cpuid_or_zero(LEAF_STRUCTURED, 0);
	struct cpuid_registers extended = cpuid_or_zero(LEAF_EXTENDED_FEATURES, 0);
	bool good = true;

	good &= require(bit(extended.edx, 29), "long mode is missing", NEWER_CPU);
	good &= require(bit(extended.edx, 20), "the no-execute page bit (NX) is missing", FIRMWARE_SETUP);
	good &= require(bit(basic.edx, 9), "the local APIC is missing", FIRMWARE_SETUP);
	good &= require(bit(basic.edx, 4), "the time stamp counter (TSC) is missing", NEWER_CPU);
	good &= require(bit(basic.edx, 24) && bit(basic.edx, 26), "FXSR or SSE2 is missing", NEWER_CPU);
	good &= require(bit(basic.ecx, 26), "XSAVE is missing", NEWER_CPU);
	good &= require(bit(structured.ebx, 0), "FSGSBASE is missing", NEWER_CPU);
	return good;
}

/* AMD APM vol. 2 §15.4: CPUID, then VM_CR.SVMDIS, which firmware may have set and locked. */
static bool check_svm(struct cpu_features *f)
{
	struct cpuid_registers svm = cpuid_or_zero(LEAF_SVM, 0);

	f->svm_asid_count = svm.ebx;
	f->svm_next_rip = bit(svm.edx, 3);
	f->svm_decode_assists = bit(svm.edx, 7);
	return require(bit(cpuid_or_zero(LEAF_EXTENDED_FEATURES, 0).ecx, 2), "AMD-V (SVM) is missing",
		       "Enable SVM or virtualization in the firmware setup; in QEMU use -cpu EPYC.") &&
	       require((rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) == 0,
		       "AMD-V (SVM), which the firmware has disabled (VM_CR.SVMDIS), is missing",
		       "Enable SVM or virtualization in the firmware setup.") &&
	       require(bit(svm.edx, 0), "nested paging (NPT) is missing",
		       "It takes a newer CPU; in QEMU use -cpu EPYC, not qemu64.") &&
	       require(f->svm_asid_count >= 2, "an address space identifier (ASID) for guests is missing",
		       "In QEMU use -cpu EPYC.");
}

bool cpu_check(void)
{
	struct cpu_features *f = &cpu_features;
	bool good;

	find_features(f);
	good = check_basics();
	good &= require(is_amd(), "the CPU is not AMD's", AMD_CPU) && check_svm(f);
	if (good) {
		log_line(
			"CPU: %u physical address bits, %u ASIDs, SMEP %s, SMAP %s, UMIP %s, 1 GiB pages %s, AVX %s, next RIP %s, decode assists %s",
			f->physical_address_bits, f->svm_asid_count, f->smep ? "yes" : "no",
			f->smap ? "yes" : "no", f->umip ? "yes" : "no", f->huge_pages ? "yes" : "no",
			f->avx ? "yes" : "no", f->svm_next_rip ? "yes" : "no",
			f->svm_decode_assists ? "yes" : "no");
	}
	return good;
}

void cpu_control_registers_set(void)
{
	struct cpu_features *f = &cpu_features;

	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
	write_cr4(CR4_DE | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE |
		  (f->machine_check ? CR4_MCE : 0) | (f->global_pages ? CR4_PGE : 0) |
		  (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0) | (f->umip ? CR4_UMIP : 0));
	wrmsr(MSR_PAT, PAT_VALUE);
	xsetbv(f->xcr0);
	f->xsave_size = cpuid(LEAF_XSAVE, 0).ebx;
}
