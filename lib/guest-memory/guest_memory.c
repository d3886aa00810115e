/* SPDX-License-Identifier: MIT */
/* Guest RAM windows: see guest_memory.h. The guest's other vCPUs may write the same bytes at any time, so
 * the loops go through volatile: each byte is read or written once. */
#include <bulkhead/guest_memory.h>

void guest_memory_initialize(struct guest_memory *memory, uint32_t physical_bits)
{
	*memory = (struct guest_memory){
		.physical_bits = physical_bits >= 36 && physical_bits <= 52 ? physical_bits : 52,
	};
}

bool guest_memory_add(struct guest_memory *memory, uint64_t guest_physical, uint64_t size, void *host)
{
	if (memory->windows == GUEST_MEMORY_WINDOWS || host == NULL || size == 0)
		return false;
	if ((guest_physical | size) & 0xfff || (uintptr_t)host & 7)
		return false;
	uint64_t last = guest_physical + (size - 1);
	if (last < guest_physical)
		return false;
	for (uint32_t i = 0; i < memory->windows; i++) {
		const struct guest_memory_window *other = &memory->window[i];
		if (guest_physical <= other->guest_physical + (other->size - 1) &&
			other->guest_physical <= last)
			return false;
	}
	memory->window[memory->windows++] =
		(struct guest_memory_window){ .guest_physical = guest_physical, .size = size, .host = host };
	return true;
}

bool guest_memory_read(
	const struct guest_memory *memory, uint64_t guest_physical, void *destination, uint64_t count)
{
	const uint8_t *from = guest_memory_pointer(memory, guest_physical, count);
	uint8_t *to = destination;
	if (from == NULL)
		return false;
	for (uint64_t i = 0; i < count; i++)
		to[i] = *(const volatile uint8_t *)&from[i];
	return true;
}

bool guest_memory_write(
	const struct guest_memory *memory, uint64_t guest_physical, const void *source, uint64_t count)
{
	uint8_t *to = guest_memory_pointer(memory, guest_physical, count);
	if (to == NULL)
		return false;
	if (count == 0) /* `source` may be null then */
		return true;
	/* Kernels and initrds come this way: the builtin becomes a block copy, and nobody reads what is
	 * written here before it is whole. */
	__builtin_memcpy(to, source, count);
	return true;
}

bool guest_memory_fill(
	const struct guest_memory *memory, uint64_t guest_physical, uint8_t value, uint64_t count)
{
	uint8_t *to = guest_memory_pointer(memory, guest_physical, count);
	if (to == NULL)
		return false;
	__builtin_memset(to, value, count);
	return true;
}
