/* SPDX-License-Identifier: MIT */
/* Text on the loader's screen mode (VGA text or a linear framebuffer): boot messages and panics, ASCII only. */
#pragma once

#include "arch/x86_64/boot_information.h"

/* Uses the mode that the loader left, if its memory is in the direct map; else stays dark. Clears the screen. */
void screen_initialise(const struct boot_framebuffer *framebuffer);

/* Writes one character at the cursor; '\n' starts a line; the screen wraps to its top when it is full. */
void screen_write(char character);
