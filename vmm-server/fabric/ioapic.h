/* SPDX-License-Identifier: MIT */
/* The I/O APIC: 24 pins, version 0x20, that is with the EOI register (Intel 82093AA datasheet; ICH9 datasheet §13.5 for version 0x20).
 * Touches only the struct that it is given; says what message to send, and is told who accepted it.
 *
 * Lines are "asserted" or not: the board wires each with the polarity that the firmware tables name, so the polarity bit is
 * stored and has no other effect. A pin in delivery mode ExtINT or SMI sends nothing: the 8259s are wired to LINT0 alone. */
#ifndef BULKHEAD_VMM_FABRIC_IOAPIC_H
#define BULKHEAD_VMM_FABRIC_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "fabric/interrupt_message.h"

#define IOAPIC_PINS 24u
#define IOAPIC_VERSION UINT32_C(0x00170020) /* 24 entries, version 0x20 */
#define IOAPIC_DEFAULT_BASE UINT64_C(0xfec00000)

/* Offsets in the register page. */
enum ioapic_offset { IOAPIC_SELECT = 0x00, IOAPIC_WINDOW = 0x10, IOAPIC_EOI = 0x40 };

/* Redirection table entry. */
#define IOAPIC_ENTRY_LOGICAL (UINT64_C(1) << 11)
#define IOAPIC_ENTRY_STATUS (UINT64_C(1) << 12)
#define IOAPIC_ENTRY_ACTIVE_LOW (UINT64_C(1) << 13)
#define IOAPIC_ENTRY_REMOTE_IRR (UINT64_C(1) << 14)
#define IOAPIC_ENTRY_LEVEL (UINT64_C(1) << 15)
#define IOAPIC_ENTRY_MASKED (UINT64_C(1) << 16)

struct ioapic {
	uint64_t entry[IOAPIC_PINS]; /* the writable bits */
	uint32_t asserted;           /* bit n: pin n's line is asserted */
	uint32_t waiting;            /* bit n: pin n's remote IRR */
	uint8_t select;
	uint8_t id;
	/* Where each pin's last request went, so that it can be withdrawn: vector, and bits of vCPUs. */
	uint8_t sent_vector[IOAPIC_PINS];
	uint8_t sent_targets[IOAPIC_PINS];
};

/* All entries masked, nothing asserted. */
void ioapic_init(struct ioapic *ioapic);

/* The 32-bit register at `offset` of the page; 0 for what there is not. */
uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t offset);

/* Writes it. Returns the pins (bits) for which the caller must now call ioapic_service(): an entry changed, or its interrupt ended. */
uint32_t ioapic_write(struct ioapic *ioapic, uint32_t offset, uint32_t value);

/* Pin (0..23; others are ignored) has seen a rising edge. True: send `message`, then call ioapic_sent(). An edge on a masked pin is
 * not held (82093AA §3.2.4). */
bool ioapic_edge(const struct ioapic *ioapic, uint32_t pin, struct interrupt_message *message);

/* The pin's line is asserted or not, from now on. */
void ioapic_set_level(struct ioapic *ioapic, uint32_t pin, bool asserted);

/* True if the pin is level-triggered, asserted, not masked and not waiting for an EOI: send `message`, then call ioapic_sent(). */
bool ioapic_service(const struct ioapic *ioapic, uint32_t pin, struct interrupt_message *message);

/* `targets` (bits of vCPUs, may be 0) accepted the pin's message: a level-triggered pin with a target now waits for EOI. */
void ioapic_sent(struct ioapic *ioapic, uint32_t pin, uint8_t targets);

/* The vCPUs in `targets` gave the pin's request back before taking it. If that were all that had it, the pin waits no longer. */
void ioapic_withdrawn(struct ioapic *ioapic, uint32_t pin, uint8_t targets);

/* A level-triggered interrupt with this vector has ended. Returns the pins that waited for it, as ioapic_write(). */
uint32_t ioapic_eoi(struct ioapic *ioapic, uint8_t vector);

#endif
