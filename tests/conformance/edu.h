/* SPDX-License-Identifier: MIT */
/* QEMU's device "edu" (docs/specs/edu in QEMU): DMA to and from a buffer of its own, and an MSI when it is told to. What cases
 * need to drive it, and PCI configuration space by ports. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct edu {
	uint32_t function; /* device << 3, on bus 0 */
	uint32_t msi;      /* offset of its MSI capability */
	volatile uint8_t *registers;
};

/* The machine's edu number 0 or 1, with its registers mapped and its bus mastering on; false: it has no two such devices. */
bool edu_open(struct edu *edu, unsigned int number);

/* Lets its MSI be that message. */
void edu_set_message(const struct edu *edu, uint64_t address, uint32_t data);

/* It sends its MSI. */
void edu_interrupt(const struct edu *edu);

/* Copies between its buffer and memory by DMA, and waits until it has done so. At most 4096 bytes, addresses below 256 MiB. */
void edu_read_memory(const struct edu *edu, uint64_t address, uint64_t bytes);
void edu_write_memory(const struct edu *edu, uint64_t address, uint64_t bytes);
