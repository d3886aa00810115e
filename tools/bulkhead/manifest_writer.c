/* SPDX-License-Identifier: MIT */
/* Lays out manifests. Touches memory only. */
#include "manifest_writer.h"

#include "diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	"the manifest is little-endian and written as it stands in memory");

void manifest_writer_init(struct manifest_writer *writer)
{
	static const size_t RECORD_SIZES[MANIFEST_SECTION_COUNT] = {
		[MANIFEST_SECTION_STRINGS] = 1,
		[MANIFEST_SECTION_ARGUMENTS] = sizeof(uint32_t),
		[MANIFEST_SECTION_MODULES] = sizeof(struct manifest_module),
		[MANIFEST_SECTION_VMS] = sizeof(struct manifest_vm),
		[MANIFEST_SECTION_TASKS] = sizeof(struct manifest_task),
		[MANIFEST_SECTION_OBJECTS] = sizeof(struct manifest_object),
		[MANIFEST_SECTION_CAPABILITIES] = sizeof(struct manifest_capability),
		[MANIFEST_SECTION_MAPPINGS] = sizeof(struct manifest_mapping),
		[MANIFEST_SECTION_GUEST_MAPPINGS] = sizeof(struct manifest_guest_mapping),
		[MANIFEST_SECTION_ROUTES] = sizeof(struct manifest_route),
		[MANIFEST_SECTION_EXITS] = sizeof(struct manifest_exit),
		[MANIFEST_SECTION_BINDINGS] = sizeof(struct manifest_binding),
	};

	for (unsigned i = 0; i < MANIFEST_SECTION_COUNT; i++) {
		writer->sections[i] = (struct manifest_buffer){ .record_size = RECORD_SIZES[i] };
	}
}

void manifest_writer_free(struct manifest_writer *writer)
{
	for (unsigned i = 0; i < MANIFEST_SECTION_COUNT; i++) {
		free(writer->sections[i].bytes);
		writer->sections[i].bytes = NULL;
	}
}

static void append(struct manifest_buffer *buffer, const void *records, size_t count)
{
	if (buffer->count + count > buffer->capacity) {
		buffer->capacity = 2 * (buffer->count + count) + 16;
		buffer->bytes = reallocate(buffer->bytes, buffer->capacity * buffer->record_size);
	}
	memcpy(buffer->bytes + buffer->count * buffer->record_size, records, count * buffer->record_size);
	buffer->count += (uint32_t)count;
}

uint32_t manifest_writer_string(struct manifest_writer *writer, const char *format, ...)
{
	struct manifest_buffer *strings = &writer->sections[MANIFEST_SECTION_STRINGS];
	char text[MANIFEST_ARGUMENT_SIZE + 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (size_t offset = 0; offset < strings->count;) {
		const char *present = (const char *)strings->bytes + offset;

		if (strcmp(present, text) == 0) {
			return (uint32_t)offset;
		}
		offset += strlen(present) + 1;
	}
	uint32_t offset = strings->count;

	append(strings, text, strlen(text) + 1);
	return offset;
}

uint32_t manifest_writer_add(
	struct manifest_writer *writer, enum manifest_section_index section, const void *record)
{
	append(&writer->sections[section], record, 1);
	return writer->sections[section].count - 1;
}

void *manifest_writer_record(
	const struct manifest_writer *writer, enum manifest_section_index section, uint32_t index)
{
	const struct manifest_buffer *buffer = &writer->sections[section];

	return buffer->bytes + index * buffer->record_size;
}

void *manifest_writer_finish(
	const struct manifest_writer *writer, uint32_t name, enum manifest_panic_action panic, size_t *size)
{
	struct manifest_header header = {
		.magic = MANIFEST_MAGIC,
		.abi_version = MANIFEST_ABI_VERSION,
		.header_size = sizeof header,
		.name = name,
		.panic = panic,
	};
	size_t offset = sizeof header;

	for (unsigned i = 0; i < MANIFEST_SECTION_COUNT; i++) {
		const struct manifest_buffer *buffer = &writer->sections[i];

		header.sections[i] = (struct manifest_section){ (uint32_t)offset, buffer->count };
		offset = (offset + buffer->count * buffer->record_size + 7) / 8 * 8;
	}
	header.total_size = (uint32_t)offset;

	uint8_t *bytes = allocate(offset);

	memset(bytes, 0, offset);
	for (unsigned i = 0; i < MANIFEST_SECTION_COUNT; i++) {
		const struct manifest_buffer *buffer = &writer->sections[i];

		if (buffer->count != 0) {
			memcpy(bytes + header.sections[i].offset, buffer->bytes,
				buffer->count * buffer->record_size);
		}
	}
	memcpy(bytes, &header, sizeof header);
	header.checksum = manifest_checksum(bytes + offsetof(struct manifest_header, name),
		offset - offsetof(struct manifest_header, name));
	memcpy(bytes, &header, sizeof header);
	*size = offset;
	return bytes;
}
