/* SPDX-License-Identifier: MIT */
/* Sizes of the tables in attack_code.S, for it and for C. */
#pragma once

#define CODE_INTERRUPTS 256
#define CODE_INTERRUPT_BYTES 4
#define CODE_PRIVILEGED 30
#define CODE_PRIVILEGED_BYTES 32
