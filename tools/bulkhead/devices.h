/* SPDX-License-Identifier: MIT */
/* The device models that a VM may have: one table says all that the tool knows of each. Read-only data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_MAX_RANGES 2u
#define DEVICE_MAX_LINES 4u

/* A run of guest ports. Its place in the table is the region number, the badge of its route. */
struct device_range {
	uint16_t first;
	uint16_t count;
};

/* A range of guest-physical memory that the model serves. Its region number is that behind the ports'. */
struct device_memory {
	uint32_t first; /* page-aligned, in the hole below 4 GiB */
	uint32_t size;  /* bytes, at most 64 KiB */
};

/* One output line of a model and what the VMM makes of it: "gsi,4", "poweroff", "reset" or "exit". */
struct device_line {
	unsigned number;
	const char *action;
};

/* What makes a device a virtio device on the VM's PCI bus (virtio 1.2 section 5). */
struct device_virtio {
	unsigned type;       /* 0: it is none */
	unsigned class_code; /* of PCI: base class << 16 | subclass << 8 | interface */
	unsigned queues;     /* each has a doorbell */
};

struct device_template {
	const char *name;  /* of the device in the appliance file, and of its task after "VM/" */
	const char *image; /* file name of its task's image */
	const char *what;  /* for people */
	struct device_range ranges[DEVICE_MAX_RANGES];
	unsigned range_count;
	struct device_memory memory; /* size 0: none */
	struct device_line lines[DEVICE_MAX_LINES];
	unsigned line_count;
	unsigned share_per_mille; /* of the VM's budget, for the model's own event work */
	bool power_button;        /* its model takes the signal that the power button is pressed */
	struct device_virtio virtio;
	bool entropy;        /* gets its bytes from the entropy task */
	bool frames;         /* a network card: its frames go to the switch and come from it */
	bool volume;         /* a disk: its requests go to a volume server */
	unsigned serial_irq; /* not 0: a 16550 with a console; ACPI describes it with this interrupt */
	const char
		*argument; /* "" or what the model's task gets besides vm=; %M is the VM's memory in bytes */
};

/* The device called `name`; NULL if there is none. */
const struct device_template *device_find(const char *name);

/* What all network cards are made from. Its name is that of its kind: a card has its own, by a section of the appliance file. */
const struct device_template *device_nic(void);

/* What all disks of VMs are made from, likewise. */
const struct device_template *device_disk(void);

/* Device number 0..; NULL after the last. Those before DEVICE_DEFAULT_COUNT a VM has where its section names none. */
const struct device_template *device_at(size_t number);
#define DEVICE_COUNT 10u
#define DEVICE_DEFAULT_COUNT 5u
