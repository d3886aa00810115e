/* SPDX-License-Identifier: MIT */
/* Measures the TSC and the local APIC timer against a clock whose rate is known: the ACPI PM timer, or PIT channel 2. */

#include "arch/x86_64/tsc.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/lapic.h"
#include "log.h"
#include "panic.h"

struct clock_rates clock_rates;

#define PM_TIMER_HZ 3579545ul /* ACPI 6.4 §4.8.3.3 */
#define PM_TIMER_MASK 0xfffffful
#define PIT_HZ 1193182ul
#define PIT_MASK 0xfffful

#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_COMMAND_CHANNEL_2_RATE 0xb4 /* channel 2, low then high byte, mode 2 */
#define PIT_COMMAND_LATCH_2 0x80
#define PORT_B 0x61 /* bit 0: gate of channel 2, bit 1: speaker */

/* A measurement ends when the bounds are this close (20 ppm), or after the longest time: less than half a turn of
 * either reference counter, so that one wrap cannot be missed. */
#define GOOD_ENOUGH 50000
#define LONGEST_PM_TICKS (PM_TIMER_HZ / 20)
#define LONGEST_PIT_TICKS (PIT_HZ / 50)
#define IDLE_POLLS 1000000 /* a reference that does not move for so long is broken */

struct reference {
	uint16_t pm_timer_port; /* 0: the PIT */
	uint64_t hz;
	uint64_t mask;
	uint64_t longest;
};

/* A change of the reference counter to a new value, known to lie between two readings of the TSC, and likewise of
 * the local APIC timer (which counts down). */
struct edge {
	uint64_t reference;
	uint64_t tsc_before, tsc_after;
	uint32_t lapic_before, lapic_after;
};

static uint64_t read_reference(const struct reference *reference)
{
	uint8_t low;

	if (reference->pm_timer_port != 0) {
		return inl(reference->pm_timer_port) & PM_TIMER_MASK;
	}
	outb(PIT_COMMAND, PIT_COMMAND_LATCH_2);
	low = inb(PIT_CHANNEL_2);
	/* It counts down. */
	return (0 - ((uint64_t)inb(PIT_CHANNEL_2) << 8 | low)) & PIT_MASK;
}

static void find_edge(const struct reference *reference, struct edge *edge)
{
	uint32_t lapic = lapic_timer_current();
	uint64_t tsc = rdtsc();
	uint64_t before = read_reference(reference);

	for (unsigned int i = 0; i < IDLE_POLLS; i++) {
		/* The last reading was after these, and still the old value. */
		edge->lapic_before = lapic;
		edge->tsc_before = tsc;
		lapic = lapic_timer_current();
		tsc = rdtsc();
		edge->reference = read_reference(reference);
		if (edge->reference != before) {
			edge->tsc_after = rdtsc();
			edge->lapic_after = lapic_timer_current();
			return;
		}
	}
	panic("the %s does not count: no clock to measure the TSC with",
		reference->pm_timer_port != 0 ? "ACPI PM timer" : "PIT");
}

/* The roundest number in [low, high], low <= high: true rates are round, measured ones carry an error that is known. */
static uint64_t roundest(uint64_t low, uint64_t high)
{
	for (uint64_t unit = 1000000; unit > 1; unit /= 10) {
		uint64_t candidate = high / unit * unit;

		if (candidate >= low && candidate != 0) {
			return candidate;
		}
	}
	return low + (high - low) / 2;
}

static void start_reference(const struct platform_information *platform, struct reference *reference)
{
	if (platform->pm_timer_port != 0) {
		*reference = (struct reference){ platform->pm_timer_port, PM_TIMER_HZ, PM_TIMER_MASK,
			LONGEST_PM_TICKS };
		return;
	}
	*reference = (struct reference){ 0, PIT_HZ, PIT_MASK, LONGEST_PIT_TICKS };
	outb(PORT_B, (uint8_t)((inb(PORT_B) & ~2) | 1));
	outb(PIT_COMMAND, PIT_COMMAND_CHANNEL_2_RATE);
	outb(PIT_CHANNEL_2, 0);
	outb(PIT_CHANNEL_2, 0);
}

void clock_calibrate(const struct platform_information *platform)
{
	struct reference reference;
	struct edge first, last;
	uint64_t elapsed, shortest, longest, low_khz, high_khz, low_lapic_khz, high_lapic_khz, lapic_khz;

	start_reference(platform, &reference);
	lapic_timer_start_free_running();
	find_edge(&reference, &first);
	do {
		find_edge(&reference, &last);
		elapsed = (last.reference - first.reference) & reference.mask;
		shortest = last.tsc_before - first.tsc_after;
		longest = last.tsc_after - first.tsc_before;
	} while (elapsed < reference.longest && (longest - shortest) * GOOD_ENOUGH > longest);
	lapic_timer_end_free_running();

	low_khz = shortest * reference.hz / elapsed / 1000;
	high_khz = longest * reference.hz / elapsed / 1000 + 1;
	clock_rates.tsc_khz = roundest(low_khz, high_khz);
	/* The APIC timer counts down. */
	low_lapic_khz = (uint64_t)(first.lapic_after - last.lapic_before) * reference.hz / elapsed / 1000;
	high_lapic_khz =
		(uint64_t)(first.lapic_before - last.lapic_after) * reference.hz / elapsed / 1000 + 1;
	lapic_khz = roundest(low_lapic_khz, high_lapic_khz);
	if (clock_rates.tsc_khz < 1000 || lapic_khz < 1000) {
		panic("TSC (%lu kHz) or local APIC timer (%lu kHz) does not count", clock_rates.tsc_khz,
			lapic_khz);
	}

	clock_rates.tsc_per_nanosecond = (clock_rates.tsc_khz << 32) / 1000000;
	clock_rates.lapic_per_tsc = (lapic_khz << 32) / clock_rates.tsc_khz;
	clock_rates.tsc_per_lapic_maximum = ((uint64_t)UINT32_MAX - 1) * clock_rates.tsc_khz / lapic_khz;
	log_line("clock: TSC %lu kHz (between %lu and %lu), local APIC timer %lu kHz, by %s in %lu us",
		clock_rates.tsc_khz, low_khz, high_khz, lapic_khz,
		reference.pm_timer_port != 0 ? "ACPI PM timer" : "PIT", elapsed * 1000000 / reference.hz);
}
