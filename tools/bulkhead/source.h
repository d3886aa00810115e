/* SPDX-License-Identifier: MIT */
/*
 * The first pass over an appliance file's text: comments out, quotes and braces checked. libconfuse alone miscounts lines after
 * comments and takes a missing closing brace at the end of the file for one that is there.
 */
#pragma once

#include "diagnostics.h"

/*
 * Replaces each comment in `text` ("#", "//" to the end of the line, C's own form) by blanks and checks that each quoted text ends on its
 * line and each brace has its partner. Reports what is wrong to `diagnostics`; the text is fit for libconfuse if nothing was.
 */
void prepare_source(char *text, struct diagnostics *diagnostics);

/* The line, not after `last_line`, on which the section `kind` `title` starts in a prepared text; `last_line` if it is not found. */
unsigned find_section_line(const char *text, const char *kind, const char *title, unsigned last_line);
