/* SPDX-License-Identifier: MIT */
/* An appliance as its file declares it: what config.c reads, check.c judges, and expand.c turns into tasks and capabilities. */
#pragma once

#include "devices.h"
#include "diagnostics.h"
#include "disks.h"
#include "network.h"

#include <bulkhead/manifest.h>

#include <stdbool.h>
#include <stdint.h>

#define APPLIANCE_MAX_VMS MANIFEST_MAX_VMS
#define VM_MAX_DEVICES (DEVICE_COUNT + VM_MAX_NICS + VM_MAX_DISKS)
#define APPLIANCE_MAX_CONSOLES 58u    /* of all VMs: bits of the console task's notification */
#define APPLIANCE_MAX_GUEST_FILES 16u /* modules of one VM */
#define APPLIANCE_NAME_LENGTH 15u     /* of VMs and consoles: "console:" and such fit before them */
#define APPLIANCE_COMMAND_LINE_MAX 2047u
#define APPLIANCE_ADMIN_CONSOLE "admin"
#define APPLIANCE_CONTROL "control" /* name of the control port and of its rings */

/* Where guest RAM is split: the PC's hole for devices lies between the two. */
#define GUEST_LOW_MEMORY_END UINT64_C(0xc0000000)
#define GUEST_HIGH_MEMORY UINT64_C(0x100000000)

/* What the system's own tasks need of the CPU; VMs share the rest. */
#define SYSTEM_SHARE_PER_MILLE 200u
#define AUDIT_SHARE_PER_MILLE 50u
#define PCI_SHARE_PER_MILLE 10u /* the PCI server's, where there are host devices */

struct device {
	const struct device_template *template;
	const char *name; /* the template's, or of a network card or a disk */
	struct manifest_restart on_crash;
	unsigned line;
	char *console; /* a UART's console name; NULL for others */
	unsigned console_line;
	struct device_range ranges[DEVICE_MAX_RANGES]; /* the template's, or where a UART was moved to */
	unsigned number;                               /* a network card's or a disk's, of those of its VM */
	unsigned irq; /* a UART's interrupt; 0 for others, whose template says it */
};

enum guest_protocol { PROTOCOL_LINUX, PROTOCOL_MULTIBOOT };

struct vm {
	char *name;
	unsigned line; /* where its section starts */
	uint64_t memory;
	unsigned memory_line; /* 0: missing or malformed, and reported */
	enum guest_protocol protocol;
	struct guest_file kernel;
	struct guest_file initrd;
	struct guest_file modules[APPLIANCE_MAX_GUEST_FILES];
	unsigned module_count;
	char *command_line; /* never NULL */
	unsigned command_line_line;
	struct device devices[VM_MAX_DEVICES];
	unsigned device_count;
	struct nic nics[VM_MAX_NICS];
	unsigned nic_count;
	struct vm_disk disks[VM_MAX_DISKS];
	unsigned disk_count;
	uint64_t budget_us; /* 0 until the share is known */
	uint64_t period_us;
	unsigned share_line; /* where budget, period or share stands; 0: the default */
	struct manifest_restart on_crash;
	struct manifest_restart on_reset;
	uint64_t hang_limit_us;
	unsigned hang_limit_line;
	bool paravirtual_clock;
	bool paravirtual_eoi;
	bool catches_up; /* its clocks do after a pause */
};

/* The serial port at which programs give the administrator's commands. */
enum control_port { CONTROL_NONE, CONTROL_COM2, CONTROL_COM3 };

struct appliance {
	char *name;
	char *admin_console;
	unsigned admin_console_line;
	bool has_transcript;
	enum control_port control;
	unsigned control_line; /* 0: not given */
	bool reboot_on_panic;
	struct manifest_restart
		on_crash; /* of the system's own tasks: console, wall clock, entropy, switch, PCI server, audit log */
	struct vm vms[APPLIANCE_MAX_VMS];
	unsigned vm_count;
	bool has_iommu; /* the file says that the machine has one: without it confined drivers don't start */
	struct disk disks[APPLIANCE_MAX_DISKS];
	unsigned disk_count;
	struct volume volumes[APPLIANCE_MAX_VOLUMES];
	unsigned volume_count;
	unsigned
		audit_log; /* the volume that it is on, where there is one; VOLUME_NONE: unknown, and reported */
	unsigned audit_log_line; /* 0: there is none */
	struct network network;
};

/* What the system's own tasks need of the CPU, in thousandths. */
unsigned appliance_system_share(const struct appliance *appliance);

/*
 * Reads and checks the appliance file `path`. Every fault is reported; on the first return value false the appliance is not to be
 * used. Guest files are looked for relative to the folder of `path`. Reads files, writes messages, nothing else.
 */
__attribute__((warn_unused_result)) bool appliance_load(const char *path, struct appliance *appliance);

void appliance_free(struct appliance *appliance);
