/* SPDX-License-Identifier: MIT */
/* Line pages to fabric (lines.h). */
#include "vcpu/lines.h"

#include <stddef.h>

#include "vcpu/functions.h"

uint64_t lines_word(const struct vmm *vmm, const struct vmm_line *line, uint64_t word)
{
	return line->function == NULL ? word : function_line_word(vmm, line->function, word);
}

bool lines_attach_all(struct vmm *vmm)
{
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

void lines_update(struct vmm *vmm, uint64_t signals)
{
	for (uint32_t i = 0; i < vmm->line_count; i++) {
		struct vmm_line *line = &vmm->lines[i];
		uint64_t word;

		if ((line->signal & signals) == 0) {
			continue;
		}
		word = lines_read(line->page, line->number);
		if (line->action == VMM_LINE_GSI) {
			fabric_update_line(&vmm->fabric, line->fabric_line, lines_word(vmm, line, word));
		} else if (line_word_edges(word) != line_word_edges(line->word)) {
			end_by_line(vmm, line);
		}
		line->word = word;
	}
	functions_update(vmm, signals);
}
