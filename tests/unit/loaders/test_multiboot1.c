/* SPDX-License-Identifier: MIT */
/* The Multiboot 1 loader: ELF and address fields, modules and strings, every refusal, truncation, mutated
 * files. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "bytes.h"
#include "loaders/loader.h"
#include "memory/guest_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 8 << 20, KERNEL = 0x3000, HEADER = 0x1000, TEXT = 0x200000, DATA = 0x300000 };

static uint8_t *ram;
static uint8_t kernel[KERNEL];
static struct guest_memory memory;
static struct bh_vcpu_state state;
static struct loader_failure failure;
static struct loader_request request;
static struct loader_file modules[65];

static void multiboot_header(uint32_t flags)
{
	put(kernel + HEADER, 0x1badb002, 4);
	put(kernel + HEADER + 4, flags, 4);
	put(kernel + HEADER + 8, -(0x1badb002u + flags), 4);
}

static void program_header(
	unsigned index, uint32_t offset, uint32_t virtual, uint32_t physical, uint32_t file, uint32_t mem)
{
	uint8_t *at = kernel + 52 + 32 * index;
	put(at, 1, 4);
	put(at + 4, offset, 4);
	put(at + 8, virtual, 4);
	put(at + 12, physical, 4);
	put(at + 16, file, 4);
	put(at + 20, mem, 4);
}

static int group_setup(void **context)
{
	(void)context;
	ram = map_ram(RAM);
	return ram == NULL;
}

static int setup(void **context)
{
	(void)context;
	static const uint8_t identification[] = { 0x7f, 'E', 'L', 'F', 1, 1, 1 };
	memset(ram, 0xee, RAM);
	guest_memory_initialize(&memory, 40);
	if (!guest_memory_add(&memory, 0, RAM, ram))
		return 1;
	for (unsigned i = 0; i < KERNEL; i++)
		kernel[i] = (uint8_t)(i * 13 >> 4);
	memset(kernel, 0, 0x200);
	memcpy(kernel, identification, sizeof identification);
	put(kernel + 16, 2, 2);
	put(kernel + 18, 3, 2);
	put(kernel + 24, TEXT + 0x10, 4);
	put(kernel + 28, 52, 4);
	put(kernel + 42, 32, 2);
	put(kernel + 44, 3, 2);
	program_header(0, HEADER, TEXT, TEXT, 0x1000, 0x1000);
	program_header(1, 0x2000, DATA, DATA, 0x800, 0x2345);
	put(kernel + 52 + 64, 4, 4); /* a note: not loaded */
	multiboot_header(3);
	memset(&state, 0, sizeof state);
	memset(modules, 0, sizeof modules);
	request = (struct loader_request){ .memory = &memory,
		.kernel = { kernel, KERNEL, NULL },
		.modules = modules,
		.command_line = "kernel a=b" };
	return 0;
}

static void loads_elf(void **context)
{
	(void)context;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	assert_memory_equal(ram + TEXT, kernel + HEADER, 0x1000);
	assert_memory_equal(ram + DATA, kernel + 0x2000, 0x800);
	for (unsigned i = 0x800; i < 0x2345; i++)
		assert_int_equal(ram[DATA + i], 0);
	assert_int_equal(ram[DATA + 0x2345], 0xee);
	assert_int_equal(state.rip, TEXT + 0x10);
	assert_int_equal(state.registers[BH_RAX], 0x2badb002);
	assert_int_equal(state.cr0 & 0x80000001u, 1);
	assert_int_equal(state.efer, 0);
	assert_int_equal(state.segment[BH_CS].attributes, 0xc9b);
	assert_int_equal(state.segment[BH_SS].attributes, 0xc93);
	assert_int_equal(state.segment[BH_SS].limit, UINT32_MAX);

	const uint8_t *info = ram + state.registers[BH_RBX];
	assert_int_equal(get(info, 4), 1 | 4 | 8 | 64 | 512);
	assert_int_equal(get(info + 4, 4), 639);
	assert_int_equal(get(info + 8, 4), (RAM >> 10) - 1024);
	assert_string_equal((const char *)ram + get(info + 16, 4), "kernel a=b");
	assert_string_equal((const char *)ram + get(info + 64, 4), "bulkhead");
	assert_int_equal(get(info + 20, 4), 0);
	assert_int_equal(get(info + 44, 4), 4 * 24);
	const uint8_t *map = ram + get(info + 48, 4);
	assert_int_equal(get(map, 4), 20);
	assert_int_equal(get(map + 3 * 24 + 4, 8), 0x100000);
	assert_int_equal(get(map + 3 * 24 + 12, 8), RAM - 0x100000);
	assert_int_equal(get(map + 3 * 24 + 20, 4), 1);
}

static void modules_follow_the_kernel(void **context)
{
	(void)context;
	static uint8_t first[5000], second[1];
	memset(first, 1, sizeof first);
	second[0] = 2;
	modules[0] = (struct loader_file){ first, sizeof first, "first x y" };
	modules[1] = (struct loader_file){ NULL, 0, NULL };
	modules[2] = (struct loader_file){ second, 1, "second" };
	request.module_count = 3;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	const uint8_t *info = ram + state.registers[BH_RBX];
	assert_int_equal(get(info + 20, 4), 3);
	const uint8_t *table = ram + get(info + 24, 4);
	assert_int_equal(get(table, 4), 0x303000); /* page-aligned behind DATA + 0x2345 */
	assert_int_equal(get(table + 4, 4), 0x303000 + 5000);
	assert_string_equal((const char *)ram + get(table + 8, 4), "first x y");
	assert_int_equal(get(table + 16, 4), get(table + 20, 4));
	assert_int_equal(ram[get(table + 24, 4)], 0);
	assert_string_equal((const char *)ram + get(table + 40, 4), "second");
	assert_memory_equal(ram + get(table, 4), first, sizeof first);
	assert_int_equal(ram[get(table + 32, 4)], 2);

	modules[2].size = RAM; /* the size is looked at before a byte of it */
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MODULES_TOO_LARGE);
	modules[2].size = UINT64_MAX;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MODULES_TOO_LARGE);
	request.module_count = 65;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_TOO_MANY_MODULES);
}

static void strings_have_a_limit(void **context)
{
	(void)context;
	static char text[0x10000];
	memset(text, 'y', sizeof text - 1);
	request.command_line = text;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_STRINGS_TOO_LONG);
	uint64_t most = failure.limit;
	text[most - 1] = 0;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	const uint8_t *info = ram + state.registers[BH_RBX];
	assert_int_equal(strlen((const char *)ram + get(info + 16, 4)), most - 1);
	assert_string_equal((const char *)ram + get(info + 64, 4), "bulkhead");
}

static void entry_points(void **context)
{
	(void)context;
	program_header(0, HEADER, 0xc0200000, TEXT, 0x1000, 0x1000); /* linked high, virtual entry */
	put(kernel + 24, 0xc0200020, 4);
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	assert_int_equal(state.rip, TEXT + 0x20);
	put(kernel + 24, TEXT + 0x30, 4); /* physical entry */
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	assert_int_equal(state.rip, TEXT + 0x30);
	put(kernel + 24, TEXT + 0x1000, 4);
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_BAD_ENTRY);
}

static void address_fields(
	uint32_t header, uint32_t load, uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
	multiboot_header(0x10000);
	put(kernel + HEADER + 12, header, 4);
	put(kernel + HEADER + 16, load, 4);
	put(kernel + HEADER + 20, load_end, 4);
	put(kernel + HEADER + 24, bss_end, 4);
	put(kernel + HEADER + 28, entry, 4);
}

static void loads_by_addresses(void **context)
{
	(void)context;
	memset(kernel, 0, 4); /* no ELF */
	address_fields(0x200800, 0x200000, 0x201800, 0x203000, 0x200040);
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	assert_memory_equal(ram + 0x200000, kernel + 0x800, 0x1800);
	assert_int_equal(ram[0x201800], 0);
	assert_int_equal(ram[0x202fff], 0);
	assert_int_equal(ram[0x203000], 0xee);
	assert_int_equal(state.rip, 0x200040);
	address_fields(0x201000, 0x200000, 0, 0, 0x200040); /* to the end of the file, no bss */
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	assert_memory_equal(ram + 0x200000, kernel, KERNEL);

	static const struct {
		uint32_t header, load, load_end, bss_end, entry;
		enum loader_error error;
	} bad[] = {
		{ 0x200000, 0x200001, 0, 0, 0x200040, LOADER_MULTIBOOT_BAD_ADDRESSES },
		/* begins before the file */
		{ 0x202000, 0x200000, 0, 0, 0x200040, LOADER_MULTIBOOT_BAD_ADDRESSES },
		{ 0x201000, 0x200000, 0x200000, 0, 0x200040, LOADER_MULTIBOOT_BAD_ADDRESSES },
		{ 0x201000, 0x200000, 0x1fffff, 0, 0x200040, LOADER_MULTIBOOT_BAD_ADDRESSES },
		{ 0x201000, 0x200000, 0x203001, 0, 0x200040, LOADER_FILE_TRUNCATED },
		{ 0x201000, 0x200000, 0x203000, 0x202fff, 0x200040, LOADER_MULTIBOOT_BAD_ADDRESSES },
		{ 0x201000, 0x200000, 0x203000, RAM + 1, 0x200040, LOADER_KERNEL_TOO_LARGE },
		{ 0x201000, 0x200000, 0x203000, 0, 0x204000, LOADER_MULTIBOOT_BAD_ENTRY },
		{ 0x201000, 0x200000, 0x203000, 0, 0x1fffff, LOADER_MULTIBOOT_BAD_ENTRY },
		{ 0x2000, 0x1000, 0, 0, 0x1000, LOADER_ELF_SEGMENT_OUTSIDE }, /* our own area */
		{ 0xfffff000, 0xffffe000, 0, 0, 0xffffe000, LOADER_ELF_SEGMENT_OUTSIDE },
	};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		address_fields(bad[i].header, bad[i].load, bad[i].load_end, bad[i].bss_end, bad[i].entry);
		assert_int_equal(multiboot1_load(&request, &state, &failure), bad[i].error);
	}
}

static void header_flags(void **context)
{
	(void)context;
	multiboot_header(8);
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_UNKNOWN_FLAGS);
	multiboot_header(0x20000); /* the upper half is optional */
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	multiboot_header(4);
	put(kernel + HEADER + 32, 1, 4); /* a text mode is no obstacle */
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_OK);
	put(kernel + HEADER + 32, 0, 4);
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_WANTS_GRAPHICS);
	multiboot_header(0);
	kernel[HEADER + 8] ^= 1;
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_NO_HEADER);
	request.initrd = (struct loader_file){ kernel, 1, NULL };
	assert_int_equal(multiboot1_load(&request, &state, &failure), LOADER_MULTIBOOT_INITRD_GIVEN);
}

static void expect(unsigned offset, uint64_t value, unsigned bytes, enum loader_error error)
{
	uint8_t saved[8];
	memcpy(saved, kernel + offset, bytes);
	put(kernel + offset, value, bytes);
	assert_int_equal(multiboot1_load(&request, &state, &failure), error);
	memcpy(kernel + offset, saved, bytes);
}

static void elf_refusals(void **context)
{
	(void)context;
	expect(0, 0, 4, LOADER_ELF_NOT_ELF);
	expect(4, 2, 1, LOADER_ELF_IS_64_BIT);
	expect(5, 2, 1, LOADER_ELF_NOT_X86);
	expect(18, 62, 2, LOADER_ELF_NOT_X86);
	expect(16, 1, 2, LOADER_ELF_NOT_EXECUTABLE);
	expect(28, KERNEL - 32, 4, LOADER_ELF_BAD_PROGRAM_HEADERS);
	expect(28, UINT32_MAX, 4, LOADER_ELF_BAD_PROGRAM_HEADERS);
	expect(42, 56, 2, LOADER_ELF_BAD_PROGRAM_HEADERS);
	expect(44, 65, 2, LOADER_ELF_BAD_PROGRAM_HEADERS);
	expect(44, 0, 2, LOADER_ELF_NO_SEGMENT);
	expect(52 + 4, 0x2001, 4, LOADER_ELF_BAD_SEGMENT);
	expect(52 + 4, UINT32_MAX, 4, LOADER_ELF_BAD_SEGMENT);
	expect(52 + 16, 0x1001, 4, LOADER_ELF_BAD_SEGMENT); /* larger in the file than in memory */
	expect(52 + 20, 0, 4, LOADER_ELF_BAD_SEGMENT);
	expect(52 + 12, 0xf000, 4, LOADER_ELF_SEGMENT_OUTSIDE);
	expect(52 + 12, 0x9f000, 4, LOADER_ELF_SEGMENT_OUTSIDE);
	expect(52 + 12, RAM, 4, LOADER_ELF_SEGMENT_OUTSIDE);
	expect(52 + 12, RAM - 0xfff, 4, LOADER_KERNEL_TOO_LARGE);
	expect(52 + 12, 0xfffff800, 4, LOADER_ELF_SEGMENT_OUTSIDE);
	expect(52 + 12, DATA + 0x2000, 4, LOADER_ELF_SEGMENTS_OVERLAP);
	expect(52 + 12, DATA - 0xfff, 4, LOADER_ELF_SEGMENTS_OVERLAP);
	expect(52 + 20, UINT32_MAX, 4, LOADER_KERNEL_TOO_LARGE);
	expect(52 + 12, 0x10000, 4, LOADER_OK); /* conventional memory above our area may be used */
}

static void truncated(void **context)
{
	(void)context;
	multiboot_header(0);
	memmove(kernel + 0x100, kernel + HEADER, 12); /* early, so that truncation is found elsewhere too */
	for (size_t size = 0; size < KERNEL; size += size < 0x180 ? 1 : 61) {
		uint8_t *part = malloc(size + 1);
		assert_non_null(part);
		memcpy(part, kernel, size);
		request.kernel = (struct loader_file){ part, size, NULL };
		enum loader_error error = multiboot1_load(&request, &state, &failure);
		if (size < 0x100 + 12)
			assert_int_equal(error, LOADER_MULTIBOOT_NO_HEADER);
		else
			assert_int_equal(error, size >= 0x2800 ? LOADER_OK : LOADER_ELF_BAD_SEGMENT);
		free(part);
	}
}

static void mutated(void **context)
{
	(void)context;
	uint32_t random = 7;
	unsigned loaded = 0;
	uint8_t saved[0x100];
	memcpy(saved, kernel, sizeof saved);
	for (unsigned round = 0; round < 4000; round++) {
		for (unsigned i = 0; i < 2; i++) {
			random = random * 1664525 + 1013904223;
			kernel[(random >> 8) % 0x94] = (uint8_t)(random >> 24);
		}
		loaded += multiboot1_load(&request, &state, &failure) == LOADER_OK;
		memcpy(kernel, saved, sizeof saved);
	}
	assert_true(loaded > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(loads_elf, setup),
		cmocka_unit_test_setup(modules_follow_the_kernel, setup),
		cmocka_unit_test_setup(strings_have_a_limit, setup),
		cmocka_unit_test_setup(entry_points, setup),
		cmocka_unit_test_setup(loads_by_addresses, setup),
		cmocka_unit_test_setup(header_flags, setup),
		cmocka_unit_test_setup(elf_refusals, setup),
		cmocka_unit_test_setup(truncated, setup),
		cmocka_unit_test_setup(mutated, setup),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
