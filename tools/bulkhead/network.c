/* SPDX-License-Identifier: MIT */
/* The ports of an appliance's switch: their numbers and names. */
#include "network.h"
#include "appliance.h"

unsigned network_port(const struct appliance *appliance, unsigned vm, unsigned nic)
{
	unsigned port = nic;

	for (unsigned i = 0; i < vm && i < appliance->vm_count; i++) {
		port += appliance->vms[i].nic_count;
	}
	return port;
}

unsigned network_port_count(const struct appliance *appliance)
{
	return network_port(appliance, NETWORK_UPLINK, appliance->network.uplink_count);
}

struct network_end network_card(const struct appliance *appliance, unsigned port)
{
	struct network_end end = { 0, port };

	while (end.vm < appliance->vm_count && end.nic >= appliance->vms[end.vm].nic_count) {
		end.nic -= appliance->vms[end.vm].nic_count;
		end.vm++;
	}
	if (end.vm == appliance->vm_count) {
		end.vm = NETWORK_UPLINK;
	}
	return end;
}

const struct traffic *network_traffic(const struct appliance *appliance, struct network_end end)
{
	return end.vm == NETWORK_UPLINK ? &appliance->network.uplinks[end.nic].traffic
					: &appliance->vms[end.vm].nics[end.nic].traffic;
}

uint64_t network_flows(const struct appliance *appliance, unsigned port)
{
	const struct network *network = &appliance->network;
	uint64_t flows = 0;

	for (unsigned i = 0; i < network->flow_count; i++) {
		if (network->flows[i].from == port) {
			flows |= UINT64_C(1) << network->flows[i].to;
		}
	}
	return flows;
}

char *network_name(const struct appliance *appliance, struct network_end end)
{
	if (end.vm == NETWORK_UPLINK) {
		return format_text("%s", appliance->network.uplinks[end.nic].name);
	}
	const struct vm *vm = &appliance->vms[end.vm];

	return end.nic == NIC_ALL ? format_text("%s", vm->name)
				  : format_text("%s/%s", vm->name, vm->nics[end.nic].name);
}
