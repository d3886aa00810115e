/* SPDX-License-Identifier: MIT */
/* The I/O APIC (Intel 82093AA datasheet §3; EOI register: ICH9 datasheet §13.5). */

#include "fabric/ioapic.h"

#define REGISTER_ID 0x00u
#define REGISTER_VERSION 0x01u
#define REGISTER_ARBITRATION 0x02u
#define REGISTER_REDIRECTION 0x10u
#define REGISTER_REDIRECTION_END (REGISTER_REDIRECTION + 2 * IOAPIC_PINS)

/* Vector, delivery mode, destination mode, polarity, trigger mode, mask; destination. */
#define ENTRY_WRITABLE_LOW UINT32_C(0x0001afff)
#define ENTRY_WRITABLE_HIGH UINT32_C(0xff000000)

static uint8_t delivery_mode(uint64_t entry) { return entry >> 8 & 7; }

/* NMI and INIT are edges whatever the trigger bit says (§3.2.4). */
static bool is_level(uint64_t entry)
{
	return (entry & IOAPIC_ENTRY_LEVEL) != 0 &&
	       (delivery_mode(entry) == DELIVERY_FIXED || delivery_mode(entry) == DELIVERY_LOWEST_PRIORITY);
}

static void make_message(uint64_t entry, struct interrupt_message *message)
{
	*message = (struct interrupt_message){
		.destination = (uint32_t)(entry >> 56),
		.vector = (uint8_t)entry,
		.delivery_mode = delivery_mode(entry),
		.logical = (entry & IOAPIC_ENTRY_LOGICAL) != 0,
		.broadcast = entry >> 56 == 0xff,
		.level = is_level(entry),
	};
}

void ioapic_init(struct ioapic *ioapic)
{
	*ioapic = (struct ioapic){ 0 };
	for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++) {
		ioapic->entry[pin] = IOAPIC_ENTRY_MASKED;
	}
}

static uint32_t read_window(const struct ioapic *ioapic)
{
	uint32_t index = ioapic->select;

	if (index == REGISTER_ID || index == REGISTER_ARBITRATION) {
		return (uint32_t)ioapic->id << 24;
	}
	if (index == REGISTER_VERSION) {
		return IOAPIC_VERSION;
	}
	if (index >= REGISTER_REDIRECTION && index < REGISTER_REDIRECTION_END) {
		uint32_t pin = (index - REGISTER_REDIRECTION) >> 1;
		uint64_t entry = ioapic->entry[pin];

		if ((ioapic->waiting >> pin & 1) != 0) {
			entry |= IOAPIC_ENTRY_REMOTE_IRR;
		}
		return (uint32_t)((index & 1) != 0 ? entry >> 32 : entry);
	}
	return 0;
}

uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t offset)
{
	switch (offset) {
	case IOAPIC_SELECT:
		return ioapic->select;
	case IOAPIC_WINDOW:
		return read_window(ioapic);
	default:
		return 0;
	}
}

static uint32_t write_window(struct ioapic *ioapic, uint32_t value)
{
	uint32_t index = ioapic->select;
	uint32_t pin = (index - REGISTER_REDIRECTION) >> 1;

	if (index == REGISTER_ID) {
		ioapic->id = value >> 24 & 0xf;
		return 0;
	}
	if (index < REGISTER_REDIRECTION || index >= REGISTER_REDIRECTION_END) {
		return 0;
	}
	if ((index & 1) != 0) {
		ioapic->entry[pin] =
			(ioapic->entry[pin] & UINT32_MAX) | (uint64_t)(value & ENTRY_WRITABLE_HIGH) << 32;
	} else {
		ioapic->entry[pin] = ioapic->entry[pin] >> 32 << 32 | (value & ENTRY_WRITABLE_LOW);
		if (!is_level(ioapic->entry[pin])) {
			/* Guests end a stuck level interrupt by making the pin edge-triggered for a moment. */
			ioapic->waiting &= ~(1u << pin);
		}
	}
	return 1u << pin;
}

uint32_t ioapic_write(struct ioapic *ioapic, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case IOAPIC_SELECT:
		ioapic->select = (uint8_t)value;
		return 0;
	case IOAPIC_WINDOW:
		return write_window(ioapic, value);
	case IOAPIC_EOI:
		return ioapic_eoi(ioapic, (uint8_t)value);
	default:
		return 0;
	}
}

/* Whether an entry sends anything when its pin asks. */
static bool sends(uint64_t entry)
{
	if ((entry & IOAPIC_ENTRY_MASKED) != 0) {
		return false;
	}
	switch (delivery_mode(entry)) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST_PRIORITY:
	case DELIVERY_NMI:
	case DELIVERY_INIT:
		return true;
	default:
		return false;
	}
}

bool ioapic_edge(const struct ioapic *ioapic, uint32_t pin, struct interrupt_message *message)
{
	if (pin >= IOAPIC_PINS || is_level(ioapic->entry[pin]) || !sends(ioapic->entry[pin])) {
		return false;
	}
	make_message(ioapic->entry[pin], message);
	return true;
}

void ioapic_set_level(struct ioapic *ioapic, uint32_t pin, bool asserted)
{
	if (pin < IOAPIC_PINS) {
		ioapic->asserted = asserted ? ioapic->asserted | 1u << pin : ioapic->asserted & ~(1u << pin);
	}
}

bool ioapic_service(const struct ioapic *ioapic, uint32_t pin, struct interrupt_message *message)
{
	if (pin >= IOAPIC_PINS || (ioapic->asserted & ~ioapic->waiting & 1u << pin) == 0 ||
		!is_level(ioapic->entry[pin]) || !sends(ioapic->entry[pin])) {
		return false;
	}
	make_message(ioapic->entry[pin], message);
	return true;
}

void ioapic_sent(struct ioapic *ioapic, uint32_t pin, uint8_t targets)
{
	uint8_t vector;

	if (pin >= IOAPIC_PINS || targets == 0) {
		return;
	}
	vector = (uint8_t)ioapic->entry[pin];
	if (is_level(ioapic->entry[pin])) {
		ioapic->waiting |= 1u << pin;
		ioapic->sent_targets[pin] = targets;
	} else if (vector == ioapic->sent_vector[pin]) {
		/* An earlier edge may still be pending elsewhere. */
		ioapic->sent_targets[pin] |= targets;
	} else {
		ioapic->sent_targets[pin] = targets;
	}
	ioapic->sent_vector[pin] = vector;
}

void ioapic_withdrawn(struct ioapic *ioapic, uint32_t pin, uint8_t targets)
{
	if (pin >= IOAPIC_PINS || targets == 0) {
		return;
	}
	ioapic->sent_targets[pin] = (uint8_t)(ioapic->sent_targets[pin] & ~targets);
	if (ioapic->sent_targets[pin] == 0) {
		ioapic->waiting &= ~(1u << pin);
	}
}

uint32_t ioapic_eoi(struct ioapic *ioapic, uint8_t vector)
{
	uint32_t ended = 0;

	for (uint32_t left = ioapic->waiting; left != 0; left &= left - 1) {
		uint32_t pin = (uint32_t)__builtin_ctz(left);

		if ((uint8_t)ioapic->entry[pin] == vector) {
			ended |= 1u << pin;
		}
	}
	ioapic->waiting &= ~ended;
	return ended;
}
