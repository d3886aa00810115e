/* SPDX-License-Identifier: MIT */
/* The root task: takes over the machine's capabilities, opens the manifest, makes the system's objects and tasks, then the VMs, then
 * supervises. It knows the manifest's format and no device. */
#include "audit.h"
#include "console.h"
#include "control.h"
#include "host_functions.h"
#include "objects.h"
#include "power.h"
#include "report.h"
#include "supervise.h"
#include "tasks.h"
#include "vm.h"

#include <bulkhead/log_ring.h>

#define ROOT_KERNEL_LOG UINT64_C(0x310000000000)

struct root root;

_Noreturn void root_main(const struct bh_boot_info *boot);

static void require(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		fatal("the root task cannot start: %s: %s", what, bh_error_text(error));
	}
}

static void open_manifest(void)
{
	const void *bytes = NULL;
	size_t size = 0;
	struct manifest_fault fault;
	enum manifest_error error;

	if (root.boot->module_count < MANIFEST_FIRST_MODULE) {
		fatal("the boot loader brought no manifest: start an image that \"bulkhead build\" made, or name the "
		      "modules roottask, manifest and the files, in this order");
	}
	require(manifest_module_map(&bytes, &size), "the boot loader's module \"manifest\"");
	error = manifest_open(bytes, size, &root.manifest, &fault);
	if (error != MANIFEST_OK) {
		fatal("the manifest is not usable: %s, section %s, record %u. Make the image again, with the "
		      "bulkhead that was built with this root task",
			manifest_error_text(error), manifest_section_name(fault.section), fault.record);
	}
	if (root.boot->module_count - MANIFEST_FIRST_MODULE < root.manifest.module_count) {
		fatal("the boot loader brought %u files, and the manifest names %u: the image is incomplete, make it "
		      "again with \"bulkhead build\"",
			root.boot->module_count - MANIFEST_FIRST_MODULE, root.manifest.module_count);
	}
}

static void map_kernel_log(void)
{
	if (space_map(&root_space, root.boot->log_first, root.boot->log_pages, PAGE_BITS, ROOT_KERNEL_LOG,
		    BH_MAP_READ) == BH_OK &&
		root.boot->log_pages * PAGE_SIZE >= sizeof(struct log_ring)) {
		root.kernel_log = (const struct log_ring *)(uintptr_t)ROOT_KERNEL_LOG;
	}
}

/* The notification that the manifest binds to the root task; one of its own if there is none. */
static void bind_notification(void)
{
	for (uint32_t i = 0; i < root.manifest.binding_count; i++) {
		const struct manifest_binding *binding = &root.manifest.bindings[i];

		if (binding->kind == MANIFEST_BINDING_THREAD && binding->subject == MANIFEST_ROOT) {
			root.notification = root.object[binding->notification].slot;
		}
	}
	if (root.notification == 0) {
		require(arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_NOTIFICATION, 0, 1,
				&root.notification),
			"its notification");
	}
	require(bh_thread_bind_notification(BH_BOOT_THREAD, root.notification), "its notification");
}

_Noreturn void root_main(const struct bh_boot_info *boot)
{
	root.boot = boot;
	if (boot->abi_version != BH_ABI_VERSION || boot->size != sizeof(*boot)) {
		fatal("this kernel speaks ABI version %u, and the root task %u", boot->abi_version,
			BH_ABI_VERSION);
	}
	slots_init(boot->free_first, boot->free_end);
	memory_init(boot);
	map_kernel_log();
	power_init();
	open_manifest();
	require(arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_ENDPOINT, 0, 1, &root.fault_endpoint),
		"its fault endpoint");
	require(arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_REPLY, 0, 1, &root.fault_reply),
		"its reply object");
	require(objects_make(MANIFEST_SCOPE_SYSTEM, MANIFEST_NONE), "the objects of the system");
	require(root_shares_make(MANIFEST_SCOPE_SYSTEM, MANIFEST_NONE), "its own capabilities and mappings");
	bind_notification();
	host_functions_init();
	audit_open();
	console_open();
	control_open();
	report("appliance %s: %u VMs, %u tasks, %lu MiB of memory free",
		manifest_string(&root.manifest, root.manifest.header->name), root.manifest.vm_count,
		root.manifest.task_count, memory_free_bytes() >> 20);
	for (uint32_t i = 0; i < root.manifest.task_count; i++) {
		if (root.manifest.tasks[i].vm != MANIFEST_NONE) {
			continue;
		}
		if (host_is_driver(i)) {
			host_driver_begin(i);
		} else {
			require(task_start(i), task_name(i));
		}
	}
	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		(void)failed(vm_name(vm), "not started", vm_start(vm));
	}
	require(supervise_init(), "its timer");
	supervise_loop();
}
