/* SPDX-License-Identifier: MIT */
/* MSI-X of one function (PCI 3.0 section 6.8.2): its capability's bits, the table, pending bits. Pure: who delivers the messages is the
 * caller. */
#ifndef VMM_PCI_MSIX_H
#define VMM_PCI_MSIX_H

#include <stdbool.h>
#include <stdint.h>

enum {
	MSIX_VECTORS = 12,
	MSIX_BAR_SIZE = 0x1000,
	MSIX_TABLE = 0,
	MSIX_PENDING = 0x800,
	MSIX_CAPABILITY_SIZE = 12,
	MSIX_CONTROL = 2, /* in the capability */
	MSIX_CONTROL_ENABLE = 1u << 15,
	MSIX_CONTROL_MASK = 1u << 14,
};

struct msix_entry {
	uint64_t address;
	uint32_t data;
	uint32_t control; /* bit 0: masked */
};

struct msix {
	uint32_t vectors;
	uint32_t pending; /* a bit each: an interrupt that came while its vector was masked */
	bool enabled;
	bool masked; /* all of them */
	struct msix_entry entry[MSIX_VECTORS];
};

/* Power-up state with `vectors` (1..MSIX_VECTORS) entries, all masked; and the function's capability, whose table and pending bits lie in
 * BAR `bar`, with the bits of it that the guest may write. Start-up. */
void msix_initialize(struct msix *msix, uint32_t vectors, unsigned bar,
	uint8_t capability[MSIX_CAPABILITY_SIZE], uint8_t writable[MSIX_CAPABILITY_SIZE]);

/* The capability's message control word is now `control`. */
void msix_control(struct msix *msix, uint32_t control);

/* A guest's access to the BAR at `offset` of `width` bytes (1, 2, 4 or 8). Entries take aligned accesses of 4 or 8 bytes; pending bits
 * are only read. Exit handlers. */
uint64_t msix_read(const struct msix *msix, uint32_t offset, uint32_t width);
void msix_write(struct msix *msix, uint32_t offset, uint32_t width, uint64_t value);

/* The device raises `vector`: true, and the message to send now; false: MSI-X is off (then it is lost, as on the bus), or the vector is
 * masked, and pends. */
__attribute__((warn_unused_result)) bool msix_raise(
	struct msix *msix, uint32_t vector, uint64_t *address, uint32_t *data);

/* The next message that pends and is masked no longer; false: none. After msix_control() and msix_write(). */
__attribute__((warn_unused_result)) bool msix_take_pending(
	struct msix *msix, uint64_t *address, uint32_t *data);

#endif
