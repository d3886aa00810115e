/* SPDX-License-Identifier: MIT */
/* Line pages to fabric (lines.h). */
#include "vcpu/lines.h"

#include <stddef.h>

#include "vcpu/functions.h"

uint64_t lines_word(const struct vmm *vmm, const struct vmm_line *line, uint64_t word)
{
	return line->function == NULL ? word : function_line_word(vmm, line->function, word);
}

void lines_note_signals(struct vmm *vmm)
{
	for (uint32_t bit = 0; bit < 64; bit++) {
		struct vmm_signal *signal = &vmm->signals[bit];

		*signal = (struct vmm_signal){ 0 };
		for (uint32_t i = 0; i < vmm->line_count; i++) {
			signal->lines |= (uint32_t)(vmm->lines[i].signal >> bit & 1) << i;
		}
		for (uint32_t i = 0; i < vmm->function_count; i++) {
			signal->functions |= (uint32_t)(vmm->functions[i].signal >> bit & 1) << i;
		}
	}
}

bool lines_attach_all(struct vmm *vmm)
{
	lines_note_signals(vmm);
	for (uint32_t i = 0; i < vmm->line_count; i++) {
		struct vmm_line *line = &vmm->lines[i];
		uint32_t number;

		line->word = 0;
		if (line->action != VMM_LINE_GSI) {
			continue;
		}
		/* Word 0: edges that a model made before we looked are requests, too. */
		if (fabric_attach_line(&vmm->fabric, line->gsi, 0, &number) != FABRIC_OK) {
			return false;
		}
		line->fabric_line = number;
		vmm->fabric_line[number] = (uint8_t)i;
	}
	return true;
}

static void end_by_line(struct vmm *vmm, const struct vmm_line *line)
{
	uint32_t code;

	switch (line->action) {
	case VMM_LINE_GSI:
		break;
	case VMM_LINE_POWEROFF:
		lifecycle_end(&vmm->lifecycle, VM_STATE_POWERED_OFF, 0, "guest powered off");
		break;
	case VMM_LINE_RESET:
		lifecycle_end(&vmm->lifecycle, VM_STATE_RESET, VM_RESET_LINE, "guest asked for a reset");
		break;
	case VMM_LINE_EXIT:
		code = (uint32_t)lines_value(line->page, line->number);
		lifecycle_end(&vmm->lifecycle, VM_STATE_EXITED, code, "guest exited with code %u", code);
		break;
	}
}

__attribute__((noinline)) static void line_moved(struct vmm *vmm, struct vmm_line *line, uint64_t word)
{
	if (line->action == VMM_LINE_GSI) {
		fabric_update_line(&vmm->fabric, line->fabric_line, lines_word(vmm, line, word));
	} else if (line_word_edges(word) != line_word_edges(line->word)) {
		end_by_line(vmm, line);
	}
	line->word = word;
}

void lines_update(struct vmm *vmm, uint64_t signals)
{
	uint32_t lines = 0;
	uint32_t functions = 0;

	for (; signals != 0; signals &= signals - 1) {
		const struct vmm_signal *signal = &vmm->signals[__builtin_ctzll(signals)];

		lines |= signal->lines;
		functions |= signal->functions;
	}
	for (; lines != 0; lines &= lines - 1) {
		struct vmm_line *line = &vmm->lines[__builtin_ctz(lines)];
		uint64_t word = lines_read(line->page, line->number);

		/* One that is as it was asks for nothing: who changes what the fabric is to see of it reads the line again then. */
		if (word != line->word) {
			line_moved(vmm, line, word);
		}
	}
	for (; functions != 0; functions &= functions - 1) {
		function_update(vmm, &vmm->functions[__builtin_ctz(functions)]);
	}
}
