/* SPDX-License-Identifier: MIT */
/* The virtual machine control block (AMD APM vol. 2 appendix B) and its constants (section 15, appendix C). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <bulkhead/vcpu.h>

/* Control area, offset 0xc: intercept vector 3, and 0x10: vector 4. */
#define INTERCEPT3_INTR (1u << 0)
#define INTERCEPT3_NMI (1u << 1)
#define INTERCEPT3_SMI (1u << 2)
#define INTERCEPT3_INIT (1u << 3)
#define INTERCEPT3_VINTR (1u << 4)
#define INTERCEPT3_RDPMC (1u << 15)
#define INTERCEPT3_CPUID (1u << 18)
#define INTERCEPT3_RSM (1u << 19)
#define INTERCEPT3_INVD (1u << 22)
#define INTERCEPT3_HLT (1u << 24)
#define INTERCEPT3_INVLPGA (1u << 26)
#define INTERCEPT3_IOIO (1u << 27)
#define INTERCEPT3_MSR (1u << 28)
#define INTERCEPT3_FERR_FREEZE (1u << 30)
#define INTERCEPT3_SHUTDOWN (1u << 31)

#define INTERCEPT4_VMRUN (1u << 0)
#define INTERCEPT4_VMMCALL (1u << 1)
#define INTERCEPT4_VMLOAD (1u << 2)
#define INTERCEPT4_VMSAVE (1u << 3)
#define INTERCEPT4_STGI (1u << 4)
#define INTERCEPT4_CLGI (1u << 5)
#define INTERCEPT4_SKINIT (1u << 6)
#define INTERCEPT4_WBINVD (1u << 9)
#define INTERCEPT4_MONITOR (1u << 10)
#define INTERCEPT4_MWAIT (1u << 11)
#define INTERCEPT4_MWAIT_ARMED (1u << 12)
#define INTERCEPT4_XSETBV (1u << 13)
#define INTERCEPT4_RDPRU (1u << 14)

#define INTERCEPT5_INVLPGB (3u << 0)
#define INTERCEPT5_MCOMMIT (1u << 3)
#define INTERCEPT5_TLBSYNC (1u << 4)

#define V_IRQ (UINT64_C(1) << 8)
#define V_INTR_PRIORITY (UINT64_C(15) << 16)
#define V_IGNORE_TPR (UINT64_C(1) << 20)
#define V_INTR_MASKING (UINT64_C(1) << 24)
#define V_INTR_VECTOR_SHIFT 32

#define TLB_CONTROL_NONE 0u
#define TLB_CONTROL_FLUSH_ALL 1u

#define NESTED_CONTROL_ENABLE UINT64_C(1)
#define INTERRUPT_SHADOW UINT64_C(1)

#define EXIT_CR_READ 0x000u
#define EXIT_CR_WRITE 0x010u
#define EXIT_DR_READ 0x020u
#define EXIT_DR_WRITE 0x030u
#define EXIT_EXCEPTION 0x040u
#define EXIT_INTR 0x060u
#define EXIT_INIT 0x063u
#define EXIT_VINTR 0x064u
#define EXIT_RDPMC 0x06fu
#define EXIT_CPUID 0x072u
#define EXIT_RSM 0x073u
#define EXIT_INVD 0x076u
#define EXIT_HLT 0x078u
#define EXIT_INVLPGA 0x07au
#define EXIT_IOIO 0x07bu
#define EXIT_MSR 0x07cu
#define EXIT_FERR_FREEZE 0x07eu
#define EXIT_SHUTDOWN 0x07fu
#define EXIT_VMRUN 0x080u
#define EXIT_VMMCALL 0x081u
#define EXIT_VMLOAD 0x082u
#define EXIT_VMSAVE 0x083u
#define EXIT_STGI 0x084u
#define EXIT_CLGI 0x085u
#define EXIT_SKINIT 0x086u
#define EXIT_WBINVD 0x089u
#define EXIT_MONITOR 0x08au
#define EXIT_MWAIT 0x08bu
#define EXIT_MWAIT_ARMED 0x08cu
#define EXIT_XSETBV 0x08du
#define EXIT_RDPRU 0x08eu
#define EXIT_INVLPGB 0x0a0u
#define EXIT_INVLPGB_ILLEGAL 0x0a1u
#define EXIT_MCOMMIT 0x0a3u
#define EXIT_TLBSYNC 0x0a4u
#define EXIT_PLAIN_FIRST 0x060u /* table of exits that have no more to them */
#define EXIT_PLAIN_LAST EXIT_TLBSYNC
#define EXIT_NPF 0x400u
#define EXIT_INVALID 0xffffffffu

/* EXITINFO1 of IOIO (section 15.10.2) */
#define IOIO_IN (1u << 0)
#define IOIO_STRING (1u << 2)
#define IOIO_REP (1u << 3)
#define IOIO_SIZE_SHIFT 4     /* one of three bits: 1, 2 or 4 bytes */
#define IOIO_WORD 0xffff0071u /* direction, size and port stand as in BH_PORT_WORD */

struct vmcb_segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};
_Static_assert(
	sizeof(struct vmcb_segment) == sizeof(struct bh_segment_register), "the ABI has the VMCB's form");

struct vmcb {
	uint16_t intercept_cr_read, intercept_cr_write;
	uint16_t intercept_dr_read, intercept_dr_write;
	uint32_t intercept_exceptions, intercept3, intercept4, intercept5;
	uint8_t reserved_018[0x3c - 0x18];
	uint16_t pause_threshold, pause_count;
	uint64_t iopm_physical, msrpm_physical, tsc_offset;
	uint32_t asid;
	uint32_t tlb_control;
	uint64_t virtual_interrupt;
	uint64_t interrupt_shadow;
	uint64_t exit_code, exit_info_1, exit_info_2, exit_interrupt_info;
	uint64_t nested_control;
	uint8_t reserved_098[0xa8 - 0x98];
	uint64_t event_injection;
	uint64_t nested_cr3;
	uint64_t lbr_control;
	uint64_t clean_bits;
	uint64_t next_rip;
	uint8_t fetched_count, fetched[15];
	uint8_t reserved_0e0[0x400 - 0xe0];
	/* state save area */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved_4a0[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t reserved_4cc;
	uint64_t efer;
	uint8_t reserved_4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved_580[0x5d8 - 0x580];
	uint64_t rsp, s_cet, ssp, isst_address, rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved_648[0x668 - 0x648];
	uint64_t pat, debug_control;
	uint8_t reserved_678[0x1000 - 0x678];
};
_Static_assert(offsetof(struct vmcb, iopm_physical) == 0x40, "VMCB");
_Static_assert(offsetof(struct vmcb, asid) == 0x58, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, event_injection) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");
