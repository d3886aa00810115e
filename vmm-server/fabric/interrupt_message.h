/* SPDX-License-Identifier: MIT */
/* The message that carries an interrupt from an I/O APIC, an MSI or another local APIC to local APICs
 * (Intel SDM vol. 3 §11.6 and §11.11, AMD APM vol. 2 §16.5). Types only. */
#ifndef BULKHEAD_VMM_FABRIC_INTERRUPT_MESSAGE_H
#define BULKHEAD_VMM_FABRIC_INTERRUPT_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

enum delivery_mode {
	DELIVERY_FIXED = 0,
	DELIVERY_LOWEST_PRIORITY = 1,
	DELIVERY_SMI = 2,
	DELIVERY_RESERVED = 3,
	DELIVERY_NMI = 4,
	DELIVERY_INIT = 5,
	DELIVERY_STARTUP = 6,
	DELIVERY_EXTINT = 7,
};

struct interrupt_message {
	uint32_t destination; /* physical: APIC ID; logical: message destination address */
	uint8_t vector;
	uint8_t delivery_mode; /* enum delivery_mode */
	bool logical;          /* destination mode */
	bool broadcast;        /* the sender's all-ones destination: 0xff from 8 bits, 0xffffffff from 32 */
	bool level;            /* trigger mode */
};

#endif
