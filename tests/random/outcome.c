/* SPDX-License-Identifier: MIT */
/* What a call's result says of the arena, put into the model. */
#include "random.h"

/* What a call changed, as far as its result says. */
static void update_model(const struct call *call)
{
	const uint64_t *argument = call->argument;
	bool own_destination = call->capability == BH_BOOT_CNODE, own_source = argument[1] == 0;

	switch (call->info) {
	case BH_UNTYPED_RETYPE:
		for (uint64_t i = 0; argument[2] == 0 && i < argument[4]; i++) {
			uint64_t slot = argument[3] + i;

			model_set(slot, argument[0], BH_RIGHTS_ALL, argument[1]);
			if (in_arena(slot)) {
				model[slot - arena_first].device =
					in_arena(call->capability)
						? model[call->capability - arena_first].device
						: 0;
			}
		}
		break;
	case BH_CNODE_COPY:
	case BH_CNODE_MINT:
		if (own_destination) {
			bool known = own_source && in_arena(argument[2]);
			uint64_t rights = known ? model[argument[2] - arena_first].rights : BH_RIGHTS_ALL;

			model_set(argument[0], own_source ? model_type(argument[2]) : BH_OBJECT_NULL,
				rights & argument[3], known ? model[argument[2] - arena_first].size_bits : 0);
		}
		break;
	case BH_CNODE_MOVE:
		if (own_destination && own_source) {
			model_move(argument[2], argument[0]);
		}
		break;
	case BH_CNODE_ROTATE:
		if (own_destination && argument[0] != argument[2]) {
			model_move(argument[1], argument[0]);
			model_move(argument[2], argument[1]);
		}
		break;
	case BH_CNODE_DELETE:
		if (own_destination) {
			model_set(argument[0], BH_OBJECT_NULL, 0, 0);
		}
		break;
	case BH_VCPU_STATE_FRAME:
		if (argument[0] == 0) {
			model_set(argument[1], BH_OBJECT_FRAME, BH_RIGHTS_ALL, 12);
		}
		break;
	default:
		break;
	}
}

static void learn(const struct call *call, enum bh_error error)
{
	struct bh_capability_facts facts = { .type = (enum bh_object_type)(call->results.r[0] & 0xff),
		.rights = (uint32_t)(call->results.r[0] >> 8) & 0xff,
		.size_bits = (uint32_t)(call->results.r[0] >> 16) & 0xff,
		.badge = call->results.r[1] };

	if (call->capability == BH_BOOT_CNODE) {
		model_learn(call->argument[0], error, &facts);
	}
}

void outcome_note(struct caller *caller, const struct call *call, enum bh_error error)
{
	bool before = model_busy;

	if (call->number != BH_SYS_INVOKE) {
		return;
	}
	if (caller->buffer != NULL &&
		(call->info == BH_THREAD_READ_REGISTERS || call->info == BH_THREAD_WRITE_REGISTERS)) {
		((struct bh_thread_registers *)caller->buffer->words)->rip = 0x1000;
	}
	if (!caller->keeps_model) {
		return;
	}
	model_busy = true;
	if (call->info == BH_CNODE_INSPECT) {
		learn(call, error);
	} else if (error == BH_OK) {
		update_model(call);
	}
	model_busy = before;
}
