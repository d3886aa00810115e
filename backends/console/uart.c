/* SPDX-License-Identifier: MIT */
/* The registers of a 16550: see uart.h. */
#include "uart.h"

#include "ports.h"

/* Data sheet, chapter 8, table 2. */
enum {
	REGISTER_DATA = 0,             /* RBR, THR; with DLAB: divisor low */
	REGISTER_INTERRUPT_ENABLE = 1, /* with DLAB: divisor high */
	REGISTER_IDENTITY = 2,         /* IIR; written: FCR */
	REGISTER_LINE_CONTROL = 3,
	REGISTER_MODEM_CONTROL = 4,
	REGISTER_LINE_STATUS = 5,
	REGISTER_MODEM_STATUS = 6,
	REGISTER_SCRATCH = 7,
};

#define IER_RECEIVED 0x01u
#define IER_TRANSMITTER 0x02u
#define IIR_NONE 0x01u
#define IIR_FIFOS 0xc0u
#define FCR_ENABLE 0x01u
#define LCR_8N1 0x03u
#define LCR_DLAB 0x80u
#define MCR_DTR 0x01u
#define MCR_RTS 0x02u
#define MCR_OUT2 0x08u /* on a PC: opens the interrupt line's gate */
#define LSR_RECEIVED 0x01u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u
#define DIVISOR_115200 1u
#define FIFO_DEPTH 16u
#define SETTLE_MAX 16u         /* causes that are looked at before giving up on a broken UART */
#define EMPTY_POLLS_MAX 20000u /* 16 bytes take 1.4 ms; a port read takes about 1 us */

static uint8_t get(const struct uart *uart, unsigned int offset)
{
	return port_read((uint16_t)(uart->base + offset));
}

static void set(const struct uart *uart, unsigned int offset, unsigned int value)
{
	port_write((uint16_t)(uart->base + offset), (uint8_t)value);
}

/* A UART keeps what is written to its scratch register; where there is none, the bus reads as all ones. */
static bool is_there(const struct uart *uart)
{
	set(uart, REGISTER_SCRATCH, 0x5a);
	if (get(uart, REGISTER_SCRATCH) != 0x5a) {
		return false;
	}
	set(uart, REGISTER_SCRATCH, 0xa5);
	return get(uart, REGISTER_SCRATCH) == 0xa5 && get(uart, REGISTER_LINE_STATUS) != 0xff;
}

void uart_start(struct uart *uart, uint16_t base)
{
	*uart = (struct uart){ .base = base };
	uart->is_present = is_there(uart);
	if (!uart->is_present) {
		return;
	}
	set(uart, REGISTER_INTERRUPT_ENABLE, 0);
	/* What is on its way would be garbled by a new divisor. */
	for (uint32_t i = 0; i < EMPTY_POLLS_MAX && !uart_is_empty(uart); i++) {}
	set(uart, REGISTER_LINE_CONTROL, LCR_DLAB | LCR_8N1);
	set(uart, REGISTER_DATA, DIVISOR_115200);
	set(uart, REGISTER_INTERRUPT_ENABLE, 0);
	set(uart, REGISTER_LINE_CONTROL, LCR_8N1);
	/* No FIFO is cleared: with FIFOs on already, this sets the trigger level (1) alone. */
	set(uart, REGISTER_IDENTITY, FCR_ENABLE);
	uart->depth = (get(uart, REGISTER_IDENTITY) & IIR_FIFOS) == IIR_FIFOS ? FIFO_DEPTH : 1;
	set(uart, REGISTER_MODEM_CONTROL, MCR_DTR | MCR_OUT2);
	uart_settle(uart);
}

void uart_settle(const struct uart *uart)
{
	for (uint32_t i = 0; uart->is_present && i < SETTLE_MAX; i++) {
		uint8_t identity =
			get(uart, REGISTER_IDENTITY); /* reading it withdraws the transmitter's request */

		if ((identity & IIR_NONE) != 0) {
			return;
		}
		if (uart_has_received(uart)) {
			return; /* the caller reads until nothing is there, which withdraws the request */
		}
		(void)get(uart, REGISTER_MODEM_STATUS);
	}
}

bool uart_is_quiet(const struct uart *uart)
{
	return !uart->is_present || (get(uart, REGISTER_IDENTITY) & IIR_NONE) != 0;
}

bool uart_has_received(const struct uart *uart)
{
	return uart->is_present && (get(uart, REGISTER_LINE_STATUS) & LSR_RECEIVED) != 0;
}

uint8_t uart_receive(const struct uart *uart) { return get(uart, REGISTER_DATA); }

uint32_t uart_room(const struct uart *uart)
{
	return uart->is_present && (get(uart, REGISTER_LINE_STATUS) & LSR_THRE) != 0 ? uart->depth : 0;
}

void uart_send(const struct uart *uart, uint8_t byte) { set(uart, REGISTER_DATA, byte); }

bool uart_is_empty(const struct uart *uart)
{
	return !uart->is_present || (get(uart, REGISTER_LINE_STATUS) & LSR_TEMT) != 0;
}

void uart_wait_for(struct uart *uart, bool receive, bool transmit)
{
	uint8_t enable = (uint8_t)((receive ? IER_RECEIVED : 0u) | (transmit ? IER_TRANSMITTER : 0u));

	if (!uart->is_present) {
		return;
	}
	if (receive != uart->is_receiving) {
		uart->is_receiving = receive;
		set(uart, REGISTER_MODEM_CONTROL, MCR_DTR | MCR_OUT2 | (receive ? MCR_RTS : 0u));
	}
	if (enable != uart->interrupt_enable) {
		uart->interrupt_enable = enable;
		set(uart, REGISTER_INTERRUPT_ENABLE, enable);
	}
}
