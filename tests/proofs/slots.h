/* SPDX-License-Identifier: MIT */
/* For proofs about capability slots: memset of a whole slot as one assignment, which CBMC handles many times as fast as bytes. */
#pragma once

#include "proof.h"

#include "object/capability.h"
#include "string.h"

static inline void slot_clear(struct capability *slot, int value, size_t length)
{
	static const struct capability empty;

	PROVE(value == 0 && length == sizeof(*slot), "a slot is cleared as a whole");
	*slot = empty;
}
#define memset(memory, value, length) slot_clear(memory, value, length)
