/* SPDX-License-Identifier: MIT */
/* The switch's ports as its arguments say them: the host tool writes them, the switch reads them, the audit explains them. One
 * argument for each port, in the order of the notification's bits 0..:
 *
 *   port=NAME,ADDRESS,VLAN,RATE,BURST,FLOWS
 *
 *   NAME     like "red/net0"; of a port to a physical network like "lan"
 *   ADDRESS  the MAC address of the card, like "52:54:00:00:00:01"; "uplink": a port to a physical network
 *   VLAN     0 (none) or 1..4094: what the port sends is in that VLAN, and what it gets; there its frames have no tag. An uplink without one is in all:
 *            there the frames of a VLAN have its tag
 *   RATE     bits per second that the port may send; 0: as many as it can
 *   BURST    bytes that it may send at once, at least, beyond the rate
 *   FLOWS    the ports that it may send to, as bits
 *
 * Numbers are decimal or 0x-hexadecimal. Pure. */
#pragma once

#include <bulkhead/mac.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWITCH_PORTS_MAX 60u /* bits of the switch's notification */
#define SWITCH_PORT_KEY "port="
#define SWITCH_PORT_NAME_SIZE 32u
#define SWITCH_UPLINK "uplink"
#define SWITCH_VLAN_MAX 4094u          /* IEEE 802.1Q table 9-2: 4095 is reserved */
#define SWITCH_RATE_MIN UINT64_C(8000) /* bits per second */
#define SWITCH_RATE_MAX UINT64_C(1000000000000)
#define SWITCH_BURST_MAX (UINT64_C(1) << 30) /* bytes */

struct switch_port_settings {
	char name[SWITCH_PORT_NAME_SIZE];
	bool is_uplink;
	uint16_t vlan;
	uint64_t mac; /* first byte in bits 40..47; 0 of an uplink */
	uint64_t rate;
	uint64_t burst;
	uint64_t flows;
};

/* Reads a port's argument, from behind SWITCH_PORT_KEY. False if it is not in the form above, or a number is out of its range. */
__attribute__((warn_unused_result)) bool switch_port_parse(
	const char *text, struct switch_port_settings *settings);
