/* SPDX-License-Identifier: MIT */
/* Brings the outputs of device models, as they stand in the line pages, to the interrupt fabric, or to the
 * VM's end. */
#ifndef VMM_VCPU_LINES_H
#define VMM_VCPU_LINES_H

#include "vmm.h"

/* Notes which signal stands for which lines and functions. After the last of them is known. Main thread. */
void lines_note_signals(struct vmm *vmm);

/* Wires the lines, of which pages, numbers and actions are filled in, and notes the signals. False if the fabric refuses a GSI.
 * Main thread, once. */
__attribute__((warn_unused_result)) bool lines_attach_all(struct vmm *vmm);

/* What the fabric is to see of a line whose page says `word`. */
uint64_t lines_word(const struct vmm *vmm, const struct vmm_line *line, uint64_t word);

/* Reads the lines of those models whose bit is set in `signals` (UINT64_MAX: all). Handler thread. */
void lines_update(struct vmm *vmm, uint64_t signals);

#endif
