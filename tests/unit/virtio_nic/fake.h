/* SPDX-License-Identifier: MIT */
/* A virtio network card for tests, with a queue each way. Host only. */
#pragma once

#include "nic.h"
#include "virtio_fake.h"

#define FAKE_QUEUES_ADDRESS UINT64_C(0x40000000) /* as the device sees things */
#define FAKE_BUFFERS_ADDRESS UINT64_C(0x150000000)

extern struct virtio_fake fake;
extern struct host_pci_function fake_function;
extern struct driver_bar fake_bars[HOST_PCI_BARS];
extern uint8_t fake_queues[NIC_QUEUES];
extern uint8_t fake_buffers[NIC_MEMORY];

/* A card as QEMU has it, all memory zero. */
void fake_reset(void);

/* The status in its configuration (virtio 1.2 section 5.1.4): bit 0, the link is up. */
void fake_set_link(uint16_t status);

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
