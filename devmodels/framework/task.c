/* SPDX-License-Identifier: MIT */
/* main() of every device model. The main thread sets the model up, starts the passive handler and then
 * only carries signals (timer, console) to it as messages, so that the model's registers are touched by
 * the handler thread alone. A guest's accesses run on the vCPU's context, events on the main thread's own.
 * Compiled for general registers only. */

#include "framework/task.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>
#include <bulkhead/vcpu.h>

#include "framework/run.h"
#include "framework/task_environment.h"

#define HANDLER_THREAD 1u /* number among the task's threads */

struct task {
	struct model_run run;
	struct environment environment;
	struct guest_memory memory;
	uint64_t endpoint;
	uint64_t reply;
};

/* What the model does for a message, and word 0 of the answer. */
__attribute__((noinline)) static uint64_t answer(struct task *task, const struct bh_message *message)
{
	uint64_t label = BH_MESSAGE_LABEL(message->info);

	if (label == BH_LABEL_PORT && BH_MESSAGE_WORDS(message->info) >= 3) {
		struct model_access access = {
			.region = message->badge < MODEL_REGIONS ? (uint32_t)message->badge : MODEL_REGIONS,
			.offset = BH_PORT_OFFSET(message->word[0]),
			.width = BH_PORT_WIDTH(message->word[0]),
			.vcpu = BH_PORT_VCPU(message->word[0]),
			.sequence = message->word[2],
			.value = message->word[1],
			.is_write = (message->word[0] & BH_PORT_IN) == 0,
		};

		return model_run_access(&task->run, &access);
	}
	if (label == MODEL_LABEL_EVENT && BH_MESSAGE_WORDS(message->info) >= 1) {
		model_run_event(&task->run, message->word[0]);
	}
	return 0;
}

static void handle(void *argument, struct bh_message *first)
{
	struct task *task = argument;
	/* Nothing takes its address, so it stays in registers from one system call to the next. */
	struct bh_message message = *first;

	for (;;) {
		const struct model_run_read *read = NULL;
		enum bh_error error;
		uint64_t value;

		/* Reads that the model has answered from its committed registers before. */
		if (message.info == BH_MESSAGE_INFO(BH_LABEL_PORT, 3, 0)) {
			read = model_run_find(&task->run, message.badge, message.word[0]);
		}
		if (__builtin_expect(read != NULL, 1)) {
			value = model_run_read(&task->run, read, message.word[2]);
		} else {
			struct bh_message copy = message;

			value = answer(task, &copy);
		}
		error = bh_reply_word_receive(task->endpoint, task->reply, value, &message);
		if (__builtin_expect(error != BH_OK, 0)) {
			if (error != BH_ERROR_CANCELLED) {
				bh_log("receiving: %s", bh_error_text(error));
				bh_exit(BH_EXIT_ABORT);
			}
			/* The wait was ended from outside: nobody to answer. */
			message.info = BH_MESSAGE_INFO(BH_LABEL_NONE, 0, 0);
		}
	}
}

static const char *start_error(const struct model_run *run, enum model_start_result result)
{
	switch (result) {
	case MODEL_STARTED_FRESH:
	case MODEL_STARTED_AGAIN:
		break;
	case MODEL_STATE_TOO_SMALL:
		return "the state frame is too small for its registers";
	case MODEL_STATE_MISMATCH:
		return "the state frame was written by another model, or another version of it";
	case MODEL_LINES_MISMATCH:
		return "the line page was written by another version";
	case MODEL_RINGS_INVALID:
		return "its rings are too small, or were written by another version";
	case MODEL_DISK_INVALID:
		return "the page of its disk was written by another version";
	case MODEL_MEMORY_MISSING:
		return "it was not given the guest's memory";
	case MODEL_RESET_REFUSED:
		return run->refusal;
	}
	return "";
}

/* The VM's RAM, for a model that does DMA. */
static void attach_memory(struct guest_memory *memory)
{
	size_t size;
	uint8_t *ram = bh_region_required(MODEL_NAME_RAM, 1, &size);
	uint8_t *high;
	bool good;

	guest_memory_initialize(memory, 52);
	good = guest_memory_add(memory, 0, size, ram);
	high = bh_region(MODEL_NAME_RAM_HIGH, &size);
	if (high != NULL) {
		good &= guest_memory_add(memory, GUEST_MEMORY_ABOVE_4G, size, high);
	}
	if (!good) {
		bh_log("the regions of the guest's memory have bad sizes");
		bh_exit(BH_EXIT_MISSING);
	}
}

/* Looks up what the manifest gave, and starts the model on it. */
static void start(struct task *task)
{
	struct model_resources resources = { .environment = &task->environment };
	size_t size;
	enum model_start_result result;

	task->endpoint = bh_capability_required(MODEL_NAME_ENDPOINT);
	task->reply = bh_capability_required(MODEL_NAME_REPLY);
	task->environment.timer = bh_capability_required(MODEL_NAME_TIMER);
	task->environment.interrupt = bh_capability_required(MODEL_NAME_INTERRUPT);
	task->environment.clock = bh_region_required(MODEL_NAME_CLOCK, sizeof(struct clock_page), NULL);
	resources.lines = bh_region_required(MODEL_NAME_LINES, sizeof(struct lines_page), NULL);
	resources.state = bh_region_required(MODEL_NAME_STATE, STATE_FRAME_MIN_SIZE, &size);
	resources.state_size = size;
	if (task_model->has_console) {
		task->environment.console_signal = bh_capability_required(MODEL_NAME_CONSOLE_SIGNAL);
		resources.rings = bh_region_required(MODEL_NAME_CONSOLE, CONSOLE_MIN_SIZE, &size);
		resources.rings_size = size;
	}
	if (task_model->has_frames) {
		task->environment.console_signal = bh_capability_required(MODEL_NAME_SWITCH_SIGNAL);
		resources.rings = bh_region_required(MODEL_NAME_FRAMES, RING_REGION_MIN_SIZE, &size);
		resources.rings_size = size;
	}
	if (task_model->has_disk) {
		task->environment.console_signal = bh_capability_required(MODEL_NAME_DISK_SIGNAL);
		resources.disk = bh_region_required(MODEL_NAME_DISK, BLOCK_PAGE_SIZE, &size);
		resources.disk_size = size;
		resources.disk_data = bh_region_required(MODEL_NAME_DISK_DATA, BLOCK_SECTOR_SIZE, &size);
		resources.disk_data_bytes = size;
	}
	if (task_model->has_memory) {
		attach_memory(&task->memory);
		resources.memory = &task->memory;
	}
	result = model_run_start(&task->run, task_model, &resources);
	if (result != MODEL_STARTED_FRESH && result != MODEL_STARTED_AGAIN) {
		bh_log("%s can't start: %s", task_model->name, start_error(&task->run, result));
		bh_exit(BH_EXIT_MISSING);
	}
	if (result == MODEL_STARTED_AGAIN) {
		bh_log("%s goes on with the registers of its predecessor", task_model->name);
	}
}

int main(void)
{
	static struct task task;
	uint64_t notification;
	enum bh_error error;

	start(&task);
	notification = bh_capability_required(MODEL_NAME_NOTIFICATION);
	error = bh_thread_start_passive(bh_capability_required(MODEL_NAME_HANDLER), HANDLER_THREAD,
		task.endpoint, task.reply, handle, &task);
	bh_ready();
	while (error == BH_OK) {
		uint64_t bits;

		error = bh_wait(notification, &bits);
		while (error == BH_OK) {
			struct bh_message message = { .info = BH_MESSAGE_INFO(MODEL_LABEL_EVENT, 1, 0),
				.word = { bits } };

			error = bh_call(task.endpoint, &message);
			if (error != BH_ERROR_CANCELLED) {
				break;
			}
			/* The handler may or may not have seen it; an event that comes twice does no harm. */
			error = BH_OK;
		}
	}
	bh_log("%s: %s", task_model->name, bh_error_text(error));
	return BH_EXIT_ABORT;
}
