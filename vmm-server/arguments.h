/* SPDX-License-Identifier: MIT */
/* The VMM server's arguments: what the appliance declares of one VM, as the host tool passes it on in the
 * task's argument strings. Pure: parses strings into a struct, no system calls. Numbers are decimal, or
 * hexadecimal with 0x.
 *
 *   vm=NAME                     the VM's name, for messages
 *   protocol=linux | multiboot  boot protocol of region `kernel`. Needed
 *   cmdline=TEXT                the kernel's command line; default empty
 *   module=REGION,TEXT          multiboot: a module in region REGION with its string TEXT (may hold commas)
 *   model=MODEL,BIT             a device model: region `lines:MODEL`, its bit in the vCPU's notification
 *   port=FIRST,COUNT,CAPABILITY ports that a model serves; CAPABILITY is the one to call for accesses that must
 *                               be done again or split (like `model:uart0`); its badge is the model's region
 *   memory=FIRST,SIZE,CAPABILITY
 *                               guest-physical addresses that a model serves, all below 4 GiB; SIZE at most 65536
 *   line=MODEL,NUMBER,gsi,GSI   that line of the model drives global system interrupt GSI (0..23)
 *   line=MODEL,NUMBER,poweroff | reset | exit
 *                               a rising edge ends the VM (exit: with the line page's value)
 *   virtio=MODEL,DEVICE,TYPE,CLASS,QUEUES,ROUTE
 *                               the model is a virtio device of that TYPE and CLASS, with that many queues, at that DEVICE
 *                               number on PCI bus 0; its doorbells' routes are ROUTE and those behind it. Capabilities
 *                               `model:MODEL` (its registers) and `doorbell:MODEL:N` for each queue
 *   serial=PORT,GSI             a 16550 that ACPI describes (COM1 first)
 *   paravirtual=kvm-clock | pv-eoi
 *                               a hypervisor interface to offer to the guest; none by default
 *   after_pause=catch-up | stand
 *                               whether the VM's clocks catch up after a pause; by default they go on from where they stood
 *
 * Unknown keys are errors: the tool and this task are built together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/task_info.h>
#include <bulkhead/virtio_pci.h>

#define VMM_MODELS_MAX 24u
#define VMM_PORTS_MAX 32u
#define VMM_MEMORIES_MAX 16u
#define VMM_VIRTIO_MAX VIRTIO_PCI_FUNCTIONS
#define VMM_LINES_MAX 32u
#define VMM_MODULES_MAX 16u
#define VMM_SERIALS_MAX 4u
#define VMM_COMMAND_LINE_MAX 2048u

enum vmm_protocol { VMM_PROTOCOL_NONE, VMM_PROTOCOL_LINUX, VMM_PROTOCOL_MULTIBOOT };

enum vmm_line_action { VMM_LINE_GSI, VMM_LINE_POWEROFF, VMM_LINE_RESET, VMM_LINE_EXIT };

struct vmm_argument_model {
	char name[TASK_INFO_NAME_SIZE];
	uint32_t bit; /* 0..61 */
};

struct vmm_argument_port {
	uint32_t first; /* 0..65535 */
	uint32_t count; /* 1.., first + count <= 65536 */
	char capability[TASK_INFO_NAME_SIZE];
};

struct vmm_argument_memory {
	uint32_t first; /* aligned to 4096 */
	uint32_t size;  /* 1..65536 */
	char capability[TASK_INFO_NAME_SIZE];
};

struct vmm_argument_line {
	uint32_t model;  /* index in models */
	uint32_t number; /* the model's line number */
	enum vmm_line_action action;
	uint32_t gsi; /* VMM_LINE_GSI: 0..23 */
};

struct vmm_argument_virtio {
	uint32_t model;      /* index in models */
	uint32_t device;     /* 2..31 */
	uint32_t type;       /* 1..63 */
	uint32_t class_code; /* 24 bits */
	uint32_t queues;     /* 1..VIRTIO_PCI_QUEUES */
	uint32_t route;      /* 0..63, with all of its queues */
};

struct vmm_argument_module {
	char region[TASK_INFO_NAME_SIZE];
	const char *text; /* points into the argument strings */
};

struct vmm_argument_serial {
	uint32_t port;
	uint32_t gsi;
};

struct vmm_arguments {
	enum vmm_protocol protocol;
	const char *command_line; /* never NULL */
	bool paravirtual_clock;
	bool paravirtual_eoi;
	bool catches_up; /* the clocks do after a pause */
	uint32_t model_count;
	uint32_t port_count;
	uint32_t memory_count;
	uint32_t line_count;
	uint32_t module_count;
	uint32_t serial_count;
	uint32_t virtio_count;
	struct vmm_argument_model models[VMM_MODELS_MAX];
	struct vmm_argument_port ports[VMM_PORTS_MAX];
	struct vmm_argument_memory memories[VMM_MEMORIES_MAX];
	struct vmm_argument_line lines[VMM_LINES_MAX];
	struct vmm_argument_virtio virtio[VMM_VIRTIO_MAX];
	struct vmm_argument_module modules[VMM_MODULES_MAX];
	struct vmm_argument_serial serials[VMM_SERIALS_MAX];
};

/* Parses `count` strings "key=value" into `result`, which keeps pointers into them. False on the first string
 * that is wrong: *wrong is its number then (`count` if something needed is missing). Main thread, before the
 * guest runs. */
__attribute__((warn_unused_result)) bool vmm_arguments_parse(
	const char *const *strings, uint32_t count, struct vmm_arguments *result, uint32_t *wrong);
