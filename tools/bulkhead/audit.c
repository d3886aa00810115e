/* SPDX-License-Identifier: MIT */
/*
 * The audit: derived from the manifest alone, the same table that the root task works through, so it cannot be kinder than the
 * machine. "Reach" is what a task can do to another: call it, signal it, or write what it reads.
 */
#include "audit.h"

#include "audit_network.h"
#include "audit_reach.h"
#include "audit_volumes.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* ---- Who holds what ---- */

static void print_size(uint64_t bytes, FILE *output)
{
	if (bytes % (UINT64_C(1) << 20) == 0) {
		fprintf(output, "%" PRIu64 " MiB", bytes >> 20);
	} else {
		fprintf(output, "%" PRIu64 " KiB", (bytes + 1023) >> 10);
	}
}

static void print_object(const struct manifest *manifest, const struct manifest_object *object, FILE *output)
{
	fprintf(output, "%s %s", manifest_object_type_name(object->type), NAME_OF(manifest, object));
	switch (object->type) {
	case MANIFEST_OBJECT_IO_PORTS:
		fprintf(output, " (host ports 0x%x to 0x%x)", object->first,
			object->first + object->count - 1);
		break;
	case MANIFEST_OBJECT_IRQ_HANDLER:
		if ((object->flags & MANIFEST_OBJECT_MESSAGE) != 0) {
			fprintf(output, " (message %u of PCI function %s)", object->index,
				audit_function_name(manifest, object->first));
		} else {
			fprintf(output, " (host interrupt %u)", object->first);
		}
		break;
	case MANIFEST_OBJECT_DEVICE_MEMORY:
		if ((object->flags & MANIFEST_OBJECT_TABLE) != 0) {
			fprintf(output, " (MSI-X table of PCI function %s)",
				audit_function_name(manifest, object->first));
		} else {
			fprintf(output, " (BAR %u of PCI function %s, less its MSI-X table)", object->index,
				audit_function_name(manifest, object->first));
		}
		break;
	case MANIFEST_OBJECT_MEMORY:
		fputs((object->flags & MANIFEST_OBJECT_DMA) != 0 ? " (for DMA)" : "", output);
		break;
	default:
		break;
	}
}

static void print_holdings(const struct manifest *manifest, uint32_t task, FILE *output)
{
	for (uint32_t i = 0; i < manifest->capability_count; i++) {
		const struct manifest_capability *capability = &manifest->capabilities[i];

		if (capability->task == task) {
			fprintf(output, "  capability %-18s %s  ", NAME_OF(manifest, capability),
				audit_rights_text(capability->rights));
			print_object(manifest, &manifest->objects[capability->object], output);
			if (capability->badge != 0) {
				fprintf(output, ", badge 0x%" PRIx64, capability->badge);
			}
			fputc('\n', output);
		}
	}
	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		const struct manifest_mapping *mapping = &manifest->mappings[i];

		if (mapping->task == task) {
			fprintf(output, "  region     %-18s %s  ", NAME_OF(manifest, mapping),
				audit_rights_text(mapping->rights));
			print_object(manifest, &manifest->objects[mapping->object], output);
			/* How large a BAR is says the machine. */
			fputs(manifest->objects[mapping->object].type == MANIFEST_OBJECT_DEVICE_MEMORY
					? ", at most "
					: ", ",
				output);
			print_size(mapping->length, output);
			fputc('\n', output);
		}
	}
}

static void print_task(const struct manifest *manifest, uint32_t index, FILE *output)
{
	const struct manifest_task *task = &manifest->tasks[index];

	fprintf(output, "%s: image %s, ", NAME_OF(manifest, task),
		NAME_OF(manifest, &manifest->modules[task->module]));
	if (task->vm != MANIFEST_NONE) {
		fprintf(output, "of VM %s, ", NAME_OF(manifest, &manifest->vms[task->vm]));
	}
	fprintf(output, "trust domain %u, %" PRIu64 "us in %" PRIu64 "us, priority %u\n", task->trust_domain,
		task->budget_us, task->period_us, task->priority);
	print_holdings(manifest, index, output);
}

/* ---- Who can reach whom ---- */

/* Prints "  FROM -> TO: calls X, writes Y" if there is anything to print. Returns whether there is. */
static bool print_reach(const struct manifest *manifest, uint32_t from, uint32_t to, FILE *output)
{
	bool is_reached = false;

	for (uint32_t object = 0; from != to && object < manifest->object_count; object++) {
		const char *verb = audit_reach(manifest, from, to, object);

		if (verb == NULL) {
			continue;
		}
		if (output != NULL) {
			if (!is_reached) {
				fprintf(output, "  %s -> %s:", audit_task_name(manifest, from),
					audit_task_name(manifest, to));
			}
			fprintf(output, "%s %s %s", is_reached ? "," : "", verb,
				NAME_OF(manifest, &manifest->objects[object]));
		}
		is_reached = true;
	}
	if (is_reached && output != NULL) {
		fputc('\n', output);
	}
	return is_reached;
}

static void print_guest_paths(const struct manifest *manifest, FILE *output)
{
	for (uint32_t i = 0; i < manifest->binding_count; i++) {
		const struct manifest_binding *binding = &manifest->bindings[i];

		for (uint32_t task = 0; binding->kind == MANIFEST_BINDING_VCPU && task < manifest->task_count;
			task++) {
			if (audit_holds(manifest, task, binding->notification, MANIFEST_RIGHT_WRITE)) {
				fprintf(output, "  %s -> guest %s: signals %s\n",
					audit_task_name(manifest, task),
					NAME_OF(manifest, &manifest->objects[binding->subject]),
					NAME_OF(manifest, &manifest->objects[binding->notification]));
			}
		}
	}
	for (uint32_t i = 0; i < manifest->route_count; i++) {
		const struct manifest_route *route = &manifest->routes[i];

		fprintf(output, "  guest %s, ", NAME_OF(manifest, &manifest->objects[route->vcpu]));
		if (route->port_count == 0) {
			fprintf(output, "a doorbell where the guest puts its BAR");
		} else {
			fprintf(output, "ports 0x%x to 0x%x", route->first_port,
				route->first_port + route->port_count - 1);
		}
		fprintf(output, " -> %s\n", NAME_OF(manifest, &manifest->objects[route->target]));
	}
	for (uint32_t i = 0; i < manifest->exit_count; i++) {
		const struct manifest_exit *exit = &manifest->exits[i];

		fprintf(output, "  guest %s, all other exits -> %s\n",
			NAME_OF(manifest, &manifest->objects[exit->vcpu]),
			NAME_OF(manifest, &manifest->objects[exit->endpoint]));
	}
}

/* ---- Who does DMA ---- */

/* A driver is confined wherever the machine has an IOMMU; without one it runs only if it may. */
static void print_dma(const struct manifest *manifest, FILE *output)
{
	bool is_first = true;

	for (uint32_t task = 0; task < manifest->task_count; task++) {
		if (manifest->tasks[task].function == 0) {
			continue;
		}
		if (is_first) {
			fputs("\nWHO DOES DMA\n", output);
		}
		is_first = false;
		fprintf(output, "  %s, by PCI function %s: %s\n", audit_task_name(manifest, task),
			audit_function_name(manifest, manifest->tasks[task].function - 1),
			(manifest->tasks[task].flags & MANIFEST_TASK_ALLOW_DMA) != 0
				? "NOT CONFINED where there is no IOMMU: it and its device can read and write all of memory then (allow_dma)"
				: "confined: its device reaches what this task has for DMA; without an IOMMU it does not start");
	}
}

/* ---- What lies between the VMs ---- */

static bool is_of_vm(const struct manifest *manifest, uint32_t task, uint32_t vm)
{
	return task != MANIFEST_ROOT && manifest->tasks[task].vm == vm;
}

static bool vm_reaches_task(const struct manifest *manifest, uint32_t vm, uint32_t task)
{
	for (uint32_t i = 0; i < manifest->task_count; i++) {
		if (is_of_vm(manifest, i, vm) && print_reach(manifest, i, task, NULL)) {
			return true;
		}
	}
	return false;
}

static bool task_reaches_vm(const struct manifest *manifest, uint32_t task, uint32_t vm)
{
	for (uint32_t i = 0; i < manifest->task_count; i++) {
		if (is_of_vm(manifest, i, vm) && print_reach(manifest, task, i, NULL)) {
			return true;
		}
	}
	return false;
}

static void print_between(const struct manifest *manifest, uint32_t from, uint32_t to, FILE *output)
{
	bool is_direct = false;
	unsigned between = 0;

	fprintf(output, "  VM %s -> VM %s: ", NAME_OF(manifest, &manifest->vms[from]),
		NAME_OF(manifest, &manifest->vms[to]));
	for (uint32_t i = 0; i < manifest->task_count && !is_direct; i++) {
		is_direct = is_of_vm(manifest, i, to) && vm_reaches_task(manifest, from, i);
	}
	fputs(is_direct ? "DIRECTLY" : "nothing direct", output);
	for (uint32_t i = 0; i <= manifest->task_count; i++) {
		uint32_t task = audit_nth_task(manifest, i);
		bool is_system = task == MANIFEST_ROOT || manifest->tasks[task].vm == MANIFEST_NONE;

		if (is_system && vm_reaches_task(manifest, from, task) &&
			task_reaches_vm(manifest, task, to)) {
			fprintf(output, "%s %s", between++ == 0 ? "; only through" : ",",
				audit_task_name(manifest, task));
		}
	}
	fputc('\n', output);
}

void audit_print(const struct manifest *manifest, FILE *output)
{
	fprintf(output, "Appliance %s: %u VMs, %u tasks, %u objects, %u capabilities, %u regions\n",
		NAME_OF(manifest, manifest->header), manifest->vm_count, manifest->task_count,
		manifest->object_count, manifest->capability_count, manifest->mapping_count);
	fputs("\nWHO HOLDS WHAT (r receive or read, w send or write, g grant)\n"
	      "roottask: holds all authority at boot and gives away what this file lists; makes and ends all tasks.\n"
	      "  What it keeps for its own work:\n",
		output);
	print_holdings(manifest, MANIFEST_ROOT, output);
	for (uint32_t task = 0; task < manifest->task_count; task++) {
		print_task(manifest, task, output);
	}
	fputs("\nWHO CAN REACH WHOM, AND BY WHAT\n", output);
	for (uint32_t i = 0; i <= manifest->task_count; i++) {
		for (uint32_t j = 0; j <= manifest->task_count; j++) {
			(void)print_reach(
				manifest, audit_nth_task(manifest, i), audit_nth_task(manifest, j), output);
		}
	}
	print_guest_paths(manifest, output);
	print_dma(manifest, output);
	fputs("\nBETWEEN THE VMS (beside kernel and root task, whom everybody trusts)\n", output);
	for (uint32_t from = 0; from < manifest->vm_count; from++) {
		for (uint32_t to = 0; to < manifest->vm_count; to++) {
			if (from != to) {
				print_between(manifest, from, to, output);
			}
		}
	}
	if (manifest->vm_count == 1) {
		fputs("  there is only one\n", output);
	}
	audit_print_volumes(manifest, output);
	audit_print_network(manifest, output);
}
