/* SPDX-License-Identifier: MIT */
/* Does what a line of the administrator's console, or of the control port, says, and answers it. */
#pragma once

#include "answer.h"
#include "root.h"

/* Whose log lines a console shows as they come: a task's index, MANIFEST_ROOT for the root task's own, or one of these. */
#define FOLLOW_NOBODY MANIFEST_NONE
#define FOLLOW_EVERYBODY UINT32_C(0xfffffff0)

/* True for a console that follows `followed` if a line of `source` (a task's index, MANIFEST_ROOT) is to be shown. */
static inline bool follows(uint32_t followed, uint32_t source)
{
	return followed == FOLLOW_EVERYBODY || followed == source;
}

/* Executes `line` (NUL-terminated, changed in place). The answer begins with answer_begin() of these arguments and is complete at the end; it
 * is an error with its remedy where the line is no command, or the command cannot be done. *followed is what the command follow changes;
 * `unfollowed` what it becomes by follow alone. */
void execute(struct answer *answer, enum answer_form form, struct output *output, const char *id, char *line,
	uint32_t *followed, uint32_t unfollowed);
