/* SPDX-License-Identifier: MIT */
/* A virtio disk and its client for tests: registers as virtio 1.2 says, a queue that is walked in the memory which the driver named, sectors in an array. It
 * also lies, where a test wants it to. Host only. */
#pragma once

#include "disk.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#define FAKE_SECTORS 4096u
#define FAKE_AREA_SIZE 0x20000u
#define FAKE_QUEUE_ADDRESS UINT64_C(0x40000000) /* as the device sees things */
#define FAKE_AREA_ADDRESS UINT64_C(0x50000000)

struct fake {
	/* What the device is like. */
	uint64_t offered;
	uint16_t queue_size;
	uint8_t config[64];
	bool refuses_features;
	bool refuses_vector;
	bool is_stuck;
	/* What it was told. */
	uint32_t status;
	uint64_t taken_features;
	uint32_t feature_select[2];
	uint16_t queue_select;
	uint16_t opened_size;
	uint16_t vector;
	uint64_t queue_address[3];
	bool is_enabled;
	uint32_t doorbells;
	/* Its work. */
	uint16_t seen;      /* available entries that it has taken */
	uint16_t used;      /* entries that it has given back */
	uint32_t pieces;    /* requests done */
	uint32_t order[64]; /* types of those, in order */
	uint8_t sectors[FAKE_SECTORS * BLOCK_SECTOR_SIZE];
	bool fails; /* each request, with an I/O error */
};

extern struct fake fake;
extern uint8_t fake_common[0x38];
extern uint8_t fake_notify[0x100];
extern uint8_t fake_config_window[64];
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
