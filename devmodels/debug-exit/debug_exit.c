/* SPDX-License-Identifier: MIT */
/* debug-exit: a port by which a guest ends its VM with a code, as QEMU's isa-debug-exit has it (docs of
 * -device isa-debug-exit). Touches its registers only.
 *
 * region 0, 4 bytes (0xf4), any width: a write of `code` at any offset ends the VM; reads as all ones line
 * 0: exit, with `code` as its value. The first write counts; after it nothing changes any more. */

#include "debug-exit/debug_exit.h"

#include <stddef.h>

struct exit_registers {
	struct model_outputs outputs;
	uint8_t written;
};

static uint64_t exit_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	(void)registers;
	(void)context;
	(void)access;
	return UINT64_MAX;
}

static void exit_write(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct exit_registers *exit = registers;

	(void)context;
	if (exit->written == 0) {
		exit->written = 1;
		exit->outputs.value = access->value;
		model_line_pulse(&exit->outputs, DEBUG_EXIT_LINE_EXIT);
	}
}

static void exit_event(void *registers, const struct model_context *context, uint64_t bits)
{
	(void)registers;
	(void)context;
	(void)bits;
}

static const char *exit_reset(void *registers, const struct model_context *context)
{
	(void)registers;
	(void)context;
	return NULL;
}

const struct model debug_exit_model = {
	.name = "debug-exit",
	.identity = 0x31544544, /* "DET1" */
	.register_bytes = sizeof(struct exit_registers),
	.line_count = 1,
	.region_count = 1,
	.regions = { { .size = 4, .width = 4 } },
	.reset = exit_reset,
	.read = exit_read,
	.write = exit_write,
	.event = exit_event,
};
