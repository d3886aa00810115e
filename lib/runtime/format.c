/* SPDX-License-Identifier: MIT */
/* The small printf behind bh_log: see task.h. No libc, no FPU, no allocation; usable in handler threads and in the root task. */
#include <bulkhead/task.h>

struct output {
	char *next;
	char *last; /* room for the NUL */
};

static void put(struct output *output, char character)
{
	if (output->next < output->last) {
		*output->next++ = character;
	}
}

static void put_padded(
	struct output *output, const char *text, size_t length, size_t width, bool left, char pad)
{
	size_t padding = width > length ? width - length : 0;

	if (pad == '0' && length > 0 && text[0] == '-') {
		put(output, *text++);
		length--;
	}
	for (size_t i = 0; !left && i < padding; i++) {
		put(output, pad);
	}
	for (size_t i = 0; i < length; i++) {
		put(output, text[i]);
	}
	for (size_t i = 0; left && i < padding; i++) {
		put(output, ' ');
	}
}

static void put_number(struct output *output, uint64_t value, unsigned int base, bool negative, size_t width,
	bool left, char pad)
{
	char digits[24];
	size_t first = sizeof(digits);

	do {
		digits[--first] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	if (negative) {
		digits[--first] = '-';
	}
	put_padded(output, &digits[first], sizeof(digits) - first, width, left, pad);
}

static size_t limited_length(const char *text, size_t limit)
{
	size_t length = 0;

	while (length < limit && text[length] != '\0') {
		length++;
	}
	return length;
}

static size_t read_size(const char **format)
{
	size_t value = 0;

	while (**format >= '0' && **format <= '9' && value < 10000) {
		value = value * 10 + (size_t)(*(*format)++ - '0');
	}
	return value;
}

size_t bh_format_list(char *buffer, size_t size, const char *format, __builtin_va_list arguments)
{
	struct output output = { .next = buffer, .last = buffer + size - 1 };

	while (*format != '\0') {
		bool left = false;
		bool wide = false;
		char pad = ' ';
		size_t width;
		size_t precision = SIZE_MAX;

		if (*format != '%') {
			put(&output, *format++);
			continue;
		}
		format++;
		for (; *format == '-' || *format == '0'; format++) {
			left = left || *format == '-';
			pad = *format == '0' ? '0' : pad;
		}
		width = read_size(&format);
		if (format[0] == '.' && format[1] == '*') {
			int given = __builtin_va_arg(arguments, int);

			precision = given < 0 ? SIZE_MAX : (size_t)given;
			format += 2;
		} else if (*format == '.') {
			format++;
			precision = read_size(&format);
		}
		for (; *format == 'l' || *format == 'z'; format++) {
			wide = true;
		}
		switch (*format) {
		case 's': {
			const char *text = __builtin_va_arg(arguments, const char *);

			text = text != NULL ? text : "(null)";
			put_padded(&output, text, limited_length(text, precision), width, left, ' ');
			break;
		}
		case 'c': {
			char character = (char)__builtin_va_arg(arguments, int);

			put_padded(&output, &character, 1, width, left, ' ');
			break;
		}
		case 'd':
		case 'i': {
			int64_t value =
				wide ? __builtin_va_arg(arguments, long) : __builtin_va_arg(arguments, int);
			uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

			put_number(&output, magnitude, 10, value < 0, width, left, pad);
			break;
		}
		case 'u':
		case 'x': {
			uint64_t value = wide ? __builtin_va_arg(arguments, unsigned long)
					      : __builtin_va_arg(arguments, unsigned int);

			put_number(&output, value, *format == 'u' ? 10 : 16, false, width, left, pad);
			break;
		}
		case 'p':
			put_number(&output, (uint64_t)(uintptr_t) __builtin_va_arg(arguments, void *), 16,
				false, width, left, pad);
			break;
		case '\0':
			continue; /* a lone % at the end */
		default:          /* %% and what is not known stand for themselves */
			put(&output, *format);
			break;
		}
		format++;
	}
	*output.next = '\0';
	return (size_t)(output.next - buffer);
}

size_t bh_format(char *buffer, size_t size, const char *format, ...)
{
	__builtin_va_list arguments;
	size_t length;

	__builtin_va_start(arguments, format);
	length = bh_format_list(buffer, size, format, arguments);
	__builtin_va_end(arguments);
	return length;
}

bool bh_parse_number(const char *text, uint64_t *value)
{
	unsigned int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	uint64_t number = 0;

	text += base == 16 ? 2 : 0;
	if (*text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		unsigned int digit = 16;

		if (*text >= '0' && *text <= '9') {
			digit = (unsigned int)(*text - '0');
		} else if ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'f') {
			digit = (unsigned int)((*text | 0x20) - 'a') + 10;
		}
		if (digit >= base || number > (UINT64_MAX - digit) / base) {
			return false;
		}
		number = number * base + digit;
	}
	*value = number;
	return true;
}
