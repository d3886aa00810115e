/* SPDX-License-Identifier: MIT */
/* Bounds-checked reader of static ELF64 executables: see elf64.h. Pure; structures as in the System V gABI (ELF-64 object file format). */
#include <bulkhead/elf64.h>

#include <string.h>

#define PAGE UINT64_C(4096)

#define ELF_CLASS_64 2
#define ELF_DATA_LITTLE 1
#define ELF_TYPE_EXEC 2
#define ELF_MACHINE_X8664 62
#define PROGRAM_LOAD 1
#define PROGRAM_INTERP 3
#define PROGRAM_NOTE 4
#define FLAG_EXECUTE 1u
#define FLAG_WRITE 2u

struct file_header {
	uint8_t ident[16];
	uint16_t type;
	uint16_t machine;
	uint32_t version;
	uint64_t entry;
	uint64_t program_offset;
	uint64_t section_offset;
	uint32_t flags;
	uint16_t header_size;
	uint16_t program_entry_size;
	uint16_t program_count;
	uint16_t section_entry_size;
	uint16_t section_count;
	uint16_t section_names;
};
_Static_assert(sizeof(struct file_header) == 64, "ELF64 header");

struct program_header {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t physical;
	uint64_t file_size;
	uint64_t memory_size;
	uint64_t alignment;
};
_Static_assert(sizeof(struct program_header) == 56, "ELF64 program header");

struct note_header {
	uint32_t owner_size;
	uint32_t description_size;
	uint32_t type;
};

static bool inside(uint64_t size, uint64_t offset, uint64_t length)
{
	return offset <= size && length <= size - offset;
}

static uint64_t page_down(uint64_t value) { return value & ~(PAGE - 1); }

/* The end of the page that holds the byte before `value`; callers have checked that it does not overflow. */
static uint64_t page_up(uint64_t value) { return page_down(value + PAGE - 1); }

static struct program_header program_header_at(
	const struct elf_image *image, uint64_t program_offset, uint32_t index)
{
	struct program_header header;

	memcpy(&header, image->bytes + program_offset + (uint64_t)index * sizeof(header), sizeof(header));
	return header;
}

static enum elf_error add_segment(
	struct elf_image *image, const struct program_header *header, uint64_t start, uint64_t end)
{
	struct elf_segment *segment = &image->segment[image->segment_count];
	uint64_t lowest = start;

	if (header->memory_size == 0) {
		return ELF_OK;
	}
	if (image->segment_count == ELF_SEGMENTS_MAX) {
		return ELF_ERROR_SEGMENTS;
	}
	if (image->segment_count > 0) {
		lowest = page_up(segment[-1].address + segment[-1].memory_size);
	}
	if (!inside(image->size, header->offset, header->file_size)) {
		return ELF_ERROR_TRUNCATED;
	}
	if (header->file_size > header->memory_size || page_down(header->address) < lowest ||
		header->address >= end || header->memory_size > end - header->address ||
		(header->flags & (FLAG_WRITE | FLAG_EXECUTE)) == (FLAG_WRITE | FLAG_EXECUTE)) {
		return ELF_ERROR_SEGMENT;
	}
	*segment = (struct elf_segment){
		.address = header->address,
		.memory_size = header->memory_size,
		.file_offset = header->offset,
		.file_size = header->file_size,
		.writable = (header->flags & FLAG_WRITE) != 0,
		.executable = (header->flags & FLAG_EXECUTE) != 0,
	};
	image->segment_count++;
	return ELF_OK;
}

static enum elf_error read_headers(struct elf_image *image, uint64_t start, uint64_t end)
{
	struct file_header file;
	uint64_t table_size;
	bool entry_found = false;

	if (image->size < sizeof(file)) {
		return ELF_ERROR_TRUNCATED;
	}
	memcpy(&file, image->bytes, sizeof(file));
	if (memcmp(file.ident, "\177ELF", 4) != 0 || file.ident[4] != ELF_CLASS_64 ||
		file.ident[5] != ELF_DATA_LITTLE) {
		return ELF_ERROR_FORMAT;
	}
	if (file.machine != ELF_MACHINE_X8664) {
		return ELF_ERROR_MACHINE;
	}
	if (file.type != ELF_TYPE_EXEC) {
		return ELF_ERROR_TYPE;
	}
	if (file.program_entry_size != sizeof(struct program_header)) {
		return ELF_ERROR_FORMAT;
	}
	table_size = (uint64_t)file.program_count * sizeof(struct program_header);
	if (!inside(image->size, file.program_offset, table_size)) {
		return ELF_ERROR_TRUNCATED;
	}
	image->entry = file.entry;
	image->program_header_count = file.program_count;
	image->program_header_size = file.program_entry_size;
	for (uint32_t i = 0; i < file.program_count; i++) {
		struct program_header header = program_header_at(image, file.program_offset, i);
		enum elf_error error = ELF_OK;

		if (header.type == PROGRAM_INTERP) {
			return ELF_ERROR_TYPE;
		}
		if (header.type == PROGRAM_LOAD) {
			error = add_segment(image, &header, start, end);
		}
		if (error != ELF_OK) {
			return error;
		}
	}
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segment[i];

		if (file.program_offset >= segment->file_offset &&
			inside(segment->file_size, file.program_offset - segment->file_offset, table_size)) {
			image->program_headers =
				segment->address + (file.program_offset - segment->file_offset);
		}
		entry_found = entry_found || (segment->executable && file.entry >= segment->address &&
						     file.entry - segment->address < segment->memory_size);
	}
	if (image->segment_count == 0) {
		return ELF_ERROR_SEGMENTS;
	}
	return entry_found ? ELF_OK : ELF_ERROR_ENTRY;
}

enum elf_error elf_open(const void *bytes, size_t size, uint64_t start, uint64_t end, struct elf_image *image)
{
	enum elf_error error;

	memset(image, 0, sizeof(*image));
	image->bytes = bytes;
	image->size = size;
	error = read_headers(image, start, end);
	if (error != ELF_OK) {
		memset(image, 0, sizeof(*image));
	}
	return error;
}

/* Looks through one note segment, [offset, offset + length) of the file, which lies inside it. */
static bool find_in_notes(const struct elf_image *image, uint64_t offset, uint64_t length, const char *owner,
	uint32_t type, uint64_t *value)
{
	size_t owner_size = strlen(owner) + 1;
	uint64_t end = offset + length;

	while (end - offset >= sizeof(struct note_header)) {
		struct note_header note;
		uint64_t owner_padded;
		uint64_t description_padded;

		memcpy(&note, image->bytes + offset, sizeof(note));
		offset += sizeof(note);
		owner_padded = ((uint64_t)note.owner_size + 3) & ~UINT64_C(3);
		description_padded = ((uint64_t)note.description_size + 3) & ~UINT64_C(3);
		if (owner_padded > end - offset || description_padded > end - offset - owner_padded) {
			return false;
		}
		if (note.type == type && note.owner_size == owner_size &&
			note.description_size == sizeof(*value) &&
			memcmp(image->bytes + offset, owner, owner_size) == 0) {
			memcpy(value, image->bytes + offset + owner_padded, sizeof(*value));
			return true;
		}
		offset += owner_padded + description_padded;
	}
	return false;
}

bool elf_find_note(const struct elf_image *image, const char *owner, uint32_t type, uint64_t *value)
{
	struct file_header file;

	if (image->size < sizeof(file)) {
		return false;
	}
	memcpy(&file, image->bytes, sizeof(file));
	for (uint32_t i = 0; i < image->program_header_count; i++) {
		struct program_header header = program_header_at(image, file.program_offset, i);

		if (header.type == PROGRAM_NOTE && inside(image->size, header.offset, header.file_size) &&
			find_in_notes(image, header.offset, header.file_size, owner, type, value)) {
			return true;
		}
	}
	return false;
}

bool elf_copy_page(const struct elf_image *image, uint64_t address, void *page)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segment[i];
		uint64_t file_end = segment->address + segment->file_size;
		uint64_t from = segment->address > address ? segment->address : address;
		uint64_t to = file_end < address + PAGE ? file_end : address + PAGE;

		if (from < to) {
			memcpy((uint8_t *)page + (from - address),
				image->bytes + segment->file_offset + (from - segment->address), to - from);
			return true;
		}
	}
	return false;
}

const char *elf_error_text(enum elf_error error)
{
	static const char *const text[ELF_ERROR_COUNT] = {
		[ELF_OK] = "no error",
		[ELF_ERROR_TRUNCATED] = "the file is shorter than its headers say",
		[ELF_ERROR_FORMAT] = "not a little-endian ELF64 file",
		[ELF_ERROR_MACHINE] = "not for x86-64",
		[ELF_ERROR_TYPE] = "not a statically linked executable at fixed addresses",
		[ELF_ERROR_SEGMENTS] = "no segment to load, or too many",
		[ELF_ERROR_SEGMENT] = "a segment is out of order, out of range, or writable and executable",
		[ELF_ERROR_ENTRY] = "the entry point is in no executable segment",
	};

	return (unsigned int)error < ELF_ERROR_COUNT ? text[error] : "?";
}
