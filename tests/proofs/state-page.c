/* SPDX-License-Identifier: MIT */
/* Proof: state-page
 * Property: whatever bytes stand in a state page, and however they change meanwhile, the control area that enters the guest has every
 *	mandatory intercept, an ASID that is the vCPU's own and not the host's, the nested root of its space, the kernel's permission maps,
 *	masked host interrupts, no event with reserved bits, EFER.SVME, and fixed bits of RFLAGS, DR6 and DR7 as the manual wants; a refused
 *	injection enters nothing. This holds for a fresh vCPU, after each exit again, and for the entries that go the short way: into those
 *	goes no event, no window, no breakpoint and no flush. While nobody writes the page, the guest gets what it says, in the groups that
 *	were asked for and in no others, and of an exit the VMM is told the reason, the event that it interrupted, rax, rsp, rip and rflags.
 * Bound: none: a vCPU whose control area is any that the invariant allows; any page, any groups, any exit that the CPU can make.
 * Assumes: before, the control area has the host's bits
 * Assumes: before, the kernel's own copies of XCR0, event and shadow are ones that the CPU takes
 * Assumes: before, an ASID of this generation is the vCPU's own
 * Assumes: before, nothing of an earlier entry is left in the control area but a window that was asked for (the page stands still)
 * Assumes: the CPU's ASIDs are more than one
 * Models: each reading of a field of the state page gives any value
 * Models: the CPU changes the state save area, exit codes, pending virtual interrupt, shadow, an event that it was to inject, and nothing
 *	else of the control area; a guest sets no breakpoint and no task priority by itself, for its accesses to DR7 and CR8 leave it
 * Models: the control area is an object of its own (vmcb_of)
 * Functions: kernel/virt/svm.c: svm_vcpu_initialise
 * Functions: kernel/virt/svm_state.c: svm_load_base svm_load_groups load_control load_debug load_msrs
 * Functions: kernel/virt/svm_run.c: svm_run asid_check interrupted_event is_plain svm_leave svm_refused svm_doorbell ring
 * Functions: kernel/virt/svm_exit.c: svm_exited exited_otherwise
 * Functions: kernel/virt/svm_short.h: svm_resume
 * Replaces: wrmsr proof_wrmsr
 * Replaces: vmcb_of proof_vmcb_of
 * Replaces: vcpu_of proof_vcpu_of
 * Replaces: state_of proof_state_of
 * Replaces: this_cpu proof_this_cpu
 * Replaces: vcpu_exited proof_exited
 * Replaces: vcpu_port_exited proof_port_exited
 * Replaces: vcpu_doorbell proof_doorbell
 * Cases: 2
 * Options: --unwind 20
 */
#include "proof.h"

#define PAGE_CHANGES (CASE == 0) /* case 1: it stands still */

/* Others write the state page at any time: its fields are volatile here, and build/verify makes every reading of such a field any value. */
#if PAGE_CHANGES
#define uint64_t proof_volatile_u64
#define uint32_t proof_volatile_u32
#define uint16_t proof_volatile_u16
typedef volatile unsigned long proof_volatile_u64;
typedef volatile unsigned int proof_volatile_u32;
typedef volatile unsigned short proof_volatile_u16;
#else
#define volatile
#endif
#include <bulkhead/vcpu.h>
#undef uint64_t
#undef uint32_t
#undef uint16_t

#include "virt/svm.c"
#include "virt/svm_state.c"
#include "virt/svm_run.c"
#include "virt/svm_exit.c"

#include "arch/x86_64/vectors.h"

struct cpu_features cpu_features;
static struct cpu cpu;
static struct space space;
static struct vcpu vcpu;
static struct vmcb control_area;
static struct bh_vcpu_state page;
static struct notification bell;
static struct capability bell_slot;
static bool entered, resumed;

const char svm_enter_end[1];

#include "state_transfer.h"

struct vmcb *proof_vmcb_of(struct vcpu *of)
{
	PROVE(of == &vcpu, "the vCPU that runs");
	return &control_area;
}

/* What must leave the guest, whatever the VMM wants (docs/abi.md); the numbers are of AMD APM vol. 2 appendix B. */
#define MANDATORY_EXCEPTIONS (1u << 1 | 1u << 17 | 1u << 18)
#define MANDATORY_3                                                                                     \
	(1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 15 | 1u << 18 | 1u << 19 | 1u << 22 | 1u << 24 | \
		1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31)
#define MANDATORY_4 0x7e7fu
#define MANDATORY_5 0x1bu

/* What the host owns in the control area, at any time. */
static bool has_host_bits(const struct vmcb *vmcb)
{
	return vmcb->intercept_cr_read == 1u << 8 &&
	       vmcb->intercept_cr_write == (cpu_features.svm_event_repeats ? 0x110 : 0x100) &&
	       vmcb->intercept_dr_read == 0xffff && vmcb->intercept_dr_write == 0xffff &&
	       (vmcb->intercept_exceptions & MANDATORY_EXCEPTIONS) == MANDATORY_EXCEPTIONS &&
	       (vmcb->intercept3 & MANDATORY_3) == MANDATORY_3 &&
	       (vmcb->intercept4 & MANDATORY_4) == MANDATORY_4 && vmcb->intercept5 == MANDATORY_5 &&
	       vmcb->iopm_physical == virt_to_phys(io_permission_map) &&
	       vmcb->msrpm_physical == virt_to_phys(msr_permission_map) &&
	       (vmcb->virtual_interrupt & V_INTR_MASKING) != 0 &&
	       vmcb->nested_control == NESTED_CONTROL_ENABLE && vmcb->lbr_control == 0 &&
	       vmcb->clean_bits == 0 && (vmcb->efer & EFER_SVME) != 0;
}

/* The state save area as a guest may leave it: the CPU keeps EFER.SVME while VMRUN runs (section 15.5.1). */
static void any_guest_state(void)
{
	control_area.cr0 = any_u64();
	control_area.cr2 = any_u64();
	control_area.cr3 = any_u64();
	control_area.cr4 = any_u64();
	control_area.dr6 = any_u64();
	control_area.dr7 = any_u64();
	control_area.rip = any_u64();
	control_area.rflags = any_u64();
	control_area.cpl = any_u8();
	control_area.efer = any_u64() | EFER_SVME;
	control_area.rax = any_u64();
	control_area.rsp = any_u64();
	control_area.interrupt_shadow = any_u64();
}

struct vcpu *proof_vcpu_of(uint64_t *registers)
{
	PROVE(registers == page.registers, "the registers of the vCPU that ran");
	return &vcpu;
}

void fpu_xcr0_changed(const struct cpu *of, const struct vcpu *whose)
{
	(void)of;
	PROVE((whose->xcr0 & ~cpu_features.xcr0) == 0 && (whose->xcr0 & 1) != 0 &&
			((whose->xcr0 & 2) != 0 || (whose->xcr0 & 4) == 0),
		"an XCR0 that the CPU takes");
}

struct bh_vcpu_state *proof_state_of(struct vcpu *of)
{
	PROVE(of == &vcpu, "the page of the vCPU that runs");
	return &page;
}

struct cpu *proof_this_cpu(void) { return &cpu; }

const struct capability *proof_doorbell(const struct vcpu *of, uint64_t port, uint64_t width)
{
	(void)of;
	(void)port;
	(void)width;
	return any_bool() ? &bell_slot : NULL;
}

void fpu_xcr0_read(const struct cpu *of, struct vcpu *whose)
{
	(void)of;
	(void)whose;
}

bool vcpu_late_signal(const struct vcpu *of, struct notification *notification)
{
	(void)of;
	(void)notification;
	return any_late_answer();
}

/* An exit, and mostly an answer that goes the short way back. */
static void left(void)
{
	COVER("a guest was entered and left");
	PROVE(entered, "an entry");
	PROVE(has_host_bits(&control_area), "the host's bits after the exit");
	PROVE((vcpu.undelivered & ~(uint64_t)0xffffffff80000fff) == 0, "an event that can be injected again");
	PROVE((vcpu.xcr0 & ~cpu_features.xcr0) == 0, "an XCR0 within the host's");
	if (!PAGE_CHANGES) {
		prove_left();
	}
	if (PAGE_CHANGES && !resumed && any_bool()) {
		resumed = true;
		if (any_bool()) {
			svm_resume(&cpu, &vcpu, true);
		} else { /* a routed access: vcpu_resume */
			complete_port(&control_area, any_u64());
			svm_resume(&cpu, &vcpu, false);
		}
		COVER("an answer that has to go the long way");
	}
	__CPROVER_assume(false);
}

void proof_exited(struct cpu *of, struct vcpu *whose, uint32_t reason, uint32_t length,
	uint64_t qualification, uint64_t information)
{
	(void)of;
	(void)whose;
	(void)length;
	PROVE(reason < BH_EXIT_REASONS, "an exit reason that exists");
	if (!PAGE_CHANGES) {
		prove_told(reason, qualification, information);
	}
	left();
}

void proof_port_exited(struct cpu *of, struct vcpu *whose, uint64_t access, uint64_t next_rip)
{
	(void)of;
	(void)whose;
	PROVE((access & ~(uint64_t)0xffff0071) == 0, "a single access of a port");
	PROVE((control_area.rflags & RFLAGS_TF) == 0, "that nothing follows");
	if (!PAGE_CHANGES) {
		prove_port(access, next_rip, true);
	}
	left();
}

void vcpu_port_exited_long(
	struct cpu *of, struct vcpu *whose, uint64_t access, uint64_t next_rip, uint64_t doorbell)
{
	(void)of;
	(void)whose;
	if (!PAGE_CHANGES) {
		PROVE(doorbell == 0, "no doorbell's");
		prove_port(access, next_rip, false);
	}
	left();
}

void vcpu_interrupted(struct cpu *of, struct vcpu *whose)
{
	(void)of;
	(void)whose;
	if (!PAGE_CHANGES) {
		prove_interrupted();
	}
	left();
}

/* What only those that are replaced would call. */
void vcpu_exited_long(struct cpu *of, struct vcpu *whose, uint32_t reason, uint64_t word0,
	uint64_t qualification, uint64_t information);
void vcpu_routed_long(struct cpu *of, struct vcpu *whose, const struct capability *slot, uint32_t route);

void svm_enter(uint64_t *registers, uint64_t host_state, uint8_t *host_state_area)
{
	const struct vmcb *vmcb = &control_area;
	uint64_t event = vmcb->event_injection;
	uint64_t virtual = vmcb->virtual_interrupt;

	entered = true;
	COVER_IF((vmcb->intercept3 & INTERCEPT3_VINTR) != 0, "enters with an interrupt window");
	COVER_IF((event & BH_EVENT_VALID) != 0, "enters with an event");
	COVER_IF(vmcb->tlb_control != 0, "enters with a flush");
	PROVE(has_host_bits(vmcb), "host-owned bits at entry");
	PROVE(vmcb->asid == vcpu.asid && vmcb->asid != 0 && vmcb->asid < cpu_features.svm_asid_count,
		"an ASID of the guest's own");
	PROVE(vcpu.asid_generation == cpu.asid_generation, "that was given out in this generation");
	PROVE(vmcb->nested_cr3 == space.root_physical, "the nested root of its own space");
	PROVE(vcpu.flushes_seen == space.flushes, "no translation that was taken away since");
	PROVE((event & ~(uint64_t)0xffffffff80000fff) == 0, "no reserved bit in the event");
	PROVE((virtual & ~(V_IRQ | V_INTR_PRIORITY | V_IGNORE_TPR | V_INTR_MASKING | (uint64_t)0xff << 32)) ==
			0,
		"no virtual interrupt control that the kernel does not use");
	PROVE((vmcb->interrupt_shadow & ~(uint64_t)1) == 0, "only the shadow itself");
	PROVE((vcpu.xcr0 & ~cpu_features.xcr0) == 0 && (vcpu.xcr0 & 1) != 0 &&
			((vcpu.xcr0 & 2) != 0 || (vcpu.xcr0 & 4) == 0),
		"an XCR0 that the CPU takes");
	PROVE(vcpu.tsc_aux <= UINT32_MAX, "a TSC_AUX that WRMSR takes");
	PROVE(host_state == cpu.host_state_physical && registers == page.registers &&
			vcpu.control_block_physical == virt_to_phys(&control_area),
		"the vCPU's own control area and registers");
	if (vcpu.plain) {
		PROVE((event & BH_EVENT_VALID) == 0 && vcpu.undelivered == 0,
			"a plain entry brings no event");
		PROVE(virtual == V_INTR_MASKING, "nor asks for a window");
		PROVE((vmcb->dr7 & 0xff) == 0, "nor has a breakpoint enabled");
		PROVE(vmcb->tlb_control == TLB_CONTROL_NONE, "nor flushes");
	}
	if (resumed) {
		COVER("the short way back");
		PROVE(vcpu.plain, "what goes the short way is plain");
		__CPROVER_assume(false);
	}
	if (!PAGE_CHANGES) {
		prove_entered();
	}

	uint64_t breakpoints = vmcb->dr7 & 0xff;

	any_guest_state();
	control_area.dr7 &= breakpoints | ~(uint64_t)0xff;
	control_area.exit_code = any_u64();
	control_area.exit_info_1 = any_u64();
	control_area.exit_info_2 = any_u64();
	control_area.exit_interrupt_info = any_u64();
	if ((event & BH_EVENT_VALID) != 0) {
		control_area.event_injection = any_u64();
	}
	if (PAGE_CHANGES ||
		(vmcb->intercept3 & INTERCEPT3_VINTR) == 0) { /* else it is not taken, but leaves */
		control_area.virtual_interrupt = (virtual & ~V_IRQ) | (any_bool() ? virtual & V_IRQ : 0);
	}
	control_area.next_rip = any_u64();
	(void)host_state_area;
	if (!PAGE_CHANGES) {
		keep();
	}
	if ((uint32_t)control_area.exit_code == EXIT_IOIO && (control_area.exit_info_1 & 0xd) == 0 &&
		svm_doorbell(registers) == 0) {
		COVER("a doorbell, and the guest goes on");
		if (!PAGE_CHANGES) {
			prove_rang(true);
		}
		PROVE(vcpu.plain && has_host_bits(&control_area), "the host's bits after a doorbell");
		__CPROVER_assume(false);
	}
	if (!PAGE_CHANGES) {
		prove_rang(false);
	}
	svm_exited(registers);
}

static void any_cpu(void)
{
	cpu_features.svm_asid_count = any_u32();
	cpu_features.svm_event_repeats = any_bool();
	cpu_features.xcr0 = any_bool() ? 7 : 3;
	ASSUME(cpu_features.svm_asid_count > 1, "the CPU's ASIDs are more than one");
	cpu.next_asid = any_u32();
	cpu.asid_generation = any_u64();
	__CPROVER_assume(cpu.next_asid >= 1 && cpu.asid_generation >= 1 && cpu.asid_generation < UINT64_MAX);
	cpu.tsc_aux = any_u32();
	space.root_physical = any_u64();
	space.flushes = any_u64();
	vcpu.slots[VCPU_GUEST_SPACE].object = (uint64_t)&space;
	vcpu.state = &page;
	vcpu.execution.cpu = &cpu;
	cpu.tracing = any_bool();
	bell_slot.object = (uint64_t)&bell;
	bell_slot.badge = any_u64();
	bell.waiters.head = any_bool() ? &vcpu.execution : NULL;
}

/* A vCPU in the middle of its life: all that the kernel keeps of it is as some earlier entry or answer left it. */
static void any_vcpu(void)
{
	control_area.intercept_cr_read = any_u16();
	control_area.intercept_cr_write = any_u16();
	control_area.intercept_dr_read = any_u16();
	control_area.intercept_dr_write = any_u16();
	control_area.intercept_exceptions = any_u32();
	control_area.intercept3 = any_u32();
	control_area.intercept4 = any_u32();
	control_area.intercept5 = any_u32();
	control_area.iopm_physical = any_u64();
	control_area.msrpm_physical = any_u64();
	control_area.virtual_interrupt = any_u64();
	control_area.nested_control = any_u64();
	control_area.nested_cr3 = any_u64();
	control_area.lbr_control = any_u64();
	control_area.clean_bits = any_u64();
	control_area.asid = any_u32();
	any_guest_state();
	vcpu.asid = any_u32();
	vcpu.asid_generation = any_u64();
	vcpu.flushes_seen = any_u64();
	vcpu.undelivered = any_u64();
	vcpu.xcr0 = any_u64();
	vcpu.tsc_aux = any_u32();
	ASSUME(has_host_bits(&control_area), "before, the control area has the host's bits");
	ASSUME((vcpu.xcr0 & ~cpu_features.xcr0) == 0 && (vcpu.xcr0 & 1) != 0 &&
			((vcpu.xcr0 & 2) != 0 || (vcpu.xcr0 & 4) == 0) &&
			(vcpu.undelivered & ~(uint64_t)0xffffffff80000fff) == 0 &&
			(control_area.interrupt_shadow & ~(uint64_t)1) == 0 &&
			(control_area.virtual_interrupt & ~(V_IRQ | V_INTR_PRIORITY | V_IGNORE_TPR |
								  V_INTR_MASKING | (uint64_t)0xff << 32)) ==
				0,
		"before, the kernel's own copies of XCR0, event and shadow are ones that the CPU takes");
	ASSUME(vcpu.asid_generation <= cpu.asid_generation &&
			(vcpu.asid_generation != cpu.asid_generation ||
				(vcpu.asid == control_area.asid && vcpu.asid >= 1 &&
					vcpu.asid < cpu_features.svm_asid_count)),
		"before, an ASID of this generation is the vCPU's own");
}

static void page_changes(void)
{
	if (any_bool()) {
		vcpu.control_block_physical = any_u64();
		svm_vcpu_initialise(&vcpu);
		COVER("a fresh vCPU");
		PROVE(has_host_bits(&control_area), "a fresh vCPU's control area");
		PROVE(vcpu.control_block_physical == virt_to_phys(&control_area), "which is its own");
		PROVE(vcpu.asid_generation == 0 && vcpu.undelivered == 0 && vcpu.xcr0 == 1,
			"no ASID, no event, an XCR0 that the CPU takes");
		PROVE((control_area.virtual_interrupt & V_IRQ) == 0 && control_area.interrupt_shadow == 0,
			"nothing is pending");
		return;
	}
	any_vcpu();
	if (any_bool() && !svm_load_base(&vcpu)) {
		COVER("an injection over an undelivered event");
		PROVE(has_host_bits(&control_area), "a refused answer leaves the host's bits");
		return;
	}
	if (any_bool()) {
		svm_load_groups(&vcpu, any_u32());
	}
	svm_run(&cpu, &vcpu);
}

#if !PAGE_CHANGES
static void page_stands_still(void)
{
	page = any_page();
	given = page;
	control_area = any_control_area();
	any_vcpu();
	vcpu.exits = any_u32();
	vcpu.plain = any_bool();
	ASSUME(control_area.tlb_control == 0 &&
			control_area.virtual_interrupt ==
				(is_set(control_area.intercept3, 4) ? WINDOW_ASKED : NO_WINDOW),
		"before, nothing of an earlier entry is left in the control area but a window that was asked for (the page stands still)");
	keep();
	if (any_bool()) {
		prove_flow(svm_load_base(&vcpu));
		return;
	}
	if (any_bool()) {
		uint32_t groups = any_u32();

		svm_load_groups(&vcpu, groups);
		prove_groups(groups);
		return;
	}
	svm_run(&cpu, &vcpu);
}
#endif

int main(void)
{
	any_cpu();
	vcpu.control_block_physical = virt_to_phys(&control_area);
#if PAGE_CHANGES
	page_changes();
#else
	page_stands_still();
#endif
	return 0;
}
