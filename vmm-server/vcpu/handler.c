/* SPDX-License-Identifier: MIT */
/* The handler loop (handler.h). No libc, general registers only: the guest's FPU state stays loaded while it
 * runs. */
#include "vcpu/handler.h"

#include "vcpu/exit.h"

void handler_run(void *argument, struct bh_message *first)
{
	const struct handler *handler = argument;
	struct bh_message message = *first;

	for (;;) {
		enum bh_error error;

		if (BH_MESSAGE_LABEL(message.info) == BH_LABEL_EXIT) {
			struct exit_message exit = { message.word[0], message.word[1], message.word[2],
				message.word[3] };

			message.word[0] = exit_handle(handler->vmm, &handler->vmm->vcpu, &exit);
			message.info = BH_MESSAGE_INFO(BH_LABEL_NONE, 1, 0);
		} else {
			message.info = BH_MESSAGE_INFO(BH_LABEL_NONE, 0, 0);
		}
		error = bh_reply_receive(handler->endpoint, handler->reply, &message);
		if (error != BH_OK) {
			/* Without an endpoint there will be no more exits. */
			bh_log("cannot receive exits: %s", bh_error_text(error));
			bh_exit(1);
		}
	}
}
