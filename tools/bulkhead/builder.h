/* SPDX-License-Identifier: MIT */
/* Short words for the manifest's records, so that the templates in expand_*.c read as what they declare. Memory only. */
#pragma once

#include "expand.h"
#include "manifest_writer.h"

/* Priorities. What serves events comes before guests; what only uses up slack comes after them, whatever its budget. */
#define PRIORITY_CONSOLE 200u
#define PRIORITY_DRIVER 170u
#define PRIORITY_VOLUMES 160u
#define PRIORITY_SWITCH 150u
#define PRIORITY_MODEL 150u
#define PRIORITY_HANDLER 140u
#define PRIORITY_VCPU 100u
#define PRIORITY_VMM_LOADING 50u

#define TASK_STACK_SIZE 0x8000u

/* Of tasks that drive or share devices of the host. */
#define HOST_PERIOD_US 20000u
#define HOST_HEAP_SIZE 0x10000u

/* A disk's volume server, and the server of the disk below it. */
struct volume_server {
	uint32_t task;
	uint32_t notification;
	uint32_t disk_task;
	unsigned client_count; /* that were connected */
};

/* What expansion knows while it adds records. */
struct builder {
	struct manifest_writer writer;
	const struct appliance *appliance;
	struct system_image *image;
	const char *folder;
	bool failed;
	uint32_t root_notification;
	uint32_t console_notification;
	uint32_t wall_clock;   /* the page */
	uint32_t entropy_task; /* MANIFEST_NONE: no VM needs it */
	uint32_t entropy_notification;
	unsigned entropy_clients;
	const char *functions
		[MANIFEST_MAX_FUNCTIONS]; /* of the host that have drivers, as the PCI server takes them */
	uint32_t function_count;
	uint32_t switch_notification;
	uint32_t switch_task;
	struct volume_server volume_servers[APPLIANCE_MAX_DISKS];
};

/* Whose objects are being added: name prefix, scope. */
struct owner {
	const char *prefix; /* like "red/uart0" */
	uint32_t vm;        /* MANIFEST_NONE for the system's */
	uint32_t
		task; /* index of the task that the object dies with; MANIFEST_NONE: it dies with the VM, or never */
};

static inline struct owner owned_by_system(const char *prefix)
{
	return (struct owner){ prefix, MANIFEST_NONE, MANIFEST_NONE };
}

static inline struct owner owned_by_vm(const char *prefix, uint32_t vm)
{
	return (struct owner){ prefix, vm, MANIFEST_NONE };
}

static inline struct owner owned_by_task(const char *prefix, uint32_t vm, uint32_t task)
{
	return (struct owner){ prefix, vm, task };
}

/* A record without parameters, references and name, for add_object_with(). */
static inline struct manifest_object empty_object(enum manifest_object_type type)
{
	return (struct manifest_object){ .type = type,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE };
}

/* An object without parameters, named PREFIX/NAME. Returns its index. */
uint32_t add_object(
	struct builder *builder, struct owner owner, const char *name, enum manifest_object_type type);

/* The same with parameters: name, scope and empty references are filled in. */
uint32_t add_object_with(
	struct builder *builder, struct owner owner, const char *name, struct manifest_object object);

/* Zeroed memory of `size` bytes. */
uint32_t add_memory(struct builder *builder, struct owner owner, const char *name, uint64_t size);

void add_capability(struct builder *builder, uint32_t task, const char *name, uint32_t object,
	uint32_t rights, uint64_t badge);

/* What a task needs that writes to the log. */
void add_log_signal(struct builder *builder, uint32_t task);

/* Maps all of a memory object, or a VCPU's state page. */
void add_mapping(struct builder *builder, uint32_t task, const char *name, uint32_t object, uint32_t rights);

void add_binding(struct builder *builder, enum manifest_binding_kind kind, uint32_t subject,
	uint32_t notification, uint64_t badge);

/* Endpoint rights, all of a handler thread's needs: capabilities endpointN, replyN, handlerN with `suffix` as N. Returns the endpoint. */
uint32_t add_handler(
	struct builder *builder, const char *prefix, uint32_t vm, uint32_t task, const char *suffix);

/* A task from the image of that name; `arguments` are strings' offsets. Returns its index. */
uint32_t add_task(struct builder *builder, const char *name, const char *image, struct manifest_task task,
	const uint32_t *arguments, uint32_t argument_count);

/* A trust domain for the next task of the system's, which shares it with none: behind the VMs', the console's and the entropy task's. */
uint32_t next_trust_domain(const struct builder *builder);

/* Sets the size of each task's CNode, after all capabilities were added. */
void size_cnodes(struct builder *builder);

/* The module with the contents of `path` under a name made from `name`; one that is there already is used again. */
uint32_t add_module(struct builder *builder, const char *name, const char *path);

/* The memory object of the module with the contents of `path`: the system's, read-only. */
uint32_t add_module_memory(struct builder *builder, const char *path);

/* Zeroed memory that drivers may tell their devices of: the system's for good. */
uint32_t add_dma_memory(struct builder *builder, const char *prefix, const char *name, uint64_t size);

/* Memory that a disk's clients share with it, under PREFIX/NAME: the system's for good, and where the disk is a device for DMA. */
uint32_t add_disk_memory(
	struct builder *builder, unsigned disk, const char *prefix, const char *name, uint64_t size);

/*
 * Makes `task` the driver of the function that the PCI server finds by the name `function`, which has to outlive the builder: regions bar0 to bar5,
 * function (read only), capability message0, whose interrupts signal `badge` to `notification`.
 */
void add_function(
	struct builder *builder, uint32_t task, const char *function, uint32_t notification, uint64_t badge);

/* The templates. expand_vm.c, expand_console.c, expand_entropy.c, expand_disks.c, expand_host.c, expand_switch.c, expand_uplink.c,
 * expand_wall_clock.c, expand_audit_log.c. Disks come before the VMs, the PCI server after all
 * drivers. */
void expand_disks(struct builder *builder);

/* The volume server of disk `number`, which `disk_task` serves: who wakes it on `disk_notification`, and takes its requests from `page`. expand_volumes.c. */
void expand_volumes(struct builder *builder, unsigned number, uint32_t disk_task, uint32_t disk_notification,
	uint32_t page);

/* Makes `task` (called `name`), which is signalled on `notification`, the next client of the volume server that has volume `volume`, as that was told. */
void add_volume_client(
	struct builder *builder, unsigned volume, const char *name, uint32_t task, uint32_t notification);

void expand_uplinks(struct builder *builder);

/* Behind all VMs: it is the last client of its volume server. */
void expand_audit_log(struct builder *builder);

void expand_pci_server(struct builder *builder);
void expand_vm(struct builder *builder, uint32_t vm);
void expand_console(struct builder *builder);
void expand_entropy(struct builder *builder);

/* After the console, before all who are to know the date: they map builder->wall_clock, read only. */
void expand_wall_clock(struct builder *builder);

/* Makes `task` (called `name`), which is signalled on `notification`, the next client of the entropy task, as that was told. */
void entropy_client(struct builder *builder, const char *name, uint32_t task, uint32_t notification);

/* Only where there is a network card or an uplink, and before the VMs and the uplinks. */
void expand_switch(struct builder *builder);

/* Connects a card's model, or an uplink's driver, with its port: the rings, and who signals whom. The notification's scope is the system. */
void add_card(struct builder *builder, unsigned port, uint32_t task, uint32_t notification);

/* The manifest object of a console's memory; its name is the console's. Added before VMs are expanded. */
uint32_t console_memory(const struct builder *builder, const char *console);

/* The object of that name; MANIFEST_NONE if there is none (an error of ours). */
uint32_t find_object(const struct builder *builder, const char *name);
