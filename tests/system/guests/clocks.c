/* SPDX-License-Identifier: MIT */
/* Compares its clocks, until a key is typed: interrupts of the PIT at 100 Hz, and between them the time-stamp counter, the ACPI timer and the
 * local APIC's timer. `mode=sleeps` waits in HLT, `mode=spins` polls. Whoever stops the VM has to stop all of them, and let all go on. */
#include "guest.h"

const char guest_name[] = "clocks";

enum { PM_TIMER = 0x608, PIT_HZ = 1193182, HZ = 100, PM_PER_TICK = 3579545 / HZ, EVERY = 50 };

static volatile unsigned ticks;

static void tick(struct interrupt_frame *frame)
{
	(void)frame;
	ticks++;
	pic_end(0);
}

/* What passed of each clock. The APIC's timer counts down, here by the bus's clock. */
static struct clocks {
	uint64_t tsc;
	uint32_t pm, apic;
} last, longest, all;

static void look(void)
{
	static uint32_t last_pm, last_apic;
	struct clocks now = { tsc(), inl(PM_TIMER), APIC_BASE[0x390 / 4] };
	struct clocks passed = { now.tsc - last.tsc, (now.pm - last_pm) & 0xffffff, last_apic - now.apic };

	if (last.tsc != 0) {
		all.tsc += passed.tsc;
		all.pm += passed.pm;
		all.apic += passed.apic;
		longest.tsc = passed.tsc > longest.tsc ? passed.tsc : longest.tsc;
		longest.pm = passed.pm > longest.pm ? passed.pm : longest.pm;
		longest.apic = passed.apic > longest.apic ? passed.apic : longest.apic;
	}
	last = now;
	last_pm = now.pm;
	last_apic = now.apic;
}

int main(void)
{
	unsigned told = 0;
	bool spins = argument_is("mode", "spins");
	uint32_t per_tick;

	interrupt_handle(IRQ_BASE, tick);
	pic_init();
	apic_enable();
	APIC_BASE[0x320 / 4] = 0x10000; /* masked */
	APIC_BASE[0x3e0 / 4] = 3;       /* divided by 16 */
	APIC_BASE[0x380 / 4] = 0xffffffff;
	outb(0x43, 0x34);
	outb(0x40, (PIT_HZ / HZ) & 0xff);
	outb(0x40, (PIT_HZ / HZ) >> 8);
	pic_unmask(0);
	put("clocks: running\n");
	while ((inb(COM1 + 5) & 1) == 0) {
		unsigned before = ticks;

		if (spins) {
			interrupts_on();
			while (ticks == before)
				;
			interrupts_off();
		} else {
			sleep_until_interrupt();
		}
		look();
		if (ticks / EVERY != told) {
			told = ticks / EVERY;
			put("clocks: tick ");
			put_number(told * EVERY);
			put("\n");
		}
	}
	check_equal("what was typed", inb(COM1), 'q');
	per_tick = (uint32_t)(all.pm / ticks);
	put("clocks: ACPI timer ");
	put_number(per_tick);
	put(" a tick, longest ");
	put_number(longest.pm);
	put("\n");
	/* Ten ticks are much for a VM that waits for its share, and little for who was stopped for a second. */
	check("ACPI timer: nothing is missing", longest.pm < 10 * PM_PER_TICK);
	check("PIT and ACPI timer agree",
		per_tick > PM_PER_TICK * 98 / 100 && per_tick < PM_PER_TICK * 102 / 100);
	check("TSC: nothing is missing", longest.tsc >> 12 < 10 * (uint32_t)(all.tsc >> 12) / ticks);
	check("APIC timer: nothing is missing", longest.apic < 10 * (all.apic / ticks));
	return 0;
}
