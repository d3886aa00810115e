/* SPDX-License-Identifier: MIT */
/* Making and driving bare guests. */
#include "guest.h"

#define RFLAGS_IF 0x200

bool guest_new_bare(struct test_guest *guest, const uint8_t *code, const uint8_t *end)
{
	uint64_t address;

	*guest = (struct test_guest){ 0 };
	guest->memory = page_new(&guest->memory_frame);
	if (guest->memory == NULL) {
		return false;
	}
	for (size_t i = 0; i < (size_t)(end - code); i++) {
		guest->memory[i] = code[i];
	}
	guest->space = object_new(BH_OBJECT_GUEST_SPACE, 0);
	guest->guest_frame = copy_new(guest->memory_frame, BH_RIGHTS_ALL);
	guest->vcpu = object_new(BH_OBJECT_VCPU, 0);
	guest->state_frame = slot_new();
	if (map_with_tables(guest->guest_frame, guest->space, 0, MAP_ALL) != BH_OK ||
		bh_vcpu_state_frame(guest->vcpu, 0, guest->state_frame) != BH_OK) {
		return false;
	}
	address = address_new(4096);
	if (map_with_tables(guest->state_frame, OWN_SPACE, address, MAP_RW) != BH_OK) {
		return false;
	}
	guest->state = (volatile struct bh_vcpu_state *)address;
	guest->state->rip = 0;
	guest->state->segment[BH_CS].base = 0;
	guest->state->segment[BH_CS].selector = 0;
	guest->state->idtr.limit = 0x3ff;
	guest->state->registers[BH_RSP] = 0xf00;
	return guest_write_state(guest);
}

bool guest_write_state(struct test_guest *guest)
{
	return bh_vcpu_write_state(guest->vcpu, BH_GROUPS_ALL) == BH_OK;
}

bool guest_new(struct test_guest *guest, const uint8_t *code, const uint8_t *end)
{
	if (!guest_new_bare(guest, code, end)) {
		return false;
	}
	guest->endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	guest->reply = object_new(BH_OBJECT_REPLY, 0);
	guest->context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	guest->notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	guest->doorbell = mint_new(guest->notification, BH_RIGHT_WRITE, 1);
	return INVOKE(guest->vcpu, BH_VCPU_CONFIGURE, guest->space, 3 | GUEST_PRIORITY << 8) == BH_OK &&
	       bh_vcpu_bind(guest->vcpu, BH_BIND_ALL_EXITS, guest->endpoint, BH_GROUPS_ALL) == BH_OK &&
	       bh_vcpu_bind_notification(guest->vcpu, guest->notification) == BH_OK &&
	       bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest->context, 2000, 2000) == BH_OK &&
	       bh_sched_context_bind(guest->context, guest->vcpu) == BH_OK;
}

bool guest_new_open(struct test_guest *guest, const uint8_t *code, const uint8_t *end)
{
	if (!guest_new(guest, code, end)) {
		return false;
	}
	guest->state->rflags |= RFLAGS_IF;
	return guest_write_state(guest);
}

void guest_protected_mode(struct test_guest *guest)
{
	guest->state->cr0 = 0x60000011;
	for (unsigned int i = BH_ES; i <= BH_GS; i++) {
		guest->state->segment[i] = (struct bh_segment_register){
			.selector = 16, .attributes = 0xc93, .limit = 0xffffffff
		};
	}
	guest->state->segment[BH_CS] =
		(struct bh_segment_register){ .selector = 8, .attributes = 0xc9b, .limit = 0xffffffff };
}

unsigned int guest_exit(struct test_guest *guest)
{
	enum bh_error error = bh_receive(guest->endpoint, guest->reply, &guest->message);

	if (error != BH_OK || BH_MESSAGE_LABEL(guest->message.info) != BH_LABEL_EXIT) {
		return BH_EXIT_REASONS;
	}
	return (unsigned int)guest->message.word[0] & 0xff;
}

unsigned int guest_exit_soon(struct test_guest *guest)
{
	for (unsigned int i = 0; i < 50; i++) {
		if (bh_receive_if_waiting(guest->endpoint, guest->reply, &guest->message) == BH_OK) {
			return BH_MESSAGE_LABEL(guest->message.info) == BH_LABEL_EXIT
				       ? (unsigned int)guest->message.word[0] & 0xff
				       : BH_EXIT_REASONS;
		}
		pause_us(100);
	}
	return BH_EXIT_REASONS;
}

unsigned int guest_run(struct test_guest *guest)
{
	return bh_vcpu_run(guest->vcpu) == BH_OK ? guest_exit(guest) : BH_EXIT_REASONS;
}

bool guest_answer(struct test_guest *guest, uint64_t word)
{
	struct bh_message answer = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { word } };

	return bh_reply(guest->reply, &answer) == BH_OK;
}

unsigned int guest_resume(struct test_guest *guest, uint64_t word)
{
	return guest_answer(guest, word) ? guest_exit(guest) : BH_EXIT_REASONS;
}

bool guest_is_silent(struct test_guest *guest)
{
	pause_us(3000);
	return bh_receive_if_waiting(guest->endpoint, guest->reply, &guest->message) == BH_ERROR_WOULD_BLOCK;
}

enum bh_vcpu_status guest_status(struct test_guest *guest)
{
	struct bh_vcpu_facts facts;

	return bh_vcpu_inspect(guest->vcpu, &facts) == BH_OK ? facts.status : 99;
}

uint32_t asid_count(void)
{
	uint32_t eax = 0x8000000a, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ebx;
}
