/* SPDX-License-Identifier: MIT */
/* The command "net": the switch's counters, read from its page, which is not trusted. */
#pragma once

#include "answer.h"

/* Answers with a row for each port of the switch, or with why there is none. */
void network_show(struct answer *answer);
