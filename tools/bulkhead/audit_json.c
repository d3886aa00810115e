/* SPDX-License-Identifier: MIT */
/* The audit as JSON: one record a line, in the manifest's order. Names in a manifest are of letters, digits, `-`, `/`, `:`; all the
 * same each string is escaped. */
#include "audit_json.h"

#include "audit_network.h"
#include "audit_reach.h"
#include "audit_volumes.h"

#include <inttypes.h>
#include <string.h>

static void print_string(const char *text, FILE *output)
{
	fputc('"', output);
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\') {
			fprintf(output, "\\%c", byte);
		} else if (byte < ' ' || byte > '~') {
			fprintf(output, "\\u%04x", byte);
		} else {
			fputc(byte, output);
		}
	}
	fputc('"', output);
}

/* Begins a record with its first key. */
static void begin(bool *is_first, const char *key, const char *value, FILE *output)
{
	fprintf(output, "%s\n  {\"%s\": ", *is_first ? "" : ",", key);
	print_string(value, output);
	*is_first = false;
}

static void add(const char *key, const char *value, FILE *output)
{
	fprintf(output, ", \"%s\": ", key);
	print_string(value, output);
}

static void add_number(const char *key, uint64_t value, FILE *output)
{
	fprintf(output, ", \"%s\": %" PRIu64, key, value);
}

static void add_object(const struct manifest *manifest, uint32_t index, FILE *output)
{
	const struct manifest_object *object = &manifest->objects[index];

	add("type", manifest_object_type_name(object->type), output);
	add("object", NAME_OF(manifest, object), output);
}

static void print_tasks(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t i = 0; i < manifest->task_count; i++) {
		const struct manifest_task *task = &manifest->tasks[i];

		begin(&is_first, "name", NAME_OF(manifest, task), output);
		add("image", NAME_OF(manifest, &manifest->modules[task->module]), output);
		add("vm", task->vm == MANIFEST_NONE ? "" : NAME_OF(manifest, &manifest->vms[task->vm]),
			output);
		add_number("trust_domain", task->trust_domain, output);
		add_number("priority", task->priority, output);
		add_number("budget_us", task->budget_us, output);
		add_number("period_us", task->period_us, output);
		fputc('}', output);
	}
}

static void print_capabilities(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t i = 0; i < manifest->capability_count; i++) {
		const struct manifest_capability *capability = &manifest->capabilities[i];

		begin(&is_first, "task", audit_task_name(manifest, capability->task), output);
		add("name", NAME_OF(manifest, capability), output);
		add_object(manifest, capability->object, output);
		add("rights", audit_rights_text(capability->rights), output);
		/* 64 bits are more than a reader of JSON may keep exact as a number. */
		fprintf(output, ", \"badge\": \"0x%" PRIx64 "\"}", capability->badge);
	}
}

static void print_regions(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		const struct manifest_mapping *mapping = &manifest->mappings[i];

		begin(&is_first, "task", audit_task_name(manifest, mapping->task), output);
		add("name", NAME_OF(manifest, mapping), output);
		add_object(manifest, mapping->object, output);
		add("rights", audit_rights_text(mapping->rights), output);
		add_number("length", mapping->length, output);
		fputc('}', output);
	}
}

static void print_reach(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t i = 0; i <= manifest->task_count; i++) {
		for (uint32_t j = 0; j <= manifest->task_count; j++) {
			uint32_t from = audit_nth_task(manifest, i);
			uint32_t to = audit_nth_task(manifest, j);

			for (uint32_t object = 0; from != to && object < manifest->object_count; object++) {
				const char *verb = audit_reach(manifest, from, to, object);

				if (verb != NULL) {
					begin(&is_first, "from", audit_task_name(manifest, from), output);
					add("to", audit_task_name(manifest, to), output);
					add("by", verb, output);
					add_object(manifest, object, output);
					fputc('}', output);
				}
			}
		}
	}
}

/* The task that receives on an endpoint or notification; "" if there is none. */
static const char *receiver(const struct manifest *manifest, uint32_t object)
{
	for (uint32_t task = 0; task < manifest->task_count; task++) {
		if (audit_holds(manifest, task, object, MANIFEST_RIGHT_READ)) {
			return audit_task_name(manifest, task);
		}
	}
	return "";
}

/* Paths between guests and tasks: port routes and exits one way, the notification of a VCPU the other. */
static void print_guests(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t i = 0; i < manifest->route_count; i++) {
		const struct manifest_route *route = &manifest->routes[i];

		begin(&is_first, "vcpu", NAME_OF(manifest, &manifest->objects[route->vcpu]), output);
		add("way", "ports", output);
		add("task", receiver(manifest, route->target), output);
		add_object(manifest, route->target, output);
		add_number("first_port", route->first_port, output);
		add_number("port_count", route->port_count, output);
		fputc('}', output);
	}
	for (uint32_t i = 0; i < manifest->exit_count; i++) {
		const struct manifest_exit *exit = &manifest->exits[i];

		begin(&is_first, "vcpu", NAME_OF(manifest, &manifest->objects[exit->vcpu]), output);
		add("way", "exits", output);
		add("task", receiver(manifest, exit->endpoint), output);
		add_object(manifest, exit->endpoint, output);
		fputc('}', output);
	}
	for (uint32_t i = 0; i < manifest->binding_count; i++) {
		const struct manifest_binding *binding = &manifest->bindings[i];

		for (uint32_t task = 0; binding->kind == MANIFEST_BINDING_VCPU && task < manifest->task_count;
			task++) {
			if (audit_holds(manifest, task, binding->notification, MANIFEST_RIGHT_WRITE)) {
				begin(&is_first, "vcpu",
					NAME_OF(manifest, &manifest->objects[binding->subject]), output);
				add("way", "interrupts", output);
				add("task", audit_task_name(manifest, task), output);
				add_object(manifest, binding->notification, output);
				fputc('}', output);
			}
		}
	}
}

/* Drivers of PCI functions, and whether they run confined or not at all. */
static void print_dma(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t task = 0; task < manifest->task_count; task++) {
		if (manifest->tasks[task].function != 0) {
			begin(&is_first, "task", audit_task_name(manifest, task), output);
			add("function", audit_function_name(manifest, manifest->tasks[task].function - 1),
				output);
			fprintf(output, ", \"confined\": %s}",
				(manifest->tasks[task].flags & MANIFEST_TASK_ALLOW_DMA) != 0 ? "false"
											     : "true");
		}
	}
}

struct printing {
	FILE *output;
	bool is_first;
};

static void print_volume_client(
	void *context, const char *server, const char *volume, const char *client, const char *rights)
{
	struct printing *printing = context;

	begin(&printing->is_first, "client", client, printing->output);
	add("server", server, printing->output);
	add("volume", volume, printing->output);
	add("rights", rights, printing->output);
	fputc('}', printing->output);
}

static void print_cards(const struct audit_network *network, FILE *output)
{
	bool is_first = true;

	for (unsigned i = 0; i < network->graph.count; i++) {
		const struct switch_port_settings *port = &network->ports[i];
		char mac[MAC_TEXT_SIZE];

		mac_print(port->mac, mac);
		begin(&is_first, "name", port->name, output);
		add("mac", port->is_uplink ? "" : mac, output);
		add_number("vlan", port->vlan, output);
		add_number("rate", port->rate, output);
		add_number("burst", port->burst, output);
		fputc('}', output);
	}
}

static void print_flows(const struct audit_network *network, FILE *output)
{
	const struct reach_graph *graph = &network->graph;
	bool is_first = true;

	for (unsigned from = 0; from < graph->count; from++) {
		for (unsigned to = 0; to < graph->count; to++) {
			if ((graph->flows[from] >> to & 1) != 0) {
				begin(&is_first, "from", graph->name[from], output);
				add("to", graph->name[to], output);
				fputc('}', output);
			}
		}
	}
}

void audit_print_json(const struct manifest *manifest, FILE *output)
{
	static struct audit_network network;
	struct printing volumes = { output, true };

	audit_read_network(manifest, &network);
	fputs("{\"appliance\": ", output);
	print_string(NAME_OF(manifest, manifest->header), output);
	fputs(",\n\"tasks\": [", output);
	print_tasks(manifest, output);
	fputs("],\n\"capabilities\": [", output);
	print_capabilities(manifest, output);
	fputs("],\n\"regions\": [", output);
	print_regions(manifest, output);
	fputs("],\n\"reach\": [", output);
	print_reach(manifest, output);
	fputs("],\n\"guests\": [", output);
	print_guests(manifest, output);
	fputs("],\n\"dma\": [", output);
	print_dma(manifest, output);
	fputs("],\n\"volumes\": [", output);
	audit_each_volume_client(manifest, print_volume_client, &volumes);
	fputs("],\n\"cards\": [", output);
	print_cards(&network, output);
	fputs("],\n\"flows\": [", output);
	print_flows(&network, output);
	fputs("]}\n", output);
}
