/* SPDX-License-Identifier: MIT */
/* The handler loop (handler.h). No libc, general registers only: the guest's FPU state stays loaded while it
 * runs. */
#include "vcpu/handler.h"

#include "vcpu/exit.h"
#include "vcpu/hot.h"

__attribute__((noinline)) static uint64_t answer(
	struct vmm *vmm, uint64_t reason, uint64_t qualification, uint64_t information, uint64_t sequence)
{
	uint64_t answer = hot_seldom(vmm, reason, qualification, information);

	if (answer == HOT_NOTHING) {
		struct exit_message exit = { reason, qualification, information, sequence };

		answer = exit_handle(vmm, &vmm->vcpu, &exit);
	}
	return answer;
}

void handler_run(void *argument, struct bh_message *first)
{
	const struct handler *handler = argument;
	struct vmm *vmm = handler->vmm;
	struct bh_vcpu_state *state = vmm->vcpu.state;
	struct vm_status *status = vmm_status(vmm);
	/* Nothing takes its address, so it stays in registers from one system call to the next. */
	struct bh_message message = *first;

	for (;;) {
		enum bh_error error;
		uint64_t word;

		if (!HOT_USUALLY(message.info == BH_MESSAGE_INFO(BH_LABEL_EXIT, 4, 0))) {
			message.info = BH_MESSAGE_INFO(BH_LABEL_NONE, 0, 0);
			error = bh_reply_receive(handler->endpoint, handler->reply, &message);
		} else {
			word = hot_often(
				vmm, state, status, message.word[0], message.word[1], message.word[2]);
			if (word == HOT_NOTHING) {
				word = answer(vmm, message.word[0], message.word[1], message.word[2],
					message.word[3]);
			}
			error = bh_reply_word_receive(handler->endpoint, handler->reply, word, &message);
		}
		if (!HOT_USUALLY(error == BH_OK)) {
			/* Without an endpoint there will be no more exits. */
			bh_log("cannot receive exits: %s", bh_error_text(error));
			bh_exit(1);
		}
	}
}
