/* SPDX-License-Identifier: MIT */
/* Instruction fetch and the cache of decoded instructions: see fetch.h. */
#include "instruction/fetch.h"

enum { PAGE = 4096 };

/* Vector 0 in copy->fault stands for "not in RAM". */
static enum fetch_result translate_page(const struct guest_memory *memory, const struct bh_vcpu_state *state,
	uint64_t linear, unsigned count, struct guest_fault *fault, struct guest_walk_proof *walk,
	const uint8_t **bytes)
{
	struct guest_translation translation;
	uint32_t access = GUEST_ACCESS_FETCH | (state->cpl == 3 ? GUEST_ACCESS_USER : 0);
	*fault = (struct guest_fault){ 0 };
	switch (guest_translate(memory, state, linear, access, &translation, walk)) {
	case GUEST_PAGING_OK:
		*bytes = guest_memory_pointer(memory, translation.guest_physical, count);
		return *bytes ? FETCH_OK : FETCH_OUTSIDE;
	case GUEST_PAGING_FAULT:
		*fault = (struct guest_fault){ GUEST_FAULT_PF, translation.error_code, linear };
		return FETCH_FAULT;
	case GUEST_PAGING_NOT_CANONICAL:
		*fault = (struct guest_fault){ GUEST_FAULT_GP, 0, 0 };
		return FETCH_FAULT;
	case GUEST_PAGING_OUTSIDE:
		break;
	}
	return FETCH_OUTSIDE;
}

static void copy_bytes(uint8_t *to, const uint8_t *from, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = *(const volatile uint8_t *)&from[i];
}

enum fetch_result code_fetch(
	const struct guest_memory *memory, const struct bh_vcpu_state *state, struct code_copy *copy)
{
	uint64_t linear = instruction_pointer(state);
	unsigned left = PAGE - (unsigned)(linear & (PAGE - 1));
	unsigned count = left < INSTRUCTION_BYTES_MAX ? left : INSTRUCTION_BYTES_MAX;

	copy->count = 0;
	copy->proof.length = 0;
	copy->proof.linear = linear;
	copy->proof.cr3 = state->cr3;
	copy->proof.mode_key = guest_mode_key(state);
	enum fetch_result result = translate_page(
		memory, state, linear, count, &copy->fault, &copy->proof.walk, &copy->proof.bytes);
	if (result != FETCH_OK)
		return result;
	copy_bytes(copy->bytes, copy->proof.bytes, count);
	copy->count = (uint8_t)count;
	if (count == INSTRUCTION_BYTES_MAX)
		return FETCH_OK;

	uint64_t next = linear + count;
	if (instruction_mode(state) != INSTRUCTION_MODE_64)
		next = (uint32_t)next;
	const uint8_t *rest;
	if (translate_page(memory, state, next, INSTRUCTION_BYTES_MAX - count, &copy->fault, NULL, &rest) ==
		FETCH_OK) {
		copy_bytes(copy->bytes + count, rest, INSTRUCTION_BYTES_MAX - count);
		copy->count = INSTRUCTION_BYTES_MAX;
	}
	return FETCH_OK;
}

bool code_proof_complete(struct code_copy *copy, unsigned length)
{
	struct code_proof *proof = &copy->proof;
	unsigned needed = length > 8 ? length : 8;
	proof->length = 0;
	if (length == 0 || needed > copy->count || (proof->linear & (PAGE - 1)) + needed > PAGE)
		return false;
	proof->head_mask = length >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * length) - 1;
	proof->head = code_load(copy->bytes);
	proof->tail = code_load(copy->bytes + needed - 8);
	proof->length = length;
	return true;
}

void code_proof_note(struct code_proof *proof, const struct bh_vcpu_state *state)
{
	struct code_exact *exact = &proof->exact;
	const uint8_t *cs = (const uint8_t *)&state->segment[BH_CS];

	*exact = (struct code_exact){ .rip = state->rip };
	if (proof->length == 0 || proof->walk.levels != GUEST_WALK_LEVELS)
		return;
	exact->cr0 = state->cr0;
	exact->cr3 = state->cr3;
	exact->cr4 = state->cr4;
	exact->efer = state->efer;
	exact->cs[0] = code_load(cs);
	exact->cs[1] = code_load(cs + 8);
}

__attribute__((noinline)) static enum exit_instruction_result decode_anew(struct instruction_cache *cache,
	const struct guest_memory *memory, const struct bh_vcpu_state *state, struct instruction *scratch,
	const struct instruction **instruction, struct guest_fault *fault)
{
	cache->misses++;
	struct code_copy copy;
	switch (code_fetch(memory, state, &copy)) {
	case FETCH_OK:
		break;
	case FETCH_FAULT:
		*fault = copy.fault;
		return EXIT_INSTRUCTION_FAULT;
	case FETCH_OUTSIDE:
		return EXIT_INSTRUCTION_OUTSIDE;
	}
	switch (instruction_decode(copy.bytes, copy.count, instruction_mode(state), scratch)) {
	case INSTRUCTION_OK:
		break;
	case INSTRUCTION_TRUNCATED:
		*fault = copy.fault;
		return copy.fault.vector ? EXIT_INSTRUCTION_FAULT : EXIT_INSTRUCTION_OUTSIDE;
	case INSTRUCTION_INVALID:
		*fault = (struct guest_fault){ GUEST_FAULT_UD, 0, 0 };
		return EXIT_INSTRUCTION_FAULT;
	}
	*instruction = scratch;
	if (code_proof_complete(&copy, scratch->length)) {
		unsigned index = code_cache_index(copy.proof.linear, INSTRUCTION_CACHE_ENTRIES);
		cache->entry[index].proof = copy.proof;
		code_proof_note(&cache->entry[index].proof, state);
		cache->entry[index].instruction = *scratch;
		*instruction = &cache->entry[index].instruction;
	}
	return EXIT_INSTRUCTION_OK;
}

enum exit_instruction_result exit_instruction(struct instruction_cache *cache,
	const struct guest_memory *memory, const struct bh_vcpu_state *state, struct instruction *scratch,
	const struct instruction **instruction, struct guest_fault *fault)
{
	uint64_t linear = instruction_pointer(state);
	struct instruction_cache_entry *entry =
		&cache->entry[code_cache_index(linear, INSTRUCTION_CACHE_ENTRIES)];
	__asm__("" : "+r"(entry)); /* keeps gcc from computing it anew at every use */
	if (!code_proof_stands(&entry->proof, state, state->rip)) {
		if (!code_proof_holds(&entry->proof, state, linear, guest_mode_key(state)))
			return decode_anew(cache, memory, state, scratch, instruction, fault);
		code_proof_note(&entry->proof, state);
	}
	cache->hits++;
	*instruction = &entry->instruction;
	return EXIT_INSTRUCTION_OK;
}
