/* SPDX-License-Identifier: MIT */
/* Network cards, uplinks and the flows between them, as the appliance file declares them. Each is a port of the switch: ports are numbered in
 * the order of the VMs, then of the cards in each; behind them the uplinks. */
#pragma once

#include "host_function.h"

#include <bulkhead/manifest.h>
#include <bulkhead/switch_port.h>

#include <stdbool.h>
#include <stdint.h>

#define VM_MAX_NICS 4u
#define NETWORK_MAX_UPLINKS 4u
#define NIC_NAME_LENGTH 8u /* "signal:VM/NIC" is a capability's name */
#define NETWORK_MAX_FLOWS (SWITCH_PORTS_MAX * (SWITCH_PORTS_MAX - 1u))
#define NETWORK_MAX_DENIALS 256u
#define NIC_ALL UINT32_MAX        /* in the place of a card's number: each of the VM's */
#define NETWORK_UPLINK UINT32_MAX /* in the place of a VM's number: an uplink */
#define NIC_DEFAULT_BURST 131072u

/* What the switch needs of the CPU where there is a card. */
#define SWITCH_SHARE_PER_MILLE 100u
#define UPLINK_SHARE_PER_MILLE 50u /* an uplink's driver */

/* What every port has. */
struct traffic {
	uint16_t vlan; /* 0: none */
	uint64_t rate; /* 0: as fast as it can */
	uint64_t burst;
};

struct nic {
	char *name;
	unsigned line;
	uint64_t mac;
	unsigned mac_line; /* 0: the address was made from the names */
	struct traffic traffic;
};

enum uplink_driver { UPLINK_DRIVER_VIRTIO, UPLINK_DRIVER_E1000E, UPLINK_DRIVERS };

/* A network card of the host, and what is behind it. */
struct uplink {
	char *name;
	unsigned line;
	struct host_function function;
	struct manifest_restart on_crash;
	struct traffic traffic;
};

/* One direction: by their ports. */
struct network_flow {
	unsigned from;
	unsigned to;
	unsigned line;
};

struct network_end {
	unsigned vm;  /* or NETWORK_UPLINK */
	unsigned nic; /* or NIC_ALL; an uplink's number */
};

/* What must never reach what, over however many VMs. */
struct network_denial {
	struct network_end from;
	struct network_end to;
	unsigned line;
};

struct network {
	struct uplink uplinks[NETWORK_MAX_UPLINKS];
	unsigned uplink_count;
	struct network_flow flows[NETWORK_MAX_FLOWS];
	unsigned flow_count;
	struct network_denial denials[NETWORK_MAX_DENIALS];
	unsigned denial_count;
};

struct appliance;

/* The number of the VMs' cards and of uplinks together. */
unsigned network_port_count(const struct appliance *appliance);

/* The port of a VM's card or of an uplink, and back. */
unsigned network_port(const struct appliance *appliance, unsigned vm, unsigned nic);
struct network_end network_card(const struct appliance *appliance, unsigned port);

/* What a port has beside its address. */
const struct traffic *network_traffic(const struct appliance *appliance, struct network_end end);

/* The ports that a port may send to, as bits. */
uint64_t network_flows(const struct appliance *appliance, unsigned port);

/* "VM/NIC", or "VM" for NIC_ALL, or an uplink's name, in new memory. */
char *network_name(const struct appliance *appliance, struct network_end end);
