/* SPDX-License-Identifier: MIT */
/* The two 8259s, if the machine has them: moved to VECTOR_PIC, so that a spurious interrupt cannot look like an
 * exception, and masked for good. */
#pragma once

void pic_disable(void);
