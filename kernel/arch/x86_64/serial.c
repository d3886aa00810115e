/* SPDX-License-Identifier: MIT */
/* Polled output on COM1. Registers: National Semiconductor PC16550D data sheet, table II. */

#include "arch/x86_64/serial.h"

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/cpu.h"

#define COM1 0x3f8
#define REGISTER_DATA (COM1 + 0) /* divisor low while DLAB */
#define REGISTER_INTERRUPT_ENABLE (COM1 + 1)
#define REGISTER_FIFO_CONTROL (COM1 + 2)
#define REGISTER_LINE_CONTROL (COM1 + 3)
#define REGISTER_MODEM_CONTROL (COM1 + 4)
#define REGISTER_LINE_STATUS (COM1 + 5)
#define REGISTER_SCRATCH (COM1 + 7)

#define LINE_CONTROL_DLAB 0x80
#define LINE_CONTROL_8N1 0x03
#define FIFO_ENABLE 0x01 /* without clearing: what a driver had queued still goes out before a panic's text */
#define MODEM_DTR_RTS 0x03
#define LINE_STATUS_TRANSMIT_EMPTY 0x20

/* A byte takes 87 us; a poll about 1 us on hardware. */
#define TRANSMIT_POLLS 100000

static bool present;

void serial_initialise(void)
{
	/* The scratch register of a port that nobody decodes reads as all ones. */
	outb(REGISTER_SCRATCH, 0x5a);
	present = inb(REGISTER_SCRATCH) == 0x5a;
	if (!present) {
		return;
	}
	outb(REGISTER_INTERRUPT_ENABLE, 0);
	outb(REGISTER_LINE_CONTROL, LINE_CONTROL_DLAB);
	outb(REGISTER_DATA, 1);
	outb(REGISTER_INTERRUPT_ENABLE, 0);
	outb(REGISTER_LINE_CONTROL, LINE_CONTROL_8N1);
	outb(REGISTER_FIFO_CONTROL, FIFO_ENABLE);
	outb(REGISTER_MODEM_CONTROL, MODEM_DTR_RTS);
}

static void transmit(uint8_t byte)
{
	for (unsigned int i = 0; i < TRANSMIT_POLLS; i++) {
		if ((inb(REGISTER_LINE_STATUS) & LINE_STATUS_TRANSMIT_EMPTY) != 0) {
			outb(REGISTER_DATA, byte);
			return;
		}
	}
	/* Stuck: do not wait again for each byte that follows. */
	present = false;
}

void serial_write(char character)
{
	if (present && character == '\n') {
		transmit('\r');
	}
	if (present) {
		transmit((uint8_t)character);
	}
}
