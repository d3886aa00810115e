/* SPDX-License-Identifier: MIT */
/* The line page: the outputs of one device model, written by that model, read by its VM's VMM server. One
 * page per model. No system calls; usable in host unit tests.
 *
 * A line is one 64-bit word, so that level and count are always read together:
 *
 *    63                                     1   0
 *   +-----------------------------------------+---+
 *   | rising edges so far, wrapping           | L |   L = level now
 *   +-----------------------------------------+---+
 *
 * The Notification that goes with it is only a doorbell. How the reader uses a word:
 *  - level-triggered input: look at the level, when injecting and again at EOI. A line that fell in the
 *    meantime asks for nothing.
 *  - edge-triggered input: compare the count with the one seen last; a difference is one request, however
 *    many edges it was (an interrupt controller has one request bit). A request whose line is low again at
 *    injection is withdrawn, as on an 8259: models that mean a request to stand (PIT, power off, reset,
 *    exit) leave the level high after the edge.
 * A word is the model's committed state stored once more: after a restart the same word is stored again
 * and is no new edge. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MAGIC UINT64_C(0x4547415053454e49) /* the page was initialised by a model */
#define LINES_VERSION 1u
#define LINES_COUNT 16u
#define LINES_PAGE_SIZE 4096u

#define LINES_LEVEL UINT64_C(1)
#define LINES_EDGE UINT64_C(2) /* one more rising edge */

struct lines_page {
	uint64_t magic; /* LINES_MAGIC; before that every line reads as low without edges */
	uint32_t version;
	uint32_t count; /* LINES_COUNT */
	uint64_t reserved[6];
	uint64_t lines[LINES_COUNT];
	uint64_t values[LINES_COUNT]; /* a word that goes with the line's last edge: debug-exit's code */
};
_Static_assert(offsetof(struct lines_page, lines) == 64, "lines_page is shared between tasks");
_Static_assert(offsetof(struct lines_page, values) == 192, "lines_page is shared between tasks");
_Static_assert(sizeof(struct lines_page) == 320, "lines_page is shared between tasks");

/* ---- Words: pure, for both sides. ---- */

static inline uint64_t line_word_raise(uint64_t word)
{
	return (word & LINES_LEVEL) != 0 ? word : word + LINES_EDGE + LINES_LEVEL;
}

static inline uint64_t line_word_lower(uint64_t word) { return word & ~LINES_LEVEL; }

/* One more rising edge whatever the level was (a high line falls and rises); the line is high afterwards. */
static inline uint64_t line_word_pulse(uint64_t word) { return (word + LINES_EDGE) | LINES_LEVEL; }

static inline int line_word_level(uint64_t word) { return (int)(word & LINES_LEVEL); }

/* The count of rising edges, modulo 2^63: compare for equality only. */
static inline uint64_t line_word_edges(uint64_t word) { return word >> 1; }

/* ---- The writer: the device model. ---- */

/* Makes a fresh page (all zero) a line page; leaves the lines of one that is in use as they are. Returns
 * 0, or -1 for a page that another version has written. */
static inline int lines_attach(struct lines_page *page)
{
	if (page->magic == LINES_MAGIC) {
		return page->version == LINES_VERSION && page->count == LINES_COUNT ? 0 : -1;
	}
	page->version = LINES_VERSION;
	page->count = LINES_COUNT;
	__atomic_store_n(&page->magic, LINES_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/* Stores a line's word, and before it the value that goes with it. `line` below LINES_COUNT; others are
 * ignored. */
static inline void lines_publish(struct lines_page *page, uint32_t line, uint64_t word, uint64_t value)
{
	if (line < LINES_COUNT) {
		__atomic_store_n(&page->values[line], value, __ATOMIC_RELAXED);
		__atomic_store_n(&page->lines[line], word, __ATOMIC_RELEASE);
	}
}

/* For writers that keep no copy of the word elsewhere. */
static inline void lines_raise(struct lines_page *page, uint32_t line)
{
	if (line < LINES_COUNT) {
		__atomic_store_n(&page->lines[line], line_word_raise(page->lines[line]), __ATOMIC_RELEASE);
	}
}

static inline void lines_lower(struct lines_page *page, uint32_t line)
{
	if (line < LINES_COUNT) {
		__atomic_store_n(&page->lines[line], line_word_lower(page->lines[line]), __ATOMIC_RELEASE);
	}
}

static inline void lines_pulse(struct lines_page *page, uint32_t line)
{
	if (line < LINES_COUNT) {
		__atomic_store_n(&page->lines[line], line_word_pulse(page->lines[line]), __ATOMIC_RELEASE);
	}
}

/* ---- The reader: the VMM server. The model may be broken: every word is legal. ---- */

/* Whether a model has initialised the page. */
static inline bool lines_are_there(const struct lines_page *page)
{
	return __atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) == LINES_MAGIC;
}

/* The line's word; 0 (low, no edges) for a page without a model yet, or a line that there is not. */
static inline uint64_t lines_read(const struct lines_page *page, uint32_t line)
{
	if (line >= LINES_COUNT || !lines_are_there(page)) {
		return 0;
	}
	return __atomic_load_n(&page->lines[line], __ATOMIC_ACQUIRE);
}

/* The value that goes with the line's last edge; read it after the word. */
static inline uint64_t lines_value(const struct lines_page *page, uint32_t line)
{
	return line < LINES_COUNT ? __atomic_load_n(&page->values[line], __ATOMIC_ACQUIRE) : 0;
}
