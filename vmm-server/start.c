/* SPDX-License-Identifier: MIT */
/* Start-up of a VM (start.h). Runs in the main thread before the guest does; may use libc. */
#include "start.h"

#include <string.h>

#include <bulkhead/task.h>

#include "acpi/acpi.h"
#include "clock/time.h"
#include "loaders/loader.h"
#include "memory/guest_layout.h"
#include "vcpu/exit.h"
#include "vcpu/functions.h"
#include "vcpu/lines.h"

#define ARGUMENTS_MAX 192u

/* Reset values, AMD APM vol. 2 section 14.1.3. */
#define DR6_RESET UINT64_C(0xffff0ff0)
#define DR7_RESET UINT64_C(0x400)
#define XCR0_X87 UINT64_C(1)

/* XCR0 components that a guest may be offered: x87, SSE, AVX. */
#define XCR0_OFFERED UINT64_C(7)
#define CPUID_1_ECX_OSXSAVE (UINT32_C(1) << 27)

#define COM1_PORT 0x3f8u
#define COM2_PORT 0x2f8u
#define KEYBOARD_PORT 0x60u
#define ELCR_PORT 0x4d0u

static bool fail(struct vmm *vmm, const char *what, const char *name)
{
	lifecycle_end(&vmm->lifecycle, VM_STATE_CRASHED, VM_CRASH_START, "cannot start: %s%s", what, name);
	return false;
}

static bool read_arguments(struct vmm *vmm, struct vmm_arguments *arguments)
{
	const struct task_info *info = bh_task_info();
	const char *strings[ARGUMENTS_MAX];
	uint32_t wrong;

	if (info->argument_count > ARGUMENTS_MAX) {
		return fail(vmm, "too many arguments", "");
	}
	for (uint32_t i = 0; i < info->argument_count; i++) {
		strings[i] = task_info_argument(info, i);
	}
	if (!vmm_arguments_parse(strings, info->argument_count, arguments, &wrong)) {
		if (wrong == info->argument_count) {
			return fail(vmm, "argument protocol=linux or protocol=multiboot is missing", "");
		}
		return fail(vmm, "wrong argument ", strings[wrong]);
	}
	return true;
}

static bool attach_memory(struct vmm *vmm)
{
	size_t size;
	uint8_t *ram = bh_region_required("ram", 1, &size);
	uint8_t *high;

	guest_memory_initialize(&vmm->memory, vmm->cpuid.physical_bits);
	if (!guest_memory_add(&vmm->memory, 0, size, ram)) {
		return fail(vmm, "region ram has a bad size", "");
	}
	high = bh_region("ram-high", &size);
	if (high != NULL && !guest_memory_add(&vmm->memory, GUEST_MEMORY_ABOVE_4G, size, high)) {
		return fail(vmm, "region ram-high has a bad size", "");
	}
	return true;
}

/* What the kernel keeps for each of us, and so for a guest: the XCR0 that we run with. 0 without XSAVE. */
static uint64_t host_xcr0(const struct cpuid_host *host)
{
	uint32_t low;
	uint32_t high;

	for (uint32_t i = 0; i < host->count; i++) {
		if (host->entry[i].leaf == 1 && (host->entry[i].result.ecx & CPUID_1_ECX_OSXSAVE) != 0) {
			__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
			return low;
		}
	}
	return 0;
}

static bool build_cpu(struct vmm *vmm, const struct vmm_arguments *arguments)
{
	static struct cpuid_host host;
	struct cpuid_config config = {
		.vcpu_count = 1,
		.physical_bits = 40,
		.rdtscp = true,
		.tsc_deadline = true,
		.invariant_tsc = true,
		.kvm_clock = arguments->paravirtual_clock,
		.kvm_clock_stable = true,
		.pv_eoi = arguments->paravirtual_eoi,
	};

	cpuid_host_read(&host);
	config.xcr0_mask = host_xcr0(&host) & XCR0_OFFERED;
	if (cpuid_build(&vmm->cpuid, &host, &config) != CPUID_OK) {
		return fail(vmm, "this CPU's CPUID has too many leaves", "");
	}
	vmm->msr = (struct msr_policy){
		.physical_bits = vmm->cpuid.physical_bits,
		.nx = vmm->cpuid.nx,
		.fast_fxsr = vmm->cpuid.fast_fxsr,
		.kvm_clock = arguments->paravirtual_clock,
		.pv_eoi = arguments->paravirtual_eoi,
	};
	msr_init(&vmm->msr_cpu);
	msr_firmware_state(&vmm->msr_cpu, &vmm->msr, (uint32_t)GUEST_HOLE_BASE);
	return true;
}

/* "PREFIX" and "NAME" as one name of a capability or region; cut off if too long, then nothing has that
 * name. */
static const char *join(char *name, const char *prefix, const char *rest)
{
	(void)bh_format(name, TASK_INFO_NAME_SIZE, "%s%s", prefix, rest);
	return name;
}

/* What a virtio model shares with us: registers, doorbells, line page. Its INTx is one more line. */
static bool introduce_function(struct vmm *vmm, const struct vmm_arguments *arguments, uint32_t number)
{
	const struct vmm_argument_virtio *argument = &arguments->virtio[number];
	const struct vmm_argument_model *model = &arguments->models[argument->model];
	struct vmm_function *function = &vmm->functions[number];
	char name[TASK_INFO_NAME_SIZE];

	if (vmm->line_count == VMM_LINES_MAX || vmm->memory_count == VMM_MEMORIES_MAX) {
		return false;
	}
	*function = (struct vmm_function){
		.page = bh_region_required(
			join(name, "lines:", model->name), sizeof(struct lines_page), NULL),
		.signal = UINT64_C(1) << model->bit,
		.device = argument->device,
		.queues = argument->queues,
		.first_route = argument->route,
		.memory = vmm->memory_count,
		.line = vmm->line_count,
	};
	for (uint32_t queue = 0; queue < argument->queues; queue++) {
		(void)bh_format(name, sizeof(name), "doorbell:%s:%u", model->name, queue);
		function->doorbell[queue] = bh_capability_required(name);
	}
	vmm->memories[vmm->memory_count++] = (struct vmm_memory_range){
		.endpoint = bh_capability_required(join(name, "model:", model->name)),
	};
	vmm->lines[vmm->line_count++] = (struct vmm_line){
		.page = function->page,
		.signal = function->signal,
		.number = VIRTIO_PCI_LINE_INTX,
		.gsi = pci_interrupt(argument->device),
		.action = VMM_LINE_GSI,
		.function = function,
	};
	return true;
}

/* Level-triggered inputs of the 8259s, as firmware sets them: where PCI's wires end. */
static void wire_pci(struct vmm *vmm)
{
	uint8_t levels[2] = { 0, 0 };

	for (uint32_t i = 0; i < vmm->function_count; i++) {
		uint32_t interrupt = pci_interrupt(vmm->functions[i].device);

		levels[interrupt / 8] |= (uint8_t)(1u << interrupt % 8);
	}
	for (uint16_t i = 0; i < 2; i++) {
		fabric_pic_write(&vmm->fabric, (uint16_t)(ELCR_PORT + i), levels[i]);
	}
}

static bool wire_functions(struct vmm *vmm, const struct vmm_arguments *arguments)
{
	for (uint32_t i = 0; i < arguments->virtio_count; i++) {
		if (!introduce_function(vmm, arguments, i)) {
			return fail(vmm, "too many virtio devices", "");
		}
		vmm->function_count++;
	}
	if (vmm->function_count != 0) {
		vmm->guest_space = bh_capability_required("guest-space");
		wire_pci(vmm);
	}
	return true;
}

static bool wire(struct vmm *vmm, const struct vmm_arguments *arguments)
{
	char name[TASK_INFO_NAME_SIZE];

	vmm->vcpu.lapic = &vmm->fabric.lapic[vmm->vcpu.number];
	if (fabric_init(&vmm->fabric, 1, true) != FABRIC_OK) {
		return fail(vmm, "interrupt fabric", "");
	}
	fabric_firmware_state(&vmm->fabric);
	for (uint32_t i = 0; i < arguments->line_count; i++) {
		const struct vmm_argument_line *line = &arguments->lines[i];
		const struct vmm_argument_model *model = &arguments->models[line->model];

		vmm->lines[i] = (struct vmm_line){
			.page = bh_region_required(
				join(name, "lines:", model->name), sizeof(struct lines_page), NULL),
			.signal = UINT64_C(1) << model->bit,
			.number = line->number,
			.gsi = line->gsi,
			.action = line->action,
		};
	}
	vmm->line_count = arguments->line_count;
	vmm->lines_unread = true;
	for (uint32_t i = 0; i < arguments->port_count; i++) {
		const struct vmm_argument_port *port = &arguments->ports[i];

		vmm->ports[i] = (struct vmm_port_range){ port->first, port->count,
			bh_capability_required(port->capability) };
	}
	vmm->port_count = arguments->port_count;
	vmm->catches_up = arguments->catches_up;
	for (uint32_t i = 0; i < arguments->memory_count; i++) {
		const struct vmm_argument_memory *memory = &arguments->memories[i];

		vmm->memories[i] = (struct vmm_memory_range){ memory->first, memory->size,
			bh_capability_required(memory->capability) };
	}
	vmm->memory_count = arguments->memory_count;
	pci_initialize(&vmm->pci);
	if (!wire_functions(vmm, arguments)) {
		return false;
	}
	if (!lines_attach_all(vmm)) {
		return fail(vmm, "a line's global system interrupt is not usable", "");
	}
	return functions_start(vmm, arguments) ||
	       fail(vmm, "a virtio device's number or ports are taken already", "");
}

static bool serves_port(const struct vmm *vmm, uint32_t port)
{
	for (uint32_t i = 0; i < vmm->port_count; i++) {
		if (port >= vmm->ports[i].first && port - vmm->ports[i].first < vmm->ports[i].count) {
			return true;
		}
	}
	return false;
}

static bool build_tables(struct vmm *vmm, struct acpi_tables *tables)
{
	struct acpi_configuration configuration = {
		.cpus = 1,
		.keyboard_controller = serves_port(vmm, KEYBOARD_PORT),
		.second_serial_port = serves_port(vmm, COM2_PORT),
	};
	uint8_t *buffer = guest_memory_pointer(&vmm->memory, GUEST_ACPI_BASE, GUEST_ACPI_SIZE);
	enum acpi_result result;

	for (uint32_t i = 0; i < vmm->function_count; i++) {
		uint32_t device = vmm->functions[i].device;

		configuration.pci_interrupts[device] = (uint8_t)pci_interrupt(device);
	}
	if (buffer == NULL) {
		return fail(vmm, "guest memory is smaller than 1 MiB", "");
	}
	result = acpi_build(&configuration, buffer, GUEST_ACPI_SIZE, GUEST_ACPI_BASE, tables);
	return result == ACPI_OK || fail(vmm, "ACPI tables: ", acpi_result_text(result));
}

static struct loader_file find_file(const char *region, const char *text)
{
	struct loader_file file = { .text = text };
	size_t size = 0;

	file.bytes = bh_region(region, &size);
	file.size = file.bytes != NULL ? size : 0;
	return file;
}

static bool load_guest(
	struct vmm *vmm, const struct vmm_arguments *arguments, const struct acpi_tables *tables)
{
	struct loader_file modules[VMM_MODULES_MAX];
	struct loader_request request = {
		.memory = &vmm->memory,
		.kernel = find_file("kernel", NULL),
		.initrd = find_file("initrd", NULL),
		.modules = modules,
		.module_count = arguments->module_count,
		.command_line = arguments->command_line,
		.acpi_rsdp = tables->rsdp,
		.serial_port = { serves_port(vmm, COM1_PORT) ? COM1_PORT : 0,
			serves_port(vmm, COM2_PORT) ? COM2_PORT : 0 },
	};
	struct loader_failure failure = { 0, 0 };
	enum loader_error error;
	bool numbers = false;
	const char *text;

	for (uint32_t i = 0; i < arguments->module_count; i++) {
		modules[i] = find_file(arguments->modules[i].region, arguments->modules[i].text);
		if (modules[i].bytes == NULL) {
			return fail(vmm, "no region for module ", arguments->modules[i].region);
		}
	}
	if (request.kernel.bytes == NULL) {
		return fail(vmm, "no region kernel", "");
	}
	vmm->vcpu.state->abi_version = BH_ABI_VERSION;
	vmm->vcpu.state->size = sizeof(*vmm->vcpu.state);
	error = arguments->protocol == VMM_PROTOCOL_LINUX
			? linux_load(&request, vmm->vcpu.state, &failure)
			: multiboot1_load(&request, vmm->vcpu.state, &failure);
	if (error == LOADER_OK) {
		return true;
	}
	text = loader_error_text(error, &numbers);
	if (numbers) {
		lifecycle_end(&vmm->lifecycle, VM_STATE_CRASHED, VM_CRASH_START,
			"cannot load the guest: %s (found 0x%lx, limit 0x%lx)", text,
			(unsigned long)failure.found, (unsigned long)failure.limit);
		return false;
	}
	return fail(vmm, "cannot load the guest: ", text);
}

static bool prepare_vcpu(struct vmm *vmm)
{
	struct vcpu *vcpu = &vmm->vcpu;
	enum bh_error error;

	vcpu->state->xcr0 = XCR0_X87;
	vcpu->state->dr6 = DR6_RESET;
	vcpu->state->dr7 = DR7_RESET;
	time_start(vmm, bh_tsc_khz(), bh_wall_clock_ns());
	error = bh_vcpu_write_state(vcpu->capability, BH_GROUPS_ALL);
	if (error != BH_OK) {
		return fail(vmm, "vCPU state: ", bh_error_text(error));
	}
	for (uint32_t reason = 0; reason < BH_EXIT_REASONS; reason++) {
		error = bh_vcpu_bind(
			vcpu->capability, reason, bh_capability_required("endpoint0"), exit_groups[reason]);
		if (error != BH_OK) {
			return fail(vmm, "exits: ", bh_error_text(error));
		}
		vcpu->delivered[reason] = exit_groups[reason];
	}
	return true;
}

bool vmm_start(struct vmm *vmm)
{
	static struct vmm_arguments arguments;
	struct acpi_tables tables;

	vmm->vcpu.capability = bh_capability_required("vcpu0");
	vmm->vcpu.timer = bh_capability_required("timer0");
	vmm->vcpu.state = bh_region_required("vcpu0-state", sizeof(struct bh_vcpu_state), NULL);
	vmm->clock = bh_region_required("clock", sizeof(struct clock_page), NULL);
	if (!read_arguments(vmm, &arguments) || !build_cpu(vmm, &arguments) || !attach_memory(vmm) ||
		!wire(vmm, &arguments) || !build_tables(vmm, &tables) ||
		!load_guest(vmm, &arguments, &tables) || !prepare_vcpu(vmm)) {
		return false;
	}
	vmm_status(vmm)->loaded_tsc = bh_tsc();
	return true;
}
