/* SPDX-License-Identifier: MIT */
/* An 82574L for tests: registers as its data sheet says, two rings of descriptors that are walked in the memory which the driver named. It also lies, where a
 * test wants it to. Host only. */
#pragma once

#include "e1000e.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_QUEUES_ADDRESS UINT64_C(0x40000000) /* as the device sees things */
#define FAKE_BUFFERS_ADDRESS UINT64_C(0x150000000)
#define FAKE_REGISTERS 0x20000u

struct fake {
	/* What the device is like. */
	bool is_stuck;
	bool is_master_forever;
	bool is_up;
	/* What it was told. */
	uint32_t control;
	uint32_t extended;
	uint32_t vectors;
	uint32_t cause;
	uint32_t mask;
	uint32_t receive_control;
	uint32_t transmit_control;
	uint64_t base[2]; /* of the rings: receive, transmit */
	uint32_t length[2];
	uint32_t head[2];
	uint32_t tail[2];
	uint32_t resets;
	uint32_t messages; /* that it has sent */
};

extern struct fake fake;
extern struct host_pci_function fake_function;
extern struct driver_bar fake_bar;
extern uint8_t fake_queues[E1000E_QUEUES];
extern uint8_t fake_buffers[E1000E_MEMORY];

/* A card as QEMU has it, all memory nonsense. */
void fake_reset(void);

/* A frame comes from the line; `status` and `errors` go to its descriptor, as they are there. False: the device has no buffer for it. */
bool fake_deliver(const uint8_t *bytes, uint32_t length, uint8_t status, uint8_t errors);

/* The device sends the next frame; its length, 0 if there is none. `bytes` has room for a buffer. Its descriptor is done when fake_complete() says so. */
uint32_t fake_send(uint8_t *bytes);

/* The `count` oldest frames that were sent are done. */
void fake_complete(uint32_t count);

/* The line has changed. */
void fake_set_link(bool is_up);
