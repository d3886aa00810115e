/* SPDX-License-Identifier: MIT */
/* Shows who really holds what, as the kernel tells it, beside what the manifest says. Changes nothing. */
#pragma once

#include "answer.h"

#include <stdint.h>

/* A task's capabilities: one row for each, then one for each difference. The task is running. */
void dump_capabilities(struct answer *answer, uint32_t task);

/* Everybody who has a capability of the manifest's object `object`, or sees a part of its memory; then what the manifest says and is not so. An
 * error is answered where the object does not exist now. */
void dump_holders(struct answer *answer, uint32_t object);
