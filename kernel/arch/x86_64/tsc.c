/* SPDX-License-Identifier: MIT */
/* Measures the TSC and the local APIC timer against a clock whose rate is known: the ACPI PM timer. */

#include "arch/x86_64/tsc.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/lapic.h"
#include "log.h"
#include "panic.h"

struct clock_rates clock_rates;

#define PM_TIMER_HZ 3579545ul /* ACPI 6.4 §4.8.3.3 */
#define PM_TIMER_MASK 0xfffffful
/* A measurement ends when the bounds are this close (20 ppm), or after the longest time: less than half a turn of the
 * reference, so that one wrap cannot be missed. */
#define GOOD_ENOUGH 50000
#define LONGEST_PM_TICKS (PM_TIMER_HZ / 20)
#define IDLE_POLLS 1000000 /* a reference that does not move for so long is broken */

/* A change of the reference counter to a new value, known to lie between two readings of the TSC, and likewise of
 * the local APIC timer (which counts down). */
struct edge {
	uint64_t reference;
	uint64_t tsc_before, tsc_after;
	uint32_t lapic_before, lapic_after;
};

static void find_edge(uint16_t port, struct edge *edge)
{
	uint32_t lapic = lapic_timer_current();
	uint64_t tsc = rdtsc();
	uint64_t before = inl(port) & PM_TIMER_MASK;

	for (unsigned int i = 0; i < IDLE_POLLS; i++) {
		/* The last reading was after these, and still the old value. */
		edge->lapic_before = lapic;
		edge->tsc_before = tsc;
		lapic = lapic_timer_current();
		tsc = rdtsc();
		edge->reference = inl(port) & PM_TIMER_MASK;
		if (edge->reference != before) {
			edge->tsc_after = rdtsc();
			edge->lapic_after = lapic_timer_current();
			return;
		}
	}
	panic("the ACPI PM timer does not count: no clock to measure the TSC with");
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

void clock_calibrate(const struct platform_information *platform)
{
	uint16_t port = platform->pm_timer_port;
	struct edge first, last;
	uint64_t elapsed, shortest, longest, low_khz, high_khz, low_lapic_khz, high_lapic_khz, lapic_khz;

	if (port == 0) {
		panic("the firmware's tables name no ACPI PM timer: no clock to measure the TSC with");
	}
	lapic_timer_start_free_running();
	find_edge(port, &first);
	do {
		find_edge(port, &last);
		elapsed = (last.reference - first.reference) & PM_TIMER_MASK;
		shortest = last.tsc_before - first.tsc_after;
		longest = last.tsc_after - first.tsc_before;
	} while (elapsed < LONGEST_PM_TICKS && (longest - shortest) * GOOD_ENOUGH > longest);
	lapic_timer_end_free_running();

	low_khz = shortest * PM_TIMER_HZ / elapsed / 1000;
	high_khz = longest * PM_TIMER_HZ / elapsed / 1000 + 1;
	clock_rates.tsc_khz = roundest(low_khz, high_khz);
	/* The APIC timer counts down. */
	low_lapic_khz = (uint64_t)(first.lapic_after - last.lapic_before) * PM_TIMER_HZ / elapsed / 1000;
	high_lapic_khz = (uint64_t)(first.lapic_before - last.lapic_after) * PM_TIMER_HZ / elapsed / 1000 + 1;
	lapic_khz = roundest(low_lapic_khz, high_lapic_khz);
	if (clock_rates.tsc_khz < 1000 || lapic_khz < 1000) {
		panic("TSC (%lu kHz) or local APIC timer (%lu kHz) does not count", clock_rates.tsc_khz,
			lapic_khz);
	}

	clock_rates.tsc_per_nanosecond = (clock_rates.tsc_khz << 32) / 1000000;
	clock_rates.lapic_per_tsc = (lapic_khz << 32) / clock_rates.tsc_khz;
	clock_rates.tsc_per_lapic_maximum = ((uint64_t)UINT32_MAX - 1) * clock_rates.tsc_khz / lapic_khz;
	log_line(
		"clock: TSC %lu kHz (between %lu and %lu), local APIC timer %lu kHz, by the ACPI PM timer in %lu us",
		clock_rates.tsc_khz, low_khz, high_khz, lapic_khz, elapsed * 1000000 / PM_TIMER_HZ);
}
