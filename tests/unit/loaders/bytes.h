/* SPDX-License-Identifier: MIT */
/* What the tests of both loaders share: little-endian numbers in a file's bytes, and RAM to load into. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes the low `bytes` bytes of `value` at `at`; reads that many. */
void put(uint8_t *at, uint64_t value, unsigned bytes);
uint64_t get(const uint8_t *at, unsigned bytes);

/* Zeroed pages of the host; NULL if there are none. */
uint8_t *map_ram(size_t size);
