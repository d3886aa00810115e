/* SPDX-License-Identifier: MIT */
/* A device without a purpose but to be accessed, in ports and in memory, as QEMU's pci-testdev is: for tests and
 * measurements. Touches its registers only.
 *
 * region 0, 8 bytes of ports, and region 1, 4096 bytes of memory, show the same; 32-bit registers, narrower accesses
 * get their part:
 *   0  identity, read only: TEST_DEVICE_IDENTITY
 *   4  scratch, read and write
 *   8  writes so far, read only
 *   12 the interrupt line 0: bit 0 is its level
 * Everything else reads as 0 and is not written. */

#include "test-device/test_device.h"

#include <stddef.h>

struct test_registers {
	struct model_outputs outputs;
	uint32_t scratch;
	uint32_t writes;
};

static uint32_t read_register(const struct test_registers *test, uint32_t offset)
{
	switch (offset & ~3u) {
	case 0:
		return TEST_DEVICE_IDENTITY;
	case 4:
		return test->scratch;
	case 8:
		return test->writes;
	case 12:
		return (uint32_t)line_word_level(test->outputs.lines[TEST_DEVICE_LINE_INTERRUPT]);
	default:
		return 0;
	}
}

static uint64_t test_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	uint64_t value = read_register(registers, access->offset) >> (8 * (access->offset & 3));

	(void)context;
	/* What an access takes beyond its register reads as 0. */
	return access->width == 4 ? value : value & ((UINT64_C(1) << (8 * access->width)) - 1);
}

/* No read changes anything. Asked for whole registers only. */
static int64_t test_peek(
	const void *registers, const struct model_context *context, uint32_t region, uint32_t offset)
{
	(void)context;
	(void)region;
	return (offset & 3) == 0 ? read_register(registers, offset) : MODEL_PEEK_NONE;
}

static void test_write(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct test_registers *test = registers;
	uint32_t shift = 8 * (access->offset & 3);
	uint32_t mask = (access->width == 4 ? UINT32_MAX : (UINT32_C(1) << (8 * access->width)) - 1) << shift;

	(void)context;
	test->writes++;
	switch (access->offset & ~3u) {
	case 4:
		test->scratch = (test->scratch & ~mask) | ((uint32_t)access->value << shift & mask);
		break;
	case 12:
		if (shift == 0) {
			model_line_set(&test->outputs, TEST_DEVICE_LINE_INTERRUPT, (access->value & 1) != 0);
		}
		break;
	default:
		break;
	}
}

static void test_event(void *registers, const struct model_context *context, uint64_t bits)
{
	(void)registers;
	(void)context;
	(void)bits;
}

static const char *test_reset(void *registers, const struct model_context *context)
{
	(void)registers;
	(void)context;
	return NULL;
}

const struct model test_device_model = {
	.name = "test-device",
	.identity = 0x31545354, /* "TST1" */
	.register_bytes = sizeof(struct test_registers),
	.line_count = 1,
	.region_count = 2,
	.regions = { { .size = 8, .width = 4 }, { .size = 4096, .width = 4 } },
	.reset = test_reset,
	.read = test_read,
	.write = test_write,
	.peek = test_peek,
	.event = test_event,
};
