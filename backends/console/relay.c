/* SPDX-License-Identifier: MIT */
/* Bytes between the control port's rings and its serial port: see relay.h. Pure. */
#include "relay.h"

void relay_start(struct relay *relay, struct ring output, struct ring input)
{
	*relay = (struct relay){
		.output = ring_consumer_start(output),
		.input = ring_producer_start(input),
		.has_line = true,
		.wakes = true,
	};
}

void relay_signalled(struct relay *relay)
{
	relay->asked_for_bytes = false;
	relay->asked_for_space = false;
}

bool relay_next(const struct relay *relay, uint8_t *byte) { return ring_peek(&relay->output, byte, 1) != 0; }

void relay_sent(struct relay *relay)
{
	relay->output.tail++;
	ring_publish_tail(&relay->output.ring, relay->output.tail);
	relay->asked_for_bytes = false;
}

bool relay_takes_input(struct relay *relay)
{
	if (ring_space(&relay->input.ring, relay->input.head) != 0) {
		return true;
	}
	if (relay->asked_for_space) {
		return false;
	}
	relay->asked_for_space = true;
	return !ring_producer_may_sleep(&relay->input);
}

void relay_received(struct relay *relay, uint8_t byte)
{
	if (ring_space(&relay->input.ring, relay->input.head) == 0) {
		return; /* the caller has asked relay_takes_input() before */
	}
	ring_put(&relay->input.ring, relay->input.head, byte);
	relay->input.head++;
	ring_publish_head(&relay->input.ring, relay->input.head);
	relay->has_line |= byte == '\n';
}

void relay_turn(struct relay *relay)
{
	struct ring *output = &relay->output.ring;
	struct ring *input = &relay->input.ring;

	if (ring_available(output, relay->output.tail) <= output->capacity / 2 &&
		ring_producer_asked(output)) {
		relay->wakes = true;
	}
	if ((relay->has_line || ring_space(input, relay->input.head) < input->capacity / 2) &&
		ring_consumer_asked(input)) {
		relay->wakes = true;
		relay->has_line = false;
	}
}

bool relay_may_sleep(struct relay *relay)
{
	if (relay->asked_for_bytes) {
		return true;
	}
	relay->asked_for_bytes = true;
	return ring_consumer_may_sleep(&relay->output);
}
