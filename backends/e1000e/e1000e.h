/* SPDX-License-Identifier: MIT */
/*
 * Frames between the rings to the switch and Intel's 82574L (82574 GbE Controller Family Datasheet, revision 3.4): one ring of descriptors in each direction,
 * all causes in one MSI-X message, no offloads. It takes every frame of its network: which of them concern a card the switch knows. Buffer i belongs to
 * descriptor i. What is under way is kept nowhere else: after a restart, when the device was reset, it is lost. Pure but for the registers.
 */
#pragma once

#include "environment.h"
#include "frames.h"
#include "turn.h"

#include <bulkhead/host_pci.h>

#include <stdbool.h>
#include <stdint.h>

#define E1000E_DESCRIPTORS 128u /* of each ring; a multiple of 8 */
#define E1000E_QUEUES 0x1000u   /* bytes of both rings */
#define E1000E_MEMORY (2 * E1000E_DESCRIPTORS * FRAMES_BUFFER)

/* Legacy descriptors: chapter 7. */
struct e1000e_descriptor {
	uint64_t address; /* as the device sees it */
	uint64_t word;    /* length, and what is to be done and was done */
};
_Static_assert(sizeof(struct e1000e_descriptor) == 16, "the data sheet's descriptors");
_Static_assert(
	2 * E1000E_DESCRIPTORS * sizeof(struct e1000e_descriptor) <= E1000E_QUEUES, "both rings have room");

enum e1000e_error {
	E1000E_OK,
	E1000E_ERROR_REGISTERS, /* BAR 0 is too small, or has the MSI-X table */
	E1000E_ERROR_STUCK,     /* it does not get through its reset */
};

struct e1000e {
	volatile uint8_t *registers;
	volatile struct e1000e_descriptor *receive;
	volatile struct e1000e_descriptor *transmit;
	uint8_t *buffers; /* the receive ring's, then the transmit ring's */
	uint64_t buffers_address;
	uint32_t received; /* descriptors, so far */
	uint32_t given;    /* receive descriptors that the device was given, so far */
	uint32_t queued;   /* to be sent, so far */
	uint32_t sent;     /* of these, the device is done with */
	uint32_t told;     /* the transmit ring's tail, as the device knows it */
};

/* Finds the registers, resets the device (behind that it does nothing of what it was told before), and starts it: all interrupts are message `vector`, and
 * masked. `queues`, E1000E_QUEUES bytes, are at `queues_address` for the device, `buffers`, E1000E_MEMORY bytes, at `buffers_address`. */
__attribute__((warn_unused_result)) enum e1000e_error e1000e_start(struct e1000e *device,
	const struct host_pci_function *function, const struct driver_bar *bar, uint32_t vector, void *queues,
	uint64_t queues_address, void *buffers, uint64_t buffers_address);

/* Masks interrupts and forgets those that have come. Returns whether the line is up. */
bool e1000e_look(struct e1000e *device);

/* Does what can be done now, but no more than some frames of each direction. While the line is down, what is to be sent is thrown away. */
enum driver_turn e1000e_turn(struct e1000e *device, struct frames *frames, bool is_up);

/* Asks for the interrupts that matter, and the switch for its signals. True if there is nothing to do until one comes. */
bool e1000e_may_sleep(struct e1000e *device, struct frames *frames);

/* What is wrong, in English. */
const char *e1000e_error_text(enum e1000e_error error);
