/* SPDX-License-Identifier: MIT */
/* Bytes that wait for a reader: a queue of a fixed size that takes a piece as a whole or not at all, and never waits. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
	uint8_t *bytes;
	uint32_t size; /* of bytes; a power of two */
	uint32_t head; /* free-running: bytes put in */
	uint32_t tail; /* bytes taken out */
	uint32_t lost_lines;
};

/* Bytes that wait, and bytes that still fit. */
uint32_t output_pending(const struct output *output);
uint32_t output_room(const struct output *output);

/* Puts `length` bytes in; false, and nothing was, if they do not fit. */
bool output_put(struct output *output, const char *bytes, size_t length);

/* Puts a line and CR LF in. One that does not fit is lost and counted; a line says how many were lost when there is room again. */
void output_line(struct output *output, const char *line, size_t length);

/* The next bytes, *count of them in one piece, 0 if none wait; output_taken() when they went on. */
const uint8_t *output_next(const struct output *output, uint32_t *count);
void output_taken(struct output *output, uint32_t count);
