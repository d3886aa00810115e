/* SPDX-License-Identifier: MIT */
/* The checks of an appliance's network: addresses, VLANs, and that the closure of its flows reaches nothing that is denied. Memory only. */
#include "check.h"
#include "reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct nic *card_at(const struct appliance *appliance, unsigned port)
{
	struct network_end end = network_card(appliance, port);

	return &appliance->vms[end.vm].nics[end.nic];
}

static char *port_name(const struct appliance *appliance, unsigned port)
{
	return network_name(appliance, network_card(appliance, port));
}

static unsigned card_count(const struct appliance *appliance)
{
	return network_port(appliance, NETWORK_UPLINK, 0);
}

/* Each card its own address. An address that was made from names is changed by giving one. */
static void check_macs(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	unsigned count = card_count(appliance);

	for (unsigned i = 1; i < count; i++) {
		for (unsigned j = 0; j < i; j++) {
			const struct nic *nic = card_at(appliance, i);

			if (nic->mac == card_at(appliance, j)->mac) {
				char *name = port_name(appliance, i);
				char *other = port_name(appliance, j);

				report(diagnostics, nic->mac_line != 0 ? nic->mac_line : nic->line,
					"%s has the address of %s: give one of the two another mac", name,
					other);
				free(name);
				free(other);
			}
		}
	}
}

/* Frames pass within a VLAN, or by an uplink to all. */
static bool is_same_vlan(const struct appliance *appliance, struct network_end from, struct network_end to)
{
	uint16_t from_vlan = network_traffic(appliance, from)->vlan;
	uint16_t to_vlan = network_traffic(appliance, to)->vlan;

	return from_vlan == to_vlan || (from.vm == NETWORK_UPLINK && from_vlan == 0) ||
	       (to.vm == NETWORK_UPLINK && to_vlan == 0);
}

static void check_vlans(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	for (unsigned i = 0; i < appliance->network.flow_count; i++) {
		const struct network_flow *flow = &appliance->network.flows[i];

		if (!is_same_vlan(appliance, network_card(appliance, flow->from),
			    network_card(appliance, flow->to))) {
			char *from = port_name(appliance, flow->from);
			char *to = port_name(appliance, flow->to);

			report(diagnostics, flow->line,
				"a flow leads from %s to %s, but they are in different VLANs: give both the same vlan, or remove the flow",
				from, to);
			free(from);
			free(to);
		}
	}
}

/* A VM, or an uplink: what lies behind one is a network of its own, in which what comes may come back. */
static unsigned owner_of(struct network_end end)
{
	return end.vm == NETWORK_UPLINK ? APPLIANCE_MAX_VMS + end.nic : end.vm;
}

static void network_graph(const struct appliance *appliance, struct reach_graph *graph)
{
	graph->count = network_port_count(appliance);
	for (unsigned port = 0; port < graph->count; port++) {
		graph->owner[port] = owner_of(network_card(appliance, port));
		graph->flows[port] = network_flows(appliance, port);
		char *name = port_name(appliance, port);

		snprintf(graph->name[port], sizeof graph->name[port], "%s", name);
		free(name);
	}
}

static uint64_t ports_of(const struct appliance *appliance, struct network_end end)
{
	uint64_t ports = 0;

	if (end.vm == NETWORK_UPLINK) {
		return UINT64_C(1) << network_port(appliance, end.vm, end.nic);
	}
	for (unsigned nic = 0; nic < appliance->vms[end.vm].nic_count; nic++) {
		if (end.nic == NIC_ALL || end.nic == nic) {
			ports |= UINT64_C(1) << network_port(appliance, end.vm, nic);
		}
	}
	return ports;
}

static void check_denials(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	struct reach_graph graph;

	network_graph(appliance, &graph);
	for (unsigned i = 0; i < appliance->network.denial_count; i++) {
		const struct network_denial *denial = &appliance->network.denials[i];
		struct reach reach;

		reach_from(&graph, ports_of(appliance, denial->from), &reach);
		uint64_t reached = reach.ports & ports_of(appliance, denial->to);

		if (reached != 0) {
			char *from = network_name(appliance, denial->from);
			char *to = network_name(appliance, denial->to);
			char way[REACH_WAY_SIZE];

			reach_describe(&graph, &reach, (unsigned)__builtin_ctzll(reached), way);
			report(diagnostics, denial->line,
				"%s reaches %s, which is denied, by %s: remove one of these flows", from, to,
				way);
			free(from);
			free(to);
		}
	}
}

/* All cards and uplinks together are bits of one notification. Reports the first VM that has one too many. */
static bool check_count(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	for (unsigned vm = 0; vm < appliance->vm_count; vm++) {
		unsigned count = network_port(appliance, vm + 1, 0) + appliance->network.uplink_count;

		if (count > SWITCH_PORTS_MAX) {
			report(diagnostics, appliance->vms[vm].line,
				"with vm \"%s\" there are %u network cards and uplinks: at most %u are possible: remove some",
				appliance->vms[vm].name, count, SWITCH_PORTS_MAX);
			return false;
		}
	}
	return true;
}

/* ---- Uplinks ---- */

static void check_function(const struct appliance *appliance, unsigned index, struct diagnostics *diagnostics)
{
	const struct uplink *uplink = &appliance->network.uplinks[index];

	if (uplink->function.pci == NULL) {
		return; /* reported already */
	}
	check_dma(appliance, "uplink", uplink->name, &uplink->function, diagnostics);

	const char *other = function_owner(appliance, &uplink->function, appliance->disk_count, index);

	if (other != NULL) {
		report(diagnostics, uplink->function.line,
			"the PCI function of uplink \"%s\" is also that of \"%s\": name another",
			uplink->name, other);
	}
}

/* Flows, counters and tasks name VMs and uplinks in the same way. */
static void check_name(const struct appliance *appliance, unsigned index, struct diagnostics *diagnostics)
{
	const struct uplink *uplink = &appliance->network.uplinks[index];

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		const struct vm *vm = &appliance->vms[i];

		if (strcmp(vm->name, uplink->name) == 0) {
			report(diagnostics, uplink->line,
				"uplink \"%s\" has the name of a VM: choose another", uplink->name);
		} else if (strcmp(vm->name, "uplink") == 0 && index == 0) {
			report(diagnostics, vm->line,
				"the tasks of uplinks are called uplink/NAME: give vm \"uplink\" another name");
		}
	}
}

void network_check(const struct appliance *appliance, struct diagnostics *diagnostics)
{
	if (!check_count(appliance, diagnostics)) {
		return; /* what follows counts on it */
	}
	for (unsigned i = 0; i < appliance->network.uplink_count; i++) {
		check_function(appliance, i, diagnostics);
		check_name(appliance, i, diagnostics);
	}
	check_macs(appliance, diagnostics);
	check_vlans(appliance, diagnostics);
	check_denials(appliance, diagnostics);
}
