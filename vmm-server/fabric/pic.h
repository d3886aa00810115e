/* SPDX-License-Identifier: MIT */
/* The two cascaded 8259A interrupt controllers of a PC and their edge/level registers (Intel 8259A datasheet; ELCR: 82371AB (PIIX4)
 * datasheet §4.2.7). Touches only the struct that it is given.
 *
 * As in the PIIX, LTIM of ICW1 is ignored in favour of ELCR, and 8080 mode is not there. In edge mode a request whose line
 * falls before it is acknowledged is withdrawn, as by the 8259A's latch. */
#ifndef BULKHEAD_VMM_FABRIC_PIC_H
#define BULKHEAD_VMM_FABRIC_PIC_H

#include <stdbool.h>
#include <stdint.h>

#define PIC_CASCADE 2u /* the master's input that the slave drives */

enum pic_port {
	PIC_MASTER_COMMAND = 0x20,
	PIC_MASTER_DATA = 0x21,
	PIC_SLAVE_COMMAND = 0xa0,
	PIC_SLAVE_DATA = 0xa1,
	PIC_MASTER_ELCR = 0x4d0,
	PIC_SLAVE_ELCR = 0x4d1,
};

struct pic_chip {
	uint8_t irr;       /* latched requests of edge-triggered inputs */
	uint8_t imr;       /* mask */
	uint8_t isr;       /* in service */
	uint8_t lines;     /* input levels */
	uint8_t elcr;      /* 1 = level-triggered */
	uint8_t vector;    /* ICW2: bits 7..3 */
	uint8_t lowest;    /* the input of lowest priority: 7 unless rotated */
	uint8_t next_word; /* initialisation word that the data port expects: 2, 3, 4, or 0 for none */
	bool has_word3, has_word4;
	bool auto_eoi;
	bool rotate_on_auto_eoi;
	bool special_mask;
	bool special_fully_nested;
	bool read_isr;
	bool poll;
};

struct pic {
	struct pic_chip chip[2]; /* master, slave */
	bool output;             /* INTR of the master */
};

/* Power-up: all inputs masked until the guest writes the initialisation words. */
void pic_init(struct pic *pic);

/* What firmware leaves behind on a PC: vectors 0x08 and 0x70, everything masked but the cascade. */
void pic_firmware_state(struct pic *pic);

/* Port access; `port` is one of enum pic_port, others read 0xff and ignore writes. Reading can acknowledge (poll mode). */
uint8_t pic_read(struct pic *pic, uint16_t port);
void pic_write(struct pic *pic, uint16_t port, uint8_t value);

/* Input 0..15 (not 2) has its line at `level`, and since the last call it has risen or not (`edge`). An edge counts only if the line
 * is still high. */
void pic_set_input(struct pic *pic, uint32_t input, bool level, bool edge);

/* INTA: the vector of the request of highest priority, which goes into service. Without a request: the spurious vector 7 of the chip
 * that was asked, and nothing goes into service there. */
uint8_t pic_acknowledge(struct pic *pic);

/* The vector that pic_acknowledge() would return, without any effect. */
uint8_t pic_peek(const struct pic *pic);

#endif
