/* SPDX-License-Identifier: MIT */
/* KVM's paravirtual clock and EOI (paravirtual.h). Touches the guest's memory at the places that it named, and the
 * fabric. */
#include "vcpu/paravirtual.h"

#include <stddef.h>

#include "system.h"

#define ENABLED UINT64_C(1)
#define EOI_BIT UINT32_C(1)
#define CLOCK_STABLE 1u /* flags: no other CPU's clock is behind this one */

/* struct pvclock_wall_clock and struct pvclock_vcpu_time_info of the interface. */
struct wall_clock {
	uint32_t version;
	uint32_t seconds;
	uint32_t nanoseconds;
};
_Static_assert(sizeof(struct wall_clock) == 12, "KVM's interface");

struct system_time {
	uint32_t version; /* odd while it is written */
	uint32_t reserved;
	uint64_t tsc;
	uint64_t nanoseconds;
	uint32_t multiplier; /* ns = (ticks shifted left by `shift`, or right by -shift) * multiplier >> 32 */
	int8_t shift;
	uint8_t flags;
	uint8_t padding[2];
};
_Static_assert(sizeof(struct system_time) == 32, "KVM's interface");

/* The rate 10^6 / khz as multiplier and shift, the multiplier with its top bit set. khz is not 0. */
static void scale(uint64_t khz, struct system_time *time)
{
	uint64_t numerator = 1000000;
	int8_t shift = 0;

	/* 1/2 <= numerator / khz < 1, times 2^32 */
	while (numerator >= khz) {
		khz <<= 1;
		shift++;
	}
	while (numerator * 2 < khz) {
		numerator <<= 1;
		shift--;
	}
	time->multiplier = (uint32_t)((numerator << 32) / khz);
	time->shift = shift;
}

static bool write_system_time(struct vmm *vmm, struct vcpu *vcpu)
{
	struct paravirtual *paravirtual = &vcpu->paravirtual;
	uint64_t address = paravirtual->system_time & ~ENABLED;
	uint64_t host_tsc = system_tsc();
	struct clock_state clock = clock_read(vmm->clock);
	struct system_time time = {
		.version = paravirtual->version + 1,
		.tsc = host_tsc + vcpu->tsc_offset,
		.nanoseconds = clock_ns_at(&clock, host_tsc),
		.flags = CLOCK_STABLE,
	};

	scale(clock.guest_tsc_khz != 0 ? clock.guest_tsc_khz : 1, &time);
	if (!guest_memory_write(&vmm->memory, address, &time, sizeof(time))) {
		return false;
	}
	paravirtual->version += 2;
	return guest_memory_write(&vmm->memory, address, &paravirtual->version, sizeof(paravirtual->version));
}

static bool write_wall_clock(struct vmm *vmm, uint64_t address)
{
	struct clock_state clock = clock_read(vmm->clock);
	struct wall_clock wall = {
		.version = 2,
		.seconds = (uint32_t)(clock.wall_base_ns / NANOSECONDS_PER_SECOND),
		.nanoseconds = (uint32_t)(clock.wall_base_ns % NANOSECONDS_PER_SECOND),
	};

	return guest_memory_write(&vmm->memory, address, &wall, sizeof(wall));
}

static bool is_place(const struct vmm *vmm, uint64_t address, uint64_t size)
{
	return address % 4 == 0 && guest_memory_pointer(&vmm->memory, address, size) != NULL;
}

uint64_t paravirtual_read(const struct vcpu *vcpu, uint32_t msr)
{
	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_OLD:
		return vcpu->paravirtual.wall_clock;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_OLD:
		return vcpu->paravirtual.system_time;
	default: /* MSR_KVM_PV_EOI */
		return vcpu->paravirtual.eoi;
	}
}

bool paravirtual_write(struct vmm *vmm, struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct paravirtual *paravirtual = &vcpu->paravirtual;
	bool enabled = (value & ENABLED) != 0;

	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_OLD:
		if (!is_place(vmm, value, sizeof(struct wall_clock))) {
			return false;
		}
		paravirtual->wall_clock = value;
		return write_wall_clock(vmm, value);
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_OLD:
		if (enabled && !is_place(vmm, value & ~ENABLED, sizeof(struct system_time))) {
			return false;
		}
		paravirtual->system_time = value;
		return !enabled || write_system_time(vmm, vcpu);
	default: /* MSR_KVM_PV_EOI */
		if (enabled && !is_place(vmm, value & ~ENABLED, sizeof(uint32_t))) {
			return false;
		}
		paravirtual->eoi = value;
		paravirtual->eoi_word = enabled ? (uint32_t *)(void *)guest_memory_pointer(
							  &vmm->memory, value & ~ENABLED, sizeof(uint32_t))
						: NULL;
		return true;
	}
}

void paravirtual_tsc_moved(struct vmm *vmm, struct vcpu *vcpu)
{
	if ((vcpu->paravirtual.system_time & ENABLED) != 0) {
		/* It was in memory when it was named, and memory does not go away. */
		(void)write_system_time(vmm, vcpu);
	}
}

void paravirtual_eoi_from_guest(struct vmm *vmm, struct vcpu *vcpu)
{
	uint32_t *place = vcpu->paravirtual.eoi_word;
	uint32_t word = __atomic_load_n(place, __ATOMIC_RELAXED);

	vcpu->paravirtual.eoi_pending = false;
	if ((word & EOI_BIT) == 0) {
		fabric_eoi(&vmm->fabric, vcpu->number);
		return;
	}
	__atomic_store_n(place, word & ~EOI_BIT, __ATOMIC_RELAXED);
}

void paravirtual_eoi_to_guest(struct vcpu *vcpu)
{
	const struct lapic *lapic = vcpu->lapic;
	uint32_t *place = vcpu->paravirtual.eoi_word;

	/* What is level-triggered ends in the I/O APIC too; what waits needs an exit at the end. */
	if (place == NULL || lapic->isr_highest == 0 || lapic->irr_highest != 0 ||
		vector_set_has(&lapic->tmr, lapic->isr_highest)) {
		return;
	}
	__atomic_store_n(place, __atomic_load_n(place, __ATOMIC_RELAXED) | EOI_BIT, __ATOMIC_RELAXED);
	vcpu->paravirtual.eoi_pending = true;
}
