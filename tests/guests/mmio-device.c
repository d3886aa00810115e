/* SPDX-License-Identifier: MIT */
/* A device model's registers in memory: every width, both kinds of code (decoded anew and remembered), its ports show
 * the same registers, its interrupt arrives. Needs `devices = { ..., test-device }`; also the place where a test kills
 * the model while the guest reads (`rounds=N`). */
#include "guest.h"

const char guest_name[] = "mmio-device";

enum { PORTS = 0x300, IDENTITY = 0x54534554, SCRATCH = 4, WRITES = 8, LINE = 12, IRQ = 10 };

#define DEVICE ((volatile uint8_t *)0xfed10000u)
#define R32(offset) (*(volatile uint32_t *)(DEVICE + (offset)))
#define R16(offset) (*(volatile uint16_t *)(DEVICE + (offset)))
#define R8(offset) (*(volatile uint8_t *)(DEVICE + (offset)))

static volatile unsigned interrupts;

static void on_interrupt(struct interrupt_frame *frame)
{
	(void)frame;
	interrupts++;
	R32(LINE) = 0;
	pic_end(IRQ);
}

int main(void)
{
	uint64_t rounds = argument("rounds", 1000);
	bool same = true;

	uart_init();
	check_equal("identity", R32(0), IDENTITY);
	check_equal("identity, 16 bits of it", R16(2), IDENTITY >> 16);
	check_equal("identity, a byte of it", R8(1), IDENTITY >> 8 & 0xff);
	R32(SCRATCH) = 0x11223344;
	check_equal("scratch", R32(SCRATCH), 0x11223344);
	R8(SCRATCH + 2) = 0xaa;
	R16(SCRATCH) = 0xbbcc;
	check_equal("scratch in pieces", R32(SCRATCH), 0x11aabbcc);
	check_equal("the same by ports", inl(PORTS + SCRATCH), 0x11aabbcc);
	outl(PORTS + SCRATCH, 5);
	check_equal("and back", R32(SCRATCH), 5);
	R32(0) = 1;
	check_equal("identity stays", R32(0), IDENTITY);
	check_equal("each write came once", R32(WRITES), 5);
	check_equal("behind the registers", R32(0xffc), 0);
	check_equal("behind the device", R32(0x1000), UINT32_MAX);
	for (uint32_t i = 0; i < rounds; i++) {
		R32(SCRATCH) = i;
		same = same && R32(SCRATCH) == i;
	}
	check("remembered instructions do the same", same);
	check_equal("no write was lost or doubled", R32(WRITES), 5 + (uint32_t)rounds);

	pic_init();
	interrupt_handle(IRQ_BASE + IRQ, on_interrupt);
	pic_unmask(IRQ);
	interrupts_on();
	for (unsigned i = 1; i <= 10; i++) {
		R32(LINE) = 1;
		while (interrupts < i)
			__asm__ volatile("pause");
	}
	interrupts_off();
	check_equal("its interrupt", interrupts, 10);
	finish();
}
