/* SPDX-License-Identifier: MIT */
/*
 * The manifest: the flat table that tells the root task which tasks exist and which capabilities each of them holds.
 * The host tool writes it, the root task reads it through the reader declared at the end. Includes nothing but the
 * compiler's own headers, so that both sides, the unit tests, the proofs and the fuzzer share this file.
 *
 *      +--------------------+ 0
 *      | manifest_header    |   one {offset, count} for each section below
 *      +--------------------+ each section starts on a multiple of 8
 *      | strings            |   NUL-terminated; a string is named by its offset in this section
 *      | arguments          |   string offsets; a task's arguments are a run of these
 *      | modules, vms, tasks, objects, capabilities, mappings, guest mappings, routes, exits, bindings
 *      +--------------------+ total_size
 *
 * Everything is little-endian. Records refer to each other by index in their section; MANIFEST_NONE is "no such thing".
 *
 * What the table means, in the order in which the root task works through it:
 *
 *   modules         module i of this table is multiboot module i + MANIFEST_FIRST_MODULE.
 *   objects         what is to be made by Retype. An object's scope says from whose Untyped, and so what it survives:
 *                   SYSTEM lives until the machine is off; VM dies when that VM stops (restart and stop revoke it);
 *                   TASK dies when that task is killed or restarted. A task's main thread, its CNode, address space, image,
 *                   heap, stacks and its main scheduling context are not listed: the task record implies them, scope TASK.
 *   capabilities    what a task's CNode holds, each under a local name. Nothing else gets in there.
 *   mappings        what a task's address space shows, each under a local name. A VCPU as the object means its state page.
 *   guest mappings  what a guest sees of memory. Routes: which ports of a guest go where. Exits: where all exits of a VCPU go.
 *   bindings        what signals which notification.
 *
 * The rule of authority, which the reader checks: an object of scope VM n is held or mapped only by tasks of VM n, an object
 * of scope TASK n only by task n; the root task (MANIFEST_ROOT) may hold anything. Nothing of one VM refers to another's. What
 * VMs share, scope SYSTEM, is reached by memory and notifications only: no task of a VM holds an endpoint of that scope, and no
 * route or exit ends at one, so that one VM's empty budget never stalls a server of others. Registers and messages of a PCI function belong to
 * the one task that drives it, which is the system's; its MSI-X table to a task that drives none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAGIC UINT64_C(0x494e414d4b4c5542) /* "BULKMANI" read as little-endian */
#define MANIFEST_ABI_VERSION 2u
#define MANIFEST_FIRST_MODULE 2u           /* multiboot module 0 is the root task, 1 the manifest itself */
#define MANIFEST_NONE UINT32_MAX           /* no such module, vm, task or object */
#define MANIFEST_ROOT UINT32_C(0xfffffffe) /* in the place of a task's index: the root task itself */
#define MANIFEST_PAGE_SIZE UINT64_C(0x1000)
#define MANIFEST_LARGE_PAGE_SIZE UINT64_C(0x200000)

/* Upper bounds, checked by the reader, so that the root task can keep its own tables in static arrays. */
#define MANIFEST_NAME_SIZE 32u        /* a name with its NUL; also the limit of local names */
#define MANIFEST_OBJECT_NAME_SIZE 64u /* an object's name with its NUL */
#define MANIFEST_ARGUMENT_SIZE 2304u  /* one argument string with its NUL */
#define MANIFEST_MAX_SIZE (4096u * 1024u)
#define MANIFEST_MAX_STRINGS (1024u * 1024u)
#define MANIFEST_MAX_ARGUMENTS 16384u
#define MANIFEST_MAX_MODULES 64u
#define MANIFEST_MAX_VMS 64u
#define MANIFEST_MAX_TASKS 640u
#define MANIFEST_MAX_OBJECTS 16384u
#define MANIFEST_MAX_CAPABILITIES 16384u
#define MANIFEST_MAX_MAPPINGS 8192u
#define MANIFEST_MAX_GUEST_MAPPINGS 1024u
#define MANIFEST_MAX_ROUTES 2048u
#define MANIFEST_MAX_ROUTE_NUMBER 63u /* of one guest space */
#define MANIFEST_MAX_EXITS 64u
#define MANIFEST_MAX_BINDINGS 8192u
#define MANIFEST_MAX_RESTARTS 100u /* that a restart policy may allow within its time */
#define MANIFEST_MAX_HANDLERS 4u   /* handler threads of one task */
#define MANIFEST_MAX_FUNCTIONS 16u /* PCI functions of the host that have drivers */
#define MANIFEST_MAX_BARS 6u       /* of one function */
#define MANIFEST_MAX_MESSAGES 4u   /* interrupt messages of one function that its driver is given */

/*
 * Bits of the notification bound to the root task's main thread (name "root/notification"). The root task keeps the top four
 * for itself and its peers; the status signal of VM n is bit n modulo MANIFEST_ROOT_SIGNAL_VMS. Which VM it was its status says.
 */
#define MANIFEST_ROOT_SIGNAL_TICK (UINT64_C(1) << 63)
#define MANIFEST_ROOT_SIGNAL_ADMIN (UINT64_C(1) << 62)
#define MANIFEST_ROOT_SIGNAL_LOG (UINT64_C(1) << 61)
#define MANIFEST_ROOT_SIGNAL_PCI \
	(UINT64_C(1) << 60) /* the PCI server has found functions or carried out an order */
#define MANIFEST_ROOT_SIGNAL_VMS 32u

/*
 * Capabilities of the root task's by such a name and a VM's: the one presses the VM's power button (it signals a device model), the others
 * pause the VM and let it go on (they signal its VCPU).
 */
#define MANIFEST_ROOT_BUTTON "button:"
#define MANIFEST_ROOT_PAUSE "pause:"
#define MANIFEST_ROOT_RESUME "resume:"

/*
 * Names of the root task's own regions and capability for the PCI functions that drivers have (bulkhead/host_pci.h): a page for each function,
 * its number behind the name; the page of orders; the PCI server's notification. PCI_TABLE is the PCI server's name for a function's MSI-X table.
 */
#define MANIFEST_PCI_FUNCTION "pci-function:"
#define MANIFEST_PCI_ORDERS "pci-orders"
#define MANIFEST_PCI_SIGNAL "pci-signal"
#define MANIFEST_PCI_TABLE "pci-table:"

/* The root task's region with the switch's counters (switch_page.h), where there is a switch. */
#define MANIFEST_ROOT_SWITCH "switch"

/* Bits of a VCPU's notification; those below are the device models', one bit each. */
#define MANIFEST_VCPU_SIGNAL_TIMER (UINT64_C(1) << 63)
#define MANIFEST_VCPU_SIGNAL_PAUSE (UINT64_C(1) << 62)
#define MANIFEST_VCPU_SIGNAL_RESUME \
	(UINT64_C(1) << 61) /* with the other: one after the other, whatever came first */

enum manifest_section_index {
	MANIFEST_SECTION_STRINGS, /* count is in bytes; last byte is NUL */
	MANIFEST_SECTION_ARGUMENTS,
	MANIFEST_SECTION_MODULES,
	MANIFEST_SECTION_VMS,
	MANIFEST_SECTION_TASKS,
	MANIFEST_SECTION_OBJECTS,
	MANIFEST_SECTION_CAPABILITIES,
	MANIFEST_SECTION_MAPPINGS,
	MANIFEST_SECTION_GUEST_MAPPINGS,
	MANIFEST_SECTION_ROUTES,
	MANIFEST_SECTION_EXITS,
	MANIFEST_SECTION_BINDINGS,
	MANIFEST_SECTION_COUNT
};

struct manifest_section {
	uint32_t offset; /* from the manifest's first byte, a multiple of 8 */
	uint32_t count;  /* records, or bytes for the strings */
};

enum manifest_panic_action {
	MANIFEST_PANIC_HALT,
	MANIFEST_PANIC_REBOOT,
};

struct manifest_header {
	uint64_t magic;       /* MANIFEST_MAGIC */
	uint32_t abi_version; /* MANIFEST_ABI_VERSION */
	uint32_t header_size; /* sizeof(struct manifest_header) */
	uint32_t total_size;  /* of the whole manifest in bytes */
	uint32_t checksum;    /* manifest_checksum() over [offsetof(name), total_size) */
	uint32_t name;        /* string: the appliance's name */
	uint32_t panic; /* enum manifest_panic_action: what the root task does when it cannot go on itself */
	struct manifest_section sections[MANIFEST_SECTION_COUNT];
};
_Static_assert(sizeof(struct manifest_section) == 8, "manifest_section is part of the format");
_Static_assert(offsetof(struct manifest_header, name) == 24, "the checksum covers all from here on");
_Static_assert(offsetof(struct manifest_header, sections) == 32, "manifest_header is part of the format");
_Static_assert(sizeof(struct manifest_header) == 32 + 8 * MANIFEST_SECTION_COUNT,
	"manifest_header is part of the format");

/* A file that the boot loader brought. */
struct manifest_module {
	uint32_t
		name; /* string: command line of the multiboot module, at most MANIFEST_NAME_SIZE - 1 bytes */
	uint32_t reserved;
	uint64_t size; /* exact length in bytes; a module of another length is not the one that was meant */
};
_Static_assert(sizeof(struct manifest_module) == 16, "manifest_module is part of the format");

enum manifest_on_exit {
	MANIFEST_ON_EXIT_STOP,    /* leave it dead (a VM: powered off) */
	MANIFEST_ON_EXIT_RESTART, /* make it again, at most `max` times within any `seconds`; then as STOP */
};

struct manifest_restart {
	uint32_t on_exit; /* enum manifest_on_exit */
	uint32_t max;     /* 1..MANIFEST_MAX_RESTARTS for RESTART, 0 for STOP */
	uint32_t seconds; /* 1.. for RESTART, 0 for STOP */
};
_Static_assert(sizeof(struct manifest_restart) == 12, "manifest_restart is part of the format");

struct manifest_vm {
	uint32_t name;                    /* string */
	uint32_t trust_domain;            /* 1..; its tasks and VCPUs have the same */
	struct manifest_restart on_crash; /* VMM died, triple fault, guest stopped by an error */
	struct manifest_restart on_reset; /* the guest asked for a reset */
	uint32_t hang_limit_ms;           /* longest time a VCPU may wait for a device model's reply */
	uint32_t reserved;
	uint64_t memory;    /* guest RAM in bytes, a multiple of 2 MiB */
	uint64_t budget_us; /* the VM's whole share, of which its contexts are carved */
	uint64_t period_us;
};
_Static_assert(sizeof(struct manifest_vm) == 64, "manifest_vm is part of the format");

/* A task's flags. */
#define MANIFEST_TASK_FPU (1u << 0) /* the main thread may use the FPU; handler threads never do */
#define MANIFEST_TASK_ESSENTIAL \
	(1u << 1) /* when it ends its VM ends as by a crash; it is never restarted alone */
#define MANIFEST_TASK_ALLOW_DMA \
	(1u << 2) /* of a driver: it runs on a machine without an IOMMU, too, where nothing confines its function's DMA */

struct manifest_task {
	uint32_t name;            /* string, unique */
	uint32_t module;          /* its ELF image */
	uint32_t vm;              /* or MANIFEST_NONE for a task of the system */
	uint32_t trust_domain;    /* its VM's, or one of its own */
	uint32_t priority;        /* of the main thread, 1..255, also the maximum controlled priority */
	uint32_t cnode_size_bits; /* room for its capabilities, slot 0 left empty */
	uint32_t flags;           /* MANIFEST_TASK_* */
	uint32_t handler_count;   /* handler threads: THREAD objects of scope TASK with this task's index */
	uint64_t budget_us;       /* of the main thread's context; 0 with period 0: passive, none */
	uint64_t period_us;
	uint64_t heap_size;  /* bytes, a multiple of a page */
	uint64_t stack_size; /* bytes for each thread, a multiple of a page */
	struct manifest_restart restart;
	uint32_t first_argument; /* index in the arguments section */
	uint32_t argument_count;
	uint32_t
		function; /* 1 + number of the PCI function that it drives, and without which it does not start; 0: none */
};
_Static_assert(sizeof(struct manifest_task) == 88, "manifest_task is part of the format");

/* Types of object. Values are this format's own; the root task translates them into the kernel's. */
enum manifest_object_type {
	MANIFEST_OBJECT_ENDPOINT = 1,
	MANIFEST_OBJECT_REPLY,
	MANIFEST_OBJECT_NOTIFICATION,
	MANIFEST_OBJECT_TIMER,
	MANIFEST_OBJECT_THREAD,        /* a handler thread: scope TASK, index, priority */
	MANIFEST_OBJECT_SCHED_CONTEXT, /* budget_us, period_us, cpu */
	MANIFEST_OBJECT_MEMORY,        /* size; module or MANIFEST_NONE (zeroed memory); flags LARGE_PAGES */
	MANIFEST_OBJECT_GUEST_SPACE,   /* scope VM */
	MANIFEST_OBJECT_VCPU,          /* scope VM; guest_space, sched_context, priority, index, cpu */
	MANIFEST_OBJECT_IRQ_HANDLER,   /* first = interrupt line; flags LEVEL, ISA, or MESSAGE */
	MANIFEST_OBJECT_IO_PORTS, /* first, count; mapped into the I/O bitmap of the task that holds the capability */
	/* Registers of a PCI function: first = its number, index = BAR, size = room for it; with flag TABLE instead its MSI-X table. Where and how
	 * large it is says the machine: the root task makes it when the PCI server has found the function. Scope SYSTEM. */
	MANIFEST_OBJECT_DEVICE_MEMORY,
	MANIFEST_OBJECT_TYPE_END
};

enum manifest_scope {
	MANIFEST_SCOPE_SYSTEM,
	MANIFEST_SCOPE_VM,   /* scope_index is a vm */
	MANIFEST_SCOPE_TASK, /* scope_index is a task */
};

/* An object's flags. */
#define MANIFEST_OBJECT_LARGE_PAGES (1u << 0) /* MEMORY: frames of 2 MiB; size is a multiple of it */
#define MANIFEST_OBJECT_LEVEL (1u << 1)       /* IRQ_HANDLER: level triggered, active low; otherwise edge */
#define MANIFEST_OBJECT_ISA (1u << 2) /* IRQ_HANDLER: the line is an ISA interrupt 0..15, not a global one */
#define MANIFEST_OBJECT_MESSAGE \
	(1u << 3) /* IRQ_HANDLER: message `index` of the PCI function `first`; scope SYSTEM, made when that was found */
#define MANIFEST_OBJECT_DMA \
	(1u << 4) /* MEMORY, scope SYSTEM: contiguous, and drivers that map it are told its address for their devices */
#define MANIFEST_OBJECT_TABLE (1u << 5) /* DEVICE_MEMORY: the pages of the function's MSI-X table */

/* Fields that a type does not use are 0, references that it does not use MANIFEST_NONE. */
struct manifest_object {
	uint32_t name;        /* string: what dumps and audits call it, like "red/uart0/endpoint" */
	uint32_t type;        /* enum manifest_object_type */
	uint32_t scope;       /* enum manifest_scope */
	uint32_t scope_index; /* MANIFEST_NONE for SYSTEM */
	uint32_t flags;       /* MANIFEST_OBJECT_* */
	uint32_t
		module; /* MEMORY: read-only contents of this module; size is then the module's. Scope SYSTEM */
	uint32_t
		first; /* IO_PORTS: first port; IRQ_HANDLER: the line (GSI); MESSAGE, DEVICE_MEMORY: the function */
	uint32_t count;         /* IO_PORTS: number of ports */
	uint32_t guest_space;   /* VCPU */
	uint32_t sched_context; /* VCPU */
	uint32_t priority;      /* THREAD, VCPU: 1..255 */
	uint32_t index; /* THREAD: 1..handler_count within the task; VCPU: 0.. within the VM; MESSAGE; BAR */
	uint32_t cpu;   /* SCHED_CONTEXT, VCPU: the CPU it belongs to */
	uint32_t reserved;
	uint64_t
		size; /* MEMORY: bytes; a multiple of the page size unless it is a module; DEVICE_MEMORY: likewise */
	uint64_t budget_us; /* SCHED_CONTEXT */
	uint64_t period_us; /* SCHED_CONTEXT */
};
_Static_assert(sizeof(struct manifest_object) == 80, "manifest_object is part of the format");

/* Rights of capabilities and mappings. */
#define MANIFEST_RIGHT_READ (1u << 0)  /* receive, wait; mappings: read */
#define MANIFEST_RIGHT_WRITE (1u << 1) /* send, signal; mappings: write */
#define MANIFEST_RIGHT_GRANT (1u << 2) /* pass capabilities along */
#define MANIFEST_RIGHT_ALL (MANIFEST_RIGHT_READ | MANIFEST_RIGHT_WRITE | MANIFEST_RIGHT_GRANT)

struct manifest_capability {
	uint32_t task; /* who holds it; MANIFEST_ROOT for the root task */
	uint32_t name; /* string: local name, unique within the task */
	uint32_t object;
	uint32_t rights; /* MANIFEST_RIGHT_*, at least one */
	uint64_t badge;  /* ENDPOINT, NOTIFICATION; otherwise 0 */
};
_Static_assert(sizeof(struct manifest_capability) == 24, "manifest_capability is part of the format");

struct manifest_mapping {
	uint32_t task;   /* in whose address space; MANIFEST_ROOT for the root task */
	uint32_t name;   /* string: local name, unique within the task */
	uint32_t object; /* MEMORY, VCPU for its state page, or all of a DEVICE_MEMORY */
	uint32_t rights; /* READ, or READ and WRITE; modules only READ; never executable */
	uint64_t offset; /* in the object, a multiple of its page size */
	uint64_t
		length; /* bytes; a module's may end within a page, the rest of that page is not the module's */
};
_Static_assert(sizeof(struct manifest_mapping) == 32, "manifest_mapping is part of the format");

struct manifest_guest_mapping {
	uint32_t guest_space;
	uint32_t object; /* MEMORY, not a module */
	uint32_t rights; /* READ, or READ and WRITE; always executable by the guest */
	uint32_t reserved;
	uint64_t offset; /* in the object */
	uint64_t guest_physical;
	uint64_t
		length; /* all three multiples of the object's page size; mappings of one space do not overlap */
};
_Static_assert(sizeof(struct manifest_guest_mapping) == 40, "manifest_guest_mapping is part of the format");

/* A range of guest ports that goes past the VMM. Routes of one guest space do not overlap for the same VCPU. */
struct manifest_route {
	uint32_t guest_space;
	uint32_t vcpu;   /* object whose accesses it serves */
	uint32_t number; /* of the route in its guest space, 0.., unique there */
	uint32_t first_port;
	uint32_t
		port_count; /* first_port + port_count <= 65536. 0, with first port 0: a doorbell that has no ports
	                      * yet; whoever holds the guest space gives it some */
	uint32_t target; /* ENDPOINT, or NOTIFICATION for a doorbell */
	uint64_t badge;
};
_Static_assert(sizeof(struct manifest_route) == 32, "manifest_route is part of the format");

/* All exits of a VCPU that no route takes go to this endpoint, with the general registers and, by the VMM's later masks, more. */
struct manifest_exit {
	uint32_t vcpu;
	uint32_t endpoint;
	uint64_t badge;
};
_Static_assert(sizeof(struct manifest_exit) == 16, "manifest_exit is part of the format");

enum manifest_binding_kind {
	MANIFEST_BINDING_VCPU = 1, /* subject: VCPU; a signal makes it exit. badge 0 */
	MANIFEST_BINDING_THREAD, /* subject: a task (or MANIFEST_ROOT); its main thread's bound notification. badge 0 */
	MANIFEST_BINDING_TIMER, /* subject: TIMER; signals badge when the deadline has passed */
	MANIFEST_BINDING_IRQ,   /* subject: IRQ_HANDLER; signals badge */
};

struct manifest_binding {
	uint32_t kind;    /* enum manifest_binding_kind */
	uint32_t subject; /* object, or task for THREAD */
	uint32_t notification;
	uint32_t reserved;
	uint64_t badge;
};
_Static_assert(sizeof(struct manifest_binding) == 24, "manifest_binding is part of the format");

/* ---- The reader (lib/manifest) ------------------------------------------------------------------------------------ */

enum manifest_error {
	MANIFEST_OK,
	MANIFEST_ERROR_MISALIGNED, /* the buffer does not start on a multiple of 8 */
	MANIFEST_ERROR_TRUNCATED,  /* shorter than the header, or than total_size */
	MANIFEST_ERROR_MAGIC,
	MANIFEST_ERROR_VERSION, /* abi_version or header_size differ from this reader's */
	MANIFEST_ERROR_SIZE,    /* total_size is below the header's or above MANIFEST_MAX_SIZE */
	MANIFEST_ERROR_CHECKSUM,
	MANIFEST_ERROR_SECTION, /* a section is misaligned, too long or outside total_size */
	MANIFEST_ERROR_STRING, /* a string is outside, not terminated, empty where a name is due, or too long */
	MANIFEST_ERROR_REFERENCE, /* an index names no record, or a record of the wrong type */
	MANIFEST_ERROR_VALUE,     /* a number is outside its range, a reserved field is not 0 */
	MANIFEST_ERROR_SCOPE,     /* the rule of authority is broken */
	MANIFEST_ERROR_DUPLICATE, /* a name twice, or ports, guest memory, a binding or an exit claimed twice */
	MANIFEST_ERROR_COUNT
};

/* An opened manifest: pointers into the caller's buffer, which has to stay and to stay unchanged while this is used. */
struct manifest {
	const struct manifest_header *header;
	const char *strings;
	const uint32_t *arguments;
	const struct manifest_module *modules;
	const struct manifest_vm *vms;
	const struct manifest_task *tasks;
	const struct manifest_object *objects;
	const struct manifest_capability *capabilities;
	const struct manifest_mapping *mappings;
	const struct manifest_guest_mapping *guest_mappings;
	const struct manifest_route *routes;
	const struct manifest_exit *exits;
	const struct manifest_binding *bindings;
	uint32_t string_size;
	uint32_t argument_count;
	uint32_t module_count;
	uint32_t vm_count;
	uint32_t task_count;
	uint32_t object_count;
	uint32_t capability_count;
	uint32_t mapping_count;
	uint32_t guest_mapping_count;
	uint32_t route_count;
	uint32_t exit_count;
	uint32_t binding_count;
};

/* Where and why opening failed, for a message. */
struct manifest_fault {
	uint32_t section; /* enum manifest_section_index, or MANIFEST_SECTION_COUNT for the header */
	uint32_t record;  /* index in that section */
};

/*
 * Checks the whole manifest in `bytes` (size in bytes, any contents, 8-byte aligned) and fills `manifest`. After MANIFEST_OK
 * each reference, string and range in it is valid and needs no further check. On an error `manifest` is all zero and `fault`
 * (may be NULL) says where. Reads only [bytes, bytes + size), writes only the two results, allocates nothing. Anyone may call it.
 */
__attribute__((warn_unused_result)) enum manifest_error manifest_open(
	const void *bytes, size_t size, struct manifest *manifest, struct manifest_fault *fault);

/* The string at `offset` of an opened manifest; "" for an offset outside, so that it can always be printed. */
const char *manifest_string(const struct manifest *manifest, uint32_t offset);

/* Argument `number` (0.. argument_count - 1) of `task`; "" beyond the last. */
const char *manifest_argument(
	const struct manifest *manifest, const struct manifest_task *task, uint32_t number);

/* The index of the task / vm that is called `name`; MANIFEST_NONE if there is none. */
uint32_t manifest_find_task(const struct manifest *manifest, const char *name);
uint32_t manifest_find_vm(const struct manifest *manifest, const char *name);

/* The mapping of `task` (or MANIFEST_ROOT) that is called `name`; NULL if there is none. */
const struct manifest_mapping *manifest_find_mapping(
	const struct manifest *manifest, uint32_t task, const char *name);

/* CRC-32 (IEEE 802.3, reflected, as in gzip) of `size` bytes at `bytes`. */
uint32_t manifest_checksum(const void *bytes, size_t size);

/* English names for messages and dumps: never NULL, "?" for a value that is none. */
const char *manifest_error_text(enum manifest_error error);
const char *manifest_section_name(uint32_t section);
const char *manifest_object_type_name(uint32_t type);
