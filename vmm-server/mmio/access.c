/* SPDX-License-Identifier: MIT */
/* MMIO emulation: see access.h. The way through mmio_start with a remembered instruction is what every
 * APIC access of a guest takes: keep it short. */
#include "mmio/access.h"

#include "instruction/index_register.h"
#include "instruction/segment_check.h"
#include "mmio/arithmetic.h"

enum { PAGE = 4096 };
#define RFLAGS_DF (UINT64_C(1) << 10)
#define NO_PAGE UINT64_C(1) /* no page starts there */

static uint64_t register_read(const struct mmio_instruction *instruction, const struct bh_vcpu_state *state)
{
	if (instruction->general_register >= INSTRUCTION_NO_REGISTER)
		return instruction->immediate;
	uint64_t value = state->registers[instruction->general_register];
	return (instruction->high_byte ? value >> 8 : value) & width_mask(instruction->register_width);
}

/* 32-bit results clear the upper half, 8- and 16-bit ones keep what is around (AMD APM vol. 1 section
 * 3.1.2). */
static inline void register_write(
	const struct mmio_instruction *instruction, struct bh_vcpu_state *state, uint64_t value)
{
	uint64_t *target = &state->registers[instruction->general_register & 15];
	if (instruction->register_width == 4) {
		*target = (uint32_t)value;
	} else if (instruction->register_width == 8) {
		*target = value;
	} else {
		unsigned shift = instruction->high_byte ? 8 : 0;
		uint64_t mask = width_mask(instruction->register_width) << shift;
		*target = (*target & ~mask) | (value << shift & mask);
	}
}

static uint64_t extend(const struct mmio_instruction *instruction, uint64_t value)
{
	if (!instruction->sign_extend)
		return value;
	unsigned unused = 64 - 8u * instruction->width;
	return (uint64_t)((int64_t)(value << unused) >> unused);
}

/* The linear address of the emulated operand; `write`: the exit's direction. */
static uint64_t operand_linear(
	const struct mmio_instruction *instruction, const struct bh_vcpu_state *state, bool write)
{
	if (instruction->string == MMIO_NOT_STRING) {
		uint64_t offset = instruction_offset(&instruction->memory, state, instruction->length);
		return instruction_linear(state, instruction->memory.segment, offset);
	}
	bool destination =
		instruction->string == MMIO_STRING_STOS || (instruction->string == MMIO_STRING_MOVS && write);
	uint64_t offset = index_register_get(
		state->registers[destination ? BH_RDI : BH_RSI], instruction->memory.address_width);
	return instruction_linear(state, destination ? (unsigned)BH_ES : instruction->memory.segment, offset);
}

/* MOVS: the operand on the other side must be RAM, and is found before the device is asked. */
static enum mmio_result find_other(const struct guest_memory *memory, const struct bh_vcpu_state *state,
	const struct mmio_instruction *instruction, struct mmio_access *access)
{
	bool write_other = !access->write;
	unsigned segment = write_other ? (unsigned)BH_ES : instruction->memory.segment;
	uint64_t offset = index_register_get(
		state->registers[write_other ? BH_RDI : BH_RSI], instruction->memory.address_width);
	uint64_t linear;
	if (!segment_check(state, segment, offset, instruction->width, write_other, &linear, &access->fault))
		return MMIO_FAULT;
	switch (guest_operand_find(
		memory, state, linear, instruction->width, write_other, &access->other, &access->fault)) {
	case GUEST_OPERAND_OK:
		break;
	case GUEST_OPERAND_FAULT:
		return MMIO_FAULT;
	case GUEST_OPERAND_OUTSIDE:
		return MMIO_UNSUPPORTED;
	}
	if (access->write)
		access->value = guest_operand_read(&access->other);
	return MMIO_ACCESS;
}

/* What the short way of mmio_start can do: plain moves whose linear address is one sum, cut by one mask. */
static void set_plain(struct mmio_cache_entry *entry, enum instruction_mode mode)
{
	const struct mmio_instruction *instruction = &entry->instruction;
	unsigned address_width = instruction->memory.address_width;
	bool move = instruction->operation == MMIO_LOAD || instruction->operation == MMIO_STORE;
	bool long_address = mode == INSTRUCTION_MODE_64 && address_width == 8;
	bool flat_address = mode == INSTRUCTION_MODE_32 && address_width == 4;
	entry->plain = move && instruction->string == MMIO_NOT_STRING &&
		       instruction->memory.base != INSTRUCTION_RIP && (long_address || flat_address);
	entry->segmented = flat_address || instruction->memory.segment >= BH_FS;
	entry->address_mask = long_address ? UINT64_MAX : UINT32_MAX;
	entry->whole = entry->plain && instruction->width == 4 &&
		       (!entry->segmented || instruction->memory.segment == BH_CS ||
			       instruction->memory.segment == BH_DS) &&
		       !instruction->sign_extend &&
		       (instruction->general_register >= INSTRUCTION_NO_REGISTER ||
			       (instruction->register_width == 4 && !instruction->high_byte));
}

/* Fetches and decodes what `state` stands at; *entry gets it if it can be remembered, access->scratch in
 * any case. */
static enum mmio_result decode_anew(struct mmio_cache_entry *entry, const struct guest_memory *memory,
	const struct bh_vcpu_state *state, struct mmio_access *access)
{
	struct code_copy copy;
	switch (code_fetch(memory, state, &copy)) {
	case FETCH_OK:
		break;
	case FETCH_FAULT:
		access->fault = copy.fault;
		return MMIO_FAULT;
	case FETCH_OUTSIDE:
		return MMIO_REFUSED;
	}
	switch (mmio_decode(copy.bytes, copy.count, instruction_mode(state), &access->scratch)) {
	case MMIO_DECODE_OK:
		break;
	case MMIO_DECODE_TRUNCATED:
		access->fault = copy.fault;
		return copy.fault.vector ? MMIO_FAULT : MMIO_REFUSED;
	case MMIO_DECODE_INVALID:
		access->fault = (struct guest_fault){ GUEST_FAULT_UD, 0, 0 };
		return MMIO_FAULT;
	case MMIO_DECODE_UNSUPPORTED:
		return MMIO_UNSUPPORTED;
	}
	access->instruction = &access->scratch;
	if (code_proof_complete(&copy, access->scratch.length)) {
		entry->proof = copy.proof;
		code_proof_note(&entry->proof, state);
		entry->instruction = access->scratch;
		entry->data_linear = NO_PAGE;
		entry->ready = false;
		set_plain(entry, instruction_mode(state));
		access->instruction = &entry->instruction;
	}
	return MMIO_ACCESS;
}

/* Whether `linear` really leads to `guest_physical`. The CPU made all permission checks before the exit. */
static bool leads_to(struct mmio_cache_entry *entry, bool remember, const struct guest_memory *memory,
	const struct bh_vcpu_state *state, uint64_t linear, uint64_t guest_physical)
{
	uint64_t page = linear & ~(uint64_t)(PAGE - 1);
	if (remember && entry->data_linear == page && guest_walk_proof_holds(&entry->data_walk))
		return entry->data_guest_physical + (linear - page) == guest_physical;
	struct guest_translation translation;
	struct guest_walk_proof walk;
	if (guest_translate(memory, state, linear, GUEST_ACCESS_UNCHECKED, &translation, &walk) !=
		GUEST_PAGING_OK)
		return false;
	if (remember) {
		entry->data_linear = page;
		entry->data_guest_physical = translation.guest_physical & ~(uint64_t)(PAGE - 1);
		entry->data_walk = walk;
		entry->ready = entry->plain;
	}
	return translation.guest_physical == guest_physical;
}

static inline struct mmio_cache_entry *entry_of(struct mmio_cache *cache, uint64_t code)
{
	struct mmio_cache_entry *entry = &cache->entry[code_cache_index(code, MMIO_CACHE_ENTRIES)];
	__asm__("" : "+r"(entry)); /* keeps gcc from computing it anew at every use */
	return entry;
}

/* The whole way. It looks the instruction up again, so that the short way can jump here with its own
 * arguments. */
__attribute__((noinline)) static enum mmio_result start_slowly(struct mmio_cache *cache,
	const struct guest_memory *memory, const struct bh_vcpu_state *state, uint64_t guest_physical,
	bool write, struct mmio_access *access)
{
	uint64_t code = instruction_pointer(state);
	struct mmio_cache_entry *entry = entry_of(cache, code);
	if (code_proof_holds(&entry->proof, state, code, guest_mode_key(state))) {
		cache->hits++;
		code_proof_note(&entry->proof, state);
		access->instruction = &entry->instruction;
	} else {
		cache->misses++;
		enum mmio_result result = decode_anew(entry, memory, state, access);
		if (result != MMIO_ACCESS)
			return result;
	}

	const struct mmio_instruction *instruction = access->instruction;
	if (write ? !instruction->may_write : !instruction->may_read)
		return MMIO_REFUSED;
	uint64_t linear = operand_linear(instruction, state, write);
	if ((linear & (PAGE - 1)) + instruction->width > PAGE)
		return MMIO_UNSUPPORTED;
	if (!leads_to(entry, instruction == &entry->instruction, memory, state, linear, guest_physical))
		return MMIO_REFUSED;

	access->guest_physical = guest_physical;
	access->width = instruction->width;
	access->read_done = false;
	if (instruction->operation == MMIO_MOVS) {
		access->write = write;
		return find_other(memory, state, instruction, access);
	}
	access->write = instruction->operation == MMIO_STORE;
	if (access->write)
		access->value = register_read(instruction, state) & width_mask(instruction->width);
	return MMIO_ACCESS;
}

enum mmio_result mmio_start(struct mmio_cache *cache, const struct guest_memory *memory,
	const struct bh_vcpu_state *state, uint64_t guest_physical, bool write, struct mmio_access *access)
{
	uint64_t code = instruction_pointer(state);
	struct mmio_cache_entry *entry = entry_of(cache, code);
	if (!code_proof_stands(&entry->proof, state, state->rip) || !entry->ready)
		return start_slowly(cache, memory, state, guest_physical, write, access);

	/* A plain move, most likely to the page that it went to before: all that remains is to see that
	 * its address leads where the exit says. */
	uint64_t linear = mmio_plain_linear(entry, state);
	uint64_t offset = linear - entry->data_linear;
	if (offset > (uint64_t)PAGE - entry->instruction.width ||
		entry->data_guest_physical + offset != guest_physical ||
		entry->instruction.may_write != write || !guest_walk_proof_holds(&entry->data_walk))
		return start_slowly(cache, memory, state, guest_physical, write, access);
	cache->hits++;
	access->instruction = &entry->instruction;
	access->guest_physical = guest_physical;
	access->width = entry->instruction.width;
	access->write = write;
	if (write)
		access->value =
			register_read(&entry->instruction, state) & width_mask(entry->instruction.width);
	return MMIO_ACCESS;
}

/* Moves the index registers of a string instruction. True if a REP has more to do: rip stays. */
static bool string_step(const struct mmio_instruction *instruction, struct bh_vcpu_state *state)
{
	unsigned address_width = instruction->memory.address_width;
	uint64_t change = state->rflags & RFLAGS_DF ? -(uint64_t)instruction->width : instruction->width;
	uint64_t *registers = state->registers;
	if (instruction->string != MMIO_STRING_STOS)
		registers[BH_RSI] = index_register_add(registers[BH_RSI], change, address_width);
	if (instruction->string != MMIO_STRING_LODS)
		registers[BH_RDI] = index_register_add(registers[BH_RDI], change, address_width);
	if (!instruction->repeat)
		return false;
	registers[BH_RCX] = index_register_add(registers[BH_RCX], -UINT64_C(1), address_width);
	return index_register_get(registers[BH_RCX], address_width) != 0;
}

/* Arithmetic on what was read. True if a write of access->value must follow before anything else changes. */
static bool combine(struct mmio_access *access, struct bh_vcpu_state *state)
{
	const struct mmio_instruction *instruction = access->instruction;
	enum mmio_operation operation = (enum mmio_operation)instruction->operation;
	uint64_t source = register_read(instruction, state);
	uint64_t rflags = state->rflags;
	uint64_t result =
		instruction->to_register
			? arithmetic(operation, source, access->loaded, instruction->width, &rflags)
			: arithmetic(operation, access->loaded, source, instruction->width, &rflags);
	bool flags_only = operation == MMIO_CMP || operation == MMIO_TEST || operation == MMIO_BIT_TEST;
	if (!flags_only && !instruction->to_register && !access->read_done) {
		access->read_done = true;
		access->write = true;
		access->value = result & width_mask(instruction->width);
		return true;
	}
	state->rflags = rflags;
	if (operation == MMIO_XCHG)
		register_write(instruction, state, access->loaded);
	else if (!flags_only && instruction->to_register)
		register_write(instruction, state, result);
	return false;
}

/* All but plain loads and stores. */
__attribute__((noinline)) static enum mmio_result finish_slowly(
	struct mmio_access *access, struct bh_vcpu_state *state)
{
	const struct mmio_instruction *instruction = access->instruction;
	switch ((enum mmio_operation)instruction->operation) {
	case MMIO_LOAD:
		register_write(instruction, state, extend(instruction, access->loaded));
		break;
	case MMIO_STORE:
		break;
	case MMIO_MOVS:
		if (!access->write)
			guest_operand_write(&access->other, access->loaded);
		break;
	case MMIO_AND:
	case MMIO_OR:
	case MMIO_XOR:
	case MMIO_ADD:
	case MMIO_SUB:
	case MMIO_CMP:
	case MMIO_TEST:
	case MMIO_BIT_TEST:
	case MMIO_XCHG:
		if (combine(access, state))
			return MMIO_ACCESS;
		break;
	}
	if (instruction->string == MMIO_NOT_STRING || !string_step(instruction, state))
		instruction_advance(state, instruction->length);
	return MMIO_DONE;
}

enum mmio_result mmio_finish(struct mmio_access *access, struct bh_vcpu_state *state, uint64_t value)
{
	const struct mmio_instruction *instruction = access->instruction;
	if (!access->write)
		access->loaded = value & width_mask(instruction->width);
	if (instruction->operation > MMIO_STORE || instruction->string != MMIO_NOT_STRING)
		return finish_slowly(access, state);
	if (!access->write)
		register_write(instruction, state, extend(instruction, access->loaded));
	instruction_advance(state, instruction->length);
	return MMIO_DONE;
}
