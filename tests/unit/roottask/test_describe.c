/* SPDX-License-Identifier: MIT */
/* Task information as the root task writes it, read back through the functions that tasks use; and the start frame. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "describe.h"

#include <stdio.h>
#include <string.h>

static uint8_t buffer[TASK_INFO_MAX_SIZE] __attribute__((aligned(8)));

static void test_information(void **state)
{
	struct description description;
	const struct task_info *info;

	(void)state;
	describe_begin(&description, buffer, "red/uart0", 3);
	assert_true(describe_capability(&description, "endpoint", 1, TASK_INFO_READ | TASK_INFO_WRITE));
	assert_true(describe_capability(&description, "reply", 2, 7));
	assert_true(describe_region(&description, "state", 0x200000000000, 4096, 3, 0x1234000));
	assert_true(describe_argument(&description, "vm=red"));
	assert_true(describe_argument(&description, "memory=268435456"));
	describe_end(&description);
	info = describe_header(&description);
	assert_int_equal(info->magic, TASK_INFO_MAGIC);
	assert_string_equal(info->name, "red/uart0");
	assert_int_equal(info->incarnation, 3);
	assert_int_equal(task_info_capability(info, "reply")->slot, 2);
	assert_int_equal(task_info_capability(info, "endpoint")->rights, 3);
	assert_null(task_info_capability(info, "repl"));
	assert_int_equal(task_info_region(info, "state")->address, 0x200000000000);
	assert_null(task_info_region(info, "ram"));
	assert_string_equal(task_info_value(info, "memory"), "268435456");
	assert_string_equal(task_info_argument(info, 0), "vm=red");
	assert_null(task_info_argument(info, 2));
	assert_null(task_info_value(info, "mem"));
	assert_int_equal(info->size, description.used);
}

static void test_long_names_are_cut(void **state)
{
	struct description description;

	(void)state;
	describe_begin(&description, buffer, "a name that is by far too long for its place", 0);
	assert_int_equal(strlen(describe_header(&description)->name), TASK_INFO_NAME_SIZE - 1);
}

static void test_overflow(void **state)
{
	struct description description;
	uint32_t count = 0;
	char argument[1000];

	(void)state;
	memset(argument, 'x', sizeof argument);
	argument[sizeof argument - 1] = '\0';
	describe_begin(&description, buffer, "t", 0);
	while (describe_argument(&description, argument)) {
		count++;
	}
	assert_true(count > 60);
	assert_true(description.used <= TASK_INFO_MAX_SIZE);
	while (describe_argument(&description, "k=v")) {}
	assert_false(describe_region(&description, "r", 0, 0, 0, 0));
	assert_false(describe_capability(&description, "c", 0, 0));
	assert_int_equal(describe_header(&description)->argument_count > count, 1);
}

/* The frame as a C library's start code reads it. */
static void test_start_frame(void **state)
{
	static uint8_t frame[START_FRAME_MAX];
	const uint64_t top = UINT64_C(0x7e0000010000);
	const uint64_t seed[2] = { UINT64_C(0x0123456789abcdef), 42 };
	struct elf_image image = { .entry = 0x401000,
		.program_headers = 0x400040,
		.program_header_count = 5,
		.program_header_size = 56 };
	uint64_t pointer = describe_start_frame(frame, top, "red/vmm", &image, seed);
	const uint64_t *words = (const uint64_t *)(const void *)(frame + START_FRAME_MAX - (top - pointer));
	uint64_t found[32] = { 0 };

	(void)state;
	assert_int_equal(pointer % 16, 0);
	assert_true(top - pointer <= START_FRAME_MAX);
	assert_int_equal(words[0], 1);
	assert_string_equal((const char *)frame + START_FRAME_MAX - (top - words[1]), "red/vmm");
	assert_int_equal(words[2], 0);
	assert_int_equal(words[3], 0);
	for (words += 4; words[0] != 0; words += 2) {
		assert_true(words[0] < 32);
		found[words[0]] = words[1];
	}
	assert_int_equal(found[3], 0x400040);
	assert_int_equal(found[4], 56);
	assert_int_equal(found[5], 5);
	assert_int_equal(found[6], 4096);
	assert_int_equal(found[9], 0x401000);
	assert_int_equal(found[23], 0);
	assert_memory_equal(frame + START_FRAME_MAX - (top - found[25]), seed, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_information),
		cmocka_unit_test(test_long_names_are_cut),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_start_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
