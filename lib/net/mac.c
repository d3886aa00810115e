/* SPDX-License-Identifier: MIT */
/* MAC addresses as text: see mac.h. Pure. */
#include <bulkhead/mac.h>

#define MAC_BYTES 6u

static bool hexadecimal(char character, uint64_t *value)
{
	if (character >= '0' && character <= '9') {
		*value = (unsigned char)character - (unsigned)'0';
	} else if (character >= 'a' && character <= 'f') {
		*value = (unsigned char)character - (unsigned)'a' + 10;
	} else if (character >= 'A' && character <= 'F') {
		*value = (unsigned char)character - (unsigned)'A' + 10;
	} else {
		return false;
	}
	return true;
}

bool mac_parse(const char *text, uint64_t *mac)
{
	uint64_t address = 0;

	for (unsigned i = 0; i < MAC_BYTES; i++) {
		uint64_t high;
		uint64_t low;

		if (!hexadecimal(text[0], &high) || !hexadecimal(text[1], &low) ||
			text[2] != (i == MAC_BYTES - 1 ? '\0' : ':')) {
			return false;
		}
		address = address << 8 | high << 4 | low;
		text += 3;
	}
	*mac = address;
	return true;
}

void mac_print(uint64_t mac, char text[MAC_TEXT_SIZE])
{
	static const char DIGITS[] = "0123456789abcdef";

	for (unsigned i = 0; i < MAC_BYTES; i++) {
		uint64_t byte = mac >> (8 * (MAC_BYTES - 1 - i)) & 0xff;

		text[3 * i] = DIGITS[byte >> 4];
		text[3 * i + 1] = DIGITS[byte & 15];
		text[3 * i + 2] = i == MAC_BYTES - 1 ? '\0' : ':';
	}
}
