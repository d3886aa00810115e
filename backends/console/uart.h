/* SPDX-License-Identifier: MIT */
/* Driver of a host's 16550 UART (National Semiconductor PC16550D data sheet, June 1995), at 115200 baud, 8N1. Touches the UART's eight ports
 * alone. Works by interrupts where the UART needs time, and without them where it does not (an emulated one). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct uart {
	uint16_t base; /* its first port */
	bool is_present;
	bool is_receiving;        /* RTS and the receive interrupt are on */
	uint8_t depth;            /* bytes that the transmitter takes at once */
	uint8_t interrupt_enable; /* what IER holds */
};

/* Looks for a UART at `base`, and makes it ready to send and receive. Bytes in its FIFOs stay, so a driver that starts again loses none.
 * is_present says whether there is one; without one all other functions do nothing. */
void uart_start(struct uart *uart, uint16_t base);

/* To be called after an interrupt was acknowledged: looks at causes until the interrupt line is low, so that the next one is an edge. */
void uart_settle(const struct uart *uart);

/* Is the interrupt line low, so that the next cause is an edge? Asking withdraws the transmitter's request, if that is the only one: after
 * a false, there may be room. */
bool uart_is_quiet(const struct uart *uart);

/* True if a byte was received and waits. */
bool uart_has_received(const struct uart *uart);

/* That byte. */
uint8_t uart_receive(const struct uart *uart);

/* How many bytes may be sent at once now: 0, or the depth of the FIFO. */
uint32_t uart_room(const struct uart *uart);

/* Sends a byte; there must be room. */
void uart_send(const struct uart *uart, uint8_t byte);

/* True if all bytes have left the UART. */
bool uart_is_empty(const struct uart *uart);

/* What the driver waits for from now on. `receive`: an interrupt when a byte comes; otherwise the other end is told to wait (RTS).
 * `transmit`: an interrupt when there is room. */
void uart_wait_for(struct uart *uart, bool receive, bool transmit);
