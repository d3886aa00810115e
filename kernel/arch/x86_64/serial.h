/* SPDX-License-Identifier: MIT */
/* COM1 (16550 at 0x3f8), polled output only: boot messages and panics. Afterwards the port is a user task's. */
#pragma once

/* Programs 115200 8N1, FIFOs on, interrupts off; notes if no UART answers, and then serial_write does nothing. */
void serial_initialise(void);

/* Writes one byte, waiting a bounded time for room; '\n' goes out as "\r\n". */
void serial_write(char character);
