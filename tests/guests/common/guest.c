/* SPDX-License-Identifier: MIT */
/* The bare guests' library, see guest.h: text, checks, arguments, the end. */
#include "guest.h"

uint32_t multiboot_magic;
const struct multiboot_info *multiboot_info;

static unsigned checks, failures;

void uart_init(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80);
	outb(COM1 + 0, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	outb(COM1 + 4, 3);
}

void put_character(char character)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, (uint8_t)character);
}

void put(const char *text)
{
	for (; *text; text++)
		put_character(*text);
}

/* Without a 64-bit division, which 32-bit code would take from a library. */
void put_number(uint64_t number)
{
	static const uint64_t powers[] = { 10000000000000000000ull, 1000000000000000000ull,
		100000000000000000ull, 10000000000000000ull, 1000000000000000ull, 100000000000000ull,
		10000000000000ull, 1000000000000ull, 100000000000ull, 10000000000ull, 1000000000ull,
		100000000ull, 10000000ull, 1000000ull, 100000ull, 10000ull, 1000ull, 100ull, 10ull, 1ull };
	bool started = false;

	for (unsigned i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		char digit = '0';
		for (; number >= powers[i]; digit++)
			number -= powers[i];
		started = started || digit != '0' || powers[i] == 1;
		if (started)
			put_character(digit);
	}
}

void put_hex(uint64_t number)
{
	int shift = 60;

	put("0x");
	while (shift > 0 && !(number >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_character("0123456789abcdef"[number >> shift & 15]);
}

void check(const char *name, bool holds)
{
	checks++;
	if (holds)
		return;
	failures++;
	put("FAIL ");
	put(name);
	put("\n");
}

void check_equal(const char *name, uint64_t got, uint64_t expected)
{
	checks++;
	if (got == expected)
		return;
	failures++;
	put("FAIL ");
	put(name);
	put(": got ");
	put_hex(got);
	put(", expected ");
	put_hex(expected);
	put("\n");
}

void finish(void)
{
	put(guest_name);
	put(": ");
	put_number(checks);
	put(" checks, ");
	put_number(failures);
	put(" failed\n");
	guest_exit(failures ? 1 : 0);
}

void guest_exit(uint8_t code)
{
	while (!(inb(COM1 + 5) & 0x40))
		;
	outl(DEBUG_EXIT, code);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static const char *argument_text(const char *key)
{
	const char *at;

	if (multiboot_magic != 0x2badb002 || !(multiboot_info->flags & 4))
		return NULL;
	for (at = (const char *)(uintptr_t)multiboot_info->command_line; *at;) {
		const char *k = key;
		while (*k && *at == *k) {
			at++;
			k++;
		}
		if (!*k && *at == '=')
			return at + 1;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return NULL;
}

uint64_t argument(const char *key, uint64_t otherwise)
{
	const char *text = argument_text(key);
	uint64_t number = 0;

	if (!text)
		return otherwise;
	if (text[0] == '0' && text[1] == 'x') {
		for (text += 2;; text++) {
			if (*text >= '0' && *text <= '9')
				number = number << 4 | (uint64_t)(*text - '0');
			else if (*text >= 'a' && *text <= 'f')
				number = number << 4 | (uint64_t)(*text - 'a' + 10);
			else
				return number;
		}
	}
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	return number;
}

bool argument_is(const char *key, const char *value)
{
	const char *text = argument_text(key);

	if (!text)
		return false;
	while (*value && *text == *value) {
		text++;
		value++;
	}
	return !*value && (!*text || *text == ' ');
}

uint64_t ram_end(void)
{
	if (multiboot_magic != 0x2badb002 || !(multiboot_info->flags & 1))
		return 0;
	return 0x100000 + (uint64_t)multiboot_info->mem_upper * 1024;
}

/* The compiler may turn loops into calls of these. */
void *memset(void *destination, int value, size_t size);
void *memset(void *destination, int value, size_t size)
{
	void *at = destination;
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
	return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
	void *at = destination;
	__asm__ volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(size)::"memory");
	return destination;
}
