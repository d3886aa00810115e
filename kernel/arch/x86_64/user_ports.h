/* SPDX-License-Identifier: MIT */
/* The I/O permission bitmap of this CPU's TSS, filled on demand for the space whose threads use ports. */
#pragma once

#include <stdbool.h>

#include "object/objects.h"
#include "sched/cpu.h"

/* Opens the ports that the bitmap shows (io_space's), or closes them all. */
void io_bitmap_show(struct cpu *cpu, bool open);

/* A thread in `space` got #GP: if the space has ports that the bitmap does not show yet, shows them. true: try again. */
bool io_bitmap_load(struct space *space);

/* The space's ports changed or it is gone: the bitmap must not show them any more. */
void io_bitmap_forget(struct space *space);
