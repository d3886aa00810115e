/* SPDX-License-Identifier: MIT */
/* A switch with cards plugged in: the cards' sides of the rings, and a clock that stands until the test moves it. The switch is driven as
 * its main.c drives it. */
#pragma once

#include "switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WIRE_PORTS 4u
#define WIRE_REGION_SIZE \
	0x81000u /* two rings of 256 KiB: enough, and faster to clear than FRAME_REGION_SIZE */
#define MAC_OF(port) (UINT64_C(0x020000000001) + (port))
#define BROADCAST UINT64_C(0xffffffffffff)
#define STRANGER UINT64_C(0x0200000000ff)
#define TYPE_IPV4 0x0800u

/* A card, seen from its model. */
struct card {
	void *region; /* of its own allocation, so that nobody writes past it unseen */
	struct ring out;
	struct ring in;
	uint32_t head;
	uint32_t tail;
	unsigned signals; /* that it got */
	bool rings;       /* it has signalled the switch, which does not know yet */
};

struct wire {
	struct network_switch network;
	struct switch_page *page;
	struct switch_port_settings settings[WIRE_PORTS];
	struct card cards[WIRE_PORTS];
	uint64_t now_ns;
	unsigned turns;
};

/* Cards "vm0/net0".. with the addresses MAC_OF(i), no VLAN, no rate; flows[i] is a set of ports. Change `settings` and plug again for
 * other things. */
struct wire *wire_new(const uint64_t flows[WIRE_PORTS]);
void wire_free(struct wire *wire);

/* A new process of the switch on the same memory. */
bool wire_plug(struct wire *wire);

/* What main.c does between two waits. */
void wire_work(struct wire *wire);

/* Writes a frame into `bytes`, 60 bytes unless `length` says more: addresses, type, a pattern that `seed` makes. */
void frame_make(uint8_t *bytes, uint32_t length, uint64_t to, uint64_t from, uint32_t type, unsigned seed);

/* The card puts a frame into its ring. False if there is no room. */
bool card_send(struct card *card, const void *bytes, uint32_t length, const struct frame_offload *offload);

/* Takes the next frame, whose record has to be in order; its length, 0 if there is none. `bytes` has room for FRAME_MAX_LENGTH. */
uint32_t card_receive(struct card *card, uint8_t *bytes, struct frame_offload *offload);

/* Sends a small frame from port to address, lets the switch work, and says which cards got it, as bits. Each of them has to have got it
 * once and unchanged. */
uint64_t wire_try(struct wire *wire, unsigned port, uint64_t to, uint64_t from, uint32_t type);
