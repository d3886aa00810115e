/* SPDX-License-Identifier: MIT */
/* A queue of bytes: see output.h. Pure. */
#include "output.h"

#include <bulkhead/task.h>

uint32_t output_pending(const struct output *output) { return output->head - output->tail; }

uint32_t output_room(const struct output *output) { return output->size - output_pending(output); }

bool output_put(struct output *output, const char *bytes, size_t length)
{
	if (length > output_room(output)) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		output->bytes[output->head++ & (output->size - 1)] = (uint8_t)bytes[i];
	}
	return true;
}

void output_line(struct output *output, const char *line, size_t length)
{
	char notice[64];

	if (output->lost_lines > 0 && output_room(output) >= sizeof(notice) + length + 2) {
		size_t notice_length = bh_format(
			notice, sizeof(notice), "(%u lines did not fit here)\r\n", output->lost_lines);

		(void)output_put(output, notice, notice_length);
		output->lost_lines = 0;
	}
	if (output_room(output) < length + 2) {
		output->lost_lines++;
		return;
	}
	(void)output_put(output, line, length);
	(void)output_put(output, "\r\n", 2);
}

const uint8_t *output_next(const struct output *output, uint32_t *count)
{
	uint32_t start = output->tail & (output->size - 1);
	uint32_t pending = output_pending(output);

	*count = pending < output->size - start ? pending : output->size - start;
	return &output->bytes[start];
}

void output_taken(struct output *output, uint32_t count) { output->tail += count; }
