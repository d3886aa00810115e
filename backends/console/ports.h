/* SPDX-License-Identifier: MIT */
/* Host ports. ports.c executes IN and OUT; the tests bring a UART of their own. */
#pragma once

#include <stdint.h>

/* Reads the byte at `port`; the task's I/O bitmap must have it open. */
uint8_t port_read(uint16_t port);

/* Writes the byte at `port`; likewise. */
void port_write(uint16_t port, uint8_t value);
