/* SPDX-License-Identifier: MIT */
/* What a device model is, and what it gets: a constant table of functions over a structure of registers,
 * and an environment. The same model source links into its task, into a host unit test and into a fuzzer:
 * only the environment differs.
 *
 * A model function gets a working copy of its registers. Whatever it changes there counts only when the
 * framework commits it; it is forgotten if the process is killed before. So a function changes nothing but
 * these registers (it may put bytes into the free space of the transmit ring, or into buffers that the guest
 * has lent: nobody sees them before the committed index moves, and doing it again puts the same). All that leaves the model is written to its outputs, the first member of its
 * registers, and the framework derives line page, timer and ring indices from what was committed, as often
 * as needed: see run.c.
 *
 * Registers come back from a former process, so a model never trusts them as an index: it masks where it
 * indexes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/block.h>
#include <bulkhead/guest_memory.h>
#include <bulkhead/lines.h>
#include <bulkhead/ring.h>

#define MODEL_LINES 4u /* output lines of one model; those of the line page above are pulses, see `publish` */
#define MODEL_REGIONS 4u
#define MODEL_SCRATCH_WORDS 8u
#define MODEL_CACHE_BYTES 832u
#define MODEL_PUBLISH_MOVED (1u << 0)
#define MODEL_PUBLISH_PATIENT (1u << 1)

/* Bits of an event: those of the model's Notification. */
#define MODEL_EVENT_TIMER (UINT64_C(1) << 0)        /* the deadline may have passed */
#define MODEL_EVENT_CONSOLE (UINT64_C(1) << 1)      /* the rings' other side has moved: console or switch */
#define MODEL_EVENT_POWER_BUTTON (UINT64_C(1) << 2) /* the administrator wants the VM to shut down */
#define MODEL_EVENT_DOORBELL(number) \
	(UINT64_C(1) << (8 + (number))) /* the guest rang it; 0..MODEL_DOORBELLS - 1 */
#define MODEL_DOORBELLS 8u

/* What a model shows to the outside. First member of every register structure. */
struct model_outputs {
	uint64_t lines[MODEL_LINES]; /* words as in bulkhead/lines.h: change them with model_line_*() */
	uint64_t value;              /* goes with line 0 */
	uint64_t deadline;      /* guest time in ns at which the model wants MODEL_EVENT_TIMER; 0 = never */
	uint32_t transmit_head; /* bytes put into the transmit ring since its beginning, modulo 2^32 */
	uint32_t receive_tail;  /* bytes taken from the receive ring */
	uint32_t
		wants_space; /* not 0: MODEL_EVENT_CONSOLE when the ring has space for so many bytes, or some of them */
	uint32_t wants_bytes; /* 1: could take a byte; MODEL_EVENT_CONSOLE when the ring has one */
};
_Static_assert(sizeof(struct model_outputs) == 64, "copied at every access: keep it small");

/* One access to a region, as the model sees it. The framework has checked it: region, offset, width and
 * alignment fit the table. */
struct model_access {
	uint32_t region;   /* index into the model's regions */
	uint32_t offset;   /* from the region's first port, below its size */
	uint32_t width;    /* 1, 2 or 4 bytes; offset + width does not exceed the region */
	uint32_t vcpu;     /* number of the vCPU that does it */
	uint64_t sequence; /* the vCPU's access number; the same again = the same access again */
	uint64_t value;    /* to write; bits above the width are 0 */
	bool is_write;
};

/* What a model function works with besides its registers. */
struct environment;
struct model;
struct model_context {
	struct environment *environment;
	const struct model *model;
	const struct guest_memory *memory; /* the VM's RAM; NULL for a model that does no DMA */
	struct ring *transmit;             /* NULL for a model without rings */
	struct ring *receive;
	struct block_page
		*disk;      /* its page of requests to the volume server; NULL for a model without a disk */
	uint8_t *disk_data; /* and the data area beside it */
	uint64_t disk_data_bytes;
	/* MODEL_CACHE_BYTES of the process's own, all zero at its start: for what it can also find out again. */
	void *cache;
};

struct model_region {
	uint32_t size; /* bytes */
	/* The widest access that read and write take: 1, 2 or 4. Wider ones are split into bytes, low address
	 * first, as an ISA bus does; all parts are one access with one commit. */
	uint32_t width;
};

#define MODEL_PEEK_NONE INT64_C(-1)

struct model {
	const char *name;        /* like "uart16550" */
	uint32_t identity;       /* of the register structure, in the state frame: four letters */
	uint32_t register_bytes; /* sizeof the register structure */
	uint32_t line_count;     /* output lines that it has: 0..line_count - 1, at most MODEL_LINES */
	uint32_t region_count;
	struct model_region regions[MODEL_REGIONS];
	bool has_console;   /* its rings carry the bytes of a console */
	bool has_frames;    /* its rings carry frames, to the switch and from it: bulkhead/frame_ring.h */
	bool has_disk;      /* MODEL_EVENT_CONSOLE and environment_signal_console() are about its page */
	bool has_memory;    /* does DMA: holds all of its VM's RAM */
	const void *device; /* for functions that several models share: what they have to know of this one */
	/* Sets up all-zero registers: power-on state. The clock may not run yet. Returns NULL, or what is
	 * wrong with which argument. */
	const char *(*reset)(void *registers, const struct model_context *context);
	/* Returns the value; bits above the width are ignored. */
	uint64_t (*read)(
		void *registers, const struct model_context *context, const struct model_access *access);
	void (*write)(
		void *registers, const struct model_context *context, const struct model_access *access);
	/* Optional: what `read` would return, if it would change no register now; else MODEL_PEEK_NONE, and
	 * `read` is called. `registers` are the committed ones. Asked for accesses of the region's own width
	 * only. Most reads of a polled register are such, and need no working copy. */
	int64_t (*peek)(
		const void *registers, const struct model_context *context, uint32_t region, uint32_t offset);
	/* bits: MODEL_EVENT_*. Called also when nothing has happened; must bear that. */
	void (*event)(void *registers, const struct model_context *context, uint64_t bits);
	/* Optional: derives from the committed registers what is to be seen outside beside the outputs (indices of rings in guest
	 * memory), as often as it is called, before the outputs' lines are shown. `scratch` is the process's own, all zero at its
	 * start: for what need not be done twice. Returns lines of the line page to pulse, a bit each, none below MODEL_LINES: edges
	 * that nobody keeps, so one too many is told after a restart. MODEL_PUBLISH_MOVED among them: what the model waits for has come
	 * meanwhile, MODEL_EVENT_CONSOLE is due. MODEL_PUBLISH_PATIENT: nobody waits for what the pulses tell, so other VMs may go on first. */
	uint32_t (*publish)(const void *registers, const struct model_context *context,
		uint64_t scratch[MODEL_SCRATCH_WORDS]);
};

/* ---- The environment: implemented in task_environment.c, and by the tests. ---- */

/* Guest time in ns. */
uint64_t environment_clock_ns(struct environment *environment);

/* Unix time in ns when guest time was 0 (grows with each pause). */
uint64_t environment_wall_base_ns(struct environment *environment);

/* The value of the task's argument `key`; NULL if it was not given. At reset only. */
const char *environment_argument(struct environment *environment, const char *key);

/* For the framework only: the model's outputs. Arms the timer for guest time `ns`; 0 cancels it. */
void environment_arm_timer(struct environment *environment, uint64_t ns);

/* Tells the VMM that a line has risen. Not `is_patient`: its vCPU goes on before other VMs' of the same priority. */
void environment_signal_interrupt(struct environment *environment, bool is_patient);

/* Tells the console's other side that a ring has moved. */
void environment_signal_console(struct environment *environment);

/* ---- Outputs ---- */

/* Sets a line's level; a rise from low counts one edge. `line` below MODEL_LINES. */
static inline void model_line_set(struct model_outputs *outputs, uint32_t line, bool level)
{
	uint64_t *word = &outputs->lines[line % MODEL_LINES];

	*word = level ? line_word_raise(*word) : line_word_lower(*word);
}

/* One rising edge whatever the level was; the line is high afterwards. */
static inline void model_line_pulse(struct model_outputs *outputs, uint32_t line)
{
	uint64_t *word = &outputs->lines[line % MODEL_LINES];

	*word = line_word_pulse(*word);
}
