/* SPDX-License-Identifier: MIT */
/*
 * Stands in for the kernel in the tests of `bulkhead run`: a multiboot ELF32 program that writes texts to the two serial ports and then
 * ends in a given way. TEXT_COM1, TEXT_COM2 and END are given by the compiler's command line. No other file belongs to it:
 * gcc -m32 -O1 -ffreestanding -fno-pic -no-pie -nostdlib -fno-stack-protector -Wl,-Ttext=0x200000
 */
#include <stdint.h>

enum {
	COM1 = 0x3f8,
	COM2 = 0x2f8,
	LINE_STATUS = 5,
	DATA_READY = 1,
	CAN_SEND = 0x20,
	MULTIBOOT_MAGIC = 0x1badb002
};
enum { POWER_OFF, HANG, ECHO_UNTIL_Q };

__attribute__((section(".text.head"), used, aligned(4))) static const uint32_t multiboot_header[3] = {
	MULTIBOOT_MAGIC, 0, -(uint32_t)MULTIBOOT_MAGIC
};

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(uint16_t port, uint8_t byte)
{
	while ((inb((uint16_t)(port + LINE_STATUS)) & CAN_SEND) == 0) {}
	outb(port, byte);
}

static void write_text(uint16_t port, const char *text)
{
	for (; *text != '\0'; text++) {
		put(port, (uint8_t)*text);
	}
}

static void echo_until_q(void)
{
	uint8_t byte = 0;

	while (byte != 'q') {
		while ((inb(COM1 + LINE_STATUS) & DATA_READY) == 0) {}
		byte = inb(COM1);
		put(COM1, byte);
	}
}

__attribute__((noreturn, used)) void start(void)
{
	write_text(COM1, TEXT_COM1);
	write_text(COM2, TEXT_COM2);
	if (END == ECHO_UNTIL_Q) {
		echo_until_q();
	}
	if (END != HANG) {
		/* S5 of QEMU's q35: SLP_EN with SLP_TYP 0 in PM1a_CNT, where SeaBIOS puts it */
		__asm__ volatile("outw %0, %1" ::"a"((uint16_t)0x2000), "Nd"((uint16_t)0x604));
	}
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

__asm__(".globl _start\n_start: mov $0x180000, %esp\n call start\n");
