/* SPDX-License-Identifier: MIT */
/* AMD-V back end (AMD APM vol. 2 chapter 15). The control area is only ever written here, from constants and from state-page
 * fields that were read once and clamped; mandatory intercepts, bitmaps, ASID and nested root never come from the page. */
#include "virt/svm.h"

#include <bulkhead/invocation.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/fpu.h"
#include "panic.h"
#include "string.h"
#include "virt/vcpu.h"
#include "virt/vm_offsets.h"
#include "virt/vmcb.h"

#define READ_ONCE(field) (*(const volatile __typeof__(field) *)&(field))

/* rflags bits that exist (APM vol. 1 section 3.1.4) and those that are always one. */
#define GUEST_RFLAGS UINT64_C(0x3f7fd5)
#define EVENT_INJECTION_VALID_BITS UINT64_C(0xffffffff80000fff)
#define EVENT_TYPE_BITS UINT64_C(0x700)
#define EVENT_VECTOR_BITS UINT64_C(0xff)
#define VIRTUAL_INTERRUPT (V_INTR_MASKING | V_IRQ | V_INTR_PRIORITY | V_IGNORE_TPR)
#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | 1ul << 14 /* FFXSR */)

/* PAT after reset (section 7.8.2). */
#define PAT_AT_RESET UINT64_C(0x0007040600070406)

/* All ports and all MSRs leave the guest, but for the MSRs that VMLOAD and VMSAVE switch. The same for every guest. */
static uint8_t io_permission_map[12288] __attribute__((aligned(4096)));
static uint8_t msr_permission_map[8192] __attribute__((aligned(4096)));

/* svm_entry.S, and what it calls */
_Noreturn void svm_enter(uint64_t *registers, uint64_t control_block_physical, uint64_t host_state_physical,
	uint8_t *host_state);
extern const char svm_enter_end[];
_Noreturn void svm_exited(uint64_t *registers);
struct doorbell_result { /* rax, rdx */
	uint64_t *registers;
	uint64_t resume;
};
struct doorbell_result svm_doorbell(uint64_t *registers);

_Static_assert(offsetof(struct vmcb, fs) + 8 == VMCB_FS_BASE, "svm_entry.S");
_Static_assert(offsetof(struct vmcb, kernel_gs_base) == VMCB_KERNEL_GS_BASE, "svm_entry.S");
_Static_assert(EXIT_IOIO == VMCB_EXIT_IOIO, "svm_entry.S");
_Static_assert((int64_t)(offsetof(struct vcpu, control_block) + offsetof(struct vmcb, exit_code)) -
			       (int64_t)(offsetof(struct vcpu, state_page) +
					 offsetof(struct bh_vcpu_state, registers)) ==
		       EXIT_CODE_FROM_REGISTERS,
	"svm_entry.S");

static struct vmcb *vmcb_of(struct vcpu *vcpu) { return (struct vmcb *)(void *)vcpu->control_block; }

static struct vcpu *vcpu_of(uint64_t *registers)
{
	return (struct vcpu *)((uint64_t)registers - offsetof(struct bh_vcpu_state, registers) -
			       offsetof(struct vcpu, state_page));
}

/* Section 15.11: two bits an MSR; vector 0 from MSR 0, vector 1 from C000_0000h. */
static void msr_permit(uint32_t msr)
{
	uint32_t bit = msr < 0x2000 ? msr * 2 : 0x800 * 8 + (msr - 0xc0000000u) * 2;

	msr_permission_map[bit / 8] = (uint8_t)(msr_permission_map[bit / 8] & ~(3u << (bit % 8)));
}

static void permission_maps_fill(void)
{
	static const uint32_t switched[] = { 0x174, 0x175, 0x176, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

	memset(io_permission_map, 0xff, sizeof(io_permission_map));
	memset(msr_permission_map, 0xff, sizeof(msr_permission_map));
	for (unsigned int i = 0; i < sizeof(switched) / sizeof(switched[0]); i++) {
		msr_permit(switched[i]);
	}
}

void svm_cpu_initialise(struct cpu *cpu)
{
	permission_maps_fill();
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(cpu->host_save_area));
	cpu->host_state_physical = virt_to_phys(cpu->host_state);
	cpu->next_asid = 1;
	cpu->asid_generation = 1;
	__asm__ volatile("vmsave %0" : : "a"(cpu->host_state_physical) : "memory");
}

static void segment_reset(struct vmcb_segment *segment, uint16_t selector, uint16_t attributes, uint64_t base)
{
	segment->selector = selector;
	segment->attributes = attributes;
	segment->limit = 0xffff;
	segment->base = base;
}

/* Section 14.1.3: processor state after INIT or reset. */
static void state_reset(struct vmcb *vmcb)
{
	struct vmcb_segment *data[] = { &vmcb->es, &vmcb->ss, &vmcb->ds, &vmcb->fs, &vmcb->gs };

	for (unsigned int i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		segment_reset(data[i], 0, 0x93, 0);
	}
	segment_reset(&vmcb->cs, 0xf000, 0x9b, 0xffff0000);
	segment_reset(&vmcb->ldtr, 0, 0x82, 0);
	segment_reset(&vmcb->tr, 0, 0x8b, 0);
	segment_reset(&vmcb->gdtr, 0, 0, 0);
	segment_reset(&vmcb->idtr, 0, 0, 0);
	vmcb->cr0 = CR0_ET | CR0_CD | CR0_NW;
	vmcb->efer = EFER_SVME;
	vmcb->rip = 0xfff0;
	vmcb->rflags = RFLAGS_FIXED;
	vmcb->dr6 = 0xffff0ff0;
	vmcb->dr7 = 0x400;
	vmcb->pat = PAT_AT_RESET;
}

void svm_vcpu_initialise(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->intercept_cr_read = 1u << 8;
	vmcb->intercept_cr_write = 1u << 8;
	vmcb->intercept_dr_read = 0xffff;
	vmcb->intercept_dr_write = 0xffff;
	/* #DB and #AC: a guest could make their delivery endless, with host interrupts shut out; #MC is the host's. */
	vmcb->intercept_exceptions = 1u << 1 | 1u << 17 | 1u << 18;
	vmcb->intercept3 = INTERCEPT3_INTR | INTERCEPT3_NMI | INTERCEPT3_SMI | INTERCEPT3_INIT |
			   INTERCEPT3_RDPMC | INTERCEPT3_CPUID | INTERCEPT3_RSM | INTERCEPT3_INVD |
			   INTERCEPT3_HLT | INTERCEPT3_INVLPGA | INTERCEPT3_IOIO | INTERCEPT3_MSR |
			   INTERCEPT3_FERR_FREEZE | INTERCEPT3_SHUTDOWN;
	vmcb->intercept4 = INTERCEPT4_VMRUN | INTERCEPT4_VMMCALL | INTERCEPT4_VMLOAD | INTERCEPT4_VMSAVE |
			   INTERCEPT4_STGI | INTERCEPT4_CLGI | INTERCEPT4_SKINIT | INTERCEPT4_WBINVD |
			   INTERCEPT4_MONITOR | INTERCEPT4_MWAIT | INTERCEPT4_MWAIT_ARMED |
			   INTERCEPT4_XSETBV | INTERCEPT4_RDPRU;
	vmcb->intercept5 = INTERCEPT5_INVLPGB | INTERCEPT5_MCOMMIT | INTERCEPT5_TLBSYNC;
	vmcb->iopm_physical = virt_to_phys(io_permission_map);
	vmcb->msrpm_physical = virt_to_phys(msr_permission_map);
	vmcb->virtual_interrupt = V_INTR_MASKING;
	vmcb->nested_control = NESTED_CONTROL_ENABLE;
	vcpu->control_block_physical = virt_to_phys(vmcb);
	vcpu->xcr0 = XCR0_X87;
	state_reset(vmcb);
}

/* Nested tables are walked as user accesses (section 15.25.5). */
uint64_t svm_guest_leaf(uint64_t physical, uint64_t flags, bool large)
{
	return physical | 1 | 4 | ((flags & BH_MAP_WRITE) != 0 ? 2 : 0) |
	       ((flags & BH_MAP_UNCACHED) != 0 ? 0x10 : 0) | (large ? 0x80 : 0) |
	       ((flags & BH_MAP_EXECUTE) != 0 ? 0 : UINT64_C(1) << 63);
}

uint64_t svm_guest_table(uint64_t physical) { return physical | 1 | 2 | 4; }

/* A segment register is two words in both forms (vmcb.h asserts it); attributes stand in bits 16..31 of the first. */
#define SEGMENT_VALID UINT64_C(0xffffffff0fffffff)

static void load_segment(struct vmcb_segment *to, const struct bh_segment_register *from)
{
	const volatile uint64_t *words = (const volatile uint64_t *)from;

	((uint64_t *)to)[0] = words[0] & SEGMENT_VALID;
	((uint64_t *)to)[1] = words[1];
}

static void load_control(struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	uint64_t cr0 = READ_ONCE(state->cr0), cr4 = READ_ONCE(state->cr4);
	uint64_t efer = READ_ONCE(state->efer) & EFER_GUEST;

	/* QEMU's emulator (7.2) sets the host's CR0 at #VMEXIT while EFER and CR4 are the guest's, and takes LME without PAE for a
	 * reason not to: the host would go on without paging. */
	if (cpu_features.svm_event_repeats && (cr0 & CR0_PG) == 0 && (cr4 & CR4_PAE) == 0) {
		efer &= ~EFER_LME;
	}
	/* LMA says that LME and paging are on (APM vol. 2 section 3.1.7). Without them it is no state of a CPU. */
	if ((efer & EFER_LME) == 0 || (cr0 & CR0_PG) == 0) {
		efer &= ~EFER_LMA;
	}
	vmcb->cr0 = cr0;
	vmcb->cr2 = READ_ONCE(state->cr2);
	vmcb->cr3 = READ_ONCE(state->cr3);
	vmcb->cr4 = cr4;
	vmcb->efer = efer | EFER_SVME;
	vmcb->cpl = READ_ONCE(state->cpl) & 3;
}

static void load_segments(struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	load_segment(&vmcb->es, &state->segment[BH_ES]);
	load_segment(&vmcb->cs, &state->segment[BH_CS]);
	load_segment(&vmcb->ss, &state->segment[BH_SS]);
	load_segment(&vmcb->ds, &state->segment[BH_DS]);
	load_segment(&vmcb->fs, &state->segment[BH_FS]);
	load_segment(&vmcb->gs, &state->segment[BH_GS]);
	load_segment(&vmcb->ldtr, &state->segment[BH_LDTR]);
	load_segment(&vmcb->tr, &state->segment[BH_TR]);
	load_segment(&vmcb->gdtr, &state->gdtr);
	load_segment(&vmcb->idtr, &state->idtr);
}

static void load_debug(struct vcpu *vcpu, struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	for (unsigned int i = 0; i < 4; i++) {
		vcpu->debug_registers[i] = READ_ONCE(state->dr[i]);
	}
	vmcb->dr6 = (READ_ONCE(state->dr6) & 0xe00f) | 0xffff0ff0;
	/* GD would fault the guest's own accesses, which all exit anyway. */
	vmcb->dr7 = (READ_ONCE(state->dr7) & 0xffff03ff) | 0x400;
}

static uint64_t canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16); }

/* VMLOAD faults on no value, but the bases must be canonical for the guest's sake. */
static void load_msrs(struct vcpu *vcpu, struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	uint64_t xcr0 = READ_ONCE(state->xcr0);

	vmcb->star = READ_ONCE(state->star);
	vmcb->lstar = canonical(READ_ONCE(state->lstar));
	vmcb->cstar = canonical(READ_ONCE(state->cstar));
	vmcb->sfmask = READ_ONCE(state->sfmask);
	vmcb->kernel_gs_base = canonical(READ_ONCE(state->kernel_gs_base));
	vmcb->sysenter_cs = READ_ONCE(state->sysenter_cs);
	vmcb->sysenter_esp = canonical(READ_ONCE(state->sysenter_esp));
	vmcb->sysenter_eip = canonical(READ_ONCE(state->sysenter_eip));
	vmcb->pat = READ_ONCE(state->pat);
	vmcb->tsc_offset = READ_ONCE(state->tsc_offset);
	vcpu->tsc_aux = READ_ONCE(state->tsc_aux) & 0xffffffff;
	/* XSETBV faults on anything that isn't a subset of the host's with x87, and on AVX without SSE. */
	xcr0 = (xcr0 & cpu_features.xcr0) | XCR0_X87;
	if ((xcr0 & XCR0_SSE) == 0) {
		xcr0 &= ~XCR0_AVX;
	}
	vcpu->xcr0 = xcr0;
	fpu_xcr0_changed(vcpu->execution.cpu, vcpu);
}

/* The guest leaves as soon as it can take an interrupt: a virtual one is pending, and intercepted. */
static void window_ask(struct vmcb *vmcb, bool wanted)
{
	if (wanted) {
		vmcb->virtual_interrupt = VIRTUAL_INTERRUPT;
		vmcb->intercept3 |= INTERCEPT3_VINTR;
	} else {
		vmcb->virtual_interrupt = V_INTR_MASKING;
		vmcb->intercept3 &= ~INTERCEPT3_VINTR;
	}
}

bool svm_load_base(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct bh_vcpu_state *state = vcpu->state;
	uint64_t inject = READ_ONCE(state->inject);
	uint64_t undelivered = READ_ONCE(state->undelivered);
	uint64_t rflags = READ_ONCE(state->rflags);

	if ((inject & undelivered & BH_EVENT_VALID) != 0) {
		return false;
	}
	if ((inject & BH_EVENT_VALID) == 0) {
		inject = undelivered;
	}
	vcpu->undelivered = (inject & BH_EVENT_VALID) != 0 ? inject & EVENT_INJECTION_VALID_BITS : 0;
	state->inject = 0;
	vmcb->rip = READ_ONCE(state->rip);
	vmcb->rflags = (rflags & GUEST_RFLAGS) | RFLAGS_FIXED;
	vmcb->interrupt_shadow = READ_ONCE(state->interrupt_shadow) & INTERRUPT_SHADOW;
	window_ask(vmcb, READ_ONCE(state->interrupt_window) != 0);
	return true;
}

void svm_load_groups(struct vcpu *vcpu, uint32_t groups)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	const struct bh_vcpu_state *state = vcpu->state;

	if ((groups & BH_GROUP_CONTROL) != 0) {
		load_control(vmcb, state);
	}
	if ((groups & BH_GROUP_SEGMENTS) != 0) {
		load_segments(vmcb, state);
	}
	if ((groups & BH_GROUP_DEBUG) != 0) {
		load_debug(vcpu, vmcb, state);
	}
	if ((groups & BH_GROUP_MSRS) != 0) {
		load_msrs(vcpu, vmcb, state);
	}
}

static void store_segment(struct bh_segment_register *to, const struct vmcb_segment *from)
{
	((uint64_t *)to)[0] = ((const uint64_t *)from)[0];
	((uint64_t *)to)[1] = ((const uint64_t *)from)[1];
}

static void store_segments(const struct vmcb *vmcb, struct bh_vcpu_state *state)
{
	store_segment(&state->segment[BH_ES], &vmcb->es);
	store_segment(&state->segment[BH_CS], &vmcb->cs);
	store_segment(&state->segment[BH_SS], &vmcb->ss);
	store_segment(&state->segment[BH_DS], &vmcb->ds);
	store_segment(&state->segment[BH_FS], &vmcb->fs);
	store_segment(&state->segment[BH_GS], &vmcb->gs);
	store_segment(&state->segment[BH_LDTR], &vmcb->ldtr);
	store_segment(&state->segment[BH_TR], &vmcb->tr);
	store_segment(&state->gdtr, &vmcb->gdtr);
	store_segment(&state->idtr, &vmcb->idtr);
}

/* What decoding an instruction needs. */
static void store_code(const struct vmcb *vmcb, struct bh_vcpu_state *state)
{
	state->cr0 = vmcb->cr0;
	state->cr3 = vmcb->cr3;
	state->cr4 = vmcb->cr4;
	state->efer = vmcb->efer & ~EFER_SVME;
	state->cpl = vmcb->cpl;
	store_segment(&state->segment[BH_CS], &vmcb->cs);
	store_segment(&state->segment[BH_SS], &vmcb->ss);
	store_segment(&state->segment[BH_DS], &vmcb->ds);
}

static void store_msrs(struct vcpu *vcpu, const struct vmcb *vmcb, struct bh_vcpu_state *state)
{
	state->star = vmcb->star;
	state->lstar = vmcb->lstar;
	state->cstar = vmcb->cstar;
	state->sfmask = vmcb->sfmask;
	state->kernel_gs_base = vmcb->kernel_gs_base;
	state->sysenter_cs = vmcb->sysenter_cs;
	state->sysenter_esp = vmcb->sysenter_esp;
	state->sysenter_eip = vmcb->sysenter_eip;
	state->pat = vmcb->pat;
	fpu_xcr0_read(vcpu->execution.cpu, vcpu);
	state->xcr0 = vcpu->xcr0;
	state->tsc_offset = vmcb->tsc_offset;
	state->tsc_aux = vcpu->tsc_aux;
}

static void store_base(const struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct bh_vcpu_state *state = vcpu->state;

	state->rip = vmcb->rip;
	state->rflags = vmcb->rflags;
	state->undelivered = vcpu->undelivered;
	state->interrupt_shadow = (uint32_t)(vmcb->interrupt_shadow & INTERRUPT_SHADOW);
}

void svm_store_base(struct vcpu *vcpu) { store_base(vcpu, vmcb_of(vcpu)); }

void svm_store_groups(struct vcpu *vcpu, uint32_t groups)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct bh_vcpu_state *state = vcpu->state;

	if ((groups & BH_GROUP_CODE) != 0) {
		store_code(vmcb, state);
		if (groups == BH_GROUP_CODE) {
			return;
		}
	}
	if ((groups & BH_GROUP_CONTROL) != 0) {
		state->cr0 = vmcb->cr0;
		state->cr2 = vmcb->cr2;
		state->cr3 = vmcb->cr3;
		state->cr4 = vmcb->cr4;
		state->efer = vmcb->efer & ~EFER_SVME;
		state->cpl = vmcb->cpl;
	}
	if ((groups & BH_GROUP_SEGMENTS) != 0) {
		store_segments(vmcb, state);
	}
	if ((groups & BH_GROUP_DEBUG) != 0) {
		memcpy(state->dr, vcpu->debug_registers, sizeof(state->dr));
		state->dr6 = vmcb->dr6;
		state->dr7 = vmcb->dr7;
	}
	if ((groups & BH_GROUP_MSRS) != 0) {
		store_msrs(vcpu, vmcb, state);
	}
}

uint64_t svm_rip(const struct vcpu *vcpu)
{
	return ((const struct vmcb *)(const void *)vcpu->control_block)->rip;
}

bool svm_access_traps(const struct vcpu *vcpu)
{
	const struct vmcb *vmcb = (const struct vmcb *)(const void *)vcpu->control_block;

	return (vmcb->rflags & RFLAGS_TF) != 0 || ((vmcb->dr7 & 0xff) != 0 && (vmcb->cr4 & CR4_DE) != 0);
}

void svm_complete_port(struct vcpu *vcpu, uint64_t next_rip)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->rip = next_rip;
	vmcb->rflags &= ~RFLAGS_RF;
	vmcb->interrupt_shadow = 0;
}

/* Gives the vCPU a fresh ASID when its old one is of an earlier generation, or translations of its space were taken away.
 * Without spare ASIDs all are flushed and a new generation begins. */
static void asid_check(struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb, const struct space *space)
{
	if (vcpu->asid_generation == cpu->asid_generation && vcpu->flushes_seen == space->flushes &&
		vmcb->nested_cr3 == space->root_physical) {
		return;
	}
	if (cpu->next_asid >= cpu_features.svm_asid_count) {
		cpu->asid_generation++;
		cpu->next_asid = 1;
		vmcb->tlb_control = TLB_CONTROL_FLUSH_ALL;
	}
	vcpu->asid = cpu->next_asid++;
	vcpu->asid_generation = cpu->asid_generation;
	vcpu->flushes_seen = space->flushes;
	vmcb->asid = vcpu->asid;
	vmcb->nested_cr3 = space->root_physical;
}

/* An event whose delivery the exit interrupted. Software interrupts and INT3, INTO happen again when their instruction does. */
static uint64_t interrupted_event(const struct vmcb *vmcb)
{
	uint64_t event = vmcb->exit_interrupt_info, type, vector;

	if ((event & BH_EVENT_VALID) == 0) {
		return 0;
	}
	type = event >> 8 & 7;
	vector = event & 0xff;
	if (type == 4 || (type == 3 && (vector == 3 || vector == 4))) {
		return 0;
	}
	return event & EVENT_INJECTION_VALID_BITS;
}

static void exit_port(const struct vmcb *vmcb, struct backend_exit *exit)
{
	uint64_t info = vmcb->exit_info_1;

	exit->reason = BH_EXIT_PORT;
	exit->qualification =
		BH_PORT_WORD(info & IOIO_IN, info >> IOIO_SIZE_SHIFT & 7, info >> 16 & 0xffff, 0) |
		((info & IOIO_STRING) != 0 ? BH_PORT_STRING : 0) | ((info & IOIO_REP) != 0 ? BH_PORT_REP : 0);
	exit->information = vmcb->exit_info_2;
	exit->instruction_length = (uint32_t)(vmcb->exit_info_2 - vmcb->rip) & 15;
}

static void exit_exception(struct vmcb *vmcb, uint32_t vector, struct backend_exit *exit)
{
	exit->reason = BH_EXIT_EXCEPTION;
	exit->qualification = vector;
	exit->information = vmcb->exit_info_1;
}

static bool in_range(uint32_t code, uint32_t first, uint32_t last) { return code - first <= last - first; }

static void translate(struct vmcb *vmcb, struct backend_exit *exit)
{
	uint32_t code = (uint32_t)vmcb->exit_code;

	exit->instruction_length = 0;
	exit->qualification = 0;
	exit->information = 0;
	switch (code) {
	case EXIT_INTR:
	case EXIT_NMI:
	case EXIT_SMI:
	case EXIT_INIT:
		exit->reason = BACKEND_EXIT_INTERRUPT;
		return;
	case EXIT_VINTR:
		window_ask(vmcb, false);
		exit->reason = BH_EXIT_INTERRUPT_WINDOW;
		return;
	case EXIT_IOIO:
		exit_port(vmcb, exit);
		return;
	case EXIT_NPF:
		exit->reason = BH_EXIT_MEMORY;
		exit->qualification = vmcb->exit_info_2;
		exit->information = vmcb->exit_info_1;
		return;
	case EXIT_CPUID:
		exit->reason = BH_EXIT_CPUID;
		return;
	case EXIT_MSR:
		exit->reason = (vmcb->exit_info_1 & 1) != 0 ? BH_EXIT_MSR_WRITE : BH_EXIT_MSR_READ;
		return;
	case EXIT_HLT:
		exit->reason = BH_EXIT_HLT;
		return;
	case EXIT_SHUTDOWN:
		exit->reason = BH_EXIT_SHUTDOWN;
		return;
	case EXIT_VMMCALL:
		exit->reason = BH_EXIT_HYPERCALL;
		return;
	case EXIT_XSETBV:
		exit->reason = BH_EXIT_XSETBV;
		return;
	case EXIT_INVD:
	case EXIT_WBINVD:
		exit->reason = BH_EXIT_CACHE;
		return;
	case EXIT_RDPMC:
		exit->reason = BH_EXIT_COUNTER;
		return;
	case EXIT_VMRUN:
	case EXIT_INVLPGA:
	case EXIT_RSM:
	case EXIT_RDPRU:
		exit->reason = BH_EXIT_VIRTUALIZATION;
		return;
	case EXIT_FERR_FREEZE:
		exit->reason = BACKEND_EXIT_RESUME;
		return;
	case EXIT_INVALID:
		exit->reason = BH_EXIT_ENTRY_FAILED;
		exit->qualification = code;
		return;
	default:
		break;
	}
	if (in_range(code, EXIT_CR_READ, EXIT_CR_WRITE + 15)) {
		exit->reason = BH_EXIT_CONTROL_REGISTER;
		exit->qualification = (code & 15) | (code >= EXIT_CR_WRITE ? 0x100 : 0);
	} else if (in_range(code, EXIT_DR_READ, EXIT_DR_WRITE + 15)) {
		exit->reason = BH_EXIT_DEBUG_REGISTER;
		exit->qualification = (code & 15) | (code >= EXIT_DR_WRITE ? 0x100 : 0);
	} else if (in_range(code, EXIT_EXCEPTION, EXIT_EXCEPTION + 31)) {
		exit_exception(vmcb, code - EXIT_EXCEPTION, exit);
	} else if (in_range(code, EXIT_VMLOAD, EXIT_SKINIT) || in_range(code, EXIT_INVLPGB, EXIT_TLBSYNC)) {
		exit->reason = BH_EXIT_VIRTUALIZATION;
	} else if (in_range(code, EXIT_MONITOR, EXIT_MWAIT_ARMED)) {
		exit->reason = BH_EXIT_MONITOR;
	} else {
		exit->reason = BH_EXIT_UNKNOWN;
		exit->qualification = code;
	}
}

/* Debug address registers are not in the VMCB. They matter only while DR7 enables a breakpoint. */
static void debug_registers_enter(const struct vcpu *vcpu, const struct vmcb *vmcb)
{
	if ((vmcb->dr7 & 0xff) == 0) {
		return;
	}
	write_dr0(vcpu->debug_registers[0]);
	write_dr1(vcpu->debug_registers[1]);
	write_dr2(vcpu->debug_registers[2]);
	write_dr3(vcpu->debug_registers[3]);
}

/* DR7 is as it was at the entry: the guest's accesses to it leave the guest. */
static void debug_registers_leave(const struct vmcb *vmcb)
{
	if ((vmcb->dr7 & 0xff) == 0) {
		return;
	}
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
}

/* The CPU refused the state. Silicon leaves the save area as it is; QEMU's emulator (7.2) puts the host's rip there, and with an
 * error that it sees early all of the host's state, which no guest and no VMM may see or run with. The guest's is what the page
 * says, clamped as ever: an entry is refused only after state was loaded from there. */
static void entry_refused(struct vcpu *vcpu, struct vmcb *vmcb)
{
	const struct bh_vcpu_state *state = vcpu->state;

	if (vmcb->rip >= (uint64_t)svm_enter && vmcb->rip < (uint64_t)svm_enter_end) {
		svm_load_groups(vcpu, BH_GROUPS_ALL);
	}
	vmcb->rip = READ_ONCE(state->rip);
	vmcb->rflags = (READ_ONCE(state->rflags) & GUEST_RFLAGS) | RFLAGS_FIXED;
}

/* Hands the event over to the entry. true: as a virtual interrupt, which stays pending in the VMCB until the guest takes it.
 *
 * QEMU's emulator (7.2) keeps the vector of an interrupt from EVENTINJ as an exception of its own, and if it has to leave its loop
 * before the next #VMEXIT, it delivers it once more, whatever IF says. There an interrupt that the guest takes at once goes by
 * V_IRQ (section 15.21.4), which is the same to the guest. A window, which needs V_IRQ too, waits for the entry after. */
static bool inject(struct vmcb *vmcb, uint64_t event)
{
	if (!cpu_features.svm_event_repeats || (event & EVENT_TYPE_BITS) != 0 ||
		(vmcb->rflags & RFLAGS_IF) == 0 || vmcb->interrupt_shadow != 0) {
		vmcb->event_injection = event;
		return false;
	}
	vmcb->virtual_interrupt = VIRTUAL_INTERRUPT | (event & EVENT_VECTOR_BITS) << V_INTR_VECTOR_SHIFT;
	vmcb->intercept3 &= ~INTERCEPT3_VINTR;
	return true;
}

void svm_run(struct cpu *cpu, struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	uint64_t *registers = vcpu->state->registers;

	debug_registers_enter(vcpu, vmcb);
	asid_check(cpu, vcpu, vmcb, (const struct space *)vcpu->slots[VCPU_GUEST_SPACE].object);
	vmcb->event_injection = 0;
	if (vcpu->undelivered != 0) {
		vcpu->window_waits = (vmcb->virtual_interrupt & V_IRQ) != 0;
		vcpu->event_is_virtual = inject(vmcb, vcpu->undelivered);
	}
	vmcb->rax = READ_ONCE(registers[BH_RAX]);
	vmcb->rsp = READ_ONCE(registers[BH_RSP]);
	if (cpu->tsc_aux != vcpu->tsc_aux) {
		wrmsr(MSR_TSC_AUX, vcpu->tsc_aux);
		cpu->tsc_aux = vcpu->tsc_aux;
	}
	svm_enter(registers, vcpu->control_block_physical, cpu->host_state_physical, cpu->host_state);
}

void svm_exited(uint64_t *registers)
{
	struct vcpu *vcpu = vcpu_of(registers);
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct backend_exit exit;

	debug_registers_leave(vmcb);
	if ((uint32_t)vmcb->exit_code == EXIT_INVALID) {
		entry_refused(vcpu, vmcb); /* the page has the registers still */
		if (vmcb->tlb_control != TLB_CONTROL_NONE) {
			/* Nothing says that it flushed: the next entry begins a generation again. */
			vcpu->execution.cpu->next_asid = cpu_features.svm_asid_count;
			vcpu->asid_generation = 0;
		}
	} else {
		registers[BH_RAX] = vmcb->rax;
		registers[BH_RSP] = vmcb->rsp;
		if (!vcpu->event_is_virtual || (vmcb->virtual_interrupt & V_IRQ) == 0) {
			vcpu->undelivered = interrupted_event(vmcb);
		}
	}
	vmcb->tlb_control = TLB_CONTROL_NONE;
	if (vcpu->event_is_virtual) {
		vcpu->event_is_virtual = false;
		window_ask(vmcb, vcpu->window_waits);
	}
	translate(vmcb, &exit);
	if (exit.reason != BH_EXIT_PORT) {
		store_base(vcpu, vmcb);
	}
	vcpu_exited(vcpu->execution.cpu, vcpu, exit.reason, exit.instruction_length, exit.qualification,
		exit.information);
}

/* A plain OUT to a doorbell is done right here; all others are done in full, with nothing changed. Neither this_cpu() nor a
 * change of who runs: the guest goes on. */
struct doorbell_result svm_doorbell(uint64_t *registers)
{
	struct vcpu *vcpu = vcpu_of(registers);
	struct vmcb *vmcb = vmcb_of(vcpu);
	uint64_t info = vmcb->exit_info_1, next_rip = vmcb->exit_info_2;

	if ((info & (IOIO_IN | IOIO_STRING | IOIO_REP)) != 0 || next_rip == 0 ||
		(vmcb->rflags & RFLAGS_TF) != 0 || (vmcb->dr7 & 0xff) != 0 ||
		(vmcb->exit_interrupt_info & BH_EVENT_VALID) != 0 || vcpu->event_is_virtual ||
		!vcpu_ring_doorbell(vcpu, info >> 16 & 0xffff, info >> IOIO_SIZE_SHIFT & 7)) {
		return (struct doorbell_result){ registers, 0 };
	}
	svm_complete_port(vcpu, next_rip);
	vcpu->undelivered = 0;
	vmcb->event_injection = 0;
	vmcb->tlb_control = TLB_CONTROL_NONE;
	return (struct doorbell_result){ registers, 1 };
}
