/* SPDX-License-Identifier: MIT */
/* The root task's side of a console: see channel.h. */
#include "channel.h"

#include "objects.h"
#include "root.h"

static void signal_backend(const struct channel *channel, int signal)
{
	/* The notification is the system's and outlives the backend; a backend that starts again looks at the rings first. */
	if (signal != 0 && channel->signal != 0) {
		enum bh_error error = bh_signal(channel->signal);

		(void)error;
	}
}

enum channel_error channel_open(struct channel *channel, const char *region, const char *signal)
{
	const struct manifest_mapping *mapping = manifest_find_mapping(&root.manifest, MANIFEST_ROOT, region);
	struct ring transmit;
	struct ring receive;

	if (mapping == NULL) {
		return CHANNEL_NONE;
	}
	if (console_attach(root.mapping[mapping - root.manifest.mappings], mapping->length, &transmit,
		    &receive) != 0) {
		return CHANNEL_VERSION;
	}
	channel->transmit = ring_producer_start(transmit);
	channel->receive = ring_consumer_start(receive);
	channel->signal = root_capability(signal);
	channel->is_open = true;
	return CHANNEL_OK;
}

uint32_t channel_receive(struct channel *channel, uint8_t *bytes, uint32_t size)
{
	int signal = 0;
	uint32_t count = 0;

	while (channel->is_open) {
		count = ring_read(&channel->receive, bytes, size, &signal);
		if (count > 0 || ring_consumer_may_sleep(&channel->receive)) {
			break;
		}
	}
	signal_backend(channel, signal);
	return count;
}

void channel_drain(struct channel *channel)
{
	int signal = 0;

	while (channel->is_open && output_pending(&channel->output) > 0) {
		uint32_t count;
		const uint8_t *bytes = output_next(&channel->output, &count);
		uint32_t sent = ring_write(&channel->transmit, bytes, count, &signal);

		output_taken(&channel->output, sent);
		if (sent == 0 && ring_producer_may_sleep(&channel->transmit)) {
			break;
		}
	}
	signal_backend(channel, signal);
}

bool channel_is_drained(const struct channel *channel)
{
	return !channel->is_open || (output_pending(&channel->output) == 0 &&
					    ring_space(&channel->transmit.ring, channel->transmit.head) ==
						    channel->transmit.ring.capacity);
}
