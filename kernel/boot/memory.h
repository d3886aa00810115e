/* SPDX-License-Identifier: MIT */
/* The memory that the kernel's own tables and the root task's objects are made in, and the Untypeds that are made of the rest. */
#pragma once

#include <stdint.h>

/* Takes a zeroed piece of 2^bits bytes, aligned to its size, below 4 GiB: the early page tables reach no further. Never given
 * back. Panics where there is none: too little memory to boot. Boot only. */
uint64_t boot_memory_take(unsigned int bits);

/* Calls for each naturally aligned power-of-two piece of [start, end): the next one from *start, its size as a power of two;
 * *start moves behind it. false: nothing left. */
_Bool boot_memory_next_piece(uint64_t *start, uint64_t end, uint64_t *physical, unsigned int *bits);
