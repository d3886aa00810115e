/* SPDX-License-Identifier: MIT */
/* Builds a manifest in memory: records are added one by one, then laid out as lib/include/bulkhead/manifest.h describes. Memory only. */
#pragma once

#include <bulkhead/manifest.h>

#include <stddef.h>
#include <stdint.h>

/* A growing run of records of one size. */
struct manifest_buffer {
	uint8_t *bytes;
	size_t record_size;
	uint32_t count;
	size_t capacity; /* in records */
};

struct manifest_writer {
	struct manifest_buffer sections[MANIFEST_SECTION_COUNT];
};

void manifest_writer_init(struct manifest_writer *writer);
void manifest_writer_free(struct manifest_writer *writer);

/* The offset of a string that reads as the format says; equal strings are stored once. */
__attribute__((format(printf, 2, 3))) uint32_t manifest_writer_string(
	struct manifest_writer *writer, const char *format, ...);

/* Appends a copy of `record`, which is of the section's type; returns its index. */
uint32_t manifest_writer_add(
	struct manifest_writer *writer, enum manifest_section_index section, const void *record);

/* A record that was added, to be completed; valid until the next one is added to the section. */
void *manifest_writer_record(
	const struct manifest_writer *writer, enum manifest_section_index section, uint32_t index);

/*
 * Lays the manifest out in new memory, which the caller frees. `name` is a string's offset. The same records in the same order give
 * the same bytes. *size becomes its length.
 */
void *manifest_writer_finish(
	const struct manifest_writer *writer, uint32_t name, enum manifest_panic_action panic, size_t *size);
