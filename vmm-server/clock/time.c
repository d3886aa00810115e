/* SPDX-License-Identifier: MIT */
/* Time of the VM (time.h). Touches the clock page, the fabric's timer, the vCPU's TSC offset and its kernel
 * Timer. */
#include "clock/time.h"

#include "system.h"
#include "vcpu/paravirtual.h"

void time_start(struct vmm *vmm, uint64_t khz, uint64_t wall_ns)
{
	uint64_t tsc = system_tsc();

	clock_initialise(vmm->clock, tsc, khz, wall_ns);
	vmm->clock_offset = 0 - tsc;
	vmm->vcpu.tsc_offset = vmm->clock_offset;
	vmm->vcpu.tsc_adjust = 0;
	vmm->vcpu.deadline = VCPU_NO_DEADLINE;
	vmm->vcpu.busy = 1; /* until its first exit has settled */
	vmm->vcpu.state->tsc_offset = vmm->clock_offset;
}

static void move_tsc(struct vmm *vmm, struct vcpu *vcpu, uint64_t ticks)
{
	vcpu_need(vcpu, BH_GROUP_MSRS);
	vcpu->tsc_offset += ticks;
	vcpu->tsc_adjust += ticks;
	vcpu->state->tsc_offset = vcpu->tsc_offset;
	vcpu_change(vcpu, BH_GROUP_MSRS);
	fabric_set_tsc_offset(
		&vmm->fabric, vcpu->number, vcpu->tsc_offset - vmm->clock_offset, time_now(vmm));
	paravirtual_tsc_moved(vmm, vcpu);
}

uint64_t time_read_tsc(const struct vcpu *vcpu) { return system_tsc() + vcpu->tsc_offset; }

void time_write_tsc(struct vmm *vmm, struct vcpu *vcpu, uint64_t value)
{
	move_tsc(vmm, vcpu, value - time_read_tsc(vcpu));
}

uint64_t time_read_adjust(const struct vcpu *vcpu) { return vcpu->tsc_adjust; }

void time_write_adjust(struct vmm *vmm, struct vcpu *vcpu, uint64_t value)
{
	move_tsc(vmm, vcpu, value - vcpu->tsc_adjust);
}

bool time_arm(struct vmm *vmm, struct vcpu *vcpu, uint64_t deadline)
{
	vmm_status(vmm)->timer_arms++;
	if (system_timer_arm(vcpu->timer, deadline - vmm->clock_offset) != BH_OK) {
		return false;
	}
	vcpu->deadline = deadline;
	return true;
}

void time_pause(struct vmm *vmm)
{
	if (vmm->clock_mode != VMM_CLOCK_STANDS) {
		vmm->clock_mode = VMM_CLOCK_STANDS;
		vmm->paused_tsc = system_tsc();
		clock_pause(vmm->clock, vmm->paused_tsc);
	}
}

/* What either of the VM's clock and the guest's TSC says of the other stays. */
static void move_clock(struct vmm *vmm, struct vcpu *vcpu, uint64_t ticks)
{
	vmm->clock_offset += ticks;
	vcpu_need(vcpu, BH_GROUP_MSRS);
	vcpu->tsc_offset += ticks;
	vcpu->state->tsc_offset = vcpu->tsc_offset;
	vcpu_change(vcpu, BH_GROUP_MSRS);
	vcpu->deadline = VCPU_NO_DEADLINE; /* the same deadline is another moment now */
}

void time_resume(struct vmm *vmm, struct vcpu *vcpu)
{
	uint64_t tsc = system_tsc(), stood = tsc - vmm->paused_tsc;

	if (vmm->clock_mode != VMM_CLOCK_STANDS) {
		return;
	}
	vmm->clock_mode = VMM_CLOCK_RUNS;
	clock_resume(vmm->clock, tsc);
	move_clock(vmm, vcpu, 0 - stood);
	if (vmm->catches_up) {
		vmm->clock_mode = VMM_CLOCK_CATCHES_UP;
		vmm->behind += stood;
		vmm->caught_up = time_now(vmm);
	}
}

/* In ticks. No watchdog of a guest's minds a jump of that length, and in between it gets to run. */
static uint64_t jump(const struct clock_state *clock) { return clock->guest_tsc_khz * 500; }
static uint64_t between_jumps(const struct clock_state *clock) { return clock->guest_tsc_khz * 10; }

void time_catch_up(struct vmm *vmm, struct vcpu *vcpu)
{
	struct clock_state clock = clock_read(vmm->clock);
	uint64_t ticks = vmm->behind < jump(&clock) ? vmm->behind : jump(&clock);

	if (time_now(vmm) - vmm->caught_up < between_jumps(&clock)) {
		return;
	}
	clock_advance(vmm->clock, ticks);
	move_clock(vmm, vcpu, ticks);
	vmm->behind -= ticks;
	vmm->caught_up = time_now(vmm);
	if (vmm->behind == 0) {
		vmm->clock_mode = VMM_CLOCK_RUNS;
	}
}

void time_arm_catch_up(struct vmm *vmm, struct vcpu *vcpu)
{
	struct clock_state clock = clock_read(vmm->clock);
	uint64_t next = vmm->caught_up + between_jumps(&clock);

	if (next < vcpu->deadline) {
		(void)time_arm(vmm, vcpu, next);
	}
}

void time_expired(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	vcpu->deadline = VCPU_NO_DEADLINE;
	fabric_advance(&vmm->fabric, vcpu->number, now);
}
