/* SPDX-License-Identifier: MIT */
/* One of the root task's two consoles (the administrator's, the control port's) towards the console backend: rings in a shared region, a
 * signal, and output that waits in a buffer while the backend is busy. Nothing here waits. */
#pragma once

#include "output.h"

#include <bulkhead/ring.h>

struct channel {
	struct output output; /* set up by its owner */
	struct ring_producer transmit;
	struct ring_consumer receive;
	uint32_t signal; /* the root task's slot of the capability that wakes the backend; 0: none */
	bool is_open;
};

enum channel_error {
	CHANNEL_OK,
	CHANNEL_NONE,    /* the manifest gives the root task no such region */
	CHANNEL_VERSION, /* the rings are of another version, or too small */
};

/* Finds the rings and the signal among what the manifest gives the root task under these names. Before that, and after an error, output
 * stays in the buffer and nothing is received. */
__attribute__((warn_unused_result)) enum channel_error channel_open(
	struct channel *channel, const char *region, const char *signal);

/* Takes up to `size` received bytes; 0: none are there, and the backend will signal the next one. */
uint32_t channel_receive(struct channel *channel, uint8_t *bytes, uint32_t size);

/* Hands on what fits; the backend will signal when more does. */
void channel_drain(struct channel *channel);

/* True when the backend has taken everything (or there is none). */
bool channel_is_drained(const struct channel *channel);
