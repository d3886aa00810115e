/* SPDX-License-Identifier: MIT */
/* rdi of the Yield that runs the invariant sweep, in the test's kernel only. rdx = capabilities in the machine, r10 =
 * objects. */
#pragma once

#define SWEEP_CALL 0x53574550u
