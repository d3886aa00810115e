/* SPDX-License-Identifier: MIT */
/* Virtual CPUs: exit reasons, exit and port messages, and the state page, all in vendor-neutral terms.
 * Shared by the kernel, the VMM server (state page, exits) and device models (port messages). */
#ifndef BULKHEAD_VCPU_H
#define BULKHEAD_VCPU_H

#include <stdint.h>

/* Why a virtual CPU left guest mode. An exit is a message {label BH_LABEL_EXIT, 4 words}:
 *   word 0  reason | instruction length << 8 (0 = not known: decode) | width etc. as said below
 *   word 1  qualification, word 2 information, word 3 sequence number of the exit
 * General registers, rip, rflags and the events are in the state page already; the groups that the binding's mask names too.
 * The answer is {word 0 = BH_GROUP_* to load | BH_RESUME_*}; registers, rip, rflags and events are always loaded. */
enum bh_exit_reason {
	BH_EXIT_ENTRY_FAILED = 0, /* the CPU refused the state; qualification = the CPU's code */
	BH_EXIT_CPUID,
	BH_EXIT_MSR_READ, /* index in rcx */
	BH_EXIT_MSR_WRITE,
	BH_EXIT_PORT, /* qualification: BH_PORT_* below with the port as offset; information: next rip, or 0 */
	BH_EXIT_MEMORY, /* qualification: guest-physical address, information: BH_MEMORY_* */
	BH_EXIT_HLT,
	BH_EXIT_NOTIFY,           /* qualification: the word of the bound notification, which is cleared */
	BH_EXIT_INTERRUPT_WINDOW, /* the guest can take an interrupt now; the request is cleared */
	BH_EXIT_CONTROL_REGISTER, /* CR8 access, or another that is intercepted; qualification: number | write << 8 */
	BH_EXIT_DEBUG_REGISTER, /* qualification: number | write << 8 */
	BH_EXIT_EXCEPTION,      /* qualification: vector, information: error code */
	BH_EXIT_SHUTDOWN,       /* triple fault */
	BH_EXIT_XSETBV,
	BH_EXIT_HYPERCALL,      /* VMMCALL or VMCALL */
	BH_EXIT_VIRTUALIZATION, /* VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, INVLPGA, VMX instructions */
	BH_EXIT_CACHE,          /* INVD or WBINVD */
	BH_EXIT_MONITOR,        /* MONITOR or MWAIT */
	BH_EXIT_COUNTER,        /* RDPMC */
	BH_EXIT_ROUTE_FAILED, /* a routed access got no answer; qualification as PORT, information: value written; word 3: the access's sequence */
	BH_EXIT_UNKNOWN,      /* qualification: the CPU's code */
	BH_EXIT_REASONS
};

/* A port access: word 0 of a routed message {label BH_LABEL_PORT, 3 words}, and qualification of BH_EXIT_PORT.
 * Routed: word 1 = value (OUT), word 2 = the vCPU's access sequence number; the answer's word 0 = value (IN), merged by width.
 * BH_PORT_STRING and BH_PORT_REP appear in exits only. */
#define BH_PORT_IN (UINT64_C(1) << 0)
#define BH_PORT_STRING (UINT64_C(1) << 1)
#define BH_PORT_REP (UINT64_C(1) << 2)
#define BH_PORT_WIDTH(word) ((uint32_t)((word) >> 4) & 0x7) /* bytes: 1, 2 or 4 */
#define BH_PORT_OFFSET(word) \
	((uint32_t)((word) >> 16) & 0xffff) /* port less the route's first port; exits: the port */
#define BH_PORT_VCPU(word) ((uint32_t)((word) >> 32) & 0xff)
#define BH_PORT_ROUTE(word) ((uint32_t)((word) >> 40) & 0xff) /* ROUTE_FAILED only */
#define BH_PORT_WORD(in, width, offset, vcpu)                                           \
	((uint64_t)((in) ? 1 : 0) | (uint64_t)(width) << 4 | (uint64_t)(offset) << 16 | \
		(uint64_t)(vcpu) << 32)

#define BH_MEMORY_PRESENT (UINT64_C(1) << 0) /* a protection, not a missing page */
#define BH_MEMORY_WRITE (UINT64_C(1) << 1)
#define BH_MEMORY_FETCH (UINT64_C(1) << 4)
#define BH_MEMORY_PAGING (UINT64_C(1) << 33) /* hit while walking the guest's own page tables */

/* Groups of state. Registers, rip, rflags and events (struct up to `undelivered`) always travel. */
#define BH_GROUP_CONTROL (1u << 0)  /* cr0, cr2, cr3, cr4, efer, cpl */
#define BH_GROUP_SEGMENTS (1u << 1) /* segments, gdtr, idtr */
#define BH_GROUP_DEBUG (1u << 2)    /* dr0..dr3, dr6, dr7 */
#define BH_GROUP_MSRS (1u << 3)     /* star .. sysenter, pat, tsc offset, xcr0 */
#define BH_GROUP_CODE (1u << 4)     /* store only: struct bh_code_state */
#define BH_GROUPS_ALL 0xfu          /* that can be loaded */
#define BH_GROUPS_STORE 0x1fu       /* that can be stored */
#define BH_RESUME_HALT \
	(1u << 16) /* don't enter: sleep until the bound notification is signalled (then exit NOTIFY) */
#define BH_RESUME_STOP (1u << 17) /* don't enter: the vCPU is stopped until VCPU_RUN */

enum bh_register {
	BH_RAX,
	BH_RCX,
	BH_RDX,
	BH_RBX,
	BH_RSP,
	BH_RBP,
	BH_RSI,
	BH_RDI,
	BH_R8,
	BH_R9,
	BH_R10,
	BH_R11,
	BH_R12,
	BH_R13,
	BH_R14,
	BH_R15
};

/* Segment order as instruction encoding has it, then LDTR and TR. Attributes: AMD APM vol. 2 section 15.5.1: descriptor bits
 * 40-47 in bits 0-7, bits 52-55 in bits 8-11. */
enum bh_segment { BH_ES, BH_CS, BH_SS, BH_DS, BH_FS, BH_GS, BH_LDTR, BH_TR, BH_SEGMENTS };
struct bh_segment_register {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
};

/* An event to inject, or one whose delivery an exit interrupted: vector 0..7, type 8..10 (0 external interrupt, 2 NMI, 3 exception,
 * 4 software interrupt), bit 11: error code valid, bit 31 valid, bits 32..63 error code (AMD APM vol. 2 section 15.20). */
#define BH_EVENT_VALID (UINT64_C(1) << 31)
#define BH_EVENT_INTERRUPT(vector) (BH_EVENT_VALID | (uint64_t)(vector))
#define BH_EVENT_NMI (BH_EVENT_VALID | 2u << 8 | 2u)
#define BH_EVENT_EXCEPTION(vector) (BH_EVENT_VALID | 3u << 8 | (uint64_t)(vector))
#define BH_EVENT_EXCEPTION_CODE(vector, code) (BH_EVENT_EXCEPTION(vector) | 1u << 11 | (uint64_t)(code) << 32)

/* What says which instruction stands at rip and how its operand is addressed, in one block: so that it is few words to
 * store at an exit, and few to compare. Stored only; the fields of the groups CONTROL and SEGMENTS are not touched. */
struct bh_code_state {
	uint32_t cr0, cr4; /* their upper halves are reserved */
	uint32_t efer;     /* likewise */
	uint16_t cs_attributes;
	uint16_t cpl;
	uint64_t cr3;
	uint64_t cs_base;
	uint64_t ds_base;
};
_Static_assert(sizeof(struct bh_code_state) == 40, "ABI: state page");

/* The state page. Other threads may write it at any time: the kernel reads each field once and clamps it. */
struct bh_vcpu_state {
	uint32_t abi_version; /* BH_ABI_VERSION */
	uint32_t size;        /* sizeof(struct bh_vcpu_state) */
	uint64_t registers[16];
	uint64_t rip;
	uint64_t rflags;
	uint64_t
		inject; /* loaded at each entry that follows an answer, then cleared by the kernel; with `undelivered` valid and this
	                       * too, the answer is refused: exit ENTRY_FAILED */
	uint64_t undelivered; /* stored at exit; re-injected at the next entry unless the VMM clears it */
	uint32_t interrupt_shadow; /* bit 0: the next instruction takes no interrupt */
	uint32_t
		interrupt_window; /* not 0: exit INTERRUPT_WINDOW as soon as the guest can take an interrupt */
	struct bh_code_state code; /* BH_GROUP_CODE */
	uint64_t reserved[4];
	/* BH_GROUP_CONTROL */
	uint64_t cr0, cr2, cr3, cr4, efer, cpl;
	/* BH_GROUP_DEBUG */
	uint64_t dr[4], dr6, dr7;
	/* BH_GROUP_MSRS */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, xcr0;
	uint64_t tsc_offset; /* guest TSC = host TSC + this */
	uint64_t tsc_aux;
	/* BH_GROUP_SEGMENTS */
	struct bh_segment_register segment[BH_SEGMENTS];
	struct bh_segment_register gdtr, idtr;
};
_Static_assert(sizeof(struct bh_vcpu_state) == 600, "ABI: state page");

enum bh_vcpu_status {
	BH_VCPU_STOPPED,
	BH_VCPU_READY,
	BH_VCPU_HALTED,
	BH_VCPU_WAITING_EXIT,  /* for the VMM's answer; reason in bits 8.. of INSPECT's r0 */
	BH_VCPU_WAITING_ROUTE, /* for a device model's answer; route in bits 8.. */
};

#endif
