/* SPDX-License-Identifier: MIT */
/* A test root task's way out: polled COM1, the debug-exit port. */
#include "console.h"

#include <bulkhead/boot_info.h>
#include <bulkhead/syscall.h>

#include <stdarg.h>
#include <stddef.h>

#define COM1 0x3f8
#define LINE_STATUS 5
#define TRANSMITTER_EMPTY 0x20
#define DEBUG_EXIT 0xf4

void *memset(void *destination, int value, size_t length);
void *memcpy(void *restrict destination, const void *restrict source, size_t length);

void *memset(void *destination, int value, size_t length)
{
	void *to = destination;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(value) : "memory");
	return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t length)
{
	void *to = destination;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(source), "+c"(length) : : "memory");
	return destination;
}

static void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while ((inb(COM1 + LINE_STATUS) & TRANSMITTER_EMPTY) == 0) {}
	outb(COM1, (uint8_t)c);
}

static void put_number(uint64_t value, unsigned int base)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (count > 0) {
		put(digits[--count]);
	}
}

void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format++;
		if (*format == 's') {
			for (const char *text = va_arg(arguments, const char *); *text != '\0'; text++) {
				put(*text);
			}
		} else {
			put_number(va_arg(arguments, uint64_t), *format == 'x' ? 16 : 10);
		}
	}
	va_end(arguments);
}

static uint64_t open_ports(uint64_t untyped, uint64_t slot, uint64_t first, uint64_t count)
{
	enum bh_error error = bh_untyped_retype(untyped, BH_OBJECT_IO_PORTS, 0, 0, slot, 1);

	if (error == BH_OK) {
		error = bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, slot, first, count);
	}
	return error != BH_OK ? error : bh_io_ports_map(slot, BH_BOOT_ADDRESS_SPACE);
}

uint64_t console_open(uint64_t untyped, uint64_t first)
{
	uint64_t error = open_ports(untyped, first, COM1, 8);

	return error != BH_OK ? error : open_ports(untyped, first + 1, DEBUG_EXIT, 4);
}

void machine_exit(uint8_t code)
{
	outb(DEBUG_EXIT, code);
	for (;;) {}
}
