/* SPDX-License-Identifier: MIT */
/* AML byte code: see aml.h. Section numbers are those of ACPI 6.0. */
#include "acpi/aml.h"

/* Section 20.3. */
enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_EXTENDED = 0x5b,
	OP_EXTENDED_DEVICE = 0x82,
};
/* Package lengths always take 2 bytes here (section 20.2.4): up to 4095, which every package of ours is
 * far below. */
enum { PACKAGE_LENGTH_BYTES = 2, PACKAGE_LENGTH_MAX = 4095 };

static void emit(struct aml *aml, uint64_t value, unsigned bytes)
{
	if (aml->overflow || aml->size - aml->used < bytes) {
		aml->overflow = true;
		return;
	}
	for (unsigned i = 0; i < bytes; i++)
		aml->bytes[aml->used++] = (uint8_t)(value >> 8 * i);
}

static void emit_name(struct aml *aml, const char *name)
{
	if (*name == '\\')
		emit(aml, (uint8_t)*name++, 1);
	for (unsigned i = 0; i < 4; i++)
		emit(aml, *name ? (uint8_t)*name++ : '_', 1);
}

void aml_name(struct aml *aml, const char *name)
{
	emit(aml, OP_NAME, 1);
	emit_name(aml, name);
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		emit(aml, value ? OP_ONE : OP_ZERO, 1);
	} else if (value <= UINT8_MAX) {
		emit(aml, OP_BYTE, 1);
		emit(aml, value, 1);
	} else if (value <= UINT16_MAX) {
		emit(aml, OP_WORD, 1);
		emit(aml, value, 2);
	} else {
		emit(aml, OP_DWORD, 1);
		emit(aml, value, 4);
	}
}

/* Section 19.3.4: three letters of 5 bits and four hexadecimal digits, most significant byte first. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	uint32_t code = 0;
	for (unsigned i = 0; i < 3; i++)
		code = code << 5 | ((uint32_t)id[i] - '@');
	for (unsigned i = 3; i < 7; i++)
		code = code << 4 | (uint32_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	aml_integer(aml, __builtin_bswap32(code));
}

static size_t begin(struct aml *aml)
{
	size_t start = aml->used;
	emit(aml, 0, PACKAGE_LENGTH_BYTES);
	return start;
}

size_t aml_begin_scope(struct aml *aml, const char *name)
{
	emit(aml, OP_SCOPE, 1);
	size_t start = begin(aml);
	emit_name(aml, name);
	return start;
}

size_t aml_begin_device(struct aml *aml, const char *name)
{
	emit(aml, OP_EXTENDED, 1);
	emit(aml, OP_EXTENDED_DEVICE, 1);
	size_t start = begin(aml);
	emit_name(aml, name);
	return start;
}

size_t aml_begin_package(struct aml *aml, uint8_t elements)
{
	emit(aml, OP_PACKAGE, 1);
	size_t start = begin(aml);
	emit(aml, elements, 1);
	return start;
}

void aml_end(struct aml *aml, size_t start)
{
	size_t length = aml->used - start;
	if (aml->overflow || length > PACKAGE_LENGTH_MAX) {
		aml->overflow = true;
		return;
	}
	aml->bytes[start] = (uint8_t)(1u << 6 | (length & 0xf));
	aml->bytes[start + 1] = (uint8_t)(length >> 4);
}

struct aml_resources aml_begin_resources(struct aml *aml)
{
	struct aml_resources resources;
	emit(aml, OP_BUFFER, 1);
	resources.package = begin(aml);
	emit(aml, OP_WORD, 1);
	resources.size_at = aml->used;
	emit(aml, 0, 2);
	return resources;
}

void aml_end_resources(struct aml *aml, struct aml_resources resources)
{
	emit(aml, 0x79, 1); /* end tag (section 6.4.2.9), checksum 0: not used */
	emit(aml, 0, 1);
	if (!aml->overflow) {
		size_t count = aml->used - resources.size_at - 2;
		aml->bytes[resources.size_at] = (uint8_t)count;
		aml->bytes[resources.size_at + 1] = (uint8_t)(count >> 8);
	}
	aml_end(aml, resources.package);
}

void aml_resource_io(struct aml *aml, uint16_t base, uint8_t count)
{
	emit(aml, 0x47, 1); /* section 6.4.2.5 */
	emit(aml, 1, 1);    /* decodes 16 bits */
	emit(aml, base, 2);
	emit(aml, base, 2);
	emit(aml, 1, 1); /* alignment */
	emit(aml, count, 1);
}

void aml_resource_interrupt(struct aml *aml, unsigned interrupt)
{
	emit(aml, 0x22, 1); /* section 6.4.2.1, the short form: edge, high, not shared */
	emit(aml, UINT64_C(1) << interrupt, 2);
}

/* Address space descriptors (section 6.4.3.5): a producer, positive decode, both ends fixed. */
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2, SPACE_FIXED_ENDS = 0x0c };

static void word_space(struct aml *aml, unsigned type, unsigned type_flags, uint16_t first, uint16_t last)
{
	emit(aml, 0x88, 1);
	emit(aml, 13, 2);
	emit(aml, type, 1);
	emit(aml, SPACE_FIXED_ENDS, 1);
	emit(aml, type_flags, 1);
	emit(aml, 0, 2); /* granularity */
	emit(aml, first, 2);
	emit(aml, last, 2);
	emit(aml, 0, 2); /* translation */
	emit(aml, (uint32_t)last - first + 1, 2);
}

void aml_resource_bus(struct aml *aml, uint16_t first, uint16_t last)
{
	word_space(aml, SPACE_BUS, 0, first, last);
}

void aml_resource_io_window(struct aml *aml, uint16_t first, uint16_t last)
{
	word_space(aml, SPACE_IO, 3, first, last); /* ISA and non-ISA ranges */
}

void aml_resource_memory_window(struct aml *aml, uint32_t first, uint32_t last, bool cacheable)
{
	emit(aml, 0x87, 1);
	emit(aml, 23, 2);
	emit(aml, SPACE_MEMORY, 1);
	emit(aml, SPACE_FIXED_ENDS, 1);
	emit(aml, cacheable ? 3 : 1, 1); /* read and write; cacheable */
	emit(aml, 0, 4);
	emit(aml, first, 4);
	emit(aml, last, 4);
	emit(aml, 0, 4);
	emit(aml, last - first + 1, 4);
}
