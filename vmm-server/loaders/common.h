/* SPDX-License-Identifier: MIT */
/* What the loaders share inside: little-endian fields, low memory, protected-mode start state. For
 * loaders/ alone. */
#ifndef VMM_LOADERS_COMMON_H
#define VMM_LOADERS_COMMON_H

#include "loaders/loader.h"

/* The first 64 KiB of guest RAM are ours until the guest reuses them: BIOS data area, descriptor table,
 * and from LOADER_AREA on what the loader passes. All of it is RAM by the memory map, as with any boot
 * loader. */
#define LOADER_GDT UINT64_C(0x500)
#define LOADER_AREA UINT64_C(0x1000)
#define LOADER_AREA_END UINT64_C(0x10000)

enum { LOADER_CODE_SELECTOR = 0x10, LOADER_DATA_SELECTOR = 0x18 };

static inline uint16_t load16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
static inline uint32_t load32(const uint8_t *at) { return load16(at) | (uint32_t)load16(at + 2) << 16; }
static inline uint64_t load64(const uint8_t *at) { return load32(at) | (uint64_t)load32(at + 4) << 32; }

static inline void store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}
static inline void store32(uint8_t *at, uint32_t value)
{
	store16(at, (uint16_t)value);
	store16(at + 2, (uint16_t)(value >> 16));
}
static inline void store64(uint8_t *at, uint64_t value)
{
	store32(at, (uint32_t)value);
	store32(at + 4, (uint32_t)(value >> 32));
}

/* Whether `count` bytes from `offset` are inside a file of `size` bytes. */
static inline bool inside(uint64_t size, uint64_t offset, uint64_t count)
{
	return offset <= size && count <= size - offset;
}

/* Length of a string, a null pointer being empty; stops at `limit`. */
uint64_t text_length(const char *text, uint64_t limit);

/* Clears the loader's area and fills the BIOS data area, so that guests find conventional memory, its end,
 * and the serial ports. */
__attribute__((warn_unused_result)) bool prepare_low_memory(const struct loader_request *request);

/* Sets *state to protected mode with flat segments and no paging, interrupts off, and writes the
 * descriptor table that goes with it. `long_mode`: the code segment is a 64-bit one; the caller adds
 * paging and EFER. */
__attribute__((warn_unused_result)) bool start_state(
	const struct guest_memory *memory, bool long_mode, struct bh_vcpu_state *state);

/* Records the numbers of a failure and returns `error`. */
__attribute__((warn_unused_result)) static inline enum loader_error fail_with(
	struct loader_failure *failure, enum loader_error error, uint64_t found, uint64_t limit)
{
	*failure = (struct loader_failure){ .found = found, .limit = limit };
	return error;
}

#endif
