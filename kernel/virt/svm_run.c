/* SPDX-License-Identifier: MIT */
/* Entries that have more to do than to go on as before, and their exits: ASIDs, events, windows, debug registers, states that the CPU
 * refuses (AMD APM vol. 2 chapter 15). */
#include "arch/x86_64/cpu_features.h"
#include "virt/short.h"
#include "virt/svm.h"
#include "virt/svm_state.h"
#include "virt/vm_offsets.h"

#define EVENT_TYPE_BITS UINT64_C(0x700)
#define EVENT_VECTOR_BITS UINT64_C(0xff)

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

/* Can the control block be entered as it stands, with nothing to be done before that or undone after the exit? */
static bool is_plain(const struct cpu *cpu, const struct vcpu *vcpu, const struct vmcb *vmcb)
{
	return (vmcb->dr7 & 0xff) == 0 && vmcb->tlb_control == TLB_CONTROL_NONE && !cpu->tracing &&
	       vcpu->undelivered == 0 && vmcb->virtual_interrupt == V_INTR_MASKING;
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

	debug_registers_enter(vcpu, vmcb);
	asid_check(cpu, vcpu, vmcb, (const struct space *)vcpu->slots[VCPU_GUEST_SPACE].object);
	vmcb->event_injection = 0;
	if (vcpu->undelivered == 0) {
		vcpu->plain = is_plain(cpu, vcpu, vmcb);
	} else {
		vcpu->plain = false;
		vcpu->window_waits = (vmcb->virtual_interrupt & V_IRQ) != 0;
		vcpu->event_is_virtual = inject(vmcb, vcpu->undelivered);
	}
	if (cpu->tsc_aux != vcpu->tsc_aux) {
		wrmsr(MSR_TSC_AUX, vcpu->tsc_aux);
		cpu->tsc_aux = vcpu->tsc_aux;
	}
	enter(cpu, vcpu, vmcb);
}

void svm_leave(const struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb)
{
	debug_registers_leave(vmcb);
	if ((uint32_t)vmcb->exit_code != EXIT_INVALID &&
		(!vcpu->event_is_virtual || (vmcb->virtual_interrupt & V_IRQ) == 0)) {
		vcpu->undelivered = interrupted_event(vmcb);
	}
	vmcb->tlb_control = TLB_CONTROL_NONE;
	vmcb->event_injection = 0;
	if (vcpu->event_is_virtual) {
		vcpu->event_is_virtual = false;
		window_ask(vmcb, vcpu->window_waits);
	}
	if ((uint32_t)vmcb->exit_code == EXIT_VINTR) {
		window_ask(vmcb, false);
	}
	vcpu->plain = is_plain(cpu, vcpu, vmcb);
}

void svm_refused(struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb)
{
	const struct bh_vcpu_state *state = vcpu->state;

	if (vmcb->rip >= (uint64_t)svm_enter && vmcb->rip < (uint64_t)svm_enter_end) {
		svm_load_groups(vcpu, BH_GROUPS_ALL);
	}
	vmcb->rip = READ_ONCE(state->rip);
	vmcb->rflags = (READ_ONCE(state->rflags) & GUEST_RFLAGS) | RFLAGS_FIXED;
	vmcb->rax = READ_ONCE(state->registers[BH_RAX]); /* the page has the registers still */
	vmcb->rsp = READ_ONCE(state->registers[BH_RSP]);
	/* If it was to flush, nothing says that it did: the next entry begins a generation of ASIDs. */
	cpu->next_asid = cpu_features.svm_asid_count;
	vcpu->asid_generation = 0;
	vcpu->plain = false;
}

/* svm_entry.S calls it. */
uint64_t svm_doorbell(uint64_t *registers);

static inline uint64_t ring(struct vcpu *vcpu, struct vmcb *vmcb, const struct capability *slot)
{
	((struct notification *)slot->object)->word |= slot->badge;
	vcpu->exits++;
	complete_port(vmcb, vmcb->exit_info_2);
	return 0;
}

static __attribute__((noinline)) uint64_t ring_late(
	struct vcpu *vcpu, struct vmcb *vmcb, const struct capability *slot)
{
	return vcpu_late_signal(vcpu, (struct notification *)slot->object) ? ring(vcpu, vmcb, slot) : 1;
}

/* After a single OUT of the guest, whose state is still loaded: one to a doorbell is done right here, and the guest goes on (0). All
 * others are done in full (1), with nothing changed. */
uint64_t svm_doorbell(uint64_t *registers)
{
	struct vcpu *vcpu = vcpu_of(registers);
	struct vmcb *vmcb = vmcb_of(vcpu);
	uint32_t info = (uint32_t)vmcb->exit_info_1;
	const struct capability *slot;

	if (!vcpu->plain || (vmcb->exit_interrupt_info & BH_EVENT_VALID) != 0 ||
		(vmcb->rflags & RFLAGS_TF) != 0) {
		return 1;
	}
	slot = vcpu_doorbell(vcpu, info >> 16, info >> IOIO_SIZE_SHIFT & 7);
	if (slot == NULL) {
		return 1;
	}
	if (((struct notification *)slot->object)->waiters.head != NULL) {
		return ring_late(vcpu, vmcb, slot);
	}
	return ring(vcpu, vmcb, slot);
}
