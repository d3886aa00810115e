/* SPDX-License-Identifier: MIT */
/* System calls of a task that was taken over: every capability number, every invocation, random arguments, floods. */
#include "taken_over.h"

#define LABELS 0x200u /* invocations end below 0x100 */
#define NUMBERS (BH_SYS_COUNT + 4u)
#define CALLS_IN_A_STEP 400u
#define FLOOD_CALLS 10000u
#define FLOOD_LINES 300u
#define HANDLER 1u /* its number among the task's threads */

/* The capability that stands in that slot as the root task says; NULL: none. */
static const struct task_info_capability *held(uint64_t slot)
{
	const struct task_info *info = bh_task_info();
	const struct task_info_capability *capability =
		(const struct task_info_capability *)(const void *)((const char *)info +
								    info->capability_offset);

	for (uint32_t i = 0; i < info->capability_count; i++) {
		if (capability[i].slot == slot) {
			return &capability[i];
		}
	}
	return NULL;
}

/* Would that call wait for somebody who does not come? */
static bool may_block(uint64_t number, uint64_t slot)
{
	const struct task_info_capability *capability = held(slot);

	if (capability == NULL) {
		return false;
	}
	return (number == BH_SYS_WAIT && task_info_same_name(capability->name, "notification")) ||
	       ((number == BH_SYS_CALL || number == BH_SYS_REPLY_RECV || number == BH_SYS_SEND ||
			number == BH_SYS_RECV) &&
		       task_info_same_name(capability->name, "endpoint"));
}

static void random_buffer(void)
{
	struct bh_ipc_buffer *buffer = bh_ipc_buffer();

	for (uint32_t i = 0; i < sizeof(buffer->words) / sizeof(buffer->words[0]); i++) {
		buffer->words[i] = random_value();
	}
	for (uint32_t i = 0; i < BH_MESSAGE_CAPS_MAX; i++) {
		buffer->caps[i] = random_below(40);
	}
	buffer->receive_index = random_value();
}

/* One call. Of a capability that is not there nothing may come but an error. */
static void attempt(uint64_t number, uint64_t slot, uint64_t info)
{
	struct bh_message message = { .info = info };
	enum bh_error error;

	if (may_block(number, slot)) {
		return;
	}
	for (uint32_t i = 0; i < BH_MESSAGE_REGISTERS; i++) {
		message.word[i] = random_value();
	}
	progress->calls++;
	error = bh_system_call(number, &message, slot, random_value(), random_value());
	if (error == BH_OK) {
		progress->succeeded++;
	}
	if (error == BH_OK && number != BH_SYS_YIELD && held(slot) == NULL) {
		reached("capability", number, slot);
	}
	if (number >= BH_SYS_COUNT && error != BH_ERROR_SYSCALL) {
		reached("system call", number, slot);
	}
}

void step_capability(uint64_t step)
{
	uint64_t bit = step < 1024 ? 0 : (step - 1024) / 3 + 10;
	uint64_t slot = step < 1024 ? step : (UINT64_C(1) << bit) + (step - 1024) % 3 - 1;

	for (uint64_t label = 0; label < LABELS; label++) {
		attempt(BH_SYS_INVOKE, slot, label);
	}
	for (uint64_t number = 0; number < NUMBERS; number++) {
		attempt(number, slot, random_value());
	}
}

void step_calls(uint64_t step)
{
	uint64_t slots = bh_task_info()->capability_count + 2u;

	(void)step;
	random_buffer();
	for (uint32_t i = 0; i < CALLS_IN_A_STEP; i++) {
		if (random_below(2) == 0) {
			attempt(BH_SYS_INVOKE, random_below(slots), 0x10 + random_below(0xb0));
		} else {
			attempt(random_below(NUMBERS), random_below(slots),
				BH_MESSAGE_INFO(random_value() & 0xffff, random_below(128), random_below(8)));
		}
	}
}

/* Its endpoint has nobody else, and its notification nobody who signals: these do not come back but with an error. */
void step_blocking(uint64_t step)
{
	static const uint64_t numbers[BLOCKING_STEPS] = { BH_SYS_CALL, BH_SYS_SEND, BH_SYS_RECV,
		BH_SYS_REPLY_RECV, BH_SYS_WAIT };
	uint64_t number = numbers[step];
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_PORT, 120, 4) };
	enum bh_error error;

	random_buffer();
	bh_log("taken over: blocks now (%lu)", number);
	error = bh_system_call(number, &message,
		bh_capability_required(number == BH_SYS_WAIT ? "notification" : "endpoint"),
		bh_capability_required("reply"), 0);
	bh_log("taken over: %lu came back: %s", number, bh_error_text(error));
}

/* ---- Floods ---- */

/* Its handler thread answers whatever comes, its VM's accesses too, with nonsense. */
static void answer_nonsense(void *argument, struct bh_message *first)
{
	struct bh_message message = *first;
	uint64_t endpoint = bh_capability("endpoint");
	uint64_t reply = bh_capability("reply");

	(void)argument;
	for (;;) {
		message.info = message.badge << 16 ^ message.word[0] * 0x9e3779b97f4a7c15;
		message.word[0] = ~message.word[1];
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			message.info = 0;
		}
	}
}

static void flood_calls(void)
{
	uint64_t endpoint = bh_capability_required("endpoint");
	enum bh_error error = bh_thread_start_passive(bh_capability_required("handler"), HANDLER, endpoint,
		bh_capability_required("reply"), answer_nonsense, NULL);

	for (uint32_t i = 0; i < FLOOD_CALLS && error == BH_OK; i++) {
		struct bh_message message = { .info = random_word() & ~UINT64_C(0x80), .word = { i } };

		error = bh_call(endpoint, &message);
		progress->calls++;
	}
	if (error != BH_OK) {
		bh_log("taken over: its own handler does not answer: %s", bh_error_text(error));
	}
}

static void flood_signals(void)
{
	static const char *const names[] = { "interrupt", "console-signal", "switch-signal", "disk-signal",
		"log-signal", "notification" };

	for (uint32_t name = 0; name < sizeof(names) / sizeof(names[0]); name++) {
		uint64_t slot = bh_capability(names[name]);

		for (uint32_t i = 0; i < FLOOD_CALLS && slot != 0; i++) {
			progress->calls++;
			progress->succeeded += bh_signal(slot) == BH_OK ? 1 : 0;
		}
	}
}

void step_flood(uint64_t step)
{
	if (step % 2 == 0) {
		flood_signals();
		for (uint32_t i = 0; i < FLOOD_LINES; i++) {
			bh_log("taken over: a line of a flood, %lx", random_word());
		}
	} else {
		flood_calls();
		bh_exit(1); /* the handler thread has had its day */
	}
}

/* Runs its handler with random registers, on a context that it lends it. */
void step_registers(uint64_t step)
{
	struct bh_thread_registers registers;
	uint64_t *word = (uint64_t *)(void *)&registers;
	uint64_t handler = bh_capability_required("handler");
	uint64_t endpoint = bh_capability_required("endpoint");
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0) };
	enum bh_error error;

	for (uint32_t i = 0; i < sizeof(registers) / sizeof(*word); i++) {
		word[i] = random_value();
	}
	if (step % 2 == 0) { /* only then it is taken */
		registers.rip &= UINT64_C(0x7fffffffefff);
		registers.fs_base &= UINT64_C(0x7fffffffefff);
		registers.gs_base &= UINT64_C(0x7fffffffefff);
	}
	error = bh_thread_write_registers(handler, bh_ipc_buffer(), &registers);
	if (error != BH_OK) {
		return;
	}
	error = bh_thread_receive(handler, endpoint, bh_capability_required("reply"));
	if (error == BH_OK) {
		error = bh_call(endpoint, &message);
	}
	bh_log("taken over: handler with random registers: %s", bh_error_text(error));
}
