/* SPDX-License-Identifier: MIT */
/* The switch's task: finds its ports, then waits on one notification for all of them and for its timer. What it does with frames is in
 * switch.c.
 *
 * Given by the manifest: arguments port=... (switch_port.h, in the order of the notification's bits 0..); capabilities notification,
 * timer, signal:NAME for each port; regions nic:NAME for each port, and page. */
#include "switch.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <string.h>

#define BIT_TIMER 61u
#define NS_PER_MS 1000000u

static struct network_switch network;
static uint64_t signals[SWITCH_PORTS_MAX]; /* the capability by which port i's owner is woken */
static uint64_t timer;
static uint64_t armed_for = SWITCH_NEVER;

_Static_assert(SWITCH_PORTS_MAX <= BIT_TIMER, "each port needs a bit of the notification");

/* These can fail only if the manifest gave the wrong object: then nothing works. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

static uint64_t now_ns(void) { return (uint64_t)((unsigned __int128)bh_tsc() * NS_PER_MS / bh_tsc_khz()); }

static void open_port(const char *argument)
{
	struct switch_port_settings settings;
	char name[SWITCH_PORT_NAME_SIZE + sizeof("signal:")];
	struct ring from;
	struct ring to;
	size_t size;
	void *region;

	if (network.count == SWITCH_PORTS_MAX || !switch_port_parse(argument, &settings)) {
		bh_log("no port, or one too many: " SWITCH_PORT_KEY "%s", argument);
		bh_exit(BH_EXIT_MISSING);
	}
	(void)bh_format(name, sizeof(name), "nic:%s", settings.name);
	region = bh_region_required(name, RING_REGION_MIN_SIZE, &size);
	(void)ring_region_rings(region, size, &from, &to);
	(void)bh_format(name, sizeof(name), "signal:%s", settings.name);
	signals[network.count] = bh_capability_required(name);
	switch_add_port(&network, &settings, &from, &to);
}

static void start(void)
{
	const char *argument;
	void *page = bh_region_required("page", sizeof(struct switch_page), NULL);

	timer = bh_capability_required("timer");
	for (uint32_t i = 0; (argument = task_info_argument(bh_task_info(), i)) != NULL; i++) {
		if (strncmp(argument, SWITCH_PORT_KEY, strlen(SWITCH_PORT_KEY)) == 0) {
			open_port(argument + strlen(SWITCH_PORT_KEY));
		}
	}
	if (switch_start(&network, page, now_ns())) {
		bh_log("goes on with the counters of its predecessor");
	}
}

static void send_signals(void)
{
	while (network.signals != 0) {
		uint32_t index = (uint32_t)__builtin_ctzll(network.signals);

		network.signals &= network.signals - 1;
		demand(bh_signal(signals[index]), "signalling a port's owner");
	}
}

static void work(void)
{
	do {
		while (switch_turn(&network, network.has_rates ? now_ns() : 0)) {
			send_signals();
		}
		send_signals();
	} while (!switch_may_sleep(&network));
}

static void arm_timer(void)
{
	uint64_t deadline = switch_deadline(&network);

	if (deadline != armed_for && deadline != SWITCH_NEVER) {
		/* not before the nanosecond is over */
		uint64_t ticks = (uint64_t)((unsigned __int128)deadline * bh_tsc_khz() / NS_PER_MS) + 1;

		demand(bh_timer_arm(timer, ticks), "arming the timer");
		armed_for = deadline;
	}
}

int main(void)
{
	uint64_t notification = bh_capability_required("notification");

	start();
	bh_ready();
	for (;;) {
		uint64_t word;

		work();
		if (network.awake != 0) {
			arm_timer(); /* somebody is held by his rate */
		}
		demand(bh_wait(notification, &word), "waiting");
		switch_wake(&network, word & ((UINT64_C(1) << network.count) - 1));
		if ((word >> BIT_TIMER & 1) != 0) {
			armed_for = SWITCH_NEVER;
		}
	}
}
