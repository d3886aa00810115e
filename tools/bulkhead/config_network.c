/* SPDX-License-Identifier: MIT */
/* Reads the network of an appliance file: the sections `nic NAME { ... }` of its VMs, `flows` and `deny`. Uplinks: config_uplink.c. Memory only. */
#include "config_reader.h"
#include "source.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

#define ONE_WAY "->"
#define BOTH_WAYS "<->"

/* ---- A card's section ---- */

/* The same for the same names, on every machine: FNV-1a of them, as an address that was given locally (IEEE 802 clause 8.4). */
static uint64_t mac_from_names(const char *vm, const char *nic)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char *names = format_text("%s/%s", vm, nic);

	for (const char *next = names; *next != '\0'; next++) {
		hash = (hash ^ (unsigned char)*next) * UINT64_C(0x100000001b3);
	}
	free(names);
	return ((hash ^ hash >> 48) & MAC_MAX & ~MAC_GROUP) | MAC_LOCAL;
}

static void read_mac(struct reader *reader, cfg_t *section, const struct vm *vm, struct nic *nic)
{
	const char *text = option_text(reader, section, "mac", &nic->mac_line);

	if (text == NULL) {
		nic->mac = mac_from_names(vm->name, nic->name);
	} else if (!mac_parse(text, &nic->mac)) {
		report(&reader->diagnostics, nic->mac_line,
			"mac = \"%s\" is no address: write six bytes like \"52:54:00:00:00:01\"", text);
	} else if (nic->mac == 0 || (nic->mac & MAC_GROUP) != 0) {
		report(&reader->diagnostics, nic->mac_line,
			"mac = \"%s\" is not the address of one card: make its first byte even, like 52",
			text);
	}
}

static void read_vlan(struct reader *reader, cfg_t *section, struct traffic *traffic)
{
	unsigned line;
	const char *text = option_text(reader, section, "vlan", &line);
	char *end = NULL;
	unsigned long vlan = text != NULL ? strtoul(text, &end, 10) : 0;

	if (text == NULL) {
		return;
	}
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || vlan == 0 || vlan > SWITCH_VLAN_MAX) {
		report(&reader->diagnostics, line,
			"vlan = \"%s\" is out of range: write a number from 1 to %u, or remove the line",
			text, SWITCH_VLAN_MAX);
	} else {
		traffic->vlan = (uint16_t)vlan;
	}
}

static void read_rate(struct reader *reader, cfg_t *section, struct traffic *traffic)
{
	unsigned rate_line;
	unsigned burst_line;
	const char *rate = option_text(reader, section, "rate", &rate_line);
	const char *burst = option_text(reader, section, "burst", &burst_line);

	if (rate != NULL && (!parse_rate(rate, &traffic->rate) || traffic->rate < SWITCH_RATE_MIN ||
				    traffic->rate > SWITCH_RATE_MAX)) {
		report(&reader->diagnostics, rate_line,
			"rate = \"%s\" is no rate: write bits per second from 8K to 1000G, like 100M", rate);
	}
	traffic->burst = rate != NULL ? NIC_DEFAULT_BURST : 0;
	if (burst != NULL && rate == NULL) {
		report(&reader->diagnostics, burst_line,
			"a burst needs a rate: add a line like rate = 100M, or remove this one");
	} else if (burst != NULL &&
		   (!parse_size(burst, &traffic->burst) || traffic->burst > SWITCH_BURST_MAX)) {
		report(&reader->diagnostics, burst_line,
			"burst = \"%s\" is no size: write bytes up to 1G, like 64K", burst);
	}
}

void read_traffic(struct reader *reader, cfg_t *section, struct traffic *traffic)
{
	read_vlan(reader, section, traffic);
	read_rate(reader, section, traffic);
}

static bool check_nic_name(struct reader *reader, const struct vm *vm, const struct nic *nic)
{
	if (!is_plain_name(nic->name, NIC_NAME_LENGTH)) {
		report(&reader->diagnostics, nic->line,
			"\"%s\" is no name for a network card: use at most %u lower-case letters, digits and '-', a letter first, like net0",
			nic->name, NIC_NAME_LENGTH);
		return false;
	}
	return check_device_name(reader, vm, nic->name, nic->line, "net0");
}

/* A card is a device of its VM beside those that are listed. */
static void add_model(struct reader *reader, cfg_t *section, struct vm *vm, const struct nic *nic)
{
	struct device *device = &vm->devices[vm->device_count++];

	*device = (struct device){ .template = device_nic(),
		.name = nic->name,
		.line = nic->line,
		.number = (unsigned)(nic - vm->nics) };
	read_restart(reader, section, "on_crash", "restart 5 per 60s", &device->on_crash);
}

void read_nics(struct reader *reader, cfg_t *section, struct vm *vm)
{
	for (unsigned i = 0; i < cfg_size(section, "nic"); i++) {
		cfg_t *nic_section = cfg_getnsec(section, "nic", i);
		const char *name = cfg_title(nic_section);
		struct nic nic = { .line = find_section_line(
					   reader->text, "nic", name, (unsigned)nic_section->line) };

		if (i == VM_MAX_NICS) {
			report(&reader->diagnostics, nic.line,
				"vm \"%s\" has %u network cards: at most %u are possible", vm->name,
				cfg_size(section, "nic"), VM_MAX_NICS);
			return;
		}
		nic.name = format_text("%s", name);
		vm->nics[vm->nic_count] = nic;

		struct nic *added = &vm->nics[vm->nic_count++];

		if (check_nic_name(reader, vm, added)) {
			read_mac(reader, nic_section, vm, added);
			read_traffic(reader, nic_section, &added->traffic);
			add_model(reader, nic_section, vm, added);
		}
	}
}

/* ---- Flows ---- */

struct connection {
	struct network_end from;
	struct network_end to;
	bool is_both_ways;
};

static bool has_name(const struct appliance *appliance, struct network_end end, const char *text)
{
	char *name = network_name(appliance, end);
	bool is_same = strcmp(name, text) == 0;

	free(name);
	return is_same;
}

/* "VM", "VM/NIC" or an uplink. Reports it where there is no such thing. */
static bool find_end(struct reader *reader, const char *text, unsigned line, struct network_end *end)
{
	const struct appliance *appliance = reader->appliance;

	for (unsigned i = 0; i < appliance->network.uplink_count; i++) {
		*end = (struct network_end){ NETWORK_UPLINK, i };
		if (has_name(appliance, *end, text)) {
			return true;
		}
	}
	for (unsigned i = 0; i < appliance->vm_count; i++) {
		const struct vm *vm = &appliance->vms[i];

		for (unsigned j = 0; j <= vm->nic_count; j++) {
			*end = (struct network_end){ i, j < vm->nic_count ? j : NIC_ALL };
			if (has_name(appliance, *end, text)) {
				return true;
			}
		}
	}
	report(&reader->diagnostics, line,
		"there is no VM, network card or uplink \"%s\": write VM/NIC and add a section nic NIC { } to the VM, or NAME and add a section uplink NAME { }",
		text);
	return false;
}

/* "FROM -> TO" or "FROM <-> TO". Reports what is wrong. */
static bool read_connection(
	struct reader *reader, const char *text, unsigned line, struct connection *connection)
{
	const char *arrow = strstr(text, BOTH_WAYS);
	size_t arrow_length = strlen(BOTH_WAYS);
	size_t from_length;
	const char *to;

	connection->is_both_ways = arrow != NULL;
	if (arrow == NULL) {
		arrow = strstr(text, ONE_WAY);
		arrow_length = strlen(ONE_WAY);
	}
	if (arrow == NULL) {
		report(&reader->diagnostics, line,
			"\"%s\" is no direction: write \"FROM -> TO\", or \"FROM <-> TO\" for both", text);
		return false;
	}
	from_length = (size_t)(arrow - text);
	while (from_length > 0 && text[from_length - 1] == ' ') {
		from_length--;
	}
	to = arrow + arrow_length;
	to += strspn(to, " ");

	char *from = format_text("%.*s", (int)from_length, text);
	bool is_found = find_end(reader, from, line, &connection->from) &&
			find_end(reader, to, line, &connection->to);

	free(from);
	return is_found;
}

static void add_flow(struct reader *reader, struct network_end from, struct network_end to, const char *text,
	unsigned line)
{
	struct network *network = &reader->appliance->network;
	struct network_flow flow = { network_port(reader->appliance, from.vm, from.nic),
		network_port(reader->appliance, to.vm, to.nic), line };

	for (unsigned i = 0; i < network->flow_count; i++) {
		if (network->flows[i].from == flow.from && network->flows[i].to == flow.to) {
			report(&reader->diagnostics, line,
				"flow \"%s\" is there already, on line %u: remove one of the two", text,
				network->flows[i].line);
			return;
		}
	}
	network->flows[network->flow_count++] = flow;
}

static void read_flow(struct reader *reader, const char *text, unsigned line)
{
	struct connection connection;

	if (!read_connection(reader, text, line, &connection)) {
		return;
	}
	if (connection.from.nic == NIC_ALL || connection.to.nic == NIC_ALL) {
		report(&reader->diagnostics, line,
			"flow \"%s\" names a VM: name its network card, like VM/net0", text);
	} else if (connection.from.vm == connection.to.vm && connection.from.nic == connection.to.nic) {
		report(&reader->diagnostics, line, "flow \"%s\" leads to where it begins: remove it", text);
	} else {
		add_flow(reader, connection.from, connection.to, text, line);
		if (connection.is_both_ways) {
			add_flow(reader, connection.to, connection.from, text, line);
		}
	}
}

static void add_denial(struct reader *reader, struct network_end from, struct network_end to, unsigned line)
{
	struct network *network = &reader->appliance->network;

	if (network->denial_count == NETWORK_MAX_DENIALS) {
		report(&reader->diagnostics, line,
			"there are too many directions in deny: at most %u are possible",
			NETWORK_MAX_DENIALS);
		return;
	}
	network->denials[network->denial_count++] = (struct network_denial){ from, to, line };
}

static void read_denial(struct reader *reader, const char *text, unsigned line)
{
	struct connection connection;

	if (!read_connection(reader, text, line, &connection)) {
		return;
	}
	if (connection.from.vm == connection.to.vm &&
		(connection.from.vm != NETWORK_UPLINK || connection.from.nic == connection.to.nic)) {
		report(&reader->diagnostics, line,
			"deny \"%s\" is about one VM or uplink, which can pass on what it likes: name two",
			text);
		return;
	}
	add_denial(reader, connection.from, connection.to, line);
	if (connection.is_both_ways) {
		add_denial(reader, connection.to, connection.from, line);
	}
}

void read_network(struct reader *reader, cfg_t *root)
{
	cfg_opt_t *flows = cfg_getopt(root, "flows");
	cfg_opt_t *denials = cfg_getopt(root, "deny");

	for (unsigned i = 0; i < cfg_opt_size(flows); i++) {
		read_flow(reader, cfg_opt_getnstr(flows, i), option_line(reader, flows, i));
	}
	for (unsigned i = 0; i < cfg_opt_size(denials); i++) {
		read_denial(reader, cfg_opt_getnstr(denials, i), option_line(reader, denials, i));
	}
}
