/* SPDX-License-Identifier: MIT */
/* MSR policy: a register has a kind, the kind has a reader and a writer (AMD APM vol. 2 appendix A; Intel SDM vol. 4 ch. 2). */

#include "cpu/msr.h"

#include <string.h>

#define X2APIC_FIRST 0x800u
#define X2APIC_COUNT 0x100u
#define APIC_BASE 0x1bu
#define TSC_DEADLINE 0x6e0u

/* Eight variable pairs, fixed ranges, write-combining (Intel SDM vol. 3 §12.11.1). */
#define MTRR_CAP_VALUE UINT64_C(0x508)
#define MTRR_DEFAULT_WRITABLE UINT64_C(0xcff)
#define MTRR_ENABLED UINT64_C(0xc00)
#define MTRR_MASK_VALID UINT64_C(0x800)
#define MEMORY_UNCACHED 0u
#define MEMORY_WRITE_BACK 6u

#define HWCR_TSC_FREQUENCY \
	UINT64_C(0x1000000)               /* TSC counts at P0's frequency: guests complain if it is clear */
#define VM_CR_SVM_DISABLED UINT64_C(0x18) /* SVMDIS, LOCK */
#define DE_CFG_LFENCE UINT64_C(0x2)
#define FEATURE_CONTROL_LOCKED UINT64_C(0x1)
#define MISC_ENABLE_RESET UINT64_C(0x1801) /* fast strings; no branch trace, no PEBS */
#define CR0_PAGING UINT64_C(0x80000000)

enum msr_kind {
	KIND_UNKNOWN,
	KIND_IGNORED,   /* reads 0, writes are dropped */
	KIND_CONSTANT,  /* writes are dropped */
	KIND_READ_ONLY, /* writes are #GP */
	KIND_STORED,    /* misc_enable, mcg_status */
	KIND_MTRR,
	KIND_STATE,
	KIND_EFER,
	KIND_TIME,
	KIND_FABRIC,
	KIND_KVM_CLOCK,
	KIND_PV_EOI,
};

static bool in_range(uint32_t msr, uint32_t first, uint32_t count) { return msr - first < count; }

/* What AMD's registers from 0xc0010000 on are. None of what they configure exists in a VM. */
static enum msr_kind classify_amd(uint32_t msr)
{
	switch (msr) {
	case MSR_HWCR:
	case MSR_VM_CR:
	case MSR_DE_CFG:
		return KIND_CONSTANT;
	case MSR_SYSCFG:
	case 0xc001001a: /* TOP_MEM */
	case 0xc001001d: /* TOP_MEM2 */
	case MSR_NB_CFG:
	case 0xc0010020: /* PATCH_LOADER */
	case 0xc0010055: /* interrupt pending message */
	case 0xc0010058: /* MMIO configuration base */
	case 0xc0010111: /* SMBASE, TSEG */
	case 0xc0010112:
	case 0xc0010113:
	case MSR_VM_HSAVE_PA:
	case 0xc0010140: /* OSVW */
	case 0xc0010141:
	case 0xc0011004: /* CPUID feature overrides */
	case 0xc0011005:
	case 0xc0011020: /* LS_CFG, IC_CFG, DC_CFG, TW_CFG */
	case 0xc0011021:
	case 0xc0011022:
	case 0xc0011023:
	case 0xc0011028: /* FP_CFG */
	case 0xc001102a: /* CU_CFG2 */
	case 0xc001102c: /* EX_CFG */
	case 0xc001102d: /* LS_CFG2 */
		return KIND_IGNORED;
	default:
		break;
	}
	if (in_range(msr, 0xc0010000, 8) ||      /* performance counters */
		in_range(msr, 0xc0010016, 4) ||  /* IORR */
		in_range(msr, 0xc0010061, 11) || /* P-states */
		in_range(msr, 0xc0010200, 12) || /* core, L3, northbridge counters */
		in_range(msr, 0xc0010230, 12) || in_range(msr, 0xc0010240, 8)) {
		return KIND_IGNORED;
	}
	return KIND_UNKNOWN;
}

static enum msr_kind classify(uint32_t msr)
{
	if (in_range(msr, X2APIC_FIRST, X2APIC_COUNT)) {
		return KIND_FABRIC;
	}
	if (msr >= 0xc0010000) {
		return classify_amd(msr);
	}
	switch (msr) {
	case APIC_BASE:
	case TSC_DEADLINE:
		return KIND_FABRIC;
	case MSR_TSC:
	case MSR_TSC_ADJUST:
		return KIND_TIME;
	case MSR_EFER:
		return KIND_EFER;
	case MSR_STAR:
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_SFMASK:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
	case MSR_TSC_AUX:
	case MSR_SYSENTER_CS:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
	case MSR_PAT:
		return KIND_STATE;
	case MSR_MTRR_FIX_64K:
	case MSR_MTRR_FIX_16K_80000:
	case MSR_MTRR_FIX_16K_A0000:
	case MSR_MTRR_DEFAULT_TYPE:
		return KIND_MTRR;
	case MSR_MTRR_CAP:
		return KIND_READ_ONLY;
	case MSR_MISC_ENABLE:
	case MSR_MCG_STATUS:
		return KIND_STORED;
	case MSR_PATCH_LEVEL:
	case MSR_FEATURE_CONTROL:
		return KIND_CONSTANT;
	case MSR_MCG_CAP: /* no banks */
	case MSR_MCG_CTL:
	case MSR_DEBUG_CONTROL:
	case MSR_PLATFORM_ID:
	case 0x2a: /* EBL_CR_POWERON */
	case 0x79: /* BIOS_UPDT_TRIG */
	case 0xc1: /* Intel performance counters of P6 */
	case 0xc2:
	case 0x186:
	case 0x187:
	case 0xce:  /* PLATFORM_INFO */
	case 0x198: /* PERF_STATUS, PERF_CTL */
	case 0x199:
	case 0x1db: /* last branch and last exception, from and to */
	case 0x1dc:
	case 0x1dd:
	case 0x1de:
	case 0xc0000408: /* MC4_MISC1 to 3 */
	case 0xc0000409:
	case 0xc000040a:
		return KIND_IGNORED;
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return KIND_KVM_CLOCK;
	case MSR_KVM_PV_EOI:
		return KIND_PV_EOI;
	default:
		break;
	}
	if (in_range(msr, MSR_MTRR_VARIABLE, 2 * MSR_MTRR_PAIRS) || in_range(msr, MSR_MTRR_FIX_4K, 8)) {
		return KIND_MTRR;
	}
	return in_range(msr, MSR_MC0_CTL, 0x80) ? KIND_IGNORED : KIND_UNKNOWN;
}

static enum msr_result note_unknown(struct msr_unknown *unknown, uint32_t msr)
{
	unknown->accesses++;
	for (uint32_t i = 0; i < unknown->count; i++) {
		if (unknown->msr[i] == msr) {
			return MSR_GENERAL_PROTECTION;
		}
	}
	if (unknown->count == MSR_UNKNOWN_REMEMBERED) {
		unknown->more = true;
	} else {
		unknown->msr[unknown->count++] = msr;
	}
	return MSR_GENERAL_PROTECTION;
}

/* ---- MTRRs: plain storage with the processor's checks (Intel SDM vol. 3 §12.11, AMD APM vol. 2 §7.7). ---- */

static bool memory_type_valid(uint64_t type) { return type <= 1 || (type >= 4 && type <= 6); }

static bool memory_types_valid(uint64_t types)
{
	for (uint32_t i = 0; i < 8; i++) {
		if (!memory_type_valid(types >> (8 * i) & 0xff)) {
			return false;
		}
	}
	return true;
}

/* PAT knows UC- (7) besides. */
static bool pat_valid(uint64_t types)
{
	for (uint32_t i = 0; i < 8; i++) {
		uint64_t type = types >> (8 * i) & 0xff;

		if (!memory_type_valid(type) && type != 7) {
			return false;
		}
	}
	return true;
}

static uint32_t mtrr_fixed_index(uint32_t msr)
{
	if (msr == MSR_MTRR_FIX_64K) {
		return 0;
	}
	return msr < MSR_MTRR_FIX_4K ? msr - MSR_MTRR_FIX_16K_80000 + 1 : msr - MSR_MTRR_FIX_4K + 3;
}

static uint64_t mtrr_read(const struct msr_cpu *cpu, uint32_t msr)
{
	if (msr == MSR_MTRR_DEFAULT_TYPE) {
		return cpu->mtrr_default_type;
	}
	if (in_range(msr, MSR_MTRR_VARIABLE, 2 * MSR_MTRR_PAIRS)) {
		return cpu->mtrr_variable[msr - MSR_MTRR_VARIABLE];
	}
	return cpu->mtrr_fixed[mtrr_fixed_index(msr)];
}

static uint64_t address_mask(const struct msr_policy *policy)
{
	return ((UINT64_C(1) << policy->physical_bits) - 1) & ~UINT64_C(0xfff);
}

static enum msr_result mtrr_write(
	struct msr_cpu *cpu, const struct msr_policy *policy, uint32_t msr, uint64_t value)
{
	if (msr == MSR_MTRR_DEFAULT_TYPE) {
		if ((value & ~MTRR_DEFAULT_WRITABLE) != 0 || !memory_type_valid(value & 0xff)) {
			return MSR_GENERAL_PROTECTION;
		}
		cpu->mtrr_default_type = value;
		return MSR_OK;
	}
	if (in_range(msr, MSR_MTRR_VARIABLE, 2 * MSR_MTRR_PAIRS)) {
		bool is_mask = (msr & 1) != 0;
		uint64_t allowed = address_mask(policy) | (is_mask ? MTRR_MASK_VALID : 0xff);

		if ((value & ~allowed) != 0 || (!is_mask && !memory_type_valid(value & 0xff))) {
			return MSR_GENERAL_PROTECTION;
		}
		cpu->mtrr_variable[msr - MSR_MTRR_VARIABLE] = value;
		return MSR_OK;
	}
	if (!memory_types_valid(value)) {
		return MSR_GENERAL_PROTECTION;
	}
	cpu->mtrr_fixed[mtrr_fixed_index(msr)] = value;
	return MSR_OK;
}

/* ---- The rest ---- */

void msr_init(struct msr_cpu *cpu)
{
	memset(cpu, 0, sizeof(*cpu));
	cpu->misc_enable = MISC_ENABLE_RESET;
}

void msr_firmware_state(struct msr_cpu *cpu, const struct msr_policy *policy, uint32_t hole_start)
{
	uint64_t hole_size = (UINT64_C(1) << 32) - hole_start;

	cpu->mtrr_default_type = MTRR_ENABLED | MEMORY_WRITE_BACK;
	for (uint32_t i = 0; i < sizeof(cpu->mtrr_fixed) / sizeof(cpu->mtrr_fixed[0]); i++) {
		/* Below 640 KiB write-back, the ROM area write-protected. */
		cpu->mtrr_fixed[i] = i < 2 ? UINT64_C(0x0606060606060606) : UINT64_C(0x0505050505050505);
	}
	cpu->mtrr_fixed[mtrr_fixed_index(MSR_MTRR_FIX_16K_A0000)] = 0;
	if ((hole_size & (hole_size - 1)) == 0) {
		cpu->mtrr_variable[0] = hole_start | MEMORY_UNCACHED;
		cpu->mtrr_variable[1] = (address_mask(policy) & ~(hole_size - 1)) | MTRR_MASK_VALID;
	}
}

static uint64_t constant_value(const struct msr_policy *policy, uint32_t msr)
{
	switch (msr) {
	case MSR_HWCR:
		return HWCR_TSC_FREQUENCY;
	case MSR_VM_CR:
		return VM_CR_SVM_DISABLED;
	case MSR_DE_CFG:
		return policy->lfence_serializing ? DE_CFG_LFENCE : 0;
	case MSR_PATCH_LEVEL:
		return policy->patch_level;
	default:
		return FEATURE_CONTROL_LOCKED;
	}
}

enum msr_result msr_read(const struct msr_cpu *cpu, const struct msr_policy *policy, uint32_t msr,
	uint64_t *value, struct msr_unknown *unknown)
{
	*value = 0;
	switch (classify(msr)) {
	case KIND_FABRIC:
		return MSR_FABRIC;
	case KIND_STATE:
	case KIND_EFER:
		return MSR_STATE;
	case KIND_TIME:
		return MSR_TIME;
	case KIND_IGNORED:
		return MSR_OK;
	case KIND_CONSTANT:
		*value = constant_value(policy, msr);
		return MSR_OK;
	case KIND_READ_ONLY:
		*value = MTRR_CAP_VALUE;
		return MSR_OK;
	case KIND_STORED:
		*value = msr == MSR_MISC_ENABLE ? cpu->misc_enable : cpu->mcg_status;
		return MSR_OK;
	case KIND_MTRR:
		*value = mtrr_read(cpu, msr);
		return MSR_OK;
	case KIND_KVM_CLOCK:
		return policy->kvm_clock ? MSR_PARAVIRTUAL : note_unknown(unknown, msr);
	case KIND_PV_EOI:
		return policy->pv_eoi ? MSR_PARAVIRTUAL : note_unknown(unknown, msr);
	default:
		return note_unknown(unknown, msr);
	}
}

/* Whether the processor takes this value for a register of the state page. */
static bool state_value_valid(uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
		return msr_canonical(value);
	case MSR_SFMASK:
	case MSR_TSC_AUX:
		return value >> 32 == 0;
	case MSR_PAT:
		return pat_valid(value);
	default:
		return true;
	}
}

enum msr_result msr_write(struct msr_cpu *cpu, const struct msr_policy *policy, uint32_t msr, uint64_t value,
	struct msr_unknown *unknown)
{
	switch (classify(msr)) {
	case KIND_FABRIC:
		return MSR_FABRIC;
	case KIND_STATE:
		return state_value_valid(msr, value) ? MSR_STATE : MSR_GENERAL_PROTECTION;
	case KIND_EFER:
		return MSR_STATE_EFER;
	case KIND_TIME:
		return MSR_TIME;
	case KIND_IGNORED:
	case KIND_CONSTANT:
		return MSR_OK;
	case KIND_READ_ONLY:
		return MSR_GENERAL_PROTECTION;
	case KIND_STORED:
		if (msr == MSR_MISC_ENABLE) {
			cpu->misc_enable = value;
		} else {
			cpu->mcg_status = value;
		}
		return MSR_OK;
	case KIND_MTRR:
		return mtrr_write(cpu, policy, msr, value);
	case KIND_KVM_CLOCK:
		return policy->kvm_clock ? MSR_PARAVIRTUAL : note_unknown(unknown, msr);
	case KIND_PV_EOI:
		return policy->pv_eoi ? MSR_PARAVIRTUAL : note_unknown(unknown, msr);
	default:
		return note_unknown(unknown, msr);
	}
}

enum msr_result msr_efer(const struct msr_policy *policy, uint64_t cr0, uint64_t value, uint64_t *efer)
{
	uint64_t allowed = EFER_SCE | EFER_LME | EFER_LMA | (policy->nx ? EFER_NXE : 0) |
			   (policy->fast_fxsr ? EFER_FFXSR : 0);

	if ((value & ~allowed) != 0 || ((cr0 & CR0_PAGING) != 0 && ((value ^ *efer) & EFER_LME) != 0)) {
		return MSR_GENERAL_PROTECTION;
	}
	*efer = (value & ~EFER_LMA) | (*efer & EFER_LMA);
	return MSR_STATE;
}
