/* SPDX-License-Identifier: MIT */
/* Exit dispatch (exit.h): every reason of vcpu.h, then timer, events and the answer. No libc, general
 * registers only. */
#include "vcpu/exit.h"

#include "clock/time.h"
#include "system.h"
#include "vcpu/control.h"
#include "vcpu/inject.h"
#include "vcpu/lines.h"
#include "vcpu/memory_exit.h"
#include "vcpu/msr_exit.h"
#include "vcpu/paravirtual.h"
#include "vcpu/port.h"

#define CR4_OSXSAVE UINT64_C(0x40000)
#define CR4_PKE UINT64_C(0x400000)

/* Decoding, even of a length, needs the translation of rip; decoding operands needs all segments. */
#define GROUPS_LENGTH BH_GROUP_CODE
#define GROUPS_DECODE (BH_GROUP_CONTROL | BH_GROUP_SEGMENTS)

const uint32_t exit_groups[BH_EXIT_REASONS] = {
	[BH_EXIT_ENTRY_FAILED] = BH_GROUPS_ALL,
	[BH_EXIT_CPUID] = GROUPS_LENGTH,
	[BH_EXIT_MSR_READ] = GROUPS_LENGTH,
	[BH_EXIT_MSR_WRITE] = GROUPS_LENGTH,
	[BH_EXIT_PORT] = BH_GROUP_DEBUG,  /* for I/O breakpoints */
	[BH_EXIT_MEMORY] = GROUPS_LENGTH, /* the short way (hot.h) asks for no more */
	[BH_EXIT_HLT] = GROUPS_LENGTH,
	[BH_EXIT_NOTIFY] = 0,
	[BH_EXIT_INTERRUPT_WINDOW] = 0,
	[BH_EXIT_CONTROL_REGISTER] = GROUPS_DECODE,
	[BH_EXIT_DEBUG_REGISTER] = GROUPS_DECODE | BH_GROUP_DEBUG,
	[BH_EXIT_EXCEPTION] = 0,
	[BH_EXIT_SHUTDOWN] = BH_GROUPS_ALL,
	[BH_EXIT_XSETBV] = GROUPS_DECODE | BH_GROUP_MSRS,
	[BH_EXIT_HYPERCALL] = 0,
	[BH_EXIT_VIRTUALIZATION] = 0,
	[BH_EXIT_CACHE] = GROUPS_LENGTH,
	[BH_EXIT_MONITOR] = 0,
	[BH_EXIT_COUNTER] = BH_GROUP_CONTROL,
	[BH_EXIT_ROUTE_FAILED] = GROUPS_DECODE | BH_GROUP_DEBUG,
	[BH_EXIT_UNKNOWN] = BH_GROUPS_ALL,
};

static void cpuid_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length)
{
	struct bh_vcpu_state *state = vcpu->state;
	struct cpuid_vcpu shown;
	struct cpuid_result result;

	if (!vcpu_instruction_length(vcpu, &vmm->memory, INSTRUCTION_CPUID, length, &length)) {
		return;
	}
	site_note_cpuid(vmm, vcpu, BH_EXIT_CPUID);
	vcpu_need_code(vcpu);
	shown = (struct cpuid_vcpu){
		.apic_id = vcpu->number,
		.apic_enabled = vmm->fabric.lapic[vcpu->number].mode != LAPIC_MODE_DISABLED,
		.cr4_osxsave = (state->cr4 & CR4_OSXSAVE) != 0,
		.cr4_pke = (state->cr4 & CR4_PKE) != 0,
		.xcr0 = 1,
	};
	if ((uint32_t)state->registers[BH_RAX] == 0xd) {
		vcpu_need(vcpu, BH_GROUP_MSRS);
		shown.xcr0 = state->xcr0;
	}
	cpuid_lookup(&vmm->cpuid, &shown, (uint32_t)state->registers[BH_RAX],
		(uint32_t)state->registers[BH_RCX], &result);
	state->registers[BH_RAX] = result.eax;
	state->registers[BH_RBX] = result.ebx;
	state->registers[BH_RCX] = result.ecx;
	state->registers[BH_RDX] = result.edx;
	vcpu_complete(vcpu, length);
}

static void hlt_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length)
{
	if (vcpu_instruction_length(vcpu, &vmm->memory, INSTRUCTION_HLT, length, &length)) {
		site_note_plain(vcpu, BH_EXIT_HLT);
		vcpu_complete(vcpu, length);
		/* With TF set the trap comes first: it ends the halt before it began. */
		vcpu->halted = true;
	}
}

static void cache_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length)
{
	struct instruction scratch;
	const struct instruction *instruction;

	/* Nothing to do: guest memory is coherent. INVD must not drop what others wrote, so it is the
	 * same. */
	if (length == 0) {
		instruction = vcpu_instruction(vcpu, &vmm->memory, &scratch);
		if (instruction == NULL || (instruction->operation != INSTRUCTION_INVD &&
						   instruction->operation != INSTRUCTION_WBINVD)) {
			return;
		}
		length = instruction->length;
	}
	vcpu_complete(vcpu, length);
}

static void obey(struct vmm *vmm, struct vcpu *vcpu, uint64_t orders)
{
	if (orders == SIGNAL_PAUSE) {
		time_pause(vmm);
	} else if (orders == SIGNAL_RESUME) {
		time_resume(vmm, vcpu);
	} /* both: the one undid the other */
}

static void notify_exit(struct vmm *vmm, struct vcpu *vcpu, uint64_t signals, uint64_t now)
{
	if ((signals & ~SIGNAL_TIMER) != 0) {
		lines_update(vmm, signals);
	}
	if ((signals & SIGNAL_TIMER) != 0 && vmm->clock_mode != VMM_CLOCK_STANDS) {
		time_expired(vmm, vcpu, now);
	}
	obey(vmm, vcpu, signals & (SIGNAL_PAUSE | SIGNAL_RESUME));
}

static void invalid_opcode_exit(struct vmm *vmm, struct vcpu *vcpu)
{
	vmm_status(vmm)->invalid_opcodes++;
	vcpu_raise_invalid_opcode(vcpu);
}

/* #AC, #DB and #MC are intercepted because they can follow each other without end inside their own delivery.
 * They are the guest's. */
static void exception_exit(struct vcpu *vcpu, uint64_t vector, uint64_t code)
{
	vector &= 0xff;
	if (vector == VECTOR_AC) {
		vcpu_raise(vcpu, BH_EVENT_EXCEPTION_CODE(vector, code & UINT32_MAX));
	} else {
		vcpu_raise(vcpu, BH_EVENT_EXCEPTION(vector & 31));
	}
}

/* What one needs to see why a guest came to its end. */
static void log_state(const struct bh_vcpu_state *state)
{
	static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15" };

	for (uint32_t i = 0; i < 16; i += 4) {
		system_log("%s %016lx %s %016lx %s %016lx %s %016lx", names[i],
			(unsigned long)state->registers[i], names[i + 1],
			(unsigned long)state->registers[i + 1], names[i + 2],
			(unsigned long)state->registers[i + 2], names[i + 3],
			(unsigned long)state->registers[i + 3]);
	}
	system_log("rip %016lx flags %lx cpl %lu cr0 %lx cr2 %lx cr3 %lx cr4 %lx efer %lx",
		(unsigned long)state->rip, (unsigned long)state->rflags, (unsigned long)state->cpl,
		(unsigned long)state->cr0, (unsigned long)state->cr2, (unsigned long)state->cr3,
		(unsigned long)state->cr4, (unsigned long)state->efer);
	for (uint32_t i = BH_ES; i < BH_SEGMENTS; i++) {
		static const char *const segments[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
		const struct bh_segment_register *segment = &state->segment[i];

		system_log("%s %04x attributes %03x limit %08x base %lx", segments[i], segment->selector,
			segment->attributes, segment->limit, (unsigned long)segment->base);
	}
	system_log("gdtr %lx+%x idtr %lx+%x inject %lx undelivered %lx", (unsigned long)state->gdtr.base,
		state->gdtr.limit, (unsigned long)state->idtr.base, state->idtr.limit,
		(unsigned long)state->inject, (unsigned long)state->undelivered);
}

static void crash(struct vmm *vmm, struct vcpu *vcpu, enum vm_crash code, const char *text)
{
	vcpu_need(vcpu, BH_GROUPS_ALL);
	/* First what explains it: once the VM has ended, it and we may be gone. */
	if (!vmm->lifecycle.over) {
		log_state(vcpu->state);
	}
	lifecycle_end(&vmm->lifecycle, VM_STATE_CRASHED, (uint32_t)code, "%s at rip 0x%lx", text,
		(unsigned long)vcpu->state->rip);
}

/* An exit that should not have come: `number` is what the CPU called it. */
static void crash_by_exit(
	struct vmm *vmm, struct vcpu *vcpu, enum vm_crash code, const char *text, uint64_t number)
{
	system_log("exit code 0x%lx", (unsigned long)number);
	crash(vmm, vcpu, code, text);
}

static void dispatch(struct vmm *vmm, struct vcpu *vcpu, const struct exit_message *message, uint64_t now)
{
	uint32_t length = (uint32_t)(message->reason >> 8) & 15;

	switch ((enum bh_exit_reason)(message->reason & 0xff)) {
	case BH_EXIT_CPUID:
		cpuid_exit(vmm, vcpu, length);
		break;
	case BH_EXIT_MSR_READ:
		msr_read_exit(vmm, vcpu, length, now);
		break;
	case BH_EXIT_MSR_WRITE:
		msr_write_exit(vmm, vcpu, length, now);
		break;
	case BH_EXIT_PORT:
		port_exit(vmm, vcpu, message->qualification, message->information);
		break;
	case BH_EXIT_MEMORY:
		memory_exit(vmm, vcpu, message->qualification, message->information, now);
		break;
	case BH_EXIT_HLT:
		hlt_exit(vmm, vcpu, length);
		break;
	case BH_EXIT_NOTIFY:
		notify_exit(vmm, vcpu, message->qualification, now);
		break;
	case BH_EXIT_INTERRUPT_WINDOW: /* exit_settle() does it */
		break;
	case BH_EXIT_CONTROL_REGISTER:
		control_register_exit(vmm, vcpu);
		break;
	case BH_EXIT_DEBUG_REGISTER:
		debug_register_exit(vmm, vcpu);
		break;
	case BH_EXIT_EXCEPTION:
		exception_exit(vcpu, message->qualification, message->information);
		break;
	case BH_EXIT_XSETBV:
		xsetbv_exit(vmm, vcpu, length);
		break;
	case BH_EXIT_HYPERCALL: /* we have none, neither for the guest's kernel nor for its programs */
	case BH_EXIT_VIRTUALIZATION:
	case BH_EXIT_MONITOR:
		invalid_opcode_exit(vmm, vcpu);
		break;
	case BH_EXIT_CACHE:
		cache_exit(vmm, vcpu, length);
		break;
	case BH_EXIT_COUNTER:
		vcpu_raise_protection(vcpu);
		break;
	case BH_EXIT_ROUTE_FAILED:
		port_route_failed(vmm, vcpu, message->qualification, (uint32_t)message->information,
			message->sequence, length);
		break;
	case BH_EXIT_SHUTDOWN:
		crash(vmm, vcpu, VM_CRASH_TRIPLE_FAULT, "triple fault");
		break;
	case BH_EXIT_ENTRY_FAILED:
		crash_by_exit(vmm, vcpu, VM_CRASH_ENTRY_FAILED, "the CPU refused the guest's state",
			message->qualification);
		break;
	case BH_EXIT_UNKNOWN:
	case BH_EXIT_REASONS:
	default:
		crash_by_exit(vmm, vcpu, VM_CRASH_UNKNOWN_EXIT, "unknown exit", message->qualification);
		break;
	}
}

static void count(struct vmm *vmm, uint64_t reason)
{
	struct vm_status *status = vmm_status(vmm);

	status->exits_by_reason[reason % VM_STATUS_REASONS]++;
}

uint64_t exit_settle(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	bool waits;

	if (lapic_next_deadline(vcpu->lapic) <= now) {
		lapic_advance(vcpu->lapic, now);
	}
	vcpu->state->inject = 0;
	vcpu->state->interrupt_window = 0;
	waits = !inject_plain(vmm, vcpu, now) && inject_waits(vmm, vcpu);
	if (waits) {
		enum inject_result result = inject_choose(vmm, vcpu, now);

		if (result == INJECT_RESET) {
			lifecycle_end(&vmm->lifecycle, VM_STATE_RESET, VM_RESET_INIT,
				"guest reset its processor by INIT");
			return BH_RESUME_STOP;
		}
		waits = result != INJECT_ALL;
	}
	/* After that: taking a periodic timer's interrupt makes its next deadline count. `inject` is the kernel's to
	 * clear, when it takes the answer. A window is asked for only if something waits. */
	vcpu->busy = !time_armed(vmm, vcpu) || waits;
	if (vcpu->busy == 0 && !vcpu->halted && vcpu->paravirtual.eoi_word != NULL) {
		paravirtual_eoi_to_guest(vcpu);
		vcpu->busy = vcpu->paravirtual.eoi_pending;
	}
	return vcpu->changed | (vcpu->halted ? BH_RESUME_HALT : 0);
}

/* The VM is paused, or was and catches up. */
static uint64_t settle_clock(struct vmm *vmm, struct vcpu *vcpu)
{
	uint64_t answer;

	if (vmm->clock_mode == VMM_CLOCK_STANDS) {
		return vcpu->changed | BH_RESUME_HALT; /* until the next signal, whatever waits */
	}
	time_catch_up(vmm, vcpu);
	answer = exit_settle(vmm, vcpu, time_now(vmm)); /* which has moved */
	if (vmm->clock_mode == VMM_CLOCK_CATCHES_UP) {
		vcpu->busy = 1; /* so that every exit comes by here */
		time_arm_catch_up(vmm, vcpu);
	}
	return answer;
}

uint64_t exit_handle(struct vmm *vmm, struct vcpu *vcpu, const struct exit_message *message)
{
	uint64_t reason = message->reason & 0xff;
	uint64_t now = time_now(vmm);

	count(vmm, reason);
	vcpu->fresh = reason < BH_EXIT_REASONS ? vcpu->delivered[reason] : 0;
	vcpu->changed = 0;
	vcpu->busy = 1;
	if ((vcpu->fresh & BH_GROUP_CODE) != 0) {
		vcpu_unpack_code(vcpu);
	}
	if (vcpu->paravirtual.eoi_pending) {
		paravirtual_eoi_from_guest(vmm, vcpu);
	}
	if (vmm->lines_unread) {
		vmm->lines_unread = false;
		lines_update(vmm, UINT64_MAX);
	}
	dispatch(vmm, vcpu, message, now);
	if (vcpu->shutdown) {
		crash(vmm, vcpu, VM_CRASH_TRIPLE_FAULT, "triple fault");
	}
	if (vmm->lifecycle.over) {
		return BH_RESUME_STOP;
	}
	if (vmm->clock_mode != VMM_CLOCK_RUNS) {
		return settle_clock(vmm, vcpu);
	}
	return exit_settle(vmm, vcpu, time_now(vmm));
}
