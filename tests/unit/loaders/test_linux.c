/* SPDX-License-Identifier: MIT */
/* The bzImage loader: a synthetic kernel, every refusal, truncation at every length, mutated headers, and
 * Debian's kernel where build/guests has fetched it. */
#define _DEFAULT_SOURCE /* mmap, mkdtemp */
#include "bytes.h"
#include "loaders/loader.h"
#include "memory/guest_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	RAM = 32 << 20,
	SETUP = 1024,
	PAYLOAD = 0x4000,
	KERNEL = SETUP + PAYLOAD,
	PREF = 0x1000000,
	INIT_SIZE = 0x100000
};

static uint8_t *ram;
static uint8_t kernel[KERNEL];
static uint8_t initrd[0x5432];
static struct guest_memory memory;
static struct bh_vcpu_state state;
static struct loader_failure failure;
static struct loader_request request;

static int group_setup(void **context)
{
	(void)context;
	ram = map_ram(RAM);
	return ram == NULL;
}

static int setup(void **context)
{
	(void)context;
	guest_memory_initialize(&memory, 40);
	if (!guest_memory_add(&memory, 0, RAM, ram))
		return 1;
	memset(kernel, 0, sizeof kernel);
	for (unsigned i = SETUP; i < KERNEL; i++)
		kernel[i] = (uint8_t)(i * 7);
	kernel[0x1f1] = 1;
	put(kernel + 0x1f4, PAYLOAD / 16, 4);
	put(kernel + 0x200, 0x66eb, 2); /* header ends at 0x268 */
	memcpy(kernel + 0x202, "HdrS", 4);
	put(kernel + 0x206, 0x020f, 2);
	kernel[0x211] = 1;
	put(kernel + 0x22c, 0x7fffffff, 4);
	put(kernel + 0x230, 0x200000, 4);
	put(kernel + 0x236, 1, 2);
	put(kernel + 0x238, 255, 4);
	put(kernel + 0x258, PREF, 8);
	put(kernel + 0x260, INIT_SIZE, 4);
	memset(initrd, 0x77, sizeof initrd);
	memset(&state, 0, sizeof state);
	state.abi_version = 7;
	state.size = sizeof state;
	request = (struct loader_request){
		.memory = &memory,
		.kernel = { kernel, sizeof kernel, NULL },
		.initrd = { initrd, sizeof initrd, NULL },
		.command_line = "console=ttyS0 nokaslr",
		.acpi_rsdp = 0xe0000,
		.serial_port = { 0x3f8, 0 },
	};
	return 0;
}

static void loads(void **context)
{
	(void)context;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_OK);
	assert_memory_equal(ram + PREF, kernel + SETUP, PAYLOAD);
	assert_int_equal(state.abi_version, 7);
	assert_int_equal(state.rip, PREF + 0x200);
	assert_int_equal(state.rflags, 2);
	assert_int_equal(state.efer, 0x500);
	assert_int_equal(state.cr4, 0x20);
	assert_int_equal(state.cr0, 0x80000031);
	assert_int_equal(state.segment[BH_CS].selector, 0x10);
	assert_int_equal(state.segment[BH_CS].attributes, 0xa9b);
	assert_int_equal(state.segment[BH_DS].selector, 0x18);

	const uint8_t *params = ram + state.registers[BH_RSI];
	assert_memory_equal(params + 0x202, "HdrS", 4);
	assert_int_equal(params[0x210], 0xff);
	assert_int_equal(get(params + 0x070, 8), 0xe0000);
	uint64_t image = get(params + 0x218, 4);
	assert_int_equal(get(params + 0x21c, 4), sizeof initrd);
	assert_int_equal(image, (RAM - sizeof initrd) & ~0xfffu);
	assert_memory_equal(ram + image, initrd, sizeof initrd);
	assert_string_equal((const char *)ram + get(params + 0x228, 4), "console=ttyS0 nokaslr");
	assert_int_equal(params[0x1e8], 4);
	assert_int_equal(get(params + 0x2d0 + 3 * 20 + 8, 8), RAM - 0x100000);
	assert_int_equal(get(params + 0x268, 4), 0); /* behind the header's end nothing was copied */
	assert_int_equal(get(ram + 0x400, 2), 0x3f8);
	assert_int_equal(get(ram + 0x40e, 2), 0x9fc0);
	assert_int_equal(get(ram + 0x413, 2), 639);

	const uint8_t *gdt = ram + state.gdtr.base;
	assert_int_equal(get(gdt + 0x10, 8), UINT64_C(0x00af9b000000ffff));
	assert_int_equal(get(gdt + 0x18, 8), UINT64_C(0x00cf93000000ffff));
}

static void tables_are_the_identity(void **context)
{
	(void)context;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_OK);
	for (uint64_t address = 0x12345; address < UINT64_C(0x100000000); address += UINT64_C(0x3fff000)) {
		uint64_t table = state.cr3;
		for (unsigned level = 3; level > 0; level--) {
			uint64_t entry = get(ram + table + (address >> (12 + 9 * level) & 511) * 8, 8);
			assert_int_equal(entry & 3, 3);
			if (level == 1)
				assert_int_equal((entry & ~UINT64_C(0xfff)) | (address & 0x1fffff), address);
			table = entry & ~UINT64_C(0xfff);
		}
	}
}

static void without_initrd(void **context)
{
	(void)context;
	request.initrd = (struct loader_file){ 0 };
	request.command_line = NULL;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_OK);
	const uint8_t *params = ram + state.registers[BH_RSI];
	assert_int_equal(get(params + 0x218, 8), 0);
	assert_int_equal(ram[get(params + 0x228, 4)], 0);
}

static void initrd_below_the_kernels_limit(void **context)
{
	(void)context;
	put(kernel + 0x22c, 0x017fffff, 4);
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_OK);
	assert_int_equal(
		get(ram + state.registers[BH_RSI] + 0x218, 4), (0x1800000 - sizeof initrd) & ~0xfffu);
	put(kernel + 0x22c, PREF + INIT_SIZE + 0x4fff, 4);
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_INITRD_TOO_LARGE);
	assert_int_equal(failure.found, sizeof initrd);
	assert_int_equal(failure.limit, 0x5000);
	put(kernel + 0x22c, 0, 4);
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_INITRD_TOO_LARGE);
	request.initrd.size = UINT64_MAX;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_INITRD_TOO_LARGE);
}

static void command_line_limits(void **context)
{
	(void)context;
	static char text[0x10000];
	memset(text, 'x', sizeof text - 1);
	text[255] = 0;
	request.command_line = text;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_OK);
	text[255] = 'x';
	text[256] = 0;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_COMMAND_LINE_TOO_LONG);
	assert_int_equal(failure.limit, 255);
	text[256] = 'x';
	put(kernel + 0x238, UINT32_MAX, 4); /* our own place is limited too */
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_COMMAND_LINE_TOO_LONG);
}

static void expect(unsigned offset, uint64_t value, unsigned bytes, enum loader_error error)
{
	uint8_t saved[8];
	memcpy(saved, kernel + offset, bytes);
	put(kernel + offset, value, bytes);
	assert_int_equal(linux_load(&request, &state, &failure), error);
	memcpy(kernel + offset, saved, bytes);
}

static void refusals(void **context)
{
	(void)context;
	expect(0x202, 0, 4, LOADER_LINUX_NO_MAGIC);
	expect(0x206, 0x020b, 2, LOADER_LINUX_TOO_OLD);
	expect(0x211, 0, 1, LOADER_LINUX_NOT_LOADED_HIGH);
	expect(0x236, 2, 2, LOADER_LINUX_NOT_64_BIT);
	expect(0x201, 0x61, 1, LOADER_LINUX_BAD_HEADER_SIZE);
	expect(0x201, 0x8f, 1, LOADER_LINUX_BAD_HEADER_SIZE);
	expect(0x200, 0x90, 1, LOADER_LINUX_BAD_HEADER_SIZE);
	expect(0x201, 0x8e, 1, LOADER_OK);
	expect(0x1f4, PAYLOAD / 16 + 1, 4, LOADER_FILE_TRUNCATED);
	expect(0x1f4, UINT32_MAX, 4, LOADER_FILE_TRUNCATED);
	expect(0x1f4, 0x20, 4, LOADER_LINUX_BAD_INIT_SIZE); /* no room for the entry point */
	expect(0x1f1, 0, 1, LOADER_FILE_TRUNCATED);         /* 0 means 4 sectors */
	expect(0x230, 0, 4, LOADER_LINUX_BAD_ALIGNMENT);
	expect(0x230, 0x300000, 4, LOADER_LINUX_BAD_ALIGNMENT);
	expect(0x230, 0x2000000, 4, LOADER_LINUX_BAD_ALIGNMENT);
	expect(0x258, 0, 8, LOADER_LINUX_BAD_ADDRESS);
	expect(0x258, UINT64_C(0xffffffffffe00000), 8, LOADER_LINUX_BAD_ADDRESS);
	expect(0x258, RAM - INIT_SIZE, 8, LOADER_LINUX_BAD_ALIGNMENT);
	expect(0x260, PAYLOAD - 1, 4, LOADER_LINUX_BAD_INIT_SIZE);
	expect(0x260, RAM - PREF + 1, 4, LOADER_KERNEL_TOO_LARGE);
	expect(0x260, UINT32_MAX, 4, LOADER_KERNEL_TOO_LARGE);
	request.module_count = 1;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_LINUX_MODULES_GIVEN);
	request.module_count = 0;
	memory.windows = 0;
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_NO_LOW_RAM);
}

static void truncated_at_every_length(void **context)
{
	(void)context;
	for (size_t size = 0; size < KERNEL; size += size < SETUP ? 1 : 997) {
		uint8_t *part = malloc(size + 1); /* the sanitizer watches the end */
		assert_non_null(part);
		memcpy(part, kernel, size);
		request.kernel = (struct loader_file){ part, size, NULL };
		enum loader_error error = linux_load(&request, &state, &failure);
		assert_int_equal(error, size < 0x206 ? LOADER_LINUX_NO_MAGIC : LOADER_FILE_TRUNCATED);
		free(part);
	}
}

/* Random headers: any answer is fine that keeps to the bounds which the sanitizer and the accessor watch. */
static void mutated_headers(void **context)
{
	(void)context;
	uint32_t random = 1;
	unsigned loaded = 0;
	for (unsigned round = 0; round < 4000; round++) {
		uint8_t saved[0x100];
		memcpy(saved, kernel + 0x1f0, sizeof saved);
		for (unsigned i = 0; i < 3; i++) {
			random = random * 1664525 + 1013904223;
			kernel[0x1f0 + (random >> 8) % 0x80] = (uint8_t)(random >> 24);
		}
		if (linux_load(&request, &state, &failure) == LOADER_OK) {
			loaded++;
			assert_true(state.rip < RAM);
		}
		memcpy(kernel + 0x1f0, saved, sizeof saved);
	}
	assert_true(loaded > 100); /* some got through, so the deep paths were taken */
}

static void debians_kernel(void **context)
{
	(void)context;
	FILE *file = fopen("out/guests/linux-cloud", "rb");
	if (file == NULL)
		skip();
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	long size = ftell(file);
	rewind(file);
	uint8_t *bytes = malloc((size_t)size);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
	assert_int_equal(fclose(file), 0);
	request.kernel = (struct loader_file){ bytes, (uint64_t)size, NULL };
	/* 32 MiB are not enough */
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_KERNEL_TOO_LARGE);
	const size_t large = 128 << 20;
	uint8_t *more = mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(more, MAP_FAILED);
	guest_memory_initialize(&memory, 40);
	assert_true(guest_memory_add(&memory, 0, large, more));
	assert_int_equal(linux_load(&request, &state, &failure), LOADER_OK);
	assert_int_equal(state.rip, 0x1000200);
	assert_memory_equal(more + state.registers[BH_RSI] + 0x202, "HdrS", 4);
	assert_int_equal(munmap(more, large), 0);
	free(bytes);
}

static void every_error_has_its_text(void **context)
{
	(void)context;
	bool numbers;
	for (unsigned error = 0; error < LOADER_ERRORS; error++)
		assert_non_null(loader_error_text((enum loader_error)error, &numbers));
	assert_non_null(loader_error_text(LOADER_ERRORS, &numbers));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(loads, setup),
		cmocka_unit_test_setup(tables_are_the_identity, setup),
		cmocka_unit_test_setup(without_initrd, setup),
		cmocka_unit_test_setup(initrd_below_the_kernels_limit, setup),
		cmocka_unit_test_setup(command_line_limits, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(truncated_at_every_length, setup),
		cmocka_unit_test_setup(mutated_headers, setup),
		cmocka_unit_test_setup(debians_kernel, setup),
		cmocka_unit_test_setup(every_error_has_its_text, setup),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
