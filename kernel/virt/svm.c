/* SPDX-License-Identifier: MIT */
/* AMD-V back end (AMD APM vol. 2 chapter 15). The control area is only ever written here, from constants and from state-page
 * fields that were read once and clamped; mandatory intercepts, bitmaps, ASID and nested root never come from the page. */
#include "virt/svm.h"

#include <bulkhead/invocation.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_features.h"
#include "string.h"
#include "virt/svm_state.h"

/* PAT after reset (section 7.8.2). */
#define PAT_AT_RESET UINT64_C(0x0007040600070406)

/* All ports and all MSRs leave the guest, but for the MSRs that VMLOAD and VMSAVE switch. The same for every guest. */
static uint8_t io_permission_map[12288] __attribute__((aligned(4096)));
static uint8_t msr_permission_map[8192] __attribute__((aligned(4096)));

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
	/* CR4: with LME set and paging off a guest could clear PAE by itself (load_control, docs/decisions/022). */
	vmcb->intercept_cr_write = (uint16_t)(1u << 8 | (cpu_features.svm_event_repeats ? 1u << 4 : 0));
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
