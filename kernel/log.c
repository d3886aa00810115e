/* SPDX-License-Identifier: MIT */
/* The log ring and the small formatter that fills it. Lines are made whole in a local buffer, then written. */

#include "log.h"

#include <bulkhead/log_ring.h>
#include <stdarg.h>
#include <stdbool.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/screen.h"
#include "arch/x86_64/serial.h"

#define LINE_MAXIMUM 1280 /* a whole command line fits; longer lines are cut */
#define DIGITS_MAXIMUM 20

static struct log_ring ring __attribute__((aligned(PAGE_SIZE))) = {
	.magic = LOG_RING_MAGIC,
	.version = LOG_RING_VERSION,
	.capacity = LOG_RING_CAPACITY,
};

static bool console_taken;

struct line {
	char text[LINE_MAXIMUM];
	unsigned int length;
};

static void append(struct line *line, char character)
{
	/* The last place is the newline's. */
	if (line->length < LINE_MAXIMUM - 1) {
		line->text[line->length++] = character;
	}
}

static void append_number(
	struct line *line, uint64_t value, unsigned int base, unsigned int width, char padding)
{
	char digits[DIGITS_MAXIMUM];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	for (unsigned int i = count; i < width; i++) {
		append(line, padding);
	}
	while (count > 0) {
		append(line, digits[--count]);
	}
}

static void append_formatted(struct line *line, const char *format, va_list arguments)
{
	for (; *format != 0; format++) {
		char padding = ' ';
		unsigned int width = 0;
		bool is_long = false;

		if (*format != '%') {
			append(line, *format);
			continue;
		}
		format++;
		if (*format == '0') {
			padding = '0';
			format++;
		}
		for (; *format >= '0' && *format <= '9' && width < LINE_MAXIMUM; format++) {
			width = width * 10 + (unsigned int)(*format - '0');
		}
		if (*format == 'l') {
			is_long = true;
			format++;
		}
		switch (*format) {
		case 's':
			for (const char *text = va_arg(arguments, const char *); *text != 0; text++) {
				append(line, *text);
			}
			break;
		case 'u':
		case 'x': {
			uint64_t value =
				is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned int);

			append_number(line, value, *format == 'u' ? 10 : 16, width, padding);
			break;
		}
		case 0:
			return;
		default:
			append(line, *format);
			break;
		}
	}
}

static void write_line(const struct line *line)
{
	for (unsigned int i = 0; i < line->length; i++) {
		ring.text[(ring.head + i) % LOG_RING_CAPACITY] = (uint8_t)line->text[i];
		if (console_taken) {
			serial_write(line->text[i]);
			screen_write(line->text[i]);
		}
	}
	/* A reader that sees the new head sees the text: x86 keeps stores in order, the compiler must too. */
	compiler_barrier();
	*(volatile uint64_t *)&ring.head = ring.head + line->length;
}

void log_line_list(const char *prefix, const char *format, va_list arguments)
{
	struct line line;

	line.length = 0;
	for (; *prefix != 0; prefix++) {
		append(&line, *prefix);
	}
	append_formatted(&line, format, arguments);
	line.text[line.length++] = '\n';
	write_line(&line);
}

void log_line(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line_list("", format, arguments);
	va_end(arguments);
}

void log_console_take(void)
{
	serial_initialise();
	console_taken = true;
}

void log_console_release(void) { console_taken = false; }

uint64_t log_ring_physical(void) { return virt_to_phys(&ring); }
