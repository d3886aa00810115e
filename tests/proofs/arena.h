/* SPDX-License-Identifier: MIT */
/* For proofs about what keeps addresses in 48 bits (capability.h). CBMC's pointers are an object and a place in it, of which 48 bits keep
 * the place: so all that is linked this way stands in one object, and a kept address is its place there. */
#pragma once

#define DEFINE_LINK_TARGET(memory)                                              \
	void *proof_link_target(uint64_t link)                                  \
	{                                                                       \
		return link == 0 ? NULL : (void *)((uint8_t *)&(memory) + link); \
	}
