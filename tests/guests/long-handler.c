/* SPDX-License-Identifier: MIT */
/* An interrupt handler that runs longer than the VM's share of a period, so that the machine takes the CPU away in the middle of
 * it. It must not be entered a second time meanwhile, and each timer that was armed comes once. */
#include "guest.h"

#define ROUNDS 5u
#define TURNS 5000000u /* of two instructions each: more than the budget of any period */

const char guest_name[] = "long-handler";

static volatile uint32_t inside, nested, came;

static void on_apic(struct interrupt_frame *frame)
{
	(void)frame;
	nested += inside;
	inside = 1;
	came++;
	for (uint32_t turn = 0; turn < TURNS; turn++)
		__asm__ volatile("");
	inside = 0;
	APIC_BASE[0xb0 / 4] = 0;
}

int main(void)
{
	apic_enable();
	interrupt_handle(APIC_TIMER_VECTOR, on_apic);
	APIC_BASE[0x3e0 / 4] = 0xb;               /* divide by 1 */
	APIC_BASE[0x320 / 4] = APIC_TIMER_VECTOR; /* one-shot */
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		APIC_BASE[0x380 / 4] = 10000;
		while (came < round)
			sleep_until_interrupt();
	}
	check("no handler was entered in the middle of itself", nested == 0);
	check("each timer came once", came == ROUNDS);
	finish();
}
