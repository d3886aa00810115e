/* SPDX-License-Identifier: MIT */
/* A virtio network card for tests: registers as virtio 1.2 says, two queues that are walked in the memory which the driver named. It also lies, where a test
 * wants it to. Host only. */
#pragma once

#include "nic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_QUEUES_ADDRESS UINT64_C(0x40000000) /* as the device sees things */
#define FAKE_BUFFERS_ADDRESS UINT64_C(0x150000000)

struct fake_queue {
	uint64_t address[3];
	uint16_t size;
	uint16_t vector;
	bool is_enabled;
	uint16_t seen; /* available entries that it has taken */
	uint16_t used; /* entries that it has given back */
	uint32_t doorbells;
};

struct fake {
	/* What the device is like. */
	uint64_t offered;
	uint16_t queue_size;
	bool refuses_changes;
	uint16_t link; /* status in its configuration */
	/* What it was told. */
	uint32_t status;
	uint64_t taken_features;
	uint32_t feature_select[2];
	uint16_t queue_select;
	uint16_t config_vector;
	struct fake_queue queue[2];
};

extern struct fake fake;
extern struct host_pci_function fake_function;
extern struct driver_bar fake_bars[HOST_PCI_BARS];
extern uint8_t fake_queues[NIC_QUEUES];
extern uint8_t fake_buffers[NIC_MEMORY];

/* A card as QEMU has it, all memory zero. */
void fake_reset(void);

/* A frame comes from the line. False: the device has no buffer for it. */
bool fake_deliver(const uint8_t *bytes, uint32_t length);

/* The device sends the next frame; its length, 0 if there is none. `bytes` has room for a buffer. The buffer goes back when fake_complete() says so. */
uint32_t fake_send(uint8_t *bytes, uint32_t *head);

/* The device gives a buffer back, whatever it was offered. */
void fake_give_back(unsigned queue, uint32_t head, uint32_t length);

/* How many buffers the device has not looked at yet. */
uint32_t fake_available(unsigned queue);

/* Would it interrupt? */
bool fake_may_interrupt(unsigned queue);
