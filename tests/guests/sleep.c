/* SPDX-License-Identifier: MIT */
/* HLT ends when a timer asks for it, never before its time by the ACPI timer: PIT, local APIC timer, RTC update and alarm.
 * `forever=1`: sleeps with interrupts off, for ever, at no cost. */
#include "guest.h"

const char guest_name[] = "sleep";

enum { PM_TIMER = 0x608, PM_HZ = 3579545, PIT_HZ = 1193182 };

static volatile uint32_t came;
static volatile uint8_t rtc_flags;

static void on_pit(struct interrupt_frame *frame)
{
	(void)frame;
	came++;
	pic_end(0);
}

static void on_apic(struct interrupt_frame *frame)
{
	(void)frame;
	came++;
	APIC_BASE[0xb0 / 4] = 0;
}

static void on_rtc(struct interrupt_frame *frame)
{
	(void)frame;
	outb(0x70, 0x0c);
	rtc_flags |= inb(0x71);
	came++;
	pic_end(8);
}

static uint32_t wait(void)
{
	uint32_t start = inl(PM_TIMER);

	came = 0;
	while (!came)
		sleep_until_interrupt();
	return (inl(PM_TIMER) - start) & 0xffffff;
}

static void pit_sleep(const char *name, uint16_t count)
{
	uint32_t elapsed;

	outb(0x43, 0x30); /* mode 0: one interrupt at the end of the count */
	outb(0x40, (uint8_t)count);
	outb(0x40, (uint8_t)(count >> 8));
	elapsed = wait();
	check(name, elapsed + 20 >= (uint32_t)count * 3); /* the ACPI timer is three times as fast */
	check_equal("one interrupt only", came, 1);
}

static uint8_t rtc_read(uint8_t index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void rtc_write(uint8_t index, uint8_t value)
{
	outb(0x70, index);
	outb(0x71, value);
}

static void rtc_sleep(void)
{
	uint32_t elapsed;

	rtc_write(0x0a, 0x26);
	rtc_write(0x0b, 0x12); /* 24 hours, update-ended interrupt */
	(void)rtc_read(0x0c);
	pic_unmask(8);
	(void)wait();
	check("RTC: update-ended interrupt", (rtc_flags & 0x90) == 0x90);
	elapsed = wait();
	check("RTC: a second is a second", elapsed > PM_HZ / 10 * 9 && elapsed < PM_HZ * 2);
	rtc_write(0x01, 0xc0); /* don't care: an alarm every second */
	rtc_write(0x03, 0xc0);
	rtc_write(0x05, 0xc0);
	rtc_write(0x0b, 0x22);
	rtc_flags = 0;
	(void)rtc_read(0x0c);
	(void)wait();
	check("RTC: alarm interrupt", (rtc_flags & 0xa0) == 0xa0);
	rtc_write(0x0b, 0x02);
}

static void apic_sleep(void)
{
	uint32_t ticks, elapsed;

	apic_enable();
	APIC_BASE[0x3e0 / 4] = 0x3; /* divide by 16 */
	APIC_BASE[0x320 / 4] = 0x10000 | APIC_TIMER_VECTOR;
	APIC_BASE[0x380 / 4] = 0xffffffffu;
	pit_sleep("PIT beside the APIC", 23864);
	ticks = 0xffffffffu - APIC_BASE[0x390 / 4];
	check("APIC timer: it counts", ticks > 1000);
	APIC_BASE[0x320 / 4] = APIC_TIMER_VECTOR;
	APIC_BASE[0x380 / 4] = ticks;
	elapsed = wait();
	put("APIC timer: slept ");
	put_number(elapsed);
	put(" ticks of the ACPI timer for about ");
	put_number(23864 * 3);
	put("\n");
	check("APIC timer: woke up, not long before its time", elapsed > 23864 * 3 / 4);
}

int main(void)
{
	while (argument("forever", 0))
		__asm__ volatile("cli; hlt");
	pic_init();
	interrupt_handle(IRQ_BASE, on_pit);
	interrupt_handle(IRQ_BASE + 8, on_rtc);
	interrupt_handle(APIC_TIMER_VECTOR, on_apic);
	pic_unmask(0);
	pit_sleep("PIT: 1 ms", PIT_HZ / 1000);
	pit_sleep("PIT: 10 ms", PIT_HZ / 100);
	pit_sleep("PIT: 50 ms", PIT_HZ / 20);
	apic_sleep();
	rtc_sleep();
	put("sleep: woke up each time\n");
	return 0;
}
