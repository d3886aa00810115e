/* SPDX-License-Identifier: MIT */
/* The ELF reader on a well-formed image, on each way to break one, and on random damage. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bulkhead/elf64.h>

#include <stdlib.h>
#include <string.h>

#define START UINT64_C(0x1000)
#define END UINT64_C(0x40000000)

/* Offsets in struct fields of the file: System V gABI, ELF header and program header. */
enum { TYPE = 16, MACHINE = 18, ENTRY = 24, PROGRAM_OFFSET = 32, ENTRY_SIZE = 54, PROGRAM_COUNT = 56 };
enum { P_TYPE = 0, P_FLAGS = 4, P_OFFSET = 8, P_ADDRESS = 16, P_FILE = 32, P_MEMORY = 40, P_SIZE = 56 };
#define PROGRAM(n) (64 + (n)*P_SIZE)
#define IMAGE_SIZE 0x3000

static uint8_t file[IMAGE_SIZE];

static void put16(size_t offset, uint16_t value) { memcpy(file + offset, &value, sizeof value); }
static void put32(size_t offset, uint32_t value) { memcpy(file + offset, &value, sizeof value); }
static void put64(size_t offset, uint64_t value) { memcpy(file + offset, &value, sizeof value); }

static void put_program(unsigned int n, uint32_t type, uint32_t flags, uint64_t offset, uint64_t address,
	uint64_t size, uint64_t memory)
{
	put32(PROGRAM(n) + P_TYPE, type);
	put32(PROGRAM(n) + P_FLAGS, flags);
	put64(PROGRAM(n) + P_OFFSET, offset);
	put64(PROGRAM(n) + P_ADDRESS, address);
	put64(PROGRAM(n) + P_FILE, size);
	put64(PROGRAM(n) + P_MEMORY, memory);
}

/* Text at 0x400000 (the headers are in it), data with bss at 0x401800, a note in the text. */
static int make_image(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof file; i++) {
		file[i] = (uint8_t)(i * 7);
	}
	memset(file, 0, 0x400);
	memcpy(file, "\177ELF\2\1\1", 7);
	put16(TYPE, 2);
	put16(MACHINE, 62);
	put64(ENTRY, 0x400800);
	put64(PROGRAM_OFFSET, 64);
	put16(ENTRY_SIZE, P_SIZE);
	put16(PROGRAM_COUNT, 3);
	put_program(0, 1, 5, 0, 0x400000, 0x1000, 0x1000);
	put_program(1, 1, 6, 0x1800, 0x401800, 0x900, 0x3000);
	put_program(2, 4, 4, 0x300, 0x400300, 0x30, 0x30);
	put32(0x300, 4);
	put32(0x304, 0);
	put32(0x308, 1);
	memcpy(file + 0x30c, "GNU", 4);
	put32(0x310, 9);
	put32(0x314, 8);
	put32(0x318, 1);
	memcpy(file + 0x31c, "Bulkhead", 9);
	put64(0x328, UINT64_C(0x1122334455667788));
	return 0;
}

static enum elf_error open_image(struct elf_image *image)
{
	return elf_open(file, sizeof file, START, END, image);
}

static void test_good_image(void **state)
{
	struct elf_image image;
	uint64_t value = 0;

	(void)state;
	assert_int_equal(open_image(&image), ELF_OK);
	assert_int_equal(image.segment_count, 2);
	assert_int_equal(image.entry, 0x400800);
	assert_int_equal(image.program_headers, 0x400040);
	assert_int_equal(image.program_header_count, 3);
	assert_true(image.segment[0].executable && !image.segment[0].writable);
	assert_true(image.segment[1].writable && !image.segment[1].executable);
	assert_true(elf_find_note(&image, "Bulkhead", 1, &value));
	assert_int_equal(value, UINT64_C(0x1122334455667788));
	assert_false(elf_find_note(&image, "Bulkhead", 2, &value));
	assert_false(elf_find_note(&image, "Bulkhea", 1, &value));
}

static void test_pages(void **state)
{
	struct elf_image image;
	uint8_t page[4096];
	uint8_t zero[4096] = { 0 };

	(void)state;
	assert_int_equal(open_image(&image), ELF_OK);
	memset(page, 0, sizeof page);
	assert_true(elf_copy_page(&image, 0x400000, page));
	assert_memory_equal(page, file, 4096);
	memset(page, 0, sizeof page);
	assert_true(elf_copy_page(&image, 0x401000, page)); /* the segment begins in its middle */
	assert_memory_equal(page, zero, 0x800);
	assert_memory_equal(page + 0x800, file + 0x1800, 0x800);
	memset(page, 0, sizeof page);
	assert_true(elf_copy_page(&image, 0x402000, page)); /* and its file part ends in the next */
	assert_memory_equal(page, file + 0x2000, 0x100);
	assert_memory_equal(page + 0x100, zero, 0xf00);
	assert_false(elf_copy_page(&image, 0x403000, page)); /* bss */
	assert_false(elf_copy_page(&image, 0x500000, page));
}

static void assert_refused(enum elf_error expected)
{
	struct elf_image image;
	struct elf_image zero;

	memset(&zero, 0, sizeof zero);
	assert_int_equal(open_image(&image), expected);
	assert_memory_equal(&image, &zero, sizeof image);
	make_image(NULL);
}

static void test_refusals(void **state)
{
	(void)state;
	file[0] = 'E';
	assert_refused(ELF_ERROR_FORMAT);
	file[4] = 1;
	assert_refused(ELF_ERROR_FORMAT);
	put16(MACHINE, 3);
	assert_refused(ELF_ERROR_MACHINE);
	put16(TYPE, 3);
	assert_refused(ELF_ERROR_TYPE);
	put32(PROGRAM(2) + P_TYPE, 3);
	assert_refused(ELF_ERROR_TYPE);
	put16(ENTRY_SIZE, 32);
	assert_refused(ELF_ERROR_FORMAT);
	put64(PROGRAM_OFFSET, UINT64_MAX - 8);
	assert_refused(ELF_ERROR_TRUNCATED);
	put16(PROGRAM_COUNT, UINT16_MAX);
	assert_refused(ELF_ERROR_TRUNCATED);
	put64(PROGRAM(1) + P_OFFSET, IMAGE_SIZE - 1);
	assert_refused(ELF_ERROR_TRUNCATED);
	put64(PROGRAM(1) + P_FILE, UINT64_MAX);
	assert_refused(ELF_ERROR_TRUNCATED);
	put64(PROGRAM(1) + P_MEMORY, 0x8ff); /* less than in the file */
	assert_refused(ELF_ERROR_SEGMENT);
	put64(PROGRAM(1) + P_MEMORY, UINT64_MAX);
	assert_refused(ELF_ERROR_SEGMENT);
	put64(PROGRAM(1) + P_ADDRESS, 0x400fff); /* shares the first one's page */
	assert_refused(ELF_ERROR_SEGMENT);
	put64(PROGRAM(0) + P_ADDRESS, 0xfff); /* below the start */
	assert_refused(ELF_ERROR_SEGMENT);
	put64(PROGRAM(1) + P_ADDRESS, END - 0x1000); /* beyond the end */
	assert_refused(ELF_ERROR_SEGMENT);
	put32(PROGRAM(1) + P_FLAGS, 7);
	assert_refused(ELF_ERROR_SEGMENT);
	put64(ENTRY, 0x401800); /* in data */
	assert_refused(ELF_ERROR_ENTRY);
	put16(PROGRAM_COUNT, 0);
	assert_refused(ELF_ERROR_SEGMENTS);
}

static void test_every_length(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof file; size += 1 + size / 64) {
		uint8_t *copy = malloc(size + 1); /* its own allocation: the sanitizer sees a read beyond */
		struct elf_image image;

		memcpy(copy, file, size);
		if (elf_open(copy, size, START, END, &image) == ELF_OK) {
			assert_true(size >= 0x2100);
		}
		free(copy);
	}
}

static void test_random_damage(void **state)
{
	unsigned int notes = 0;

	(void)state;
	srand(1);
	for (unsigned int round = 0; round < 20000; round++) {
		struct elf_image image;
		uint64_t value;
		uint8_t page[4096];

		for (unsigned int i = 0; i < 4; i++) {
			static const uint8_t interesting[] = { 0, 1, 0x7f, 0x80, 0xff };

			file[(unsigned int)rand() % 0x340] =
				interesting[(unsigned int)rand() % sizeof interesting];
		}
		if (open_image(&image) == ELF_OK) {
			notes += elf_find_note(&image, "Bulkhead", 1, &value);
			for (uint32_t i = 0; i < image.segment_count; i++) {
				(void)elf_copy_page(&image, image.segment[i].address & ~UINT64_C(4095), page);
			}
		}
		if (round % 8 == 0) {
			make_image(NULL);
		}
	}
	assert_true(notes > 0); /* the damage left enough images whole to get that far */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good_image, make_image),
		cmocka_unit_test_setup(test_pages, make_image),
		cmocka_unit_test_setup(test_refusals, make_image),
		cmocka_unit_test_setup(test_every_length, make_image),
		cmocka_unit_test_setup(test_random_damage, make_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
