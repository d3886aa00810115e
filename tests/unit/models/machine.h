/* SPDX-License-Identifier: MIT */
/* A device model on the host: real state frame, line page, console and run.c, and an environment whose
 * time stands until a test moves it. Every access is, besides, done again after a kill at each point at
 * which the process can be killed: see machine_access(). */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "framework/run.h"

#define MACHINE_ARGUMENTS 4
#define MACHINE_CONSOLE_SIZE 4096u                    /* capacity 1024 */
#define MACHINE_FRAMES_SIZE 0x42000u                  /* of a network card: rings of 128 KiB */
#define MACHINE_DISK_DATA (32u * 512)                 /* the data area of a model with a disk */
#define MACHINE_RAM 0x40000u                          /* of a machine whose model does DMA, from 0 */
#define MACHINE_WALL_NS UINT64_C(1767225600000000000) /* 2026-01-01 00:00:00 UTC */

struct machine;

struct environment {
	uint64_t now;
	uint64_t wall_base;
	uint64_t armed;
	const char *arguments[MACHINE_ARGUMENTS]; /* "key=value" */
	unsigned int arms;
	unsigned int interrupts;
	unsigned int patient_interrupts; /* of them */
	unsigned int console_signals;
	/* called when the VMM is signalled: between the model's work and its look at what it waits for */
	void (*on_interrupt)(struct machine *machine);
	/* called when the console's or disk's other side is */
	void (*on_console)(struct machine *machine);
	struct machine *machine;
};

/* Of a model with a disk. */
struct machine_disk {
	struct block_page page;
	uint8_t data[MACHINE_DISK_DATA];
};

struct machine_memory {
	_Alignas(64) uint8_t state[STATE_FRAME_MIN_SIZE];
	_Alignas(64) struct lines_page lines;
	_Alignas(64) uint8_t console[MACHINE_CONSOLE_SIZE];
};

struct machine {
	const struct model *model;
	struct environment environment;
	struct machine_memory memory;
	struct model_run run;
	uint8_t *ram;    /* NULL for a model that does no DMA */
	uint8_t *frames; /* a network card's rings; NULL for other models */
	struct guest_memory guest_memory;
	struct machine_disk *disk; /* NULL for a model without one */
	uint64_t sequence;
	int without_kills; /* 1: accesses are done once (for speed) */
	unsigned long kills;
	/* the console's other side */
	struct ring_consumer from_guest;
	struct ring_producer to_guest;
};

/* A fresh machine; `arguments` is a NULL-terminated list or NULL. */
struct machine *machine_new(const struct model *model, const char *const *arguments);
void machine_free(struct machine *machine);

/* As machine_new(), with this disk, which the caller has set up and frees. */
struct machine *machine_new_with_disk(
	const struct model *model, const char *const *arguments, struct machine_disk *disk);

/* With that one argument ("key=value", or NULL for none) the model has to refuse to start, and to say why. */
void machine_assert_refused(const struct model *model, const char *argument);

/* The process ends and another picks the frame up. */
void machine_restart(struct machine *machine);

uint64_t machine_read(struct machine *machine, uint32_t region, uint32_t offset, uint32_t width);
void machine_write(struct machine *machine, uint32_t region, uint32_t offset, uint32_t width, uint64_t value);

/* Byte accesses. */
uint8_t machine_in(struct machine *machine, uint32_t region, uint32_t offset);
void machine_out(struct machine *machine, uint32_t region, uint32_t offset, uint8_t value);

/* Lets `ns` pass; the timer's events come at their times. Returns how many came. */
unsigned int machine_pass(struct machine *machine, uint64_t ns);

int machine_level(const struct machine *machine, uint32_t line);
uint64_t machine_edges(const struct machine *machine, uint32_t line);

/* The deadline in the committed outputs. */
uint64_t machine_deadline(const struct machine *machine);

/* xorshift64*: the same numbers everywhere. */
uint64_t machine_random(uint64_t *seed);

/* Numbers of all magnitudes: shifted right by `least` to `least + spread - 1` bits. */
uint64_t machine_random_shifted(uint64_t *seed, unsigned int least, unsigned int spread);
