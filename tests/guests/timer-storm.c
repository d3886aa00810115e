/* SPDX-License-Identifier: MIT */
/* All timers at their fastest: PIT with divisor 2, RTC at 8192 Hz, local APIC with a count of 1, each interrupt served.
 * Runs for ever, or until `rounds=` interrupts of the APIC timer came; then it prints how many there were of each.
 * `pit=` and `apic=` are other counts than the fastest. */
#include "guest.h"

const char guest_name[] = "timer-storm";

static volatile uint32_t pit, rtc, apic;
static uint32_t rounds;

static void on_pit(struct interrupt_frame *frame)
{
	(void)frame;
	pit++;
	pic_end(0);
}

static void on_rtc(struct interrupt_frame *frame)
{
	(void)frame;
	rtc++;
	outb(0x70, 0x0c);
	(void)inb(0x71); /* without this no further interrupt comes */
	pic_end(8);
}

static void on_apic(struct interrupt_frame *frame)
{
	(void)frame;
	apic++;
	if (rounds && apic == rounds) {
		put("timer-storm: PIT ");
		put_number(pit);
		put(", RTC ");
		put_number(rtc);
		put(", APIC ");
		put_number(apic);
		put("\n");
		check("the PIT's interrupts came", pit > 0);
		finish();
	}
	APIC_BASE[0xb0 / 4] = 0;
}

int main(void)
{
	rounds = (uint32_t)argument("rounds", 0);
	put("timer-storm: running\n");
	pic_init();
	apic_enable();
	interrupt_handle(IRQ_BASE, on_pit);
	interrupt_handle(IRQ_BASE + 8, on_rtc);
	interrupt_handle(APIC_TIMER_VECTOR, on_apic);
	outb(0x43, 0x34);
	outb(0x40, (uint8_t)argument("pit", 2));
	outb(0x40, (uint8_t)(argument("pit", 2) >> 8));
	outb(0x70, 0x0a);
	outb(0x71, 0x23);
	outb(0x70, 0x0b);
	outb(0x71, 0x42);
	pic_unmask(0);
	pic_unmask(8);
	APIC_BASE[0x3e0 / 4] = 0xb;                         /* divide by 1 */
	APIC_BASE[0x320 / 4] = 0x20000 | APIC_TIMER_VECTOR; /* periodic */
	APIC_BASE[0x380 / 4] = (uint32_t)argument("apic", 1);
	for (;;)
		sleep_until_interrupt();
}
