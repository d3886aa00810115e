/* SPDX-License-Identifier: MIT */
/* The two 8259A (Intel 8259A datasheet, order number 231468; section names in the comments are its). */

#include "fabric/pic.h"

#define ICW1 0x10u
#define ICW1_SINGLE 0x02u
#define ICW1_WORD4 0x01u
#define ICW4_SPECIAL_FULLY_NESTED 0x10u
#define ICW4_AUTO_EOI 0x02u
#define OCW3 0x08u
#define OCW3_SPECIAL_MASK_ENABLE 0x40u
#define OCW3_SPECIAL_MASK 0x20u
#define OCW3_POLL 0x04u
#define OCW3_READ 0x02u
#define OCW3_READ_ISR 0x01u
#define POLL_REQUEST 0x80u

#define NO_INPUT (-1)
#define NO_PRIORITY 8u
#define MASTER 0
#define SLAVE 1

/* Inputs that ELCR can make level-triggered: not the timer, keyboard, cascade, RTC, coprocessor (PIIX4 §4.2.7). */
static const uint8_t elcr_writable[2] = { 0xf8, 0xde };

static uint8_t requests(const struct pic_chip *chip)
{
	return (uint8_t)((chip->irr & ~chip->elcr) | (chip->lines & chip->elcr));
}

/* The priority (0 = highest) of the most urgent input in `set`; NO_PRIORITY if it is empty. */
static uint32_t best_priority(const struct pic_chip *chip, uint8_t set)
{
	uint32_t first = (chip->lowest + 1u) & 7;
	uint32_t rotated = ((uint32_t)set << 8 | set) >> first & 0xff;

	return rotated == 0 ? NO_PRIORITY : (uint32_t)__builtin_ctz(rotated);
}

static uint32_t input_at(const struct pic_chip *chip, uint32_t priority)
{
	return (chip->lowest + 1u + priority) & 7;
}

/* The input that the chip asks for now, or NO_INPUT. */
static int chip_request(const struct pic_chip *chip)
{
	uint32_t wanted = best_priority(chip, (uint8_t)(requests(chip) & ~chip->imr));
	uint8_t blocking = chip->special_mask ? (uint8_t)(chip->isr & ~chip->imr) : chip->isr;
	uint32_t current = best_priority(chip, blocking);
	uint32_t input;

	if (wanted == NO_PRIORITY || chip->next_word != 0) {
		return NO_INPUT;
	}
	input = input_at(chip, wanted);
	if (wanted < current) {
		return (int)input;
	}
	/* "Special fully nested mode": a slave in service may ask again, for a more urgent input of its own. */
	return wanted == current && chip->special_fully_nested && input == PIC_CASCADE ? (int)input
										       : NO_INPUT;
}

static void chip_acknowledge(struct pic_chip *chip, uint32_t input)
{
	uint8_t bit = (uint8_t)(1u << input);

	chip->irr = (uint8_t)(chip->irr & ~bit);
	if (!chip->auto_eoi) {
		chip->isr |= bit;
	} else if (chip->rotate_on_auto_eoi) {
		chip->lowest = (uint8_t)input;
	}
}

/* The slave's INT is the master's input 2, which follows it like a level. */
static void update(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[MASTER];
	bool slave = chip_request(&pic->chip[SLAVE]) != NO_INPUT;

	master->lines =
		(uint8_t)(slave ? master->lines | 1u << PIC_CASCADE : master->lines & ~(1u << PIC_CASCADE));
	pic->output = chip_request(master) != NO_INPUT;
}

void pic_init(struct pic *pic)
{
	*pic = (struct pic){ 0 };
	for (uint32_t i = 0; i < 2; i++) {
		pic->chip[i].imr = 0xff;
		pic->chip[i].lowest = 7;
	}
	pic->chip[MASTER].elcr = 1u << PIC_CASCADE;
}

void pic_firmware_state(struct pic *pic)
{
	pic->chip[MASTER].vector = 0x08;
	pic->chip[MASTER].imr = 0xff & ~(1u << PIC_CASCADE);
	pic->chip[SLAVE].vector = 0x70;
	pic->chip[SLAVE].imr = 0xff;
	update(pic);
}

static void initialise(struct pic_chip *chip, uint8_t word)
{
	chip->irr = 0;
	chip->imr = 0;
	chip->isr = 0;
	chip->lowest = 7;
	chip->next_word = 2;
	chip->has_word3 = (word & ICW1_SINGLE) == 0;
	chip->has_word4 = (word & ICW1_WORD4) != 0;
	chip->auto_eoi = false;
	chip->rotate_on_auto_eoi = false;
	chip->special_mask = false;
	chip->special_fully_nested = false;
	chip->read_isr = false;
	chip->poll = false;
}

/* OCW2: "end of interrupt", rotation, priority. The command is bits 7..5: R, SL, EOI. */
static void operation_word2(struct pic_chip *chip, uint8_t word)
{
	uint32_t input = word & 7;
	uint8_t in_service = chip->special_mask ? (uint8_t)(chip->isr & ~chip->imr) : chip->isr;
	uint32_t current = best_priority(chip, in_service);

	switch (word >> 5) {
	case 0: /* rotate in automatic EOI mode: clear */
		chip->rotate_on_auto_eoi = false;
		break;
	case 4: /* set */
		chip->rotate_on_auto_eoi = true;
		break;
	case 1: /* non-specific EOI */
	case 5: /* and rotate */
		if (current == NO_PRIORITY) {
			break;
		}
		input = input_at(chip, current);
		chip->isr = (uint8_t)(chip->isr & ~(1u << input));
		if (word >> 5 == 5) {
			chip->lowest = (uint8_t)input;
		}
		break;
	case 3: /* specific EOI */
		chip->isr = (uint8_t)(chip->isr & ~(1u << input));
		break;
	case 7: /* and rotate */
		chip->isr = (uint8_t)(chip->isr & ~(1u << input));
		chip->lowest = (uint8_t)input;
		break;
	case 6: /* set priority */
		chip->lowest = (uint8_t)input;
		break;
	default: /* 2: no operation */
		break;
	}
}

static void operation_word3(struct pic_chip *chip, uint8_t word)
{
	if ((word & OCW3_SPECIAL_MASK_ENABLE) != 0) {
		chip->special_mask = (word & OCW3_SPECIAL_MASK) != 0;
	}
	/* "Poll overrides": with P set the next read is a poll. */
	chip->poll = (word & OCW3_POLL) != 0;
	if ((word & OCW3_READ) != 0) {
		chip->read_isr = (word & OCW3_READ_ISR) != 0;
	}
}

static void write_command(struct pic_chip *chip, uint8_t value)
{
	if ((value & ICW1) != 0) {
		initialise(chip, value);
	} else if ((value & OCW3) != 0) {
		operation_word3(chip, value);
	} else {
		operation_word2(chip, value);
	}
}

static void write_data(struct pic_chip *chip, uint8_t value)
{
	switch (chip->next_word) {
	case 2:
		chip->vector = value & 0xf8;
		chip->next_word = chip->has_word3 ? 3 : (chip->has_word4 ? 4 : 0);
		break;
	case 3: /* the cascade's wiring is fixed */
		chip->next_word = chip->has_word4 ? 4 : 0;
		break;
	case 4:
		chip->special_fully_nested = (value & ICW4_SPECIAL_FULLY_NESTED) != 0;
		chip->auto_eoi = (value & ICW4_AUTO_EOI) != 0;
		chip->next_word = 0;
		break;
	default:
		chip->imr = value;
		break;
	}
}

static uint8_t read_chip(struct pic_chip *chip, bool data)
{
	int input;

	if (!chip->poll) {
		return data ? chip->imr : (chip->read_isr ? chip->isr : requests(chip));
	}
	/* "Poll command": the read is the acknowledge. */
	chip->poll = false;
	input = chip_request(chip);
	if (input == NO_INPUT) {
		return 0;
	}
	chip_acknowledge(chip, (uint32_t)input);
	return (uint8_t)(POLL_REQUEST | (uint32_t)input);
}

uint8_t pic_read(struct pic *pic, uint16_t port)
{
	uint8_t value;

	switch (port) {
	case PIC_MASTER_COMMAND:
	case PIC_MASTER_DATA:
		value = read_chip(&pic->chip[MASTER], port == PIC_MASTER_DATA);
		break;
	case PIC_SLAVE_COMMAND:
	case PIC_SLAVE_DATA:
		value = read_chip(&pic->chip[SLAVE], port == PIC_SLAVE_DATA);
		break;
	case PIC_MASTER_ELCR:
	case PIC_SLAVE_ELCR:
		return pic->chip[port - PIC_MASTER_ELCR].elcr & elcr_writable[port - PIC_MASTER_ELCR];
	default:
		return 0xff;
	}
	update(pic);
	return value;
}

static void write_elcr(struct pic *pic, uint32_t index, uint8_t value)
{
	struct pic_chip *chip = &pic->chip[index];
	uint8_t level = value & elcr_writable[index];

	/* A latched edge is nothing to a level-triggered input. */
	chip->irr = (uint8_t)(chip->irr & ~level);
	chip->elcr = (uint8_t)(level | (index == MASTER ? 1u << PIC_CASCADE : 0));
}

void pic_write(struct pic *pic, uint16_t port, uint8_t value)
{
	switch (port) {
	case PIC_MASTER_COMMAND:
		write_command(&pic->chip[MASTER], value);
		break;
	case PIC_MASTER_DATA:
		write_data(&pic->chip[MASTER], value);
		break;
	case PIC_SLAVE_COMMAND:
		write_command(&pic->chip[SLAVE], value);
		break;
	case PIC_SLAVE_DATA:
		write_data(&pic->chip[SLAVE], value);
		break;
	case PIC_MASTER_ELCR:
	case PIC_SLAVE_ELCR:
		write_elcr(pic, port - PIC_MASTER_ELCR, value);
		break;
	default:
		return;
	}
	update(pic);
}

void pic_set_input(struct pic *pic, uint32_t input, bool level, bool edge)
{
	struct pic_chip *chip = &pic->chip[input >> 3 & 1];
	uint8_t bit = (uint8_t)(1u << (input & 7));

	if (input > 15 || input == PIC_CASCADE) {
		return;
	}
	if (!level) {
		chip->lines = (uint8_t)(chip->lines & ~bit);
		chip->irr = (uint8_t)(chip->irr & ~bit);
	} else {
		chip->lines |= bit;
		if (edge && (chip->elcr & bit) == 0) {
			chip->irr |= bit;
		}
	}
	update(pic);
}

uint8_t pic_acknowledge(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[MASTER];
	struct pic_chip *slave = &pic->chip[SLAVE];
	int input = chip_request(master);
	struct pic_chip *asked = master;

	if (input != NO_INPUT) {
		chip_acknowledge(master, (uint32_t)input);
		if (input == (int)PIC_CASCADE) {
			asked = slave;
			input = chip_request(slave);
			if (input != NO_INPUT) {
				chip_acknowledge(slave, (uint32_t)input);
			}
		}
	}
	update(pic);
	return (uint8_t)(asked->vector | (input == NO_INPUT ? 7u : (uint32_t)input));
}

uint8_t pic_peek(const struct pic *pic)
{
	const struct pic_chip *asked = &pic->chip[MASTER];
	int input = chip_request(asked);

	if (input == (int)PIC_CASCADE) {
		asked = &pic->chip[SLAVE];
		input = chip_request(asked);
	}
	return (uint8_t)(asked->vector | (input == NO_INPUT ? 7u : (uint32_t)input));
}
