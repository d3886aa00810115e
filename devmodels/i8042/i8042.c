/* SPDX-License-Identifier: MIT */
/* 8042 keyboard controller with an auxiliary (mouse) port and nothing plugged into either: IBM PC/AT
 * Technical Reference (1985), "Keyboard controller"; IBM PS/2 Hardware Interface Technical Reference
 * (1990), "Keyboard and auxiliary device controller". Touches its registers only.
 *
 * region 0, 1 byte (0x60): output buffer (read); input buffer (write): a parameter that a command waits
 * for, or a byte to the keyboard region 1, 1 byte (0x64): status (read), command (write)
 *   status: 0 output buffer full, 1 input buffer full (never), 2 system flag, 3 last write was a command,
 *           4 keyboard not locked, 5 the output byte is of the auxiliary port, 6 time-out, 7 parity (never)
 *   commands: 20..3f read, 60..7f write byte 0 (the command byte) or controller memory; a7, a8 auxiliary
 *             port off, on; a9 test it; aa self test; ab test keyboard port; ad, ae keyboard off, on;
 *             c0 read input port; d0, d1 read, write output port; d2, d3 put a byte into the output buffer
 *             as if the keyboard, the auxiliary device had sent it; d4 byte to the auxiliary device;
 *             dd, df A20 off, on; e0 test inputs; f0..ff pulse the output lines whose bit is 0: bit 0
 *             resets the machine. Others are ignored
 *   command byte: 0 keyboard interrupt, 1 auxiliary interrupt, 2 system flag, 4 keyboard off, 5 auxiliary
 *                 port off, 6 translation
 * line 0: IRQ 1, line 1: IRQ 12, high while a byte of that port waits. line 2: reset.
 *
 * A byte sent to a device that is not there is answered by the controller itself: FE with the time-out
 * bit. So a driver that looks for a keyboard or mouse is told so at once and doesn't wait. The output
 * buffer is one byte; a new one replaces it, as on the chip. A20 is kept as a bit and never masks
 * anything. */

#include "i8042/i8042.h"

#include <stddef.h>

#define REGION_DATA 0u
#define MEMORY_SIZE 32u

#define STATUS_OUTPUT_FULL 0x01u
#define STATUS_SYSTEM 0x04u
#define STATUS_COMMAND 0x08u
#define STATUS_NOT_LOCKED 0x10u
#define STATUS_AUXILIARY 0x20u
#define STATUS_TIMEOUT 0x40u

#define COMMAND_BYTE_KEYBOARD_INTERRUPT 0x01u
#define COMMAND_BYTE_AUXILIARY_INTERRUPT 0x02u
#define COMMAND_BYTE_SYSTEM 0x04u
#define COMMAND_BYTE_KEYBOARD_OFF 0x10u
#define COMMAND_BYTE_AUXILIARY_OFF 0x20u
#define COMMAND_BYTE_TRANSLATION 0x40u

#define OUTPUT_PORT_NOT_RESET 0x01u
#define OUTPUT_PORT_A20 0x02u
#define OUTPUT_PORT_IRQ1 0x10u
#define OUTPUT_PORT_IRQ12 0x20u

#define COMMAND_READ_MEMORY 0x20u /* + address */
#define COMMAND_WRITE_MEMORY 0x60u
#define COMMAND_AUXILIARY_OFF 0xa7u
#define COMMAND_AUXILIARY_ON 0xa8u
#define COMMAND_TEST_AUXILIARY 0xa9u
#define COMMAND_SELF_TEST 0xaau
#define COMMAND_TEST_KEYBOARD 0xabu
#define COMMAND_KEYBOARD_OFF 0xadu
#define COMMAND_KEYBOARD_ON 0xaeu
#define COMMAND_READ_INPUT_PORT 0xc0u
#define COMMAND_READ_OUTPUT_PORT 0xd0u
#define COMMAND_WRITE_OUTPUT_PORT 0xd1u
#define COMMAND_KEYBOARD_LOOP 0xd2u
#define COMMAND_AUXILIARY_LOOP 0xd3u
#define COMMAND_TO_AUXILIARY 0xd4u
#define COMMAND_A20_OFF 0xddu
#define COMMAND_A20_ON 0xdfu
#define COMMAND_TEST_INPUTS 0xe0u
#define COMMAND_PULSE 0xf0u

#define SELF_TEST_PASSED 0x55u
#define PORT_TEST_PASSED 0x00u
#define INPUT_PORT 0xa0u /* keyboard not locked, no manufacturing jumper */
#define NO_DEVICE 0xfeu  /* "resend" */

struct i8042_registers {
	struct model_outputs outputs;
	uint8_t memory[MEMORY_SIZE]; /* byte 0 is the command byte */
	uint8_t status;              /* without the bits that follow from others */
	uint8_t output;              /* the output buffer */
	uint8_t output_port;         /* A20 */
	uint8_t parameter_for;       /* command that waits for its parameter; 0 = none */
};

/* Puts a byte into the output buffer. `source`: STATUS_AUXILIARY and STATUS_TIMEOUT as they apply. */
static void put_output(struct i8042_registers *controller, uint8_t byte, uint32_t source)
{
	controller->output = byte;
	controller->status &= (uint8_t) ~(STATUS_AUXILIARY | STATUS_TIMEOUT);
	controller->status |= (uint8_t)(STATUS_OUTPUT_FULL | source);
}

static void set_outputs(struct i8042_registers *controller)
{
	bool full = (controller->status & STATUS_OUTPUT_FULL) != 0;
	bool auxiliary = (controller->status & STATUS_AUXILIARY) != 0;
	uint8_t command_byte = controller->memory[0];

	model_line_set(&controller->outputs, I8042_LINE_KEYBOARD,
		full && !auxiliary && (command_byte & COMMAND_BYTE_KEYBOARD_INTERRUPT) != 0);
	model_line_set(&controller->outputs, I8042_LINE_AUXILIARY,
		full && auxiliary && (command_byte & COMMAND_BYTE_AUXILIARY_INTERRUPT) != 0);
}

static uint8_t output_port(const struct i8042_registers *controller)
{
	uint32_t lines = controller->outputs.lines[I8042_LINE_KEYBOARD] & LINES_LEVEL ? OUTPUT_PORT_IRQ1 : 0;

	lines |= controller->outputs.lines[I8042_LINE_AUXILIARY] & LINES_LEVEL ? OUTPUT_PORT_IRQ12 : 0;
	return (uint8_t)(OUTPUT_PORT_NOT_RESET | (controller->output_port & OUTPUT_PORT_A20) | lines);
}

static void write_output_port(struct i8042_registers *controller, uint8_t value)
{
	controller->output_port = value & OUTPUT_PORT_A20;
	if ((value & OUTPUT_PORT_NOT_RESET) == 0) {
		model_line_pulse(&controller->outputs, I8042_LINE_RESET);
	}
}

static void write_command(struct i8042_registers *controller, uint8_t command)
{
	controller->status |= STATUS_COMMAND;
	controller->parameter_for = 0;
	if (command >= COMMAND_PULSE) {
		if ((command & OUTPUT_PORT_NOT_RESET) == 0) {
			model_line_pulse(&controller->outputs, I8042_LINE_RESET);
		}
		return;
	}
	if (command >= COMMAND_READ_MEMORY && command < COMMAND_READ_MEMORY + MEMORY_SIZE) {
		put_output(controller, controller->memory[command % MEMORY_SIZE], 0);
		return;
	}
	if (command >= COMMAND_WRITE_MEMORY && command < COMMAND_WRITE_MEMORY + MEMORY_SIZE) {
		controller->parameter_for = command;
		return;
	}
	switch (command) {
	case COMMAND_AUXILIARY_OFF:
		controller->memory[0] |= COMMAND_BYTE_AUXILIARY_OFF;
		break;
	case COMMAND_AUXILIARY_ON:
		controller->memory[0] &= (uint8_t)~COMMAND_BYTE_AUXILIARY_OFF;
		break;
	case COMMAND_SELF_TEST:
		/* The test leaves the interface as after power-on: PS/2 reference, command AA. */
		controller->memory[0] |=
			COMMAND_BYTE_SYSTEM | COMMAND_BYTE_KEYBOARD_OFF | COMMAND_BYTE_AUXILIARY_OFF;
		put_output(controller, SELF_TEST_PASSED, 0);
		break;
	case COMMAND_TEST_AUXILIARY:
	case COMMAND_TEST_KEYBOARD:
	case COMMAND_TEST_INPUTS:
		put_output(controller, PORT_TEST_PASSED, 0);
		break;
	case COMMAND_KEYBOARD_OFF:
		controller->memory[0] |= COMMAND_BYTE_KEYBOARD_OFF;
		break;
	case COMMAND_KEYBOARD_ON:
		controller->memory[0] &= (uint8_t)~COMMAND_BYTE_KEYBOARD_OFF;
		break;
	case COMMAND_READ_INPUT_PORT:
		put_output(controller, INPUT_PORT, 0);
		break;
	case COMMAND_READ_OUTPUT_PORT:
		put_output(controller, output_port(controller), 0);
		break;
	case COMMAND_WRITE_OUTPUT_PORT:
	case COMMAND_KEYBOARD_LOOP:
	case COMMAND_AUXILIARY_LOOP:
	case COMMAND_TO_AUXILIARY:
		controller->parameter_for = command;
		break;
	case COMMAND_A20_OFF:
		controller->output_port &= (uint8_t)~OUTPUT_PORT_A20;
		break;
	case COMMAND_A20_ON:
		controller->output_port |= OUTPUT_PORT_A20;
		break;
	default:
		break;
	}
}

static void write_data(struct i8042_registers *controller, uint8_t byte)
{
	uint8_t command = controller->parameter_for;

	controller->status &= (uint8_t)~STATUS_COMMAND;
	controller->parameter_for = 0;
	switch (command) {
	case 0:
		/* A byte to the keyboard switches its interface on. */
		controller->memory[0] &= (uint8_t)~COMMAND_BYTE_KEYBOARD_OFF;
		put_output(controller, NO_DEVICE, STATUS_TIMEOUT);
		break;
	case COMMAND_WRITE_OUTPUT_PORT:
		write_output_port(controller, byte);
		break;
	case COMMAND_KEYBOARD_LOOP:
		put_output(controller, byte, 0);
		break;
	case COMMAND_AUXILIARY_LOOP:
		put_output(controller, byte, STATUS_AUXILIARY);
		break;
	case COMMAND_TO_AUXILIARY:
		put_output(controller, NO_DEVICE, STATUS_AUXILIARY | STATUS_TIMEOUT);
		break;
	default:
		controller->memory[command % MEMORY_SIZE] = byte;
		break;
	}
}

static uint64_t i8042_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct i8042_registers *controller = registers;

	(void)context;
	if (access->region == REGION_DATA) {
		controller->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_AUXILIARY | STATUS_TIMEOUT);
		set_outputs(controller);
		return controller->output;
	}
	return controller->status | STATUS_NOT_LOCKED | (controller->memory[0] & COMMAND_BYTE_SYSTEM);
}

static void i8042_write(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct i8042_registers *controller = registers;

	(void)context;
	if (access->region == REGION_DATA) {
		write_data(controller, (uint8_t)access->value);
	} else {
		write_command(controller, (uint8_t)access->value);
	}
	set_outputs(controller);
}

static void i8042_event(void *registers, const struct model_context *context, uint64_t bits)
{
	(void)registers;
	(void)context;
	(void)bits;
}

/* As firmware leaves it. */
static const char *i8042_reset(void *registers, const struct model_context *context)
{
	struct i8042_registers *controller = registers;

	(void)context;
	controller->memory[0] = COMMAND_BYTE_KEYBOARD_INTERRUPT | COMMAND_BYTE_SYSTEM |
				COMMAND_BYTE_AUXILIARY_OFF | COMMAND_BYTE_TRANSLATION;
	controller->output_port = OUTPUT_PORT_A20;
	return NULL;
}

_Static_assert(STATUS_SYSTEM == COMMAND_BYTE_SYSTEM, "the status shows the command byte's bit in its place");

const struct model i8042_model = {
	.name = "i8042",
	.identity = 0x3143424b, /* "KBC1" */
	.register_bytes = sizeof(struct i8042_registers),
	.line_count = 3,
	.region_count = 2,
	.regions = { { .size = 1, .width = 1 }, { .size = 1, .width = 1 } },
	.reset = i8042_reset,
	.read = i8042_read,
	.write = i8042_write,
	.event = i8042_event,
};
