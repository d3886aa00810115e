/* SPDX-License-Identifier: MIT */
/* MSR policy: which model-specific registers a guest has, and who keeps them. No system calls, no libc; touches only what it is
 * given. Sources: AMD APM vol. 2 appendix A, AMD Family 17h PPR, Intel SDM vol. 4. */
#ifndef BULKHEAD_VMM_CPU_MSR_H
#define BULKHEAD_VMM_CPU_MSR_H

#include <stdbool.h>
#include <stdint.h>

enum msr_number {
	MSR_TSC = 0x10,
	MSR_KVM_WALL_CLOCK_OLD = 0x11,
	MSR_KVM_SYSTEM_TIME_OLD = 0x12,
	MSR_PLATFORM_ID = 0x17,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_TSC_ADJUST = 0x3b,
	MSR_PATCH_LEVEL = 0x8b,
	MSR_MTRR_CAP = 0xfe,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MCG_CTL = 0x17b,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUG_CONTROL = 0x1d9,
	MSR_MTRR_VARIABLE = 0x200, /* base and mask, eight pairs */
	MSR_MTRR_FIX_64K = 0x250,
	MSR_MTRR_FIX_16K_80000 = 0x258,
	MSR_MTRR_FIX_16K_A0000 = 0x259,
	MSR_MTRR_FIX_4K = 0x268, /* eight of them */
	MSR_PAT = 0x277,
	MSR_MTRR_DEFAULT_TYPE = 0x2ff,
	MSR_MC0_CTL = 0x400,
	MSR_EFER = 0xc0000080,
	MSR_STAR = 0xc0000081,
	MSR_LSTAR = 0xc0000082,
	MSR_CSTAR = 0xc0000083,
	MSR_SFMASK = 0xc0000084,
	MSR_FS_BASE = 0xc0000100,
	MSR_GS_BASE = 0xc0000101,
	MSR_KERNEL_GS_BASE = 0xc0000102,
	MSR_TSC_AUX = 0xc0000103,
	MSR_SYSCFG = 0xc0010010,
	MSR_HWCR = 0xc0010015,
	MSR_NB_CFG = 0xc001001f,
	MSR_VM_CR = 0xc0010114,
	MSR_VM_HSAVE_PA = 0xc0010117,
	MSR_DE_CFG = 0xc0011029,
	MSR_KVM_WALL_CLOCK = 0x4b564d00,
	MSR_KVM_SYSTEM_TIME = 0x4b564d01,
	MSR_KVM_PV_EOI = 0x4b564d04,
};

#define MSR_MTRR_PAIRS 8u
#define MSR_UNKNOWN_REMEMBERED 64u

#define EFER_SCE UINT64_C(0x1)
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)
#define EFER_SVME UINT64_C(0x1000)
#define EFER_FFXSR UINT64_C(0x4000)

/* Who deals with an access. */
enum msr_result {
	MSR_OK,                 /* done here: the value was read, or the write has happened */
	MSR_GENERAL_PROTECTION, /* #GP(0) in the guest */
	MSR_STATE, /* the register is in the vCPU's state page: the caller reads or stores it. A write's value is legal. */
	MSR_STATE_EFER,  /* write of EFER: the caller asks msr_efer() what to store */
	MSR_TIME,        /* TSC and TSC_ADJUST: the caller keeps the vCPU's TSC offset */
	MSR_FABRIC,      /* APIC base, TSC deadline, x2APIC: fabric_msr_read(), fabric_msr_write() */
	MSR_PARAVIRTUAL, /* one of KVM's, switched on by the policy: the caller implements it */
};

struct msr_policy {
	uint32_t physical_bits;  /* of the guest, 32..52 */
	uint64_t patch_level;    /* what MSR_PATCH_LEVEL reads */
	bool nx, fast_fxsr;      /* CPUID offers them */
	bool lfence_serializing; /* LFENCE dispatches serially on this host: shown in DE_CFG */
	bool kvm_clock, pv_eoi;  /* switched on in the appliance file */
};

/* Unknown registers that were touched: one for each VM, for the log. */
struct msr_unknown {
	uint64_t accesses;
	uint32_t count; /* distinct ones remembered */
	uint32_t msr[MSR_UNKNOWN_REMEMBERED];
	bool more; /* there were further ones */
};

/* The emulated registers of one vCPU. */
struct msr_cpu {
	uint64_t mtrr_default_type;
	uint64_t mtrr_variable[2 * MSR_MTRR_PAIRS];
	uint64_t mtrr_fixed[11]; /* 64K, 16K, 16K, 4K... */
	uint64_t misc_enable;
	uint64_t mcg_status;
};

/* State after reset: MTRRs off. */
void msr_init(struct msr_cpu *cpu);

/* What firmware leaves behind: write-back by default, the legacy video window uncached, the hole from `hole_start` (a power of two
 * distance below 4 GiB) to 4 GiB uncached. For guests that start without firmware. */
void msr_firmware_state(struct msr_cpu *cpu, const struct msr_policy *policy, uint32_t hole_start);

/* RDMSR. `value` gets 0 unless the result is MSR_OK. An unknown register: MSR_GENERAL_PROTECTION, noted in `unknown`. */
__attribute__((warn_unused_result)) enum msr_result msr_read(const struct msr_cpu *cpu,
	const struct msr_policy *policy, uint32_t msr, uint64_t *value, struct msr_unknown *unknown);

/* WRMSR, likewise. Values that the processor refuses (reserved bits, non-canonical addresses) are MSR_GENERAL_PROTECTION and are not
 * noted. */
__attribute__((warn_unused_result)) enum msr_result msr_write(struct msr_cpu *cpu,
	const struct msr_policy *policy, uint32_t msr, uint64_t value, struct msr_unknown *unknown);

/* A write of `value` to EFER, with EFER and CR0 now as given (AMD APM vol. 2 §3.1.7, §14.6.1). MSR_STATE: store `*efer`, in which LMA is
 * unchanged. MSR_GENERAL_PROTECTION: reserved bits, SVME, or LME changed while paging is on; `*efer` is unchanged. */
__attribute__((warn_unused_result)) enum msr_result msr_efer(
	const struct msr_policy *policy, uint64_t cr0, uint64_t value, uint64_t *efer);

/* Bits 63..47 are all the same. */
static inline bool msr_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

#endif
