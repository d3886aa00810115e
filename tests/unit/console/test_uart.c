/* SPDX-License-Identifier: MIT */
/* The driver of the host's UART against a small 16550 with an interrupt line: probing, both directions, no edge missed, RTS. */
#include "uart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports.h"

#define BASE 0x3f8u

static struct {
	bool is_absent;
	bool is_fast; /* transmits in no time, as an emulated one */
	bool has_fifos;
	uint8_t registers[8];
	uint8_t transmit[16];
	uint32_t transmit_count;
	uint8_t receive[16];
	uint32_t receive_count;
	bool transmitter_pending;
	uint8_t sent[4096];
	uint32_t sent_count;
	bool line;
	uint32_t edges;
} chip;

static void set_line(void)
{
	bool line = ((chip.registers[1] & 1) != 0 && chip.receive_count != 0) ||
		    ((chip.registers[1] & 2) != 0 && chip.transmitter_pending);

	line = line && (chip.registers[4] & 8) != 0;
	chip.edges += line && !chip.line;
	chip.line = line;
}

static uint32_t depth(void) { return chip.has_fifos && (chip.registers[2] & 1) != 0 ? 16 : 1; }

/* The chip transmits what it has. */
static void transmit(void)
{
	memcpy(chip.sent + chip.sent_count, chip.transmit, chip.transmit_count);
	chip.sent_count += chip.transmit_count;
	chip.transmitter_pending |= chip.transmit_count != 0;
	chip.transmit_count = 0;
	set_line();
}

uint8_t port_read(uint16_t port)
{
	uint8_t value = 0xff;

	assert_in_range(port, BASE, BASE + 7);
	if (chip.is_absent) {
		return 0xff;
	}
	switch (port - BASE) {
	case 0:
		value = chip.receive_count != 0 ? chip.receive[0] : 0;
		if (chip.receive_count != 0) {
			memmove(chip.receive, chip.receive + 1, --chip.receive_count);
		}
		break;
	case 2:
		value = depth() == 16 ? 0xc0 : 0;
		if ((chip.registers[1] & 1) != 0 && chip.receive_count != 0) {
			value |= 4;
		} else if ((chip.registers[1] & 2) != 0 && chip.transmitter_pending) {
			value |= 2;
			chip.transmitter_pending = false;
		} else {
			value |= 1;
		}
		break;
	case 5:
		value = (uint8_t)((chip.receive_count != 0 ? 1u : 0u) |
				  (chip.transmit_count == 0 ? 0x60u : 0u));
		break;
	default:
		value = chip.registers[port - BASE];
		break;
	}
	set_line();
	return value;
}

void port_write(uint16_t port, uint8_t value)
{
	bool divisor = (chip.registers[3] & 0x80) != 0;

	assert_in_range(port, BASE, BASE + 7);
	if (chip.is_absent || (divisor && port - BASE < 2)) {
		return;
	}
	if (port == BASE) {
		assert_true(chip.transmit_count < depth());
		chip.transmit[chip.transmit_count++] = value;
		chip.transmitter_pending = false;
		if (chip.is_fast) {
			transmit();
		}
	} else {
		if (port == BASE + 1 && (value & 2) != 0 && (chip.registers[1] & 2) == 0) {
			chip.transmitter_pending = chip.transmit_count == 0;
		}
		assert_false(port == BASE + 2 && (value & 6) != 0); /* no FIFO is cleared */
		chip.registers[port - BASE] = value;
	}
	set_line();
}

static void new_chip(void)
{
	memset(&chip, 0, sizeof(chip));
	chip.has_fifos = true;
}

static void absent(void **state)
{
	struct uart uart;

	(void)state;
	new_chip();
	chip.is_absent = true;
	uart_start(&uart, BASE);
	assert_false(uart.is_present);
	assert_int_equal(uart_room(&uart), 0);
	assert_false(uart_has_received(&uart));
	assert_true(uart_is_empty(&uart));
	uart_wait_for(&uart, true, true);
	uart_settle(&uart);
}

static void present(void **state)
{
	struct uart uart;

	(void)state;
	new_chip();
	uart_start(&uart, BASE);
	assert_true(uart.is_present);
	assert_int_equal(uart_room(&uart), 16);
	assert_int_equal(chip.registers[3], 3);
	assert_int_equal(chip.registers[4], 9); /* DTR and OUT2; RTS when somebody reads */
	chip.has_fifos = false;
	uart_start(&uart, BASE);
	assert_int_equal(uart_room(&uart), 1);
}

/* Sends by interrupts: all of it, in order, sixteen at an edge. */
static void sends_sixteen_at_an_interrupt(void **state)
{
	struct uart uart;
	uint32_t next = 0;
	uint32_t wakes = 0;

	(void)state;
	new_chip();
	uart_start(&uart, BASE);
	while (next < 1000 || chip.transmit_count != 0) {
		uint32_t room = uart_room(&uart);
		uint32_t edges;

		for (uint32_t i = 0; i < room && next < 1000; i++) {
			uart_send(&uart, (uint8_t)next++);
		}
		uart_wait_for(&uart, true, next < 1000);
		edges = chip.edges;
		transmit();
		if (next < 1000) {
			assert_int_equal(chip.edges, edges + 1);
			uart_settle(&uart);
			assert_false(chip.line);
		}
		wakes++;
	}
	assert_int_equal(chip.sent_count, 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(chip.sent[i], (uint8_t)i);
	}
	assert_int_equal(wakes, 1000 / 16 + 1);
	assert_false(chip.line);
}

/* After what the task does at an interrupt the line is low, so the next byte is an edge again. */
static void every_byte_is_an_edge(void **state)
{
	struct uart uart;

	(void)state;
	new_chip();
	uart_start(&uart, BASE);
	uart_wait_for(&uart, true, false);
	assert_int_equal(chip.registers[4], 11);
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t count = 1 + i % 16;
		uint32_t edges = chip.edges;

		for (uint32_t j = 0; j < count; j++) {
			chip.receive[chip.receive_count++] = (uint8_t)(i + j);
			set_line();
		}
		assert_int_equal(chip.edges, edges + 1);
		uart_settle(&uart);
		for (uint32_t j = 0; j < count; j++) {
			assert_true(uart_has_received(&uart));
			assert_int_equal(uart_receive(&uart), (uint8_t)(i + j));
		}
		assert_false(uart_has_received(&uart));
		uart_wait_for(&uart, true, false);
		assert_false(chip.line);
	}
}

/* Who can't take bytes says so by RTS, and is interrupted when he can, for what has waited. */
static void held_back(void **state)
{
	struct uart uart;
	uint32_t edges;

	(void)state;
	new_chip();
	uart_start(&uart, BASE);
	uart_wait_for(&uart, true, false);
	chip.receive[chip.receive_count++] = 'x';
	set_line();
	uart_wait_for(&uart, false, false);
	assert_false(chip.line);
	assert_int_equal(chip.registers[4] & 2, 0);
	edges = chip.edges;
	uart_wait_for(&uart, true, false);
	assert_int_equal(chip.edges, edges + 1);
	assert_int_equal(chip.registers[4] & 2, 2);
}

/* A driver that starts again loses nothing that the UART holds. */
static void starts_again(void **state)
{
	struct uart uart;

	(void)state;
	new_chip();
	uart_start(&uart, BASE);
	chip.is_fast = true;
	uart_send(&uart, 'a');
	chip.receive[chip.receive_count++] = 'b';
	uart_start(&uart, BASE);
	assert_true(uart_has_received(&uart));
	assert_int_equal(uart_receive(&uart), 'b');
	assert_int_equal(chip.sent[0], 'a');
	/* one that never gets empty does not stop the start */
	chip.is_fast = false;
	uart_send(&uart, 'c');
	uart_start(&uart, BASE);
	assert_true(uart.is_present);
	assert_int_equal(uart_room(&uart), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent),
		cmocka_unit_test(present),
		cmocka_unit_test(sends_sixteen_at_an_interrupt),
		cmocka_unit_test(every_byte_is_an_edge),
		cmocka_unit_test(held_back),
		cmocka_unit_test(starts_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
