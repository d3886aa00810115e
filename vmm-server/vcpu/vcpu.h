/* SPDX-License-Identifier: MIT */
/* One virtual CPU as its handler thread sees it, and the few operations that all exits share: which state is
 * at hand, ending an emulated instruction, raising an exception. The handler thread alone touches it while
 * the guest runs. */
#ifndef VMM_VCPU_VCPU_H
#define VMM_VCPU_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/vcpu.h>

#include "instruction/fetch.h"
#include "instruction/guest_fault.h"
#include "mmio/access.h"
#include "vcpu/site.h"

#define RFLAGS_TF UINT64_C(0x100)
#define RFLAGS_IF UINT64_C(0x200)
#define RFLAGS_RF UINT64_C(0x10000)

/* Exception vectors, AMD APM vol. 2 section 8.2. */
enum {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_UD = 6,
	VECTOR_DF = 8,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_AC = 17,
	VECTOR_MC = 18,
};

/* Fields of an event word, see bulkhead/vcpu.h. */
#define EVENT_VECTOR(event) ((uint32_t)((event)&0xff))
#define EVENT_TYPE(event) ((uint32_t)((event) >> 8) & 7)
enum { EVENT_TYPE_INTERRUPT = 0, EVENT_TYPE_NMI = 2, EVENT_TYPE_EXCEPTION = 3, EVENT_TYPE_SOFTWARE = 4 };

/* What the guest told by KVM's MSRs (vcpu/paravirtual.h). */
struct paravirtual {
	uint64_t wall_clock; /* the MSRs' values */
	uint64_t system_time;
	uint64_t eoi;
	uint32_t *
		eoi_word; /* what that names, NULL: nothing. Guest memory: it was there when it was named, and does not go away */
	uint32_t version; /* of the system time's place, even */
	bool eoi_pending; /* the bit was set, and not looked at since */
};

struct lapic;

struct vcpu {
	struct bh_vcpu_state *state; /* the state page */
	uint64_t capability;         /* slots: the VCPU, its Timer */
	uint64_t timer;
	uint32_t number;
	struct lapic *lapic; /* the vCPU's, in the fabric */
	uint32_t fresh;      /* BH_GROUP_*: groups of the page that are the guest's now */
	uint32_t changed;    /* groups that the answer has to load */
	/* 0: after the last exit nothing waited for the vCPU, the page asks for no window, the timer is armed for the
	 * next deadline: an exit that changes none of this may end at once. */
	uint64_t busy;
	bool halted;          /* executed HLT, and nothing has woken it */
	bool nmi;             /* an NMI waits */
	bool shutdown;        /* exceptions led to a shutdown: to be dealt with by the exit's end */
	uint64_t exception;   /* to inject at the next entry, 0 none */
	uint64_t held;        /* an acknowledged interrupt whose delivery gave way to an exception, 0 none */
	uint64_t deadline;    /* of the VM's clock: what the timer is armed for, or VCPU_NO_DEADLINE */
	uint64_t tsc_offset;  /* of the guest's TSC to the host's */
	uint64_t tsc_adjust;  /* MSR TSC_ADJUST: how far the guest has moved its TSC */
	uint64_t sequence;    /* number of the VMM's own accesses to models */
	uint64_t refused_rip; /* where mmio_start refused last */
	uint32_t refusals;    /* how often in a row */
	uint32_t delivered[BH_EXIT_REASONS]; /* groups that the exit's binding brings */
	struct paravirtual paravirtual;
	struct instruction_cache instructions;
	struct mmio_cache mmio;
	struct site sites[SITES];
};

#define VCPU_NO_DEADLINE UINT64_MAX

/* Makes the given groups fresh, by a system call if the exit has not brought them. The page holds zeroes or
 * older values where that fails, which it does only if somebody else stopped the vCPU meanwhile: then the
 * answer goes nowhere either. Handler thread. */
void vcpu_need(struct vcpu *vcpu, uint32_t groups);

/* What the block of BH_GROUP_CODE brought, to where everybody looks for it: cr0, cr3, cr4, efer, cpl, what counts of the
 * code segment and DS's base. Fields that a group of their own has brought are left as they are: they may have been changed
 * since. */
static inline void vcpu_unpack_code(struct vcpu *vcpu)
{
	struct bh_vcpu_state *state = vcpu->state;
	const struct bh_code_state *code = &state->code;

	if ((vcpu->fresh & BH_GROUP_CONTROL) == 0) {
		state->cr0 = code->cr0;
		state->cr3 = code->cr3;
		state->cr4 = code->cr4;
		state->efer = code->efer;
		state->cpl = code->cpl;
	}
	if ((vcpu->fresh & BH_GROUP_SEGMENTS) == 0) {
		state->segment[BH_CS].attributes = code->cs_attributes;
		state->segment[BH_CS].base = code->cs_base;
		state->segment[BH_DS].base = code->ds_base;
	}
}

/* Makes these fresh, whichever groups bring them: what says which instruction stands at rip, and what comes behind it. */
static inline void vcpu_need_code(struct vcpu *vcpu)
{
	const uint32_t all = BH_GROUP_CONTROL | BH_GROUP_SEGMENTS;

	if ((vcpu->fresh & BH_GROUP_CODE) == 0 && (vcpu->fresh & all) != all) {
		vcpu_need(vcpu, BH_GROUP_CODE);
		vcpu_unpack_code(vcpu);
	}
}

/* Marks fresh groups as changed. */
static inline void vcpu_change(struct vcpu *vcpu, uint32_t groups) { vcpu->changed |= groups; }

/* Raises an exception (BH_EVENT_EXCEPTION or _CODE), by the rules for exceptions that meet an event in
 * delivery (AMD APM vol. 2 section 8.2.9): may become #DF, or set `shutdown`. rip stays: it is a fault,
 * unless the caller has moved rip. */
void vcpu_raise(struct vcpu *vcpu, uint64_t event);

/* Raises the fault that a helper of the instruction code found; needs BH_GROUP_CONTROL for a #PF, and gets
 * it. */
void vcpu_raise_fault(struct vcpu *vcpu, const struct guest_fault *fault);

/* #UD and #GP(0). */
void vcpu_raise_invalid_opcode(struct vcpu *vcpu);
void vcpu_raise_protection(struct vcpu *vcpu);

/* Ends an emulated instruction: rip moves on by `length` bytes, the interrupt shadow and RF are cleared, and
 * with TF set the guest gets its #DB with DR6.BS (AMD APM vol. 2 section 13.1.4). Needs CONTROL and SEGMENTS,
 * and gets them. */
void vcpu_complete(struct vcpu *vcpu, uint32_t length);

/* The same where the next rip is known. Needs no group. */
void vcpu_complete_at(struct vcpu *vcpu, uint64_t next_rip);

/* Only the #DB: for instructions that moved rip themselves. `flags` is rflags before the instruction. */
void vcpu_trap(struct vcpu *vcpu, uint64_t flags);

/* Which instruction stands at rip? True: *length is its length in bytes. False: an exception was raised, or
 * the instruction is another one than `operation` (changed by another CPU): go back to the guest without more
 * ado. `known` is the exit's own length, 0 if it has none. */
__attribute__((warn_unused_result)) bool vcpu_instruction_length(struct vcpu *vcpu,
	const struct guest_memory *memory, enum instruction_operation operation, uint32_t known,
	uint32_t *length);

/* The whole instruction at rip; NULL as above, if it could not be had. */
const struct instruction *vcpu_instruction(
	struct vcpu *vcpu, const struct guest_memory *memory, struct instruction *scratch);

#endif
