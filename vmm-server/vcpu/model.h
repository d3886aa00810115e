/* SPDX-License-Identifier: MIT */
/* Accesses that the VMM makes to device models, by message: those done again after a failure, those in pieces, and
 * those in memory. */
#ifndef VMM_VCPU_MODEL_H
#define VMM_VCPU_MODEL_H

#include "vmm.h"

/* Sequence numbers of accesses that the VMM makes of its own accord: never one that the kernel gave out. */
#define MODEL_SEQUENCE_OWN (UINT64_C(1) << 63)

/* A number for such an access. */
static inline uint64_t model_sequence(struct vcpu *vcpu) { return MODEL_SEQUENCE_OWN | ++vcpu->sequence; }

/* One access of `width` bytes (1, 2 or 4) at `offset` of the range whose endpoint (a slot) is given. The model's
 * answer, 0 for a write; all ones once its endpoint is gone. A model that dies in the middle is asked again, with the
 * same `sequence`, when it is back. Handler thread. */
uint32_t model_access(struct vmm *vmm, const struct vcpu *vcpu, uint64_t endpoint, bool in, uint32_t offset,
	uint32_t width, uint32_t value, uint64_t sequence);

/* Goes on with an access whose system_port_call() gave `answer`, which is an error. The model's answer, or all ones. */
uint32_t model_access_again(
	struct vmm *vmm, uint64_t endpoint, uint64_t word, uint32_t value, uint64_t sequence, int64_t answer);

/* The range that has all of the `width` bytes at `guest_physical`; NULL if none has. */
static inline const struct vmm_memory_range *model_memory(
	const struct vmm *vmm, uint64_t guest_physical, uint32_t width)
{
	for (uint32_t i = 0; i < vmm->memory_count; i++) {
		const struct vmm_memory_range *range = &vmm->memories[i];
		uint64_t offset = guest_physical - range->first;

		if (offset < range->size && width <= range->size - offset) {
			return range;
		}
	}
	return NULL;
}

#endif
