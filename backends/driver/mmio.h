/* SPDX-License-Identifier: MIT */
/* A device's registers. mmio.c reads and writes memory; the tests bring a device of their own. */
#pragma once

#include <stdint.h>

/* Reads the register of `width` bytes (1, 2 or 4) at `address`, a multiple of it, in one access of that width. */
uint32_t mmio_read(const volatile void *address, unsigned width);

/* Writes it, likewise. */
void mmio_write(volatile void *address, unsigned width, uint32_t value);
