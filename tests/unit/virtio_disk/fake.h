/* SPDX-License-Identifier: MIT */
/* A virtio disk for tests, with sectors in an array, and the memory of its client. Host only. */
#pragma once

#include "disk.h"
#include "virtio_fake.h"

#define FAKE_SECTORS 4096u
#define FAKE_AREA_SIZE 0x20000u
#define FAKE_QUEUE_ADDRESS UINT64_C(0x40000000) /* as the device sees things */
#define FAKE_AREA_ADDRESS UINT64_C(0x50000000)

struct fake {
	struct virtio_fake device;
	/* Its work. */
	uint32_t pieces;    /* requests done */
	uint32_t order[64]; /* types of those, in order */
	uint8_t sectors[FAKE_SECTORS * BLOCK_SECTOR_SIZE];
	bool fails; /* each request, with an I/O error */
};

extern struct fake fake;
extern struct host_pci_function fake_function;
extern struct driver_bar fake_bars[HOST_PCI_BARS];
extern uint8_t fake_memory[DISK_MEMORY];
extern uint8_t fake_area[FAKE_AREA_SIZE];
extern struct block_page fake_page;

/* A disk as QEMU has it: 256 entries, flush, discard, write zeroes; all memory zero. */
void fake_reset(void);

/* The device does what it was offered, `count` requests at most, and gives them back, the last first where `backwards`. */
void fake_work(uint32_t count, bool backwards);

/* The device says that it used the chain at `head`, whatever it was offered. */
void fake_give_back(uint32_t head);
