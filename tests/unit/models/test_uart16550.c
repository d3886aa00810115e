/* SPDX-License-Identifier: MIT */
/* The 16550 model through its table: every register, FIFO levels, interrupt priorities, flow control in
 * both directions, restarts. */

#include "machine.h"
#include "uart16550/uart16550.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct machine *new_uart(void) { return machine_new(&uart16550_model, NULL); }

static void host_types(struct machine *m, const char *bytes, uint32_t count)
{
	int signal = 0;

	assert_int_equal(ring_write(&m->to_guest, (const uint8_t *)bytes, count, &signal), count);
	if (signal) {
		model_run_event(&m->run, MODEL_EVENT_CONSOLE);
	}
}

static uint32_t host_reads(struct machine *m, uint8_t *bytes, uint32_t count)
{
	int signal = 0;
	uint32_t taken = ring_read(&m->from_guest, bytes, count, &signal);

	if (signal) {
		model_run_event(&m->run, MODEL_EVENT_CONSOLE);
	}
	return taken;
}

/* Interrupts reach the line: OUT2, and DTR and RTS as a driver sets them. */
static void open_port(struct machine *m) { machine_out(m, 0, MCR, 0x0b); }

static void registers_at_reset(void **state)
{
	struct machine *m = new_uart();

	(void)state;
	assert_int_equal(machine_in(m, 0, DATA), 0);
	assert_int_equal(machine_in(m, 0, IER), 0);
	assert_int_equal(machine_in(m, 0, IIR), 0x01);
	assert_int_equal(machine_in(m, 0, LCR), 0x03);
	assert_int_equal(machine_in(m, 0, MCR), 0);
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	assert_int_equal(machine_in(m, 0, MSR), 0xb0);
	assert_int_equal(machine_in(m, 0, SCR), 0);
	assert_int_equal(machine_level(m, 0), 0);
	machine_free(m);
}

static void registers_keep_their_bits(void **state)
{
	struct machine *m = new_uart();

	(void)state;
	for (unsigned int value = 0; value < 256; value++) {
		machine_out(m, 0, SCR, (uint8_t)value);
		assert_int_equal(machine_in(m, 0, SCR), value);
		machine_out(m, 0, IER, (uint8_t)value);
		assert_int_equal(machine_in(m, 0, IER), value & 0x0f);
		machine_out(m, 0, MCR, (uint8_t)value);
		assert_int_equal(machine_in(m, 0, MCR), value & 0x1f);
		machine_out(m, 0, LCR, (uint8_t)value);
		assert_int_equal(machine_in(m, 0, LCR), value);
		/* divisor, any value, 0 as well */
		machine_out(m, 0, LCR, 0x83);
		machine_out(m, 0, DATA, (uint8_t)value);
		machine_out(m, 0, IER, (uint8_t)~value);
		assert_int_equal(machine_in(m, 0, DATA), value);
		assert_int_equal(machine_in(m, 0, IER), (uint8_t)~value);
		machine_out(m, 0, LCR, 0x03);
		assert_int_equal(machine_in(m, 0, IER), value & 0x0f);
		/* read-only registers */
		machine_out(m, 0, LSR, (uint8_t)value);
		machine_out(m, 0, MSR, (uint8_t)value);
		assert_int_equal(machine_in(m, 0, LSR) & 0x9f, 0);
	}
	machine_free(m);
}

static void zero_divisor_still_sends(void **state)
{
	struct machine *m = new_uart();
	uint8_t byte = 0;

	(void)state;
	machine_out(m, 0, LCR, 0x83);
	machine_out(m, 0, DATA, 0);
	machine_out(m, 0, IER, 0);
	machine_out(m, 0, LCR, 0x03);
	machine_out(m, 0, DATA, 'z');
	assert_int_equal(host_reads(m, &byte, 1), 1);
	assert_int_equal(byte, 'z');
	machine_free(m);
}

static void fifo_control(void **state)
{
	struct machine *m = new_uart();

	(void)state;
	machine_out(m, 0, FCR, 0xc0); /* not enabled: nothing is written */
	assert_int_equal(machine_in(m, 0, IIR), 0x01);
	machine_out(m, 0, FCR, 0x01);
	assert_int_equal(machine_in(m, 0, IIR), 0xc1);
	host_types(m, "abcd", 4);
	assert_int_equal(machine_in(m, 0, DATA), 'a');
	machine_out(m, 0, FCR, 0x01); /* no clear */
	assert_int_equal(machine_in(m, 0, DATA), 'b');
	machine_out(m, 0, FCR, 0x03);
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	host_types(m, "ef", 2);
	machine_out(m, 0, FCR, 0x00); /* leaving FIFO mode clears it */
	assert_int_equal(machine_in(m, 0, IIR), 0x01);
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	machine_free(m);
}

static void receive_trigger_levels(void **state)
{
	static const uint8_t levels[4] = { 1, 4, 8, 14 };

	(void)state;
	for (unsigned int trigger = 0; trigger < 4; trigger++) {
		struct machine *m = new_uart();

		open_port(m);
		machine_out(m, 0, FCR, (uint8_t)(trigger << 6 | 1));
		machine_out(m, 0, IER, 0x01);
		for (unsigned int count = 1; count <= 16; count++) {
			host_types(m, "x", 1);
			assert_int_equal(machine_in(m, 0, IIR), count < levels[trigger] ? 0xcc : 0xc4);
			assert_int_equal(machine_level(m, 0), 1);
		}
		for (unsigned int count = 16; count > 0; count--) {
			assert_int_equal(machine_in(m, 0, IIR), count < levels[trigger] ? 0xcc : 0xc4);
			assert_int_equal(machine_in(m, 0, LSR), 0x61);
			assert_int_equal(machine_in(m, 0, DATA), 'x');
		}
		assert_int_equal(machine_in(m, 0, IIR), 0xc1);
		assert_int_equal(machine_level(m, 0), 0);
		assert_int_equal(machine_edges(m, 0), 1);
		machine_free(m);
	}
}

static void interrupt_priorities(void **state)
{
	struct machine *m = new_uart();

	(void)state;
	machine_out(m, 0, FCR, 0x00);
	machine_out(m, 0, IER, 0x0f);
	machine_out(m, 0, MCR, 0x10); /* loopback: DCD, DSR, CTS fall */
	machine_out(m, 0, DATA, 1);
	machine_out(m, 0, DATA, 2); /* overrun: one byte deep */
	assert_int_equal(machine_in(m, 0, IIR), 0x06);
	assert_int_equal(machine_in(m, 0, LSR), 0x63);
	assert_int_equal(machine_in(m, 0, LSR), 0x61);
	assert_int_equal(machine_in(m, 0, IIR), 0x04);
	assert_int_equal(machine_in(m, 0, DATA), 1);
	assert_int_equal(machine_in(m, 0, IIR), 0x02); /* read: no longer pending */
	assert_int_equal(machine_in(m, 0, IIR), 0x00);
	assert_int_equal(machine_in(m, 0, MSR), 0x0b);
	assert_int_equal(machine_in(m, 0, IIR), 0x01);
	assert_int_equal(machine_in(m, 0, MSR), 0x00);
	machine_free(m);
}

/* Each enable bit alone, with everything pending: only its own source shows. */
static void interrupt_enables(void **state)
{
	static const uint8_t identities[16] = { 1, 4, 2, 4, 6, 6, 6, 6, 0, 4, 2, 4, 6, 6, 6, 6 };

	(void)state;
	for (unsigned int enabled = 0; enabled < 16; enabled++) {
		struct machine *m = new_uart();

		machine_out(m, 0, MCR, 0x10);
		machine_out(m, 0, DATA, 1);
		machine_out(m, 0, DATA, 2);
		machine_out(m, 0, IER, (uint8_t)enabled);
		assert_int_equal(machine_in(m, 0, IIR), identities[enabled]);
		machine_free(m);
	}
}

static void transmitter_interrupt(void **state)
{
	struct machine *m = new_uart();
	uint64_t edges;

	(void)state;
	open_port(m);
	assert_int_equal(machine_level(m, 0), 0);
	machine_out(m, 0, IER, 0x02); /* THR is empty: at once */
	assert_int_equal(machine_level(m, 0), 1);
	assert_int_equal(machine_in(m, 0, IIR), 0x02);
	assert_int_equal(machine_level(m, 0), 0);
	assert_int_equal(machine_in(m, 0, IIR), 0x01);
	edges = machine_edges(m, 0);
	for (int i = 0; i < 16; i++) {
		machine_out(m, 0, DATA, 'a');
	}
	/* Sixteen bytes of one interrupt's work raise the line once. */
	assert_int_equal(machine_edges(m, 0), edges + 1);
	assert_int_equal(machine_level(m, 0), 1);
	machine_out(m, 0, IER, 0x00);
	assert_int_equal(machine_level(m, 0), 0);
	assert_int_equal(machine_in(m, 0, IIR), 0x01);
	machine_out(m, 0, IER, 0x02);
	assert_int_equal(machine_level(m, 0), 1);
	machine_out(m, 0, IER, 0x03); /* unchanged bit: nothing new */
	assert_int_equal(machine_edges(m, 0), edges + 2);
	machine_free(m);
}

static void out2_gates_the_line(void **state)
{
	struct machine *m = new_uart();

	(void)state;
	machine_out(m, 0, IER, 0x02);
	for (unsigned int control = 0; control < 32; control++) {
		machine_out(m, 0, MCR, (uint8_t)control);
		assert_int_equal(machine_level(m, 0), (control & 0x18) == 0x08);
	}
	machine_free(m);
}

static void loopback(void **state)
{
	struct machine *m = new_uart();
	uint8_t byte;

	(void)state;
	for (unsigned int control = 0; control < 16; control++) {
		unsigned int expected =
			(control & 1) << 5 | (control & 2) << 3 | (control & 4) << 4 | (control & 8) << 4;

		machine_out(m, 0, MCR, (uint8_t)(0x10 | control));
		assert_int_equal(machine_in(m, 0, MSR) & 0xf0, expected);
		assert_int_equal(machine_in(m, 0, MSR) & 0x0f, 0);
	}
	/* RI notes only its end */
	machine_out(m, 0, MCR, 0x14);
	(void)machine_in(m, 0, MSR);
	machine_out(m, 0, MCR, 0x10);
	assert_int_equal(machine_in(m, 0, MSR), 0x04);
	machine_out(m, 0, MCR, 0x14);
	assert_int_equal(machine_in(m, 0, MSR), 0x40);
	machine_out(m, 0, MCR, 0x15); /* and not that it stays */
	assert_int_equal(machine_in(m, 0, MSR), 0x62);
	/* bytes come back and don't go out; what the host types waits */
	machine_out(m, 0, FCR, 0x07);
	host_types(m, "h", 1);
	for (unsigned int i = 0; i < 17; i++) {
		machine_out(m, 0, DATA, (uint8_t)i);
	}
	assert_int_equal(machine_in(m, 0, LSR), 0x63);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(machine_in(m, 0, DATA), i);
	}
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	assert_int_equal(host_reads(m, &byte, 1), 0);
	machine_out(m, 0, MCR, 0x03);
	assert_int_equal(machine_in(m, 0, DATA), 'h');
	machine_free(m);
}

static void input_waits_for_rts(void **state)
{
	struct machine *m = new_uart();

	(void)state;
	host_types(m, "a", 1);
	assert_int_equal(machine_in(m, 0, DATA), 'a'); /* MCR never written */
	machine_out(m, 0, MCR, 0x01);
	host_types(m, "bc", 2);
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	machine_out(m, 0, FCR, 0x07); /* a driver clears its FIFOs before it opens */
	machine_out(m, 0, MCR, 0x03);
	assert_int_equal(machine_in(m, 0, LSR), 0x61);
	assert_int_equal(machine_in(m, 0, DATA), 'b');
	assert_int_equal(machine_in(m, 0, DATA), 'c');
	machine_free(m);
}

/* A full ring holds the guest back by THRE, and lets it go on with an interrupt. */
static void full_ring_holds_back(void **state)
{
	struct machine *m = new_uart();
	uint8_t bytes[2048];
	uint32_t sent = 0;
	uint32_t got;
	uint64_t edges;

	(void)state;
	open_port(m);
	m->without_kills = 1;
	machine_out(m, 0, FCR, 0x01);
	while ((machine_in(m, 0, LSR) & 0x20) != 0) {
		machine_out(m, 0, DATA, (uint8_t)sent++);
		assert_true(sent < 2000);
	}
	m->without_kills = 0;
	assert_int_equal(sent, 1024 + 1);
	for (int i = 0; i < 15; i++) {
		machine_out(m, 0, DATA, (uint8_t)sent++);
		assert_int_equal(machine_in(m, 0, LSR), 0);
	}
	machine_out(m, 0, DATA, 'L'); /* against THRE: lost */
	machine_out(m, 0, IER, 0x02);
	assert_int_equal(machine_level(m, 0), 0);
	edges = machine_edges(m, 0);
	machine_restart(m);
	got = host_reads(m, bytes, 1);
	assert_int_equal(machine_in(m, 0, LSR), 0); /* 15 still wait */
	got += host_reads(m, bytes + got, 100);
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	assert_int_equal(machine_level(m, 0), 1);
	assert_int_equal(machine_edges(m, 0), edges + 1);
	got += host_reads(m, bytes + got, sizeof(bytes) - got);
	assert_int_equal(got, sent);
	for (uint32_t i = 0; i < got; i++) {
		assert_int_equal(bytes[i], (uint8_t)i);
	}
	machine_free(m);
}

static void clearing_the_transmit_fifo(void **state)
{
	struct machine *m = new_uart();
	uint8_t bytes[2048];

	(void)state;
	open_port(m);
	m->without_kills = 1;
	machine_out(m, 0, FCR, 0x01);
	machine_out(m, 0, IER, 0x02);
	while ((machine_in(m, 0, LSR) & 0x20) != 0) {
		machine_out(m, 0, DATA, 'a');
	}
	m->without_kills = 0;
	assert_int_equal(machine_level(m, 0), 0);
	machine_out(m, 0, FCR, 0x05);
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	assert_int_equal(machine_level(m, 0), 1);
	assert_int_equal(host_reads(m, bytes, sizeof(bytes)), 1024);
	machine_free(m);
}

/* Signals to the console only when it asked, and once for each time. */
static void signals_are_few(void **state)
{
	struct machine *m = new_uart();
	uint8_t bytes[16];
	unsigned int before;

	(void)state;
	m->without_kills = 1;
	before = m->environment.console_signals;
	machine_out(m, 0, DATA, 'a');
	assert_int_equal(m->environment.console_signals, before);
	assert_int_equal(host_reads(m, bytes, 16), 1);
	assert_int_equal(ring_consumer_may_sleep(&m->from_guest), 1);
	machine_out(m, 0, DATA, 'b');
	machine_out(m, 0, DATA, 'c');
	assert_int_equal(m->environment.console_signals, before + 1);
	assert_int_equal(host_reads(m, bytes, 16), 2);
	assert_int_equal(ring_consumer_may_sleep(&m->from_guest), 1);
	machine_out(m, 0, DATA, 'd');
	assert_int_equal(m->environment.console_signals, before + 2);
	assert_int_equal(ring_consumer_may_sleep(&m->from_guest), 0);
	machine_free(m);
}

static void wide_and_wrong_accesses(void **state)
{
	struct machine *m = new_uart();
	static const uint32_t widths[] = { 0, 1, 2, 3, 4, 5, 8, 255 };

	(void)state;
	machine_write(m, 0, 6, 2, 0x5a00); /* MSR ignored, SCR */
	assert_int_equal(machine_in(m, 0, SCR), 0x5a);
	assert_int_equal(machine_read(m, 0, 6, 2), 0x5ab0);
	assert_int_equal(machine_read(m, 0, 4, 4), 0x5ab06000);
	assert_int_equal(machine_read(m, 0, 7, 2), 0xffff);
	assert_int_equal(machine_read(m, 0, 5, 4), 0xffffffff);
	machine_write(m, 0, 7, 2, 0x1111);
	assert_int_equal(machine_in(m, 0, SCR), 0x5a);
	for (unsigned int i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		uint32_t width = widths[i];

		for (uint32_t region = 0; region < 6; region++) {
			for (uint32_t offset = 0; offset < 12; offset++) {
				uint64_t value = machine_read(m, region, offset, width);
				bool fits = region == 0 && (width == 1 || width == 2 || width == 4) &&
					    offset + width <= 8;

				if (!fits) {
					assert_int_equal(value,
						width >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1);
				}
			}
		}
		assert_int_equal(machine_read(m, 0, UINT32_MAX, width),
			width >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1);
	}
	machine_free(m);
}

static void type_one(struct machine *m)
{
	uint8_t byte = '!';
	int signal = 0;

	m->environment.on_interrupt = NULL;
	assert_int_equal(ring_write(&m->to_guest, &byte, 1, &signal), 1);
	assert_int_equal(signal, 0); /* the model had not asked */
}

/* A byte that comes after the model looked at the ring and before it asked for a signal is not left lying. */
static void ring_moves_while_the_model_looks_away(void **state)
{
	struct machine *m = new_uart();
	const struct ring_region *console = (const struct ring_region *)(const void *)m->memory.console;

	(void)state;
	m->without_kills = 1;
	/* in an event: the byte that woke the model raises the line */
	open_port(m);
	machine_out(m, 0, FCR, 0x01);
	machine_out(m, 0, IER, 0x01);
	m->environment.on_interrupt = type_one;
	host_types(m, "a", 1);
	assert_null(m->environment.on_interrupt);
	assert_int_equal(console->receive.tail, 2);
	machine_free(m);
	/* in an access: opening the port makes the model wait for bytes, and gates the pending interrupt
	 * through */
	m = new_uart();
	console = (const struct ring_region *)(const void *)m->memory.console;
	m->without_kills = 1;
	machine_out(m, 0, MCR, 0x01);
	machine_out(m, 0, IER, 0x03);
	model_run_event(&m->run, MODEL_EVENT_CONSOLE); /* closed: nothing is asked for */
	m->to_guest.ring.signalled = console->receive.consumer_ticket;
	m->environment.on_interrupt = type_one;
	machine_out(m, 0, MCR, 0x0b);
	assert_null(m->environment.on_interrupt);
	assert_int_equal(console->receive.tail, 1);
	machine_free(m);
}

/* The same when it waits for space: the backend reads between the model's look at the full ring and its
 * question. */
static void read_one(struct machine *m)
{
	uint8_t byte;
	int signal = 0;

	m->environment.on_interrupt = NULL;
	assert_int_equal(ring_read(&m->from_guest, &byte, 1, &signal), 1);
	assert_int_equal(signal, 0);
}

static void ring_empties_while_the_model_looks_away(void **state)
{
	struct machine *m = new_uart();
	const struct ring_region *console = (const struct ring_region *)(const void *)m->memory.console;

	(void)state;
	m->without_kills = 1;
	open_port(m);
	machine_out(m, 0, IER, 0x01);
	for (int i = 0; i < 1024; i++) {
		machine_out(m, 0, DATA, 'x');
	}
	assert_int_equal(machine_in(m, 0, LSR), 0x60);
	/* A byte that is typed now raises the line in the very access that finds the ring full. */
	m->to_guest.ring.signalled = console->receive.consumer_ticket;
	host_types(m, "k", 1);
	m->environment.on_interrupt = read_one;
	machine_out(m, 0, DATA, 'y');
	assert_null(m->environment.on_interrupt);
	assert_int_equal(console->transmit.head, 1025);
	assert_int_equal(machine_in(m, 0, LSR), 0x61);
	machine_free(m);
}

/* ---- 100,000 bytes each way, by interrupts ---- */

enum { BYTES = 100000 };

struct exchange {
	struct machine *m;
	uint64_t seed;
	uint32_t guest_sent, guest_got, host_sent, host_got;
	uint64_t seen_edges;
	int reader_sleeps, writer_sleeps; /* the host's: woken by signals only */
	unsigned int seen_signals;
};

static uint8_t guest_byte(uint32_t number) { return (uint8_t)(number * 7 + number / 256); }
static uint8_t host_byte(uint32_t number) { return (uint8_t)(number * 5 + number / 256); }

/* Only an edge, or a level that is still high, wakes the guest. */
static void guest_works(struct exchange *x)
{
	uint8_t identity;

	if (machine_edges(x->m, 0) == x->seen_edges && !machine_level(x->m, 0)) {
		return;
	}
	x->seen_edges = machine_edges(x->m, 0);
	while (((identity = machine_in(x->m, 0, IIR)) & 1) == 0) {
		if ((identity & 0x0f) != 0x02) {
			assert_int_equal(machine_in(x->m, 0, DATA), host_byte(x->guest_got));
			x->guest_got++;
			continue;
		}
		for (int i = 0; i < 16 && x->guest_sent < BYTES; i++) {
			machine_out(x->m, 0, DATA, guest_byte(x->guest_sent));
			x->guest_sent++;
		}
		if (x->guest_sent == BYTES) {
			machine_out(x->m, 0, IER, 0x01);
		}
	}
}

static void host_is_signalled(struct exchange *x)
{
	if (x->m->environment.console_signals != x->seen_signals) {
		x->seen_signals = x->m->environment.console_signals;
		x->reader_sleeps = 0;
		x->writer_sleeps = 0;
	}
}

static void host_receives(struct exchange *x, uint32_t count)
{
	uint8_t bytes[64];
	uint32_t taken;

	host_is_signalled(x);
	if (x->reader_sleeps) {
		return;
	}
	taken = host_reads(x->m, bytes, count);
	for (uint32_t i = 0; i < taken; i++) {
		assert_int_equal(bytes[i], guest_byte(x->host_got));
		x->host_got++;
	}
	x->reader_sleeps = taken == 0 && ring_consumer_may_sleep(&x->m->from_guest);
}

static void host_sends(struct exchange *x, uint32_t count)
{
	uint8_t bytes[64];
	uint32_t written;
	int signal = 0;

	host_is_signalled(x);
	if (x->writer_sleeps) {
		return;
	}
	count = count < BYTES - x->host_sent ? count : BYTES - x->host_sent;
	for (uint32_t i = 0; i < count; i++) {
		bytes[i] = host_byte(x->host_sent + i);
	}
	written = ring_write(&x->m->to_guest, bytes, count, &signal);
	x->host_sent += written;
	if (signal) {
		model_run_event(&x->m->run, MODEL_EVENT_CONSOLE);
	}
	x->writer_sleeps = written < count && ring_producer_may_sleep(&x->m->to_guest);
}

/* Each byte arrives once and in order, and nobody waits for a wake-up that does not come. Both sides are
 * slow and fast by turns, so that rings are full and empty. With kills at random points, or without any: a
 * restart would heal a lost wake-up. */
static void exchange(bool guest_to_host, bool host_to_guest, bool with_kills)
{
	struct exchange x = { .m = new_uart(), .seed = 42 };
	struct machine *m = x.m;
	uint32_t idle = 0;

	x.guest_sent = x.host_got = guest_to_host ? 0 : BYTES;
	x.host_sent = x.guest_got = host_to_guest ? 0 : BYTES;
	m->without_kills = 1;
	open_port(m);
	machine_out(m, 0, FCR, 0xc1);
	machine_out(m, 0, IER, guest_to_host ? 0x03 : 0x01);
	for (uint32_t turn = 0; x.host_got < BYTES || x.guest_got < BYTES; turn++) {
		uint64_t random = machine_random(&x.seed);
		uint32_t progress = x.guest_sent + x.guest_got + x.host_sent + x.host_got;
		uint32_t count = (uint32_t)(random >> 40) % ((turn >> 10 & 1) != 0 ? 64 : 4);

		m->without_kills = !with_kills || random % 64 != 0;
		if (with_kills && random % 997 == 0) {
			machine_restart(m);
		}
		switch (random >> 32 & 3) {
		case 0:
			host_receives(&x, count);
			break;
		case 1:
			host_sends(&x, count);
			break;
		default:
			if ((turn >> 12 & 1) == 0 || (random >> 34) % 128 == 0) {
				guest_works(&x);
			}
			break;
		}
		idle = progress == x.guest_sent + x.guest_got + x.host_sent + x.host_got ? idle + 1 : 0;
		assert_true(idle < 1000);
	}
	assert_int_equal(x.guest_sent, BYTES);
	assert_int_equal(x.host_sent, BYTES);
	machine_free(m);
}

static void nothing_lost_nothing_doubled(void **state)
{
	(void)state;
	exchange(true, true, true);
}

static void no_wake_up_lost(void **state)
{
	(void)state;
	exchange(true, true, false);
	exchange(true, false, false);
	exchange(false, true, false);
}

/* Rings outlive the VM: fresh registers go on where the rings are. */
static void fresh_registers_on_used_rings(void **state)
{
	struct machine *m = new_uart();
	struct model_resources resources;
	uint8_t bytes[16];

	(void)state;
	machine_out(m, 0, DATA, 'a');
	host_types(m, "xy", 2);
	assert_int_equal(machine_in(m, 0, DATA), 'x');
	for (unsigned int i = 0; i < sizeof(m->memory.state); i++) {
		m->memory.state[i] = 0;
	}
	resources = (struct model_resources){ .state = m->memory.state,
		.state_size = sizeof(m->memory.state),
		.lines = &m->memory.lines,
		.rings = m->memory.console,
		.rings_size = sizeof(m->memory.console),
		.environment = &m->environment };
	assert_int_equal(model_run_start(&m->run, &uart16550_model, &resources), MODEL_STARTED_FRESH);
	machine_out(m, 0, DATA, 'b');
	host_types(m, "z", 1);
	assert_int_equal(host_reads(m, bytes, 16), 2);
	assert_int_equal(bytes[1], 'b');
	assert_int_equal(machine_in(m, 0, DATA), 'z'); /* y was in the machine that is gone */
	machine_free(m);
}

/* The other side writes nonsense into its indices: nothing is read or written outside, and sense returns
 * with them. */
static void hostile_console(void **state)
{
	struct machine *m = new_uart();
	struct ring_region *console = (struct ring_region *)(void *)m->memory.console;
	uint64_t seed = 7;

	(void)state;
	m->without_kills = 1;
	open_port(m);
	machine_out(m, 0, FCR, 0x01);
	machine_out(m, 0, IER, 0x0f);
	for (int i = 0; i < 20000; i++) {
		uint64_t random;

		console->transmit.tail = (uint32_t)machine_random(&seed);
		console->transmit.consumer_ticket = (uint32_t)machine_random(&seed);
		console->receive.head = (uint32_t)machine_random(&seed);
		console->receive.producer_ticket = (uint32_t)machine_random(&seed);
		if (i % 3 == 0) {
			console->transmit.head = (uint32_t)machine_random(&seed);
			console->receive.tail = (uint32_t)machine_random(&seed);
			console->capacity = (uint32_t)machine_random(&seed);
		}
		random = machine_random(&seed);
		machine_out(m, 0, random % 8, (uint8_t)(random >> 8));
		(void)machine_in(m, 0, (uint32_t)machine_random(&seed) % 8);
		model_run_event(&m->run, MODEL_EVENT_CONSOLE);
	}
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_at_reset),
		cmocka_unit_test(registers_keep_their_bits),
		cmocka_unit_test(zero_divisor_still_sends),
		cmocka_unit_test(fifo_control),
		cmocka_unit_test(receive_trigger_levels),
		cmocka_unit_test(interrupt_priorities),
		cmocka_unit_test(interrupt_enables),
		cmocka_unit_test(transmitter_interrupt),
		cmocka_unit_test(out2_gates_the_line),
		cmocka_unit_test(loopback),
		cmocka_unit_test(input_waits_for_rts),
		cmocka_unit_test(full_ring_holds_back),
		cmocka_unit_test(clearing_the_transmit_fifo),
		cmocka_unit_test(signals_are_few),
		cmocka_unit_test(wide_and_wrong_accesses),
		cmocka_unit_test(ring_moves_while_the_model_looks_away),
		cmocka_unit_test(ring_empties_while_the_model_looks_away),
		cmocka_unit_test(nothing_lost_nothing_doubled),
		cmocka_unit_test(no_wake_up_lost),
		cmocka_unit_test(fresh_registers_on_used_rings),
		cmocka_unit_test(hostile_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
