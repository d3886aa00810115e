/* SPDX-License-Identifier: MIT */
/* 16550A UART between a guest and a console: National Semiconductor PC16550D data sheet (June 1995),
 * chapter 8. Touches its registers, the free space of the transmit ring and the bytes of the receive ring.
 *
 * region 0, 8 bytes (COM1 0x3f8):
 *   offset  DLAB  read                      write
 *   0       0     RBR receive buffer        THR transmitter holding
 *   0       1     DLL divisor low           DLL
 *   1       0     IER interrupt enable      IER
 *   1       1     DLM divisor high          DLM
 *   2       -     IIR interrupt identity    FCR FIFO control
 *   3       -     LCR line control          LCR
 *   4       -     MCR modem control         MCR
 *   5       -     LSR line status           (ignored: factory test)
 *   6       -     MSR modem status          (ignored)
 *   7       -     SCR scratch               SCR
 * line 0: the interrupt, as on a PC gated by OUT2.
 *
 * The console carries bytes, not bits: the divisor (0 too), word length, parity and breaks are kept and
 * read back, and change nothing. A byte is sent and received in no time; what takes time is the other
 * side.
 *  - Sending: THR and transmit FIFO empty into the ring. While it is full they don't, THRE and TEMT stay
 *    clear, and the guest waits. Nothing that a guest wrote while THRE was set is dropped.
 *  - Receiving: bytes come out of the ring as far as the FIFO has room, so there is no overrun (except in
 *    loopback). While the guest has RTS off they wait in the ring: bytes typed before a driver has cleared
 *    its FIFOs and opened the port are not lost. A guest that has never written MCR gets them too: small
 *    polling programs don't.
 *  - The character timeout (data sheet 8.4.1) is immediate: fewer bytes than the trigger level raise it at
 *    once. */

#include "uart16550/uart16550.h"

#include <stddef.h>

#define FIFO_SIZE 16u

#define IER_RECEIVED 0x01u
#define IER_TRANSMITTER 0x02u
#define IER_LINE_STATUS 0x04u
#define IER_MODEM 0x08u

#define IIR_NONE 0x01u
#define IIR_MODEM 0x00u
#define IIR_TRANSMITTER 0x02u
#define IIR_RECEIVED 0x04u
#define IIR_LINE_STATUS 0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFOS 0xc0u

#define FCR_ENABLE 0x01u
#define FCR_CLEAR_RECEIVE 0x02u
#define FCR_CLEAR_TRANSMIT 0x04u

#define LCR_DLAB 0x80u

#define MCR_DTR 0x01u
#define MCR_RTS 0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOPBACK 0x10u

#define LSR_DATA_READY 0x01u
#define LSR_OVERRUN 0x02u
#define LSR_ERRORS 0x1eu
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

#define MSR_DELTA_CTS 0x01u
#define MSR_DELTA_DSR 0x02u
#define MSR_TRAILING_RI 0x04u
#define MSR_DELTA_DCD 0x08u
#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI 0x40u
#define MSR_DCD 0x80u

struct fifo {
	uint8_t bytes[FIFO_SIZE];
	uint8_t first;
	uint8_t count;
};

struct uart_registers {
	struct model_outputs outputs;
	struct fifo receive;
	struct fifo transmit;
	uint8_t divisor_low;
	uint8_t divisor_high;
	uint8_t interrupt_enable;
	uint8_t fifo_control; /* enable and trigger bits */
	uint8_t line_control;
	uint8_t modem_control;
	uint8_t modem_control_written; /* 1 since the guest first wrote MCR */
	uint8_t line_errors;           /* LSR's error bits, cleared by reading it */
	uint8_t modem_deltas;          /* MSR's low half, cleared by reading it */
	uint8_t scratch;
	uint8_t transmitter_pending; /* THR became empty, and nobody has read that from IIR yet */
};

static void fifo_clear(struct fifo *fifo)
{
	fifo->first = 0;
	fifo->count = 0;
}

static uint8_t fifo_depth(const struct uart_registers *uart)
{
	return (uart->fifo_control & FCR_ENABLE) != 0 ? FIFO_SIZE : 1;
}

static bool fifo_put(struct fifo *fifo, uint8_t depth, uint8_t byte)
{
	if (fifo->count >= depth) {
		return false;
	}
	fifo->bytes[(uint8_t)(fifo->first + fifo->count) % FIFO_SIZE] = byte;
	fifo->count++;
	return true;
}

/* The oldest byte; 0 if there is none. */
static uint8_t fifo_take(struct fifo *fifo)
{
	uint8_t byte;

	if (fifo->count == 0) {
		return 0;
	}
	byte = fifo->bytes[fifo->first % FIFO_SIZE];
	fifo->first = (uint8_t)((fifo->first + 1u) % FIFO_SIZE);
	fifo->count--;
	return byte;
}

static bool in_loopback(const struct uart_registers *uart)
{
	return (uart->modem_control & MCR_LOOPBACK) != 0;
}

static bool receiver_is_open(const struct uart_registers *uart)
{
	return !in_loopback(uart) &&
	       (uart->modem_control_written == 0 || (uart->modem_control & MCR_RTS) != 0);
}

/* MSR's high half: the cable shows a terminal that is always ready; in loopback the outputs come back
 * (8.6.3). */
static uint8_t modem_inputs(const struct uart_registers *uart)
{
	unsigned int inputs = 0;

	if (!in_loopback(uart)) {
		return MSR_CTS | MSR_DSR | MSR_DCD;
	}
	inputs |= (uart->modem_control & MCR_RTS) != 0 ? MSR_CTS : 0;
	inputs |= (uart->modem_control & MCR_DTR) != 0 ? MSR_DSR : 0;
	inputs |= (uart->modem_control & MCR_OUT1) != 0 ? MSR_RI : 0;
	inputs |= (uart->modem_control & MCR_OUT2) != 0 ? MSR_DCD : 0;
	return (uint8_t)inputs;
}

/* IIR without the FIFO bits: the pending interrupt of highest priority (8.5, table 4). */
static uint8_t interrupt_identity(const struct uart_registers *uart)
{
	static const uint8_t trigger_levels[4] = { 1, 4, 8, 14 };
	unsigned int enabled = uart->interrupt_enable;

	if ((enabled & IER_LINE_STATUS) != 0 && uart->line_errors != 0) {
		return IIR_LINE_STATUS;
	}
	if ((enabled & IER_RECEIVED) != 0 && uart->receive.count != 0) {
		bool below_trigger = (uart->fifo_control & FCR_ENABLE) != 0 &&
				     uart->receive.count < trigger_levels[uart->fifo_control >> 6];

		return below_trigger ? IIR_TIMEOUT : IIR_RECEIVED;
	}
	if ((enabled & IER_TRANSMITTER) != 0 && uart->transmitter_pending != 0) {
		return IIR_TRANSMITTER;
	}
	if ((enabled & IER_MODEM) != 0 && uart->modem_deltas != 0) {
		return IIR_MODEM;
	}
	return IIR_NONE;
}

/* Moves bytes between FIFOs and rings as far as they go. */
static void move_bytes(struct uart_registers *uart, const struct model_context *context)
{
	struct model_outputs *outputs = &uart->outputs;
	uint8_t depth = fifo_depth(uart);

	if (uart->transmit.count != 0) {
		uint32_t space = ring_space(context->transmit, outputs->transmit_head);

		while (uart->transmit.count != 0 && space != 0) {
			ring_put(context->transmit, outputs->transmit_head, fifo_take(&uart->transmit));
			outputs->transmit_head++;
			space--;
		}
		if (uart->transmit.count == 0) {
			uart->transmitter_pending = 1;
		}
	}
	if (receiver_is_open(uart) && uart->receive.count < depth) {
		uint32_t available = ring_available(context->receive, outputs->receive_tail);

		while (uart->receive.count < depth && available != 0) {
			(void)fifo_put(
				&uart->receive, depth, ring_get(context->receive, outputs->receive_tail));
			outputs->receive_tail++;
			available--;
		}
	}
}

static void set_outputs(struct uart_registers *uart)
{
	struct model_outputs *outputs = &uart->outputs;
	bool line;

	outputs->wants_space = uart->transmit.count != 0;
	outputs->wants_bytes = receiver_is_open(uart) && uart->receive.count < fifo_depth(uart);
	/* On a PC the pin OUT2 opens the gate between the UART and the interrupt line; in loopback the pin
	 * is inactive (8.6.3). */
	line = interrupt_identity(uart) != IIR_NONE && (uart->modem_control & MCR_OUT2) != 0 &&
	       !in_loopback(uart);
	model_line_set(outputs, UART16550_LINE_INTERRUPT, line);
}

/* Ends every write and event. */
static void settle(struct uart_registers *uart, const struct model_context *context)
{
	move_bytes(uart, context);
	set_outputs(uart);
}

static void write_transmitter(struct uart_registers *uart, uint8_t byte)
{
	uart->transmitter_pending = 0;
	if (in_loopback(uart)) {
		if (!fifo_put(&uart->receive, fifo_depth(uart), byte)) {
			uart->line_errors |= LSR_OVERRUN;
		}
		uart->transmitter_pending = uart->transmit.count == 0;
		return;
	}
	/* A guest that writes although THRE is clear loses the byte, as on the chip. */
	(void)fifo_put(&uart->transmit, fifo_depth(uart), byte);
}

static void write_interrupt_enable(struct uart_registers *uart, uint8_t value)
{
	unsigned int changed = uart->interrupt_enable ^ value;

	uart->interrupt_enable = value & 0x0f;
	if ((changed & IER_TRANSMITTER) != 0) {
		/* Enabling it while THR is empty gives an interrupt at once: drivers start to send by
		 * that. */
		uart->transmitter_pending = (value & IER_TRANSMITTER) != 0 && uart->transmit.count == 0;
	}
}

static void write_fifo_control(struct uart_registers *uart, uint8_t value)
{
	bool changes_mode = ((uart->fifo_control ^ value) & FCR_ENABLE) != 0;
	bool enables = (value & FCR_ENABLE) != 0;

	/* Without bit 0 the others are not written (8.4); changing it clears both FIFOs. */
	if (changes_mode || (enables && (value & FCR_CLEAR_RECEIVE) != 0)) {
		fifo_clear(&uart->receive);
	}
	if (changes_mode || (enables && (value & FCR_CLEAR_TRANSMIT) != 0)) {
		uart->transmitter_pending |= uart->transmit.count != 0;
		fifo_clear(&uart->transmit);
	}
	uart->fifo_control = enables ? value & 0xc1 : 0;
}

static void write_modem_control(struct uart_registers *uart, uint8_t value)
{
	unsigned int before = modem_inputs(uart);
	unsigned int after;
	unsigned int changed;

	uart->modem_control = value & 0x1f;
	uart->modem_control_written = 1;
	after = modem_inputs(uart);
	changed = before ^ after;
	/* CTS, DSR and DCD note any change, RI only its end (8.7). */
	uart->modem_deltas |= (uint8_t)((changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4);
	uart->modem_deltas |= (before & ~after & MSR_RI) != 0 ? MSR_TRAILING_RI : 0;
}

static uint8_t read_register(struct uart_registers *uart, uint32_t offset)
{
	bool divisor_access = (uart->line_control & LCR_DLAB) != 0;
	unsigned int value;

	switch (offset) {
	case 0:
		return divisor_access ? uart->divisor_low : fifo_take(&uart->receive);
	case 1:
		return divisor_access ? uart->divisor_high : uart->interrupt_enable;
	case 2:
		value = interrupt_identity(uart);
		if (value == IIR_TRANSMITTER) {
			uart->transmitter_pending = 0;
		}
		return (uint8_t)(value | ((uart->fifo_control & FCR_ENABLE) != 0 ? IIR_FIFOS : 0));
	case 3:
		return uart->line_control;
	case 4:
		return uart->modem_control;
	case 5:
		value = (unsigned int)uart->line_errors & LSR_ERRORS;
		value |= uart->receive.count != 0 ? LSR_DATA_READY : 0;
		value |= uart->transmit.count == 0 ? LSR_THRE | LSR_TEMT : 0;
		uart->line_errors = 0;
		return (uint8_t)value;
	case 6:
		value = (unsigned int)modem_inputs(uart) | (uart->modem_deltas & 0x0fu);
		uart->modem_deltas = 0;
		return (uint8_t)value;
	default:
		return uart->scratch;
	}
}

static uint64_t uart_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct uart_registers *uart = registers;
	uint8_t value;

	/* Bytes that came or room that was made since the last access show in this one already. */
	move_bytes(uart, context);
	value = read_register(uart, access->offset);
	if (access->offset == 0) {
		move_bytes(uart, context);
	}
	set_outputs(uart);
	return value;
}

/* True if move_bytes() would move nothing: then a look at the registers changes nothing. */
static bool bytes_stand(const struct uart_registers *uart, const struct model_context *context)
{
	if (uart->transmit.count != 0 && ring_space(context->transmit, uart->outputs.transmit_head) != 0) {
		return false;
	}
	return ring_available(context->receive, uart->outputs.receive_tail) == 0 || !receiver_is_open(uart) ||
	       uart->receive.count >= fifo_depth(uart);
}

/* The registers that a read only looks at, as drivers poll them. */
static int64_t uart_peek(
	const void *registers, const struct model_context *context, uint32_t region, uint32_t offset)
{
	const struct uart_registers *uart = registers;
	int64_t value;

	(void)region;
	if (!bytes_stand(uart, context)) {
		return MODEL_PEEK_NONE;
	}
	if (offset == 5 && uart->line_errors == 0) {
		value = uart->transmit.count == 0 ? LSR_THRE | LSR_TEMT : 0;
		return uart->receive.count != 0 ? value | LSR_DATA_READY : value;
	}
	switch (offset) {
	case 3:
		return uart->line_control;
	case 4:
		return uart->modem_control;
	case 6:
		return uart->modem_deltas == 0 ? modem_inputs(uart) : MODEL_PEEK_NONE;
	case 7:
		return uart->scratch;
	default:
		return MODEL_PEEK_NONE;
	}
}

static void uart_write(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct uart_registers *uart = registers;
	uint8_t value = (uint8_t)access->value;
	bool divisor_access = (uart->line_control & LCR_DLAB) != 0;

	switch (access->offset) {
	case 0:
		if (divisor_access) {
			uart->divisor_low = value;
		} else {
			write_transmitter(uart, value);
		}
		break;
	case 1:
		if (divisor_access) {
			uart->divisor_high = value;
		} else {
			write_interrupt_enable(uart, value);
		}
		break;
	case 2:
		write_fifo_control(uart, value);
		break;
	case 3:
		uart->line_control = value;
		break;
	case 4:
		write_modem_control(uart, value);
		break;
	case 7:
		uart->scratch = value;
		break;
	default:
		break;
	}
	settle(uart, context);
}

static void uart_event(void *registers, const struct model_context *context, uint64_t bits)
{
	(void)bits;
	settle(registers, context);
}

/* As firmware leaves it: 9600 baud, 8 data bits, no parity. */
static const char *uart_reset(void *registers, const struct model_context *context)
{
	struct uart_registers *uart = registers;

	uart->divisor_low = 12;
	uart->line_control = 0x03;
	settle(uart, context);
	return NULL;
}

const struct model uart16550_model = {
	.name = "uart16550",
	.identity = 0x31545255, /* "URT1" */
	.register_bytes = sizeof(struct uart_registers),
	.line_count = 1,
	.region_count = 1,
	.regions = { { .size = 8, .width = 1 } },
	.has_console = true,
	.reset = uart_reset,
	.read = uart_read,
	.write = uart_write,
	.peek = uart_peek,
	.event = uart_event,
};
