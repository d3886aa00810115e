/* SPDX-License-Identifier: MIT */
/*
 * The expansion of an appliance: every VM that the file can describe becomes a manifest that the root task's reader accepts; what the tasks
 * look up by name is there; budgets stay within the declared share; and no VM holds anything of another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder that looks like a build's: every part is a small file. */
static char folder[] = "test-system-XXXXXX";
static char kernel_path[64];
static struct appliance appliance;
static struct system_image image;
static struct manifest manifest;

static const char *const PARTS[] = { "kernel/bulkhead.elf64", "kernel/bulkhead.elf32", "tasks/roottask",
	"tasks/vmm-server", "tasks/uart16550", "tasks/pit8254", "tasks/mc146818", "tasks/acpi-pm",
	"tasks/i8042", "tasks/debug-exit", "tasks/test-device", "tasks/virtio-rng", "tasks/virtio-console",
	"tasks/virtio-net", "tasks/switch", "tasks/virtio-nic", "tasks/e1000e", "tasks/pci", "tasks/entropy",
	"tasks/wall-clock", "tasks/console", "tasks/guest" };

static void part_path(const char *part, char path[96]) { snprintf(path, 96, "%s/%s", folder, part); }

static int make_folder(void **state)
{
	(void)state;
	char path[96];

	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	part_path("kernel", path);
	mkdir(path, 0700);
	part_path("tasks", path);
	mkdir(path, 0700);
	for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
		part_path(PARTS[i], path);
		FILE *file = fopen(path, "w");

		fputs("a part of the system", file);
		fclose(file);
	}
	snprintf(kernel_path, sizeof kernel_path, "%s/tasks/guest", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char path[96];

	for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
		part_path(PARTS[i], path);
		unlink(path);
	}
	part_path("kernel", path);
	rmdir(path);
	part_path("tasks", path);
	rmdir(path);
	return rmdir(folder);
}

static bool has_console(const struct device_template *template)
{
	return template->serial_irq != 0 || strcmp(template->name, "virtio-console") == 0;
}

static void add_device(struct vm *vm, const struct device_template *template)
{
	struct device *device = &vm->devices[vm->device_count++];

	*device = (struct device){
		.template = template,
		.name = template->name,
		.on_crash = { MANIFEST_ON_EXIT_RESTART, 5, 60 },
		.irq = template->serial_irq,
		.console = has_console(template) ? malloc(24) : NULL,
	};
	if (device->console != NULL) {
		snprintf(device->console, 24, "%.10s-%s", vm->name, template->name);
	}
	memcpy(device->ranges, template->ranges, sizeof device->ranges);
}

static void add_nic(struct vm *vm, const char *name, uint64_t mac)
{
	struct nic *nic = &vm->nics[vm->nic_count];

	*nic = (struct nic){ .name = strdup(name), .mac = mac };
	vm->devices[vm->device_count++] = (struct device){
		.template = device_nic(),
		.name = nic->name,
		.on_crash = { MANIFEST_ON_EXIT_RESTART, 5, 60 },
		.number = vm->nic_count++,
	};
}

static void add_uplink(const char *name, const char *function, enum uplink_driver driver)
{
	appliance.network.uplinks[appliance.network.uplink_count++] = (struct uplink){ .name = strdup(name),
		.function = { .pci = strdup(function), .driver = driver },
		.on_crash = { MANIFEST_ON_EXIT_RESTART, 7, 60 } };
}

static void add_flow(unsigned from, unsigned to)
{
	appliance.network.flows[appliance.network.flow_count++] = (struct network_flow){ from, to, 1 };
}

static void add_vm(const char *name, uint64_t memory, unsigned device_count)
{
	struct vm *vm = &appliance.vms[appliance.vm_count++];

	*vm = (struct vm){
		.name = strdup(name),
		.memory = memory,
		.kernel = { .path = strdup(kernel_path), .line = 1 },
		.initrd = { .path = strdup(kernel_path), .line = 1 },
		.command_line = strdup("console=ttyS0 nokaslr"),
		.budget_us = 8000,
		.period_us = 20000,
		.on_reset = { MANIFEST_ON_EXIT_RESTART, 10, 60 },
		.hang_limit_us = 5000000,
	};
	for (unsigned i = 0; i < device_count; i++) {
		add_device(vm, device_at(i));
	}
}

static int set_up(void **state)
{
	(void)state;
	appliance = (struct appliance){
		.name = strdup("test"), .admin_console = strdup("admin"), .has_transcript = true
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	system_free(&image);
	appliance_free(&appliance);
	return 0;
}

static void expand(void)
{
	assert_true(system_expand(&appliance, folder, &image));
	assert_int_equal(manifest_open(image.manifest, image.manifest_size, &manifest, NULL), MANIFEST_OK);
}

static const struct manifest_capability *capability(const char *task, const char *name)
{
	uint32_t index = manifest_find_task(&manifest, task);

	for (uint32_t i = 0; i < manifest.capability_count; i++) {
		if (manifest.capabilities[i].task == index &&
			strcmp(manifest_string(&manifest, manifest.capabilities[i].name), name) == 0) {
			return &manifest.capabilities[i];
		}
	}
	fail_msg("%s holds no capability %s", task, name);
	return NULL;
}

static const struct manifest_mapping *mapping(const char *task, const char *name)
{
	const struct manifest_mapping *found =
		manifest_find_mapping(&manifest, manifest_find_task(&manifest, task), name);

	if (found == NULL) {
		fail_msg("%s maps no region %s", task, name);
	}
	return found;
}

static void has_argument(const char *task, const char *expected)
{
	const struct manifest_task *record = &manifest.tasks[manifest_find_task(&manifest, task)];

	for (uint32_t i = 0; i < record->argument_count; i++) {
		if (strcmp(manifest_argument(&manifest, record, i), expected) == 0) {
			return;
		}
	}
	fail_msg("%s has no argument %s", task, expected);
}

static void tasks_find_what_they_look_for(void **state)
{
	(void)state;
	static const char *const MODEL_CAPABILITIES[] = { "endpoint", "reply", "handler", "notification",
		"timer", "interrupt", "log-signal" };
	static const char *const MODEL_REGIONS[] = { "state", "lines", "clock" };
	static const char *const VMM_CAPABILITIES[] = { "endpoint0", "reply0", "handler0", "vcpu0", "timer0",
		"notification", "status-signal", "model:uart0", "model:pit", "model:pit:1", "model:rtc",
		"model:acpi-pm", "model:i8042:1", "model:debug-exit", "log-signal" };
	static const char *const VMM_REGIONS[] = { "vcpu0-state", "ram", "clock", "status", "kernel",
		"initrd", "lines:uart0", "lines:pit", "lines:debug-exit" };

	add_vm("red", 256 << 20, 6);
	expand();
	for (unsigned i = 0; i < 6; i++) {
		char task[32];

		snprintf(task, sizeof task, "red/%s", device_at(i)->name);
		for (size_t j = 0; j < sizeof MODEL_CAPABILITIES / sizeof MODEL_CAPABILITIES[0]; j++) {
			(void)capability(task, MODEL_CAPABILITIES[j]);
		}
		for (size_t j = 0; j < sizeof MODEL_REGIONS / sizeof MODEL_REGIONS[0]; j++) {
			(void)mapping(task, MODEL_REGIONS[j]);
		}
		assert_int_equal(capability(task, "interrupt")->badge, UINT64_C(1) << i);
		assert_int_equal(mapping(task, "clock")->rights, MANIFEST_RIGHT_READ);
	}
	(void)mapping("red/uart0", "console");
	(void)capability("red/uart0", "console-signal");
	for (size_t i = 0; i < sizeof VMM_CAPABILITIES / sizeof VMM_CAPABILITIES[0]; i++) {
		(void)capability("red/vmm", VMM_CAPABILITIES[i]);
	}
	for (size_t i = 0; i < sizeof VMM_REGIONS / sizeof VMM_REGIONS[0]; i++) {
		(void)mapping("red/vmm", VMM_REGIONS[i]);
	}
	assert_int_equal(mapping("red/vmm", "lines:pit")->rights, MANIFEST_RIGHT_READ);
	assert_int_equal(capability("red/vmm", "model:pit:1")->badge, 1);
	has_argument("red/vmm", "protocol=linux");
	has_argument("red/vmm", "cmdline=console=ttyS0 nokaslr");
	has_argument("red/vmm", "model=uart0,0");
	has_argument("red/vmm", "port=0x3f8,8,model:uart0");
	has_argument("red/vmm", "port=0x61,1,model:pit:1");
	has_argument("red/vmm", "line=uart0,0,gsi,4");
	has_argument("red/vmm", "line=acpi-pm,1,poweroff");
	has_argument("red/vmm", "line=debug-exit,0,exit");
	has_argument("red/vmm", "serial=0x3f8,4");
	has_argument("red/rtc", "memory=268435456");
	has_argument("console", "console=red-uart0");
	has_argument("console", "admin=admin");
	(void)capability("console", "signal:red-uart0");
	(void)mapping("console", "console:red-uart0");
	(void)mapping("console", "console:admin");
	assert_int_equal(
		manifest.tasks[manifest_find_task(&manifest, "red/vmm")].flags & MANIFEST_TASK_ESSENTIAL,
		MANIFEST_TASK_ESSENTIAL);
}

/* Each card has a model of its own, and a port of the switch; only the switch's arguments say who may send to whom. */
static void cards_are_connected_with_the_switch_alone(void **state)
{
	(void)state;
	add_vm("red", 64 << 20, 5);
	add_nic(&appliance.vms[0], "net0", UINT64_C(0x525400000001));
	add_nic(&appliance.vms[0], "net1", UINT64_C(0x525400000002));
	add_vm("blue", 64 << 20, 5);
	add_nic(&appliance.vms[1], "wan", UINT64_C(0x525400000003));
	appliance.vms[1].nics[0].traffic.vlan = 7;
	appliance.vms[1].nics[0].traffic.rate = 1000000;
	appliance.vms[1].nics[0].traffic.burst = 65536;
	add_flow(0, 2);
	add_flow(2, 0);
	add_flow(2, 1);
	expand();
	has_argument("switch", "port=red/net0,52:54:00:00:00:01,0,0,0,0x4");
	has_argument("switch", "port=red/net1,52:54:00:00:00:02,0,0,0,0x0");
	has_argument("switch", "port=blue/wan,52:54:00:00:00:03,7,1000000,65536,0x3");
	has_argument("red/net1", "mac=52:54:00:00:00:02");
	assert_int_equal(capability("blue/wan", "switch-signal")->badge, 4);
	assert_int_equal(capability("blue/wan", "switch-signal")->object,
		capability("switch", "notification")->object);
	assert_int_equal(capability("switch", "signal:red/net1")->object,
		capability("red/net1", "notification")->object);
	assert_int_equal(mapping("switch", "nic:red/net1")->object, mapping("red/net1", "frames")->object);
	assert_int_equal(mapping("red/net1", "frames")->length, 2 << 20);
	assert_int_not_equal(mapping("red/net0", "frames")->object, mapping("red/net1", "frames")->object);
	(void)mapping("red/net1", "ram");
	(void)mapping("red/vmm", "lines:net1");
	(void)capability("red/vmm", "doorbell:net1:1");
	assert_int_equal(manifest_find_mapping(&manifest, MANIFEST_ROOT, MANIFEST_ROOT_SWITCH)->rights,
		MANIFEST_RIGHT_READ);
	/* with cards alone */
	assert_int_equal(manifest_find_task(&manifest, "red/net2"), MANIFEST_NONE);
}

/* An uplink's driver has its function, memory for that, and a port of the switch; of the VMs it has nothing. */
static void an_uplink_is_a_port_of_the_switch(void **state)
{
	(void)state;
	add_vm("red", 64 << 20, 5);
	add_nic(&appliance.vms[0], "net0", UINT64_C(0x525400000001));
	/* as what else the switch has is called */
	add_uplink("page", "00:05.0", UPLINK_DRIVER_E1000E);
	add_uplink("notification", "1af4:1041", UPLINK_DRIVER_VIRTIO);
	appliance.network.uplinks[0].traffic = (struct traffic){ 9, 8000, 1500 };
	appliance.network.uplinks[1].function.allow_dma = true;
	add_flow(0, 1);
	add_flow(1, 0);
	add_flow(2, 1);
	expand();
	has_argument("switch", "port=red/net0,52:54:00:00:00:01,0,0,0,0x2");
	has_argument("switch", "port=page,uplink,9,8000,1500,0x1");
	has_argument("switch", "port=notification,uplink,0,0,0,0x2");
	has_argument("pci", "function=00:05.0");
	has_argument("pci", "function=1af4:1041");
	assert_int_equal(capability("uplink/page", "switch-signal")->badge, 2);
	assert_int_equal(capability("uplink/notification", "switch-signal")->badge, 4);
	assert_int_equal(capability("uplink/page", "switch-signal")->object,
		capability("switch", "notification")->object);
	assert_int_equal(capability("switch", "signal:page")->object,
		capability("uplink/page", "notification")->object);
	assert_int_equal(mapping("switch", "nic:page")->object, mapping("uplink/page", "frames")->object);
	assert_int_not_equal(mapping("switch", "page")->object, mapping("switch", "nic:page")->object);
	(void)capability("uplink/page", "message0");
	(void)mapping("uplink/page", "bar0");
	assert_int_equal(mapping("uplink/page", "function")->rights, MANIFEST_RIGHT_READ);

	const struct manifest_task *confined = &manifest.tasks[manifest_find_task(&manifest, "uplink/page")];
	const struct manifest_task *free_one =
		&manifest.tasks[manifest_find_task(&manifest, "uplink/notification")];

	assert_int_equal(confined->flags & MANIFEST_TASK_ALLOW_DMA, 0);
	assert_int_not_equal(free_one->flags & MANIFEST_TASK_ALLOW_DMA, 0);
	assert_int_equal(confined->restart.max, 7);
	assert_int_equal(confined->budget_us * 1000, UPLINK_SHARE_PER_MILLE * confined->period_us);
	assert_int_not_equal(confined->trust_domain, free_one->trust_domain);
	for (uint32_t i = 0; i < manifest.mapping_count; i++) {
		const struct manifest_object *object = &manifest.objects[manifest.mappings[i].object];

		if (&manifest.tasks[manifest.mappings[i].task] == confined ||
			&manifest.tasks[manifest.mappings[i].task] == free_one) {
			assert_int_equal(object->scope, MANIFEST_SCOPE_SYSTEM);
		}
	}
	/* and what the emulated machine has to have */
	assert_int_equal(image.uplink_count, 2);
	assert_string_equal(image.uplinks[0].place, "00:05.0");
	assert_string_equal(image.uplinks[1].place, "");
}

static void without_a_card_there_is_no_switch(void **state)
{
	(void)state;
	add_vm("red", 64 << 20, 5);
	expand();
	assert_int_equal(manifest_find_task(&manifest, "switch"), MANIFEST_NONE);
	assert_null(manifest_find_mapping(&manifest, MANIFEST_ROOT, MANIFEST_ROOT_SWITCH));
}

static void memory_is_split_around_the_hole(void **state)
{
	(void)state;
	add_vm("red", UINT64_C(4) << 30, 1);
	add_vm("blue", UINT64_C(3) << 30, 1);
	expand();
	assert_int_equal(mapping("red/vmm", "ram")->length, GUEST_LOW_MEMORY_END);
	assert_int_equal(mapping("red/vmm", "ram-high")->length, UINT64_C(1) << 30);
	assert_null(manifest_find_mapping(&manifest, manifest_find_task(&manifest, "blue/vmm"), "ram-high"));
	assert_int_equal(manifest.guest_mapping_count, 3);
	assert_int_equal(manifest.guest_mappings[1].guest_physical, GUEST_HIGH_MEMORY);
	assert_true(image.memory_needed > UINT64_C(7) << 30);
}

/* Shares of all contexts of a VM that may take time from others: the VCPU's and the models'. */
static void budgets_stay_within_the_share(void **state)
{
	(void)state;
	add_vm("red", 64 << 20, DEVICE_COUNT);
	add_vm("blue", 64 << 20, 3);
	expand();
	for (uint32_t vm = 0; vm < manifest.vm_count; vm++) {
		double share = 0;
		double vcpu = 0;

		for (uint32_t i = 0; i < manifest.task_count; i++) {
			const struct manifest_task *task = &manifest.tasks[i];

			if (task->vm == vm && (task->flags & MANIFEST_TASK_ESSENTIAL) == 0) {
				share += (double)task->budget_us / (double)task->period_us;
			}
		}
		for (uint32_t i = 0; i < manifest.object_count; i++) {
			const struct manifest_object *object = &manifest.objects[i];

			if (object->type == MANIFEST_OBJECT_VCPU && object->scope_index == vm) {
				const struct manifest_object *context =
					&manifest.objects[object->sched_context];

				vcpu = (double)context->budget_us / (double)context->period_us;
				/* the VMM's main thread may use slack only: it runs below every VCPU */
				const struct manifest_task *vmm = &manifest.tasks[manifest_find_task(
					&manifest, vm == 0 ? "red/vmm" : "blue/vmm")];

				assert_true(vmm->priority < object->priority);
			}
		}
		assert_true(share + vcpu <= 0.4);
		assert_true(vcpu > 0.3);
	}
}

/* All VMs, all devices, long names: and as many consoles as there can be. */
static void the_largest_appliance_fits(void **state)
{
	unsigned consoles = 0;
	unsigned devices = 0;
	unsigned cards = 0;

	(void)state;
	for (unsigned i = 0; i < APPLIANCE_MAX_VMS; i++) {
		char name[20];
		struct vm *vm = &appliance.vms[i];

		snprintf(name, sizeof name, "vm-with-name-%02u", i);
		add_vm(name, 64 << 20, 0);
		for (unsigned j = 0; j < DEVICE_COUNT; j++) {
			const struct device_template *template = device_at(j);

			if (has_console(template) && consoles == APPLIANCE_MAX_CONSOLES) {
				continue;
			}
			add_device(vm, template);
			devices++;
			if (has_console(template)) {
				struct device *device = &vm->devices[vm->device_count - 1];

				snprintf(device->console, 24, "a-long-name-%03u", consoles++);
			}
		}
		for (unsigned j = 0; j < VM_MAX_NICS && cards < SWITCH_PORTS_MAX - NETWORK_MAX_UPLINKS; j++) {
			snprintf(name, sizeof name, "long-na%u", j);
			add_nic(vm, name, UINT64_C(0x525400000000) + cards++);
			devices++;
		}
	}
	for (unsigned i = 0; i < NETWORK_MAX_UPLINKS; i++) {
		char name[20];

		snprintf(name, sizeof name, "long-uplink-n-%u", i);
		add_uplink(name, "class:020000", i % 2 != 0 ? UPLINK_DRIVER_E1000E : UPLINK_DRIVER_VIRTIO);
	}
	for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++) {
		for (unsigned j = 0; j < SWITCH_PORTS_MAX; j++) {
			if (i != j) {
				add_flow(i, j);
			}
		}
	}
	appliance.control = CONTROL_COM3;
	expand();
	assert_int_equal(consoles, APPLIANCE_MAX_CONSOLES);
	/* console, clock, entropy, switch and PCI server, uplinks, VMMs, models */
	assert_int_equal(manifest.task_count, 5 + NETWORK_MAX_UPLINKS + APPLIANCE_MAX_VMS + devices);
	/* guests' files are shared: eighteen task images but roottask's, and one guest file */
	assert_int_equal(image.module_count, 19);
}

static void a_vm_without_devices_is_possible(void **state)
{
	(void)state;
	appliance.has_transcript = false;
	add_vm("red", 64 << 20, 0);
	expand();
	assert_int_equal(manifest.task_count, 3);
	assert_int_equal(manifest.route_count, 0);
}

/* The console task and the root task share its rings; only the console task has its port. */
static void the_control_port_is_the_consoles(void **state)
{
	(void)state;
	static const struct {
		enum control_port port;
		const char *argument;
		uint32_t first;
		uint32_t interrupt;
	} places[] = { { CONTROL_COM2, "control=com2", 0x2f8, 3 },
		{ CONTROL_COM3, "control=com3", 0x3e8, 5 } };

	appliance.has_transcript = false;
	add_vm("red", 64 << 20, 1);
	expand();
	assert_null(manifest_find_mapping(&manifest, MANIFEST_ROOT, "console:control"));
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		system_free(&image);
		appliance.control = places[i].port;
		expand();
		has_argument("console", places[i].argument);
		assert_int_equal(manifest.objects[capability("console", "port:control")->object].first,
			places[i].first);
		assert_int_equal(manifest.objects[capability("console", "irq:control")->object].first,
			places[i].interrupt);
		assert_int_equal(capability("console", "signal:control")->badge, MANIFEST_ROOT_SIGNAL_ADMIN);
		assert_ptr_not_equal(
			manifest_find_mapping(&manifest, MANIFEST_ROOT, "console:control"), NULL);
		assert_int_equal(mapping("console", "console:control")->object,
			manifest_find_mapping(&manifest, MANIFEST_ROOT, "console:control")->object);
	}
}

static void the_system_restarts_as_the_file_says(void **state)
{
	(void)state;
	static const char *const TASKS[] = { "console", "wall-clock", "entropy", "switch" };

	add_vm("red", 64 << 20, 5);
	add_device(&appliance.vms[0], device_find("virtio-rng"));
	add_nic(&appliance.vms[0], "net0", 0x525400000001);
	appliance.on_crash = (struct manifest_restart){ MANIFEST_ON_EXIT_RESTART, 17, 90 };
	expand();
	for (size_t i = 0; i < sizeof TASKS / sizeof TASKS[0]; i++) {
		const struct manifest_task *task = &manifest.tasks[manifest_find_task(&manifest, TASKS[i])];

		assert_int_equal(task->restart.on_exit, MANIFEST_ON_EXIT_RESTART);
		assert_int_equal(task->restart.max, 17);
		assert_int_equal(task->restart.seconds, 90);
	}
}

static void the_same_appliance_gives_the_same_bytes(void **state)
{
	(void)state;
	struct system_image again;

	add_vm("red", 64 << 20, 5);
	expand();
	assert_true(system_expand(&appliance, folder, &again));
	assert_int_equal(again.manifest_size, image.manifest_size);
	assert_memory_equal(again.manifest, image.manifest, image.manifest_size);
	system_free(&again);
}

static void missing_parts_are_reported(void **state)
{
	(void)state;
	add_vm("red", 64 << 20, 1);
	assert_false(system_expand(&appliance, "/nonexistent", &image));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tasks_find_what_they_look_for),
		TEST(cards_are_connected_with_the_switch_alone),
		TEST(an_uplink_is_a_port_of_the_switch),
		TEST(without_a_card_there_is_no_switch),
		TEST(memory_is_split_around_the_hole),
		TEST(budgets_stay_within_the_share),
		TEST(the_largest_appliance_fits),
		TEST(a_vm_without_devices_is_possible),
		TEST(the_control_port_is_the_consoles),
		TEST(the_system_restarts_as_the_file_says),
		TEST(the_same_appliance_gives_the_same_bytes),
		TEST(missing_parts_are_reported),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
