/* SPDX-License-Identifier: MIT */
/* Waits for its power button as an operating system does: enables the fixed event, sleeps until the SCI comes, and says what it saw. ACPI 6.4,
 * 4.8.3.1 (PM1 event registers): status and enable, bit 8. */
#include "guest.h"

const char guest_name[] = "power-button";

enum { STATUS = 0x600, ENABLE = 0x602, BUTTON = 1 << 8, SCI = 9 };

static volatile uint16_t seen;
static volatile unsigned interrupts;

static void sci(struct interrupt_frame *frame)
{
	(void)frame;
	interrupts++;
	seen |= inw(STATUS);
	outw(STATUS, BUTTON);
	pic_end(SCI);
}

int main(void)
{
	outw(ENABLE, BUTTON);
	interrupt_handle(IRQ_BASE + SCI, sci);
	pic_init();
	pic_unmask(SCI);
	put("power-button: waits\n");
	while (interrupts == 0)
		sleep_until_interrupt();
	check_equal("what the status says", seen & BUTTON, BUTTON);
	check_equal("interrupts", interrupts, 1);
	check_equal("it can be pressed again", inw(STATUS) & BUTTON, 0);
	return 0;
}
