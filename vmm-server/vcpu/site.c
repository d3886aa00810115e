/* SPDX-License-Identifier: MIT */
/* Notes sites (site.h) from what the whole way has remembered of an instruction. Touches the vCPU's sites only, and reads
 * guest memory. */
#include "vcpu/site.h"

#include "vcpu/model.h"

enum { PAGE = 4096, LONG_BYTES = 8 };

/* One more word that must stay as it is, if it is now what `value` under `mask` says. */
static bool add_word(struct site *site, const void *at, uint64_t mask, uint64_t value)
{
	uint64_t now = site_load(at);

	if (((now ^ value) & mask) != 0) {
		return false;
	}
	for (uint32_t i = 0; i < site->words; i++) {
		if (site->word[i].at == at) {
			return site->word[i].value == now;
		}
	}
	site->word[site->words++] = (struct site_word){ at, now };
	return true;
}

static bool add_walk(struct site *site, const struct guest_walk_proof *walk)
{
	for (uint32_t i = 0; i < walk->levels; i++) {
		if (!add_word(site, (const void *)(uintptr_t)walk->level[i].word, walk->level[i].mask,
			    walk->level[i].value)) {
			return false;
		}
	}
	return true;
}

/* The instruction at rip, of which `proof` was made. */
static bool note(struct site *site, const struct vcpu *vcpu, uint64_t reason, const struct code_proof *proof)
{
	const struct bh_vcpu_state *state = vcpu->state;
	bool long_mode = instruction_mode(state) == INSTRUCTION_MODE_64;
	uint64_t next_rip = state->rip + proof->length;

	*site = (struct site){ .reason = reason, .rip = state->rip };
	/* `code` must be this exit's. */
	if ((vcpu->fresh & BH_GROUP_CODE) == 0 ||
		!code_proof_holds(proof, state, instruction_pointer(state), guest_mode_key(state)) ||
		!add_walk(site, &proof->walk) ||
		!add_word(site, proof->bytes, proof->head_mask, proof->head)) {
		return false;
	}
	if (proof->length > LONG_BYTES &&
		!add_word(site, proof->bytes + proof->length - LONG_BYTES, UINT64_MAX, proof->tail)) {
		return false;
	}
	__builtin_memcpy(site->code, &state->code, sizeof(site->code));
	site->next_rip = long_mode ? next_rip : (uint32_t)next_rip;
	return true;
}

/* The decoded instruction at rip, if it is remembered. */
static const struct instruction_cache_entry *entry_at(const struct vcpu *vcpu)
{
	uint64_t linear = instruction_pointer(vcpu->state);

	return &vcpu->instructions.entry[code_cache_index(linear, INSTRUCTION_CACHE_ENTRIES)];
}

bool site_note_leaf(const struct cpuid_policy *policy, struct site *site, uint32_t leaf)
{
	const struct cpuid_result *result = cpuid_plain(policy, leaf);

	if (result == NULL) {
		return false;
	}
	site->cpuid = (struct site_cpuid){ leaf, *result };
	return true;
}

void site_note_cpuid(struct vmm *vmm, struct vcpu *vcpu, uint64_t reason)
{
	const struct bh_vcpu_state *state = vcpu->state;
	const struct instruction_cache_entry *entry = entry_at(vcpu);
	struct site *site = site_at(vcpu->sites, state->rip);

	if (entry->instruction.operation != INSTRUCTION_CPUID || !note(site, vcpu, reason, &entry->proof) ||
		!site_note_leaf(&vmm->cpuid, site, (uint32_t)state->registers[BH_RAX])) {
		*site = (struct site){ 0 };
	}
}

void site_note_plain(struct vcpu *vcpu, uint64_t reason)
{
	struct site *site = site_at(vcpu->sites, vcpu->state->rip);

	if (!note(site, vcpu, reason, &entry_at(vcpu)->proof)) {
		*site = (struct site){ 0 };
	}
}

static uint16_t register_offset(uint8_t number)
{
	return number == INSTRUCTION_NO_REGISTER
		       ? (uint16_t)SITE_NOTHING
		       : (uint16_t)(offsetof(struct bh_vcpu_state, registers) + number * sizeof(uint64_t));
}

/* How the operand's address is computed. */
static void note_operand(struct site_memory *site, const struct mmio_cache_entry *entry)
{
	const struct mmio_instruction *instruction = &entry->instruction;
	const struct memory_operand *memory = &instruction->memory;

	site->displacement = (uint64_t)memory->displacement;
	site->address_mask = entry->address_mask;
	site->base = register_offset(memory->base);
	site->segment = entry->segmented ? (uint16_t)(memory->segment == BH_CS
							      ? offsetof(struct bh_vcpu_state, code.cs_base)
							      : offsetof(struct bh_vcpu_state, code.ds_base))
					 : (uint16_t)SITE_NOTHING;
	site->index = register_offset(memory->index);
	site->scale = memory->scale;
	site->transfer = instruction->general_register < INSTRUCTION_NO_REGISTER
				 ? register_offset(instruction->general_register)
				 : 0;
	site->immediate = (uint32_t)instruction->immediate;
}

/* Whose registers they are; false: nobody's that the short way serves. */
static bool note_device(struct site_memory *site, const struct vmm *vmm, const struct vcpu *vcpu,
	const struct mmio_cache_entry *entry, uint64_t guest_physical)
{
	uint64_t page = entry->data_guest_physical;
	const struct vmm_memory_range *range;
	uint64_t first;

	site->linear = entry->data_linear;
	site->guest_physical = page;
	site->last = PAGE - 4;
	site->endpoint = 0;
	if (page == fabric_apic_page(&vmm->fabric, vcpu->number)) {
		return true;
	}
	range = model_memory(vmm, guest_physical, 4);
	if (page == IOAPIC_DEFAULT_BASE || range == NULL) {
		return false;
	}
	/* What of the page is the model's. */
	first = range->first > page ? range->first : page;
	site->linear += first - page;
	site->guest_physical = first;
	site->last = (range->first + range->size < page + PAGE ? range->first + range->size : page + PAGE) -
		     first - 4;
	site->endpoint = range->endpoint;
	site->port_word = BH_PORT_WORD(
		entry->instruction.operation == MMIO_LOAD, 4, (uint32_t)(first - range->first), vcpu->number);
	return true;
}

void site_note_memory(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t reason, uint64_t guest_physical, uint64_t information)
{
	const struct bh_vcpu_state *state = vcpu->state;
	struct site *site = site_at(vcpu->sites, state->rip);
	uint64_t linear = instruction_pointer(state);
	const struct mmio_cache_entry *entry =
		&vcpu->mmio.entry[code_cache_index(linear, MMIO_CACHE_ENTRIES)];

	struct site_memory memory = { 0 };

	/* A site that stands there may stay: it is compared before it is used. */
	if (!entry->whole || !entry->ready || !note_device(&memory, vmm, vcpu, entry, guest_physical)) {
		return;
	}
	if (!note(site, vcpu, reason, &entry->proof) || !add_walk(site, &entry->data_walk)) {
		*site = (struct site){ 0 };
		return;
	}
	note_operand(&memory, entry);
	site->memory = memory;
	site->memory.information = entry->instruction.memory.index == INSTRUCTION_NO_REGISTER
					   ? information
					   : information | SITE_INDEXED;
}

void site_forget_all(struct vcpu *vcpu)
{
	for (uint32_t i = 0; i < SITES; i++) {
		vcpu->sites[i] = (struct site){ 0 };
	}
}
