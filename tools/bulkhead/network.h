/* SPDX-License-Identifier: MIT */
/* Network cards and the flows between them, as the appliance file declares them. A card is also a port of the switch: ports are numbered in
 * the order of the VMs, then of the cards in each. */
#pragma once

#include <bulkhead/manifest.h>
#include <bulkhead/switch_port.h>

#include <stdbool.h>
#include <stdint.h>

#define VM_MAX_NICS 4u
#define NIC_NAME_LENGTH 8u /* "signal:VM/NIC" is a capability's name */
#define NETWORK_MAX_FLOWS (SWITCH_PORTS_MAX * (SWITCH_PORTS_MAX - 1u))
#define NETWORK_MAX_DENIALS 256u
#define NIC_ALL UINT32_MAX /* in the place of a card's number: each of the VM's */
#define NIC_DEFAULT_BURST 131072u

/* What the switch needs of the CPU where there is a card. */
#define SWITCH_SHARE_PER_MILLE 100u

struct nic {
	char *name;
	unsigned line;
	uint64_t mac;
	unsigned mac_line; /* 0: the address was made from the names */
	uint16_t vlan;
	unsigned vlan_line; /* where it stands, or the section */
	uint64_t rate;
	uint64_t burst;
};

/* One direction: cards by their ports. */
struct network_flow {
	unsigned from;
	unsigned to;
	unsigned line;
};

struct network_end {
	unsigned vm;
	unsigned nic; /* or NIC_ALL */
};

/* What must never reach what, over however many VMs. */
struct network_denial {
	struct network_end from;
	struct network_end to;
	unsigned line;
};

struct network {
	struct network_flow flows[NETWORK_MAX_FLOWS];
	unsigned flow_count;
	struct network_denial denials[NETWORK_MAX_DENIALS];
	unsigned denial_count;
};

struct appliance;

/* The number of the VMs' cards together. */
unsigned network_port_count(const struct appliance *appliance);

/* The port of a VM's card, and back. */
unsigned network_port(const struct appliance *appliance, unsigned vm, unsigned nic);
struct network_end network_card(const struct appliance *appliance, unsigned port);

/* The ports that a port may send to, as bits. */
uint64_t network_flows(const struct appliance *appliance, unsigned port);

/* "VM/NIC", or "VM" for NIC_ALL, in new memory. */
char *network_name(const struct appliance *appliance, struct network_end end);
