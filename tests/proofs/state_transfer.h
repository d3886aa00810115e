/* SPDX-License-Identifier: MIT */
/* For the proof state-page, included by it: what the guest gets, and what the VMM is told, while nobody writes the page meanwhile. Numbers
 * are those of AMD APM vol. 2 (sections 3.1.7, 15.5.1, 15.20, 15.21.4; appendices B and C) and docs/abi.md, told again here. */
#pragma once

static struct vmcb old;            /* the control area before the answer, then at the exit */
static struct bh_vcpu_state given; /* the page */
static struct vcpu_before {
	uint64_t undelivered, xcr0, tsc_aux, exits, asid_generation, flushes_seen;
	uint64_t dr[4];
	uint32_t asid;
} kept;
static uint32_t next_asid;
static uint64_t generation;
static bool rang_late, late_answer;
static unsigned int tsc_aux_writes;

static struct bh_vcpu_state any_page(void)
{
	struct bh_vcpu_state value;

	return value;
}

static struct vmcb any_control_area(void)
{
	struct vmcb value;

	return value;
}

static void keep(void)
{
	old = control_area;
	kept = (struct vcpu_before){ vcpu.undelivered, vcpu.xcr0, vcpu.tsc_aux, vcpu.exits,
		vcpu.asid_generation, vcpu.flushes_seen,
		{ vcpu.debug_registers[0], vcpu.debug_registers[1], vcpu.debug_registers[2],
			vcpu.debug_registers[3] },
		vcpu.asid };
	next_asid = cpu.next_asid;
	generation = cpu.asid_generation;
}

static bool is_set(uint64_t value, unsigned int bit) { return (value >> bit & 1) != 0; }

/* --- an answer is loaded --- */

static uint64_t expected_efer(void)
{
	uint64_t efer = given.efer & 0x4d01;

	if (cpu_features.svm_event_repeats && !is_set(given.cr0, 31) && !is_set(given.cr4, 5)) {
		efer &= ~UINT64_C(0x100);
	}
	return (is_set(efer, 8) && is_set(given.cr0, 31) ? efer : efer & ~UINT64_C(0x400)) | 0x1000;
}

static uint64_t expected_canonical(uint64_t address)
{
	return is_set(address, 47) ? address | UINT64_C(0xffff) << 48 : address & ~(UINT64_C(0xffff) << 48);
}

static uint64_t expected_xcr0(void)
{
	uint64_t xcr0 = (given.xcr0 & cpu_features.xcr0) | 1;

	return is_set(xcr0, 1) ? xcr0 : xcr0 & ~UINT64_C(4);
}

static bool is_segment(const struct vmcb_segment *loaded, const struct bh_segment_register *from,
	const struct vmcb_segment *before, bool asked)
{
	return asked ? loaded->selector == from->selector &&
			       loaded->attributes == (from->attributes & 0xfff) &&
			       loaded->limit == from->limit && loaded->base == from->base
		     : loaded->selector == before->selector && loaded->attributes == before->attributes &&
			       loaded->limit == before->limit && loaded->base == before->base;
}

static void prove_groups(uint32_t groups)
{
	bool control = is_set(groups, 0), segments = is_set(groups, 1), debug = is_set(groups, 2),
	     msrs = is_set(groups, 3);
	const struct vmcb *now = &control_area;

	COVER_IF(control && segments && debug && msrs, "all groups");
	PROVE(now->cr0 == (control ? given.cr0 : old.cr0) && now->cr2 == (control ? given.cr2 : old.cr2) &&
			now->cr3 == (control ? given.cr3 : old.cr3) &&
			now->cr4 == (control ? given.cr4 : old.cr4),
		"control registers as the page says, if they were asked for");
	PROVE(now->efer == (control ? expected_efer() : old.efer) &&
			now->cpl == (control ? given.cpl & 3 : old.cpl),
		"EFER and CPL that a CPU can have");
	PROVE(is_segment(&now->es, &given.segment[BH_ES], &old.es, segments) &&
			is_segment(&now->cs, &given.segment[BH_CS], &old.cs, segments) &&
			is_segment(&now->ss, &given.segment[BH_SS], &old.ss, segments) &&
			is_segment(&now->ds, &given.segment[BH_DS], &old.ds, segments) &&
			is_segment(&now->fs, &given.segment[BH_FS], &old.fs, segments) &&
			is_segment(&now->gs, &given.segment[BH_GS], &old.gs, segments) &&
			is_segment(&now->ldtr, &given.segment[BH_LDTR], &old.ldtr, segments) &&
			is_segment(&now->tr, &given.segment[BH_TR], &old.tr, segments) &&
			is_segment(&now->gdtr, &given.gdtr, &old.gdtr, segments) &&
			is_segment(&now->idtr, &given.idtr, &old.idtr, segments),
		"segments");
	for (unsigned int i = 0; i < 4; i++) {
		PROVE(vcpu.debug_registers[i] == (debug ? given.dr[i] : kept.dr[i]),
			"breakpoints' addresses");
	}
	PROVE(now->dr6 == (debug ? (given.dr6 & 0xe00f) | 0xffff0ff0 : old.dr6) &&
			now->dr7 == (debug ? (given.dr7 & 0xffff03ff) | 0x400 : old.dr7),
		"DR6 and DR7 with their fixed bits");
	PROVE(now->star == (msrs ? given.star : old.star) &&
			now->lstar == (msrs ? expected_canonical(given.lstar) : old.lstar) &&
			now->cstar == (msrs ? expected_canonical(given.cstar) : old.cstar) &&
			now->sfmask == (msrs ? given.sfmask : old.sfmask) &&
			now->kernel_gs_base ==
				(msrs ? expected_canonical(given.kernel_gs_base) : old.kernel_gs_base),
		"what SYSCALL and SWAPGS use");
	PROVE(now->sysenter_cs == (msrs ? given.sysenter_cs : old.sysenter_cs) &&
			now->sysenter_esp ==
				(msrs ? expected_canonical(given.sysenter_esp) : old.sysenter_esp) &&
			now->sysenter_eip ==
				(msrs ? expected_canonical(given.sysenter_eip) : old.sysenter_eip),
		"what SYSENTER uses");
	PROVE(now->pat == (msrs ? given.pat : old.pat) &&
			now->tsc_offset == (msrs ? given.tsc_offset : old.tsc_offset) &&
			vcpu.tsc_aux == (msrs ? (uint32_t)given.tsc_aux : kept.tsc_aux) &&
			vcpu.xcr0 == (msrs ? expected_xcr0() : kept.xcr0),
		"PAT, the clock's offset, TSC_AUX, XCR0");
}

#define WINDOW_ASKED UINT64_C(0x011f0100)
#define NO_WINDOW UINT64_C(0x01000000)

static void prove_flow(bool loaded)
{
	bool two_events = is_set(given.inject & given.undelivered, 31);
	uint64_t event = is_set(given.inject, 31) ? given.inject : given.undelivered;

	PROVE(loaded == !two_events, "refused only with two events at once");
	if (!loaded) {
		PROVE(vcpu.undelivered == kept.undelivered && control_area.rip == old.rip &&
				control_area.rflags == old.rflags && page.inject == given.inject,
			"what is refused changes nothing");
		return;
	}
	PROVE(vcpu.undelivered == (is_set(event, 31) ? event & 0xffffffff80000fff : 0) && page.inject == 0,
		"the event that was asked for, or was interrupted, and once");
	PROVE(control_area.rip == given.rip && control_area.rflags == ((given.rflags & 0x3f7fd5) | 2) &&
			control_area.interrupt_shadow == (given.interrupt_shadow & 1),
		"where the guest goes on");
	PROVE(control_area.virtual_interrupt == (given.interrupt_window != 0 ? WINDOW_ASKED : NO_WINDOW) &&
			is_set(control_area.intercept3, 4) == (given.interrupt_window != 0),
		"a window if it was asked for");
}

/* --- it is entered: at svm_enter() --- */

static bool event_was_virtual, window_was_asked;

static void prove_entered(void)
{
	const struct vmcb *now = &control_area;
	uint64_t event = kept.undelivered;
	bool same_asid = kept.asid_generation == generation && kept.flushes_seen == space.flushes &&
			 old.nested_cr3 == space.root_physical;
	bool is_virtual = event != 0 && cpu_features.svm_event_repeats && (event & 0x700) == 0 &&
			  is_set(old.rflags, 9) && old.interrupt_shadow == 0;
	bool flush = !same_asid && next_asid >= cpu_features.svm_asid_count;

	PROVE(now->rax == page.registers[BH_RAX] && now->rsp == page.registers[BH_RSP],
		"the page's rax and rsp");
	PROVE(cpu.tsc_aux == vcpu.tsc_aux, "the guest's TSC_AUX");
	PROVE(now->event_injection == (is_virtual ? 0 : event) && vcpu.undelivered == event,
		"the event that waits, and no other");
	PROVE(vcpu.event_is_virtual == is_virtual &&
			now->virtual_interrupt ==
				(is_virtual ? WINDOW_ASKED | (event & 0xff) << 32 : old.virtual_interrupt) &&
			is_set(now->intercept3, 4) == (!is_virtual && is_set(old.intercept3, 4)),
		"or as an interrupt that is pending, and the window is asked for later");
	PROVE(vcpu.plain == (event == 0 && (now->dr7 & 0xff) == 0 && now->tlb_control == 0 && !cpu.tracing &&
				    now->virtual_interrupt == NO_WINDOW),
		"plain just if there is nothing to be undone");
	PROVE(now->tlb_control == (flush ? 1 : 0) && cpu.asid_generation == generation + (flush ? 1 : 0),
		"a flush begins a generation, and only where the ASIDs are used up");
	PROVE(now->asid == (same_asid      ? kept.asid
				   : flush ? 1
					   : next_asid) &&
			cpu.next_asid == (same_asid      ? next_asid
						 : flush ? 2
							 : next_asid + 1),
		"the ASID that it had, or the next one");
	event_was_virtual = is_virtual;
	window_was_asked = event_was_virtual ? is_set(old.virtual_interrupt, 8) : is_set(old.intercept3, 4);
}

void proof_wrmsr(uint32_t msr, uint64_t value)
{
	PROVE(msr == 0xc0000103 && value == vcpu.tsc_aux, "TSC_AUX is the only MSR that is written");
	tsc_aux_writes++;
}

/* --- it has left: `old` is the control area that the CPU left --- */

static uint64_t expected_interrupted(void)
{
	uint64_t event = old.exit_interrupt_info, type = event >> 8 & 7, vector = event & 0xff;
	bool again = type == 4 || (type == 3 && (vector == 3 || vector == 4));

	return is_set(event, 31) && !again ? event & 0xffffffff80000fff : 0;
}

static bool is_refused(void) { return (uint32_t)old.exit_code == 0xffffffff; }

/* What holds after each exit, whoever it goes to. */
static void prove_left(void)
{
	bool waits = event_was_virtual && is_set(old.virtual_interrupt, 8);
	bool window = window_was_asked && (uint32_t)old.exit_code != 0x64;

	PROVE(vcpu.undelivered == (is_refused() || waits ? kept.undelivered : expected_interrupted()),
		"the event that was interrupted, or did not get that far");
	PROVE(is_set(control_area.intercept3, 4) == window &&
			control_area.virtual_interrupt == (window ? WINDOW_ASKED : NO_WINDOW),
		"a window that was asked for and did not come yet");
	PROVE(control_area.tlb_control == 0 && control_area.event_injection == 0 && !vcpu.event_is_virtual,
		"nothing of the entry is left");
	PROVE(page.registers[BH_RAX] == (is_refused() ? given.registers[BH_RAX] : old.rax) &&
			page.registers[BH_RSP] == (is_refused() ? given.registers[BH_RSP] : old.rsp),
		"rax and rsp are in the page");
	if (is_refused()) {
		PROVE(cpu.next_asid == cpu_features.svm_asid_count && vcpu.asid_generation == 0 &&
				!vcpu.plain,
			"the next entry begins a generation");
	}
}

/* The reason of an exit code whose qualification and information are nothing; BH_EXIT_REASONS: there is more to it. */
static uint32_t expected_reason(uint32_t code)
{
	switch (code) {
	case 0x64:
		return BH_EXIT_INTERRUPT_WINDOW;
	case 0x6f:
		return BH_EXIT_COUNTER;
	case 0x72:
		return BH_EXIT_CPUID;
	case 0x76:
	case 0x89:
		return BH_EXIT_CACHE;
	case 0x78:
		return BH_EXIT_HLT;
	case 0x7c:
		return is_set(old.exit_info_1, 0) ? BH_EXIT_MSR_WRITE : BH_EXIT_MSR_READ;
	case 0x7f:
		return BH_EXIT_SHUTDOWN;
	case 0x81:
		return BH_EXIT_HYPERCALL;
	case 0x8a:
	case 0x8b:
	case 0x8c:
		return BH_EXIT_MONITOR;
	case 0x8d:
		return BH_EXIT_XSETBV;
	case 0x73:
	case 0x7a:
	case 0x80:
	case 0x82:
	case 0x83:
	case 0x84:
	case 0x85:
	case 0x86:
	case 0x8e:
	case 0xa0:
	case 0xa1:
	case 0xa3:
	case 0xa4:
		return BH_EXIT_VIRTUALIZATION;
	default:
		return BH_EXIT_REASONS;
	}
}

static void prove_told(uint32_t reason, uint64_t qualification, uint64_t information)
{
	uint32_t code = (uint32_t)old.exit_code, expected = expected_reason(code);
	uint64_t said = 0, more = 0;

	if (code < 0x20) {
		expected = BH_EXIT_CONTROL_REGISTER;
		said = (code & 15) | (code >= 0x10 ? 0x100 : 0);
	} else if (code < 0x40) {
		expected = BH_EXIT_DEBUG_REGISTER;
		said = (code & 15) | (code >= 0x30 ? 0x100 : 0);
	} else if (code < 0x60) {
		expected = BH_EXIT_EXCEPTION;
		said = code - 0x40;
		more = old.exit_info_1;
	} else if (code == 0x400) {
		expected = BH_EXIT_MEMORY;
		said = old.exit_info_2;
		more = old.exit_info_1;
	} else if (expected == BH_EXIT_REASONS) {
		expected = is_refused() ? BH_EXIT_ENTRY_FAILED : BH_EXIT_UNKNOWN;
		said = code;
	}
	COVER_IF(is_refused(), "a refused entry is told");
	COVER_IF(code == 0x400, "a nested page fault is told");
	PROVE(reason == expected && qualification == said && information == more,
		"the reason, and what goes with it");
	PROVE(code != 0x7b && code != 0x7e && (code < 0x60 || code > 0x63),
		"that is not the kernel's, nor a port's");
	PROVE(page.rip == (is_refused() ? given.rip : old.rip) &&
			page.rflags == (is_refused() ? (given.rflags & 0x3f7fd5) | 2 : old.rflags),
		"where the guest left");
}

/* A port access that is all there is to the exit goes the short way; string forms, a single step, or a breakpoint on ports don't. */
static void prove_port(uint64_t access, uint64_t next_rip, bool is_short)
{
	uint64_t info = old.exit_info_1;
	bool more = is_set(info, 2) || is_set(info, 3) || is_set(old.rflags, 8) ||
		    ((control_area.dr7 & 0xff) != 0 && is_set(old.cr4, 3));

	PROVE((uint32_t)old.exit_code == 0x7b && is_short == !more,
		"a port access, and the way that it has to go");
	PROVE(access == ((info & 0xffff0071) |
				(is_short ? 0 : (is_set(info, 2) ? 2 : 0) | (is_set(info, 3) ? 4 : 0))),
		"direction, width, port, string forms");
	PROVE(next_rip == old.exit_info_2 && vcpu.exits == kept.exits + (is_short ? 0 : 1), "counted once");
}

static void prove_interrupted(void)
{
	uint32_t code = (uint32_t)old.exit_code;

	COVER("an interrupt of the host's");
	PROVE((code >= 0x60 && code <= 0x63) || code == 0x7e, "an interrupt of the host's");
}

/* svm_doorbell() said whether the guest goes on. */
static void prove_rang(bool goes_on)
{
	if (goes_on) {
		COVER_IF(rang_late, "a waiter is woken late");
		PROVE(bell.waiters.head == NULL || (rang_late && late_answer), "whoever waits is woken");
		PROVE(bell.word == bell_slot.badge && vcpu.exits == kept.exits + 1, "signalled and counted");
		PROVE(control_area.rip == old.exit_info_2 && control_area.interrupt_shadow == 0 &&
				control_area.rflags == (old.rflags & ~UINT64_C(0x10000)),
			"the OUT is done");
		PROVE(!is_set(old.rflags, 8) && !is_set(old.exit_interrupt_info, 31),
			"with nothing more to it");
	} else {
		PROVE(bell.word == 0 && vcpu.exits == kept.exits && control_area.rip == old.rip &&
				control_area.rflags == old.rflags,
			"nothing has changed");
	}
}

static bool any_late_answer(void)
{
	rang_late = true;
	late_answer = any_bool();
	return late_answer;
}
