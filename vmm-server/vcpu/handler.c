/* SPDX-License-Identifier: MIT */
/* The handler loop (handler.h). No libc, general registers only: the guest's FPU state stays loaded while it
 * runs. */
#include "vcpu/handler.h"

#include "vcpu/exit.h"
#include "vcpu/hot.h"

static uint64_t answer(struct vmm *vmm, const struct bh_message *message)
{
	struct exit_message exit = { message->word[0], message->word[1], message->word[2], message->word[3] };

	return exit_handle(vmm, &vmm->vcpu, &exit);
}

void handler_run(void *argument, struct bh_message *first)
{
	const struct handler *handler = argument;
	struct vmm *vmm = handler->vmm;
	/* Nothing takes its address, so it stays in registers from one system call to the next. */
	struct bh_message message = *first;

	for (;;) {
		enum bh_error error;
		uint64_t word;

		if (BH_MESSAGE_LABEL(message.info) != BH_LABEL_EXIT) {
			message.info = BH_MESSAGE_INFO(BH_LABEL_NONE, 0, 0);
			error = bh_reply_receive(handler->endpoint, handler->reply, &message);
		} else {
			if (!hot_exit(vmm, &vmm->vcpu, message.word[0], message.word[1], message.word[2],
				    &word)) {
				struct bh_message copy = message;

				word = answer(vmm, &copy);
			}
			error = bh_reply_word_receive(handler->endpoint, handler->reply, word, &message);
		}
		if (error != BH_OK) {
			/* Without an endpoint there will be no more exits. */
			bh_log("cannot receive exits: %s", bh_error_text(error));
			bh_exit(1);
		}
	}
}
