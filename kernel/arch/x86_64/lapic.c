/* SPDX-License-Identifier: MIT */
/* Local APIC registers by MMIO: AMD APM vol. 2 §16.3, table 16-2. */

#include "arch/x86_64/lapic.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/vectors.h"
#include "panic.h"

#define REGISTER_ID 0x020
#define REGISTER_VERSION 0x030
#define REGISTER_TASK_PRIORITY 0x080
#define REGISTER_EOI 0x0b0
#define REGISTER_SPURIOUS 0x0f0
#define REGISTER_ERROR_STATUS 0x280
#define REGISTER_LVT_TIMER 0x320
#define REGISTER_LVT_THERMAL 0x330
#define REGISTER_LVT_PERFORMANCE 0x340
#define REGISTER_LVT_LINT0 0x350
#define REGISTER_LVT_LINT1 0x360
#define REGISTER_LVT_ERROR 0x370
#define REGISTER_TIMER_INITIAL 0x380
#define REGISTER_TIMER_CURRENT 0x390
#define REGISTER_TIMER_DIVIDE 0x3e0

#define SPURIOUS_APIC_ENABLE (1u << 8)
#define LVT_MASKED (1u << 16)
#define TIMER_DIVIDE_BY_1 0xbu

/* The same for every CPU: xAPIC windows of all CPUs share one address. */
static uint64_t window;

static inline volatile uint32_t *lapic_register(uint64_t offset) { return phys_to_virt(window + offset); }

void lapic_enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	/* x2APIC mode is left through the disabled state only (Intel SDM vol. 3 §10.12.5). */
	if ((base & APIC_BASE_X2APIC) != 0) {
		base &= ~(APIC_BASE_X2APIC | APIC_BASE_ENABLE);
		wrmsr(MSR_APIC_BASE, base);
	}
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	window = base & 0xffffffffff000ul;
	ASSERT(direct_map_covers(window, PAGE_SIZE));

	*lapic_register(REGISTER_SPURIOUS) = SPURIOUS_APIC_ENABLE | VECTOR_SPURIOUS;
	*lapic_register(REGISTER_TASK_PRIORITY) = 0;
	*lapic_register(REGISTER_LVT_TIMER) = LVT_MASKED | VECTOR_TIMER;
	*lapic_register(REGISTER_LVT_LINT0) = LVT_MASKED;
	*lapic_register(REGISTER_LVT_LINT1) = LVT_MASKED;
	*lapic_register(REGISTER_LVT_ERROR) = LVT_MASKED;
	/* Entries beyond LINT0, LINT1 and error exist as the version register says (§16.3.4). */
	if ((*lapic_register(REGISTER_VERSION) >> 16 & 0xff) >= 4) {
		*lapic_register(REGISTER_LVT_PERFORMANCE) = LVT_MASKED;
	}
	if ((*lapic_register(REGISTER_VERSION) >> 16 & 0xff) >= 5) {
		*lapic_register(REGISTER_LVT_THERMAL) = LVT_MASKED;
	}
	*lapic_register(REGISTER_ERROR_STATUS) = 0;
	*lapic_register(REGISTER_TIMER_DIVIDE) = TIMER_DIVIDE_BY_1;
	*lapic_register(REGISTER_TIMER_INITIAL) = 0;
	*lapic_register(REGISTER_LVT_TIMER) = VECTOR_TIMER;
	/* An interrupt that firmware left in service would block all of its priority and below. */
	*lapic_register(REGISTER_EOI) = 0;
}

uint8_t lapic_id(void) { return (uint8_t)(*lapic_register(REGISTER_ID) >> 24); }

void lapic_eoi(void) { *lapic_register(REGISTER_EOI) = 0; }

void lapic_timer_arm(uint64_t tsc_deadline)
{
	uint64_t now = rdtsc();
	uint64_t count = 1;

	if (tsc_deadline > now) {
		uint64_t ticks = tsc_deadline - now;

		/* One more than the quotient: rather late by a count than a second interrupt. */
		count = ticks >= clock_rates.tsc_per_lapic_maximum
				? UINT32_MAX
				: fixed_point_scale(ticks, clock_rates.lapic_per_tsc) + 1;
	}
	*lapic_register(REGISTER_TIMER_INITIAL) = (uint32_t)count;
}

void lapic_timer_start_free_running(void)
{
	*lapic_register(REGISTER_LVT_TIMER) = LVT_MASKED | VECTOR_TIMER;
	*lapic_register(REGISTER_TIMER_INITIAL) = UINT32_MAX;
}

uint32_t lapic_timer_current(void) { return *lapic_register(REGISTER_TIMER_CURRENT); }

void lapic_timer_end_free_running(void)
{
	*lapic_register(REGISTER_TIMER_INITIAL) = 0;
	*lapic_register(REGISTER_LVT_TIMER) = VECTOR_TIMER;
}
