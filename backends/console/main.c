/* SPDX-License-Identifier: MIT */
/* The console task: owns the host's COM1 (terminal), COM2 (transcript, where there is one) and the control port (likewise), and one side of every
 * console's rings. Reads its names from the task information, then waits on one notification for all: consoles, timer, serial ports. What
 * it does with the bytes is in multiplexer.c and relay.c.
 *
 * Given by the manifest: arguments console=NAME (in the order of the notification's bits 0..), admin=NAME, and perhaps control=com2 or com3;
 * capabilities notification, timer, port:com1, irq:com1, port:com2, irq:com2, signal:NAME for each console, signal:admin; regions
 * console:NAME, console:admin, backlog; with a control port port:control, irq:control, signal:control and region console:control. */
#include "multiplexer.h"
#include "relay.h"
#include "uart.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <string.h>

#define BIT_CONTROL_PORT 58u
#define BIT_CONTROL 59u
#define BIT_ADMIN 60u /* bits of the notification; below: consoles */
#define BIT_TIMER 61u
#define BIT_COM2 62u
#define BIT_COM1 63u

#define COM1_BASE 0x3f8u
#define COM2_BASE 0x2f8u
#define COM3_BASE 0x3e8u

#define POLL_MS 1u /* after output a console is looked at again, before it is asked to signal its next byte */
#define QUIET_MS 200u  /* after which the beginning of a line goes to the transcript */
#define STALL_MS 5000u /* after which a guest that takes no input loses it */

#define SEND_TURN 256u /* most bytes sent to one port before all others have had their turn */
#define RECEIVE_TURN 64u
#define QUIET_TRIES 64u /* a UART that never gets quiet is broken: its owner goes on by its other signals */

/* A serial port and what it is driven by. */
struct port {
	struct uart uart;
	uint64_t interrupt; /* its IRQ handler's capability */
};

static struct multiplexer multiplexer;
static struct port com1;
static struct port com2;
static struct relay relay;
static struct port control;
static uint64_t
	control_signal; /* the capability by which the root task is woken; 0: there is no control port */
static uint64_t signals[CONSOLES_MAX]; /* the capability by which console i's other side is woken */
static uint64_t timer;
static uint64_t armed_for = UINT64_MAX;

/* These can fail only if the manifest gave the wrong object: then nothing works. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

/* ---- Start ---- */

static void open_console(uint32_t index, const char *object, struct ring *output, struct ring *input)
{
	char name[CONSOLE_NAME_MAX + sizeof("console:")];
	size_t size;
	void *region;

	(void)bh_format(name, sizeof(name), "console:%s", object);
	region = bh_region_required(name, CONSOLE_MIN_SIZE, &size);
	if (console_attach(region, size, output, input) != 0) {
		bh_log("region \"%s\" was written by another version", name);
		bh_exit(BH_EXIT_MISSING);
	}
	(void)bh_format(name, sizeof(name), "signal:%s", object);
	signals[index] = bh_capability_required(name);
}

/* Reads the consoles from the arguments: those of the VMs, then the administrator's. */
static void open_consoles(void *saved, uint64_t saved_size, const struct multiplexer_settings *settings)
{
	const char *names[CONSOLES_MAX];
	struct ring outputs[CONSOLES_MAX];
	struct ring inputs[CONSOLES_MAX];
	struct multiplexer_settings with_admin = *settings;
	uint32_t count = 0;
	const char *argument;
	enum multiplexer_error error;

	for (uint32_t i = 0; (argument = task_info_argument(bh_task_info(), i)) != NULL; i++) {
		if (strncmp(argument, "console=", strlen("console=")) == 0 && count < CONSOLES_MAX - 1) {
			names[count] = argument + strlen("console=");
			open_console(count, names[count], &outputs[count], &inputs[count]);
			count++;
		}
	}
	names[count] = bh_argument_required("admin");
	open_console(count, "admin", &outputs[count], &inputs[count]);
	with_admin.admin = count;
	count++;
	error = multiplexer_start(
		&multiplexer, saved, saved_size, count, names, outputs, inputs, &with_admin, bh_tsc());
	if (error != MULTIPLEXER_OK) {
		bh_log("region \"backlog\" has %lu bytes, and %u consoles need %lu", saved_size, count,
			SAVED_SIZE(count));
		bh_exit(BH_EXIT_MISSING);
	}
}

/* Starts a port if the manifest gave it. */
static void open_port(struct port *port, const char *ports, const char *interrupt, uint16_t base)
{
	port->interrupt = bh_capability(interrupt);
	if (port->interrupt != 0 && bh_capability(ports) != 0) {
		uart_start(&port->uart, base);
		/* A former task may have ended with an interrupt that it had not acknowledged. */
		demand(bh_irq_acknowledge(port->interrupt), interrupt);
	}
}

/* Reads the control port, if the manifest gave one, from the argument that names its place. */
static void open_control(void)
{
	const char *place = bh_argument("control");
	struct ring output;
	struct ring input;
	size_t size;
	void *region;

	if (place == NULL) {
		return;
	}
	region = bh_region_required("console:control", CONSOLE_MIN_SIZE, &size);
	if (console_attach(region, size, &output, &input) != 0) {
		bh_log("region \"console:control\" was written by another version");
		bh_exit(BH_EXIT_MISSING);
	}
	control_signal = bh_capability_required("signal:control");
	relay_start(&relay, output, input);
	open_port(
		&control, "port:control", "irq:control", strcmp(place, "com2") == 0 ? COM2_BASE : COM3_BASE);
}

/* ---- The loop ---- */

static void acknowledge(const struct port *port)
{
	/* First unmask, then make the line low: the next cause is an edge that nobody masks. */
	demand(bh_irq_acknowledge(port->interrupt), "acknowledging an interrupt");
	uart_settle(&port->uart);
}

static void take_signals(uint64_t word)
{
	for (uint32_t i = 0; i + 1 < multiplexer.count; i++) {
		if ((word >> i & 1) != 0) {
			multiplexer_signalled(&multiplexer, i);
		}
	}
	if ((word >> BIT_ADMIN & 1) != 0) {
		multiplexer_signalled(&multiplexer, multiplexer.settings.admin);
	}
	if ((word >> BIT_TIMER & 1) != 0) {
		armed_for = UINT64_MAX;
	}
	if ((word >> BIT_CONTROL & 1) != 0) {
		relay_signalled(&relay);
	}
	if ((word >> BIT_CONTROL_PORT & 1) != 0) {
		acknowledge(&control);
	}
	if ((word >> BIT_COM1 & 1) != 0) {
		acknowledge(&com1);
	}
	if ((word >> BIT_COM2 & 1) != 0) {
		acknowledge(&com2);
	}
}

static void send_signals(void)
{
	while (multiplexer.signals != 0) {
		uint32_t index = (uint32_t)__builtin_ctzll(multiplexer.signals);

		multiplexer.signals &= multiplexer.signals - 1;
		demand(bh_signal(signals[index]), "signalling a console's other side");
	}
	if (relay.wakes && control_signal != 0) {
		relay.wakes = false;
		demand(bh_signal(control_signal), "signalling the control port's other side");
	}
}

/* Reads what was typed, as far as somebody takes it. */
static bool receive(uint64_t now)
{
	bool moved = false;

	for (uint32_t i = 0; i < RECEIVE_TURN; i++) {
		bool is_waiting = uart_has_received(&com1.uart);

		if (!multiplexer_takes_input(&multiplexer, is_waiting, now) || !is_waiting) {
			break;
		}
		multiplexer_typed(&multiplexer, uart_receive(&com1.uart));
		moved = true;
	}
	return moved;
}

/* Sends what the terminal has to show; true if anything went. A byte that was sent is committed before the next one is: the task may be
 * killed at any moment. */
static bool send_terminal(void)
{
	uint32_t sent = 0;
	uint32_t room = 1;
	uint8_t byte;

	while (sent < SEND_TURN && room > 0 && terminal_next(&multiplexer.terminal, &byte)) {
		room = uart_room(&com1.uart);
		for (uint32_t i = 0; i < room && terminal_next(&multiplexer.terminal, &byte); i++) {
			uart_send(&com1.uart, byte);
			terminal_sent(&multiplexer.terminal);
			sent++;
		}
	}
	return sent != 0;
}

/* The same for the transcript. */
static bool send_transcript(void)
{
	uint32_t sent = 0;
	uint32_t room = 1;
	uint8_t byte;

	while (sent < SEND_TURN && room > 0 && transcript_next(&multiplexer.transcript, &byte)) {
		room = uart_room(&com2.uart);
		for (uint32_t i = 0; i < room && transcript_next(&multiplexer.transcript, &byte); i++) {
			uart_send(&com2.uart, byte);
			transcript_sent(&multiplexer.transcript);
			sent++;
		}
	}
	return sent != 0;
}

/* Both directions of the control port; true if anything went. */
static bool move_control(void)
{
	uint32_t moved = 0;
	uint32_t room = 1;
	uint8_t byte;

	if (control_signal == 0) {
		return false;
	}
	while (moved < RECEIVE_TURN && uart_has_received(&control.uart) && relay_takes_input(&relay)) {
		relay_received(&relay, uart_receive(&control.uart));
		moved++;
	}
	while (moved < SEND_TURN && room > 0 && relay_next(&relay, &byte)) {
		room = uart_room(&control.uart);
		for (uint32_t i = 0; i < room && relay_next(&relay, &byte); i++) {
			uart_send(&control.uart, byte);
			relay_sent(&relay);
			moved++;
		}
	}
	relay_turn(&relay);
	return moved != 0;
}

/* Moves bytes until nothing moves any more. */
static void work(void)
{
	bool moved = true;

	while (moved) {
		uint64_t now = bh_tsc();

		moved = receive(now);
		moved |= multiplexer_turn(&multiplexer, now);
		moved |= send_terminal();
		moved |= send_transcript();
		moved |= move_control();
		send_signals();
		moved |= !moved && !multiplexer_may_sleep(&multiplexer, now);
		moved |= !moved && control_signal != 0 && !relay_may_sleep(&relay);
	}
}

/* Says to ports and timer what is waited for. */
static void prepare_to_sleep(void)
{
	uint64_t now = bh_tsc();
	uint64_t deadline = multiplexer_deadline(&multiplexer, now);
	bool takes_input = multiplexer_takes_input(&multiplexer, uart_has_received(&com1.uart), now);
	uint8_t byte;

	uart_wait_for(&com1.uart, takes_input, terminal_next(&multiplexer.terminal, &byte));
	uart_wait_for(&com2.uart, false, transcript_next(&multiplexer.transcript, &byte));
	if (control_signal != 0) {
		uart_wait_for(&control.uart, relay_takes_input(&relay), relay_next(&relay, &byte));
	}
	if (deadline != armed_for && deadline != UINT64_MAX) {
		demand(bh_timer_arm(timer, deadline), "arming the timer");
		armed_for = deadline;
	}
}

/* A line that is high already gives no edge for a further cause: what came between the last look and now (input, while the transmitter's
 * request held the line) would never be told. So nobody sleeps before all lines were seen low. */
static void work_until_quiet(void)
{
	bool quiet = false;

	for (uint32_t i = 0; i < QUIET_TRIES && !quiet; i++) {
		work();
		prepare_to_sleep();
		quiet = uart_is_quiet(&com1.uart);
		quiet = uart_is_quiet(&com2.uart) && quiet;
		quiet = uart_is_quiet(&control.uart) && quiet;
	}
}

int main(void)
{
	uint64_t ticks_per_ms = bh_tsc_khz();
	uint64_t notification = bh_capability_required("notification");
	struct multiplexer_settings settings = {
		.quiet_ticks = QUIET_MS * ticks_per_ms,
		.poll_ticks = POLL_MS * ticks_per_ms,
		.stall_ticks = STALL_MS * ticks_per_ms,
	};
	size_t saved_size;
	void *saved = bh_region_required("backlog", SAVED_HEADER_SIZE, &saved_size);

	timer = bh_capability_required("timer");
	open_port(&com1, "port:com1", "irq:com1", COM1_BASE);
	open_port(&com2, "port:com2", "irq:com2", COM2_BASE);
	settings.has_terminal = com1.uart.is_present;
	settings.has_transcript = com2.uart.is_present;
	open_consoles(saved, saved_size, &settings);
	open_control();
	bh_ready();
	for (;;) {
		uint64_t word;

		work_until_quiet();
		demand(bh_wait(notification, &word), "waiting");
		take_signals(word);
	}
}
