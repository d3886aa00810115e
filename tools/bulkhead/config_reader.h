/* SPDX-License-Identifier: MIT */
/* Between the parts of the appliance file's reader: config.c parses the file, config_*.c read the sections of one kind each, by config_values.c. */
#pragma once

#include "appliance.h"

#include <confuse.h>

/* On which line an option was given: libconfuse itself forgets it. */
struct option_line {
	const cfg_opt_t *option;
	unsigned index; /* of a list's element */
	unsigned line;
};

struct reader {
	struct diagnostics diagnostics;
	struct option_line *lines;
	size_t line_count;
	size_t line_capacity;
	const char *folder; /* of the appliance file, with a slash at its end, or "" */
	const char *text;   /* prepared source */
	struct appliance *appliance;
};

/* The line on which an option, or element `index` of a list, was given; 0 if it was not. */
unsigned option_line(const struct reader *reader, const cfg_opt_t *option, unsigned index);

/* The text of an option and its line; NULL and 0 if it was not given. */
const char *option_text(const struct reader *reader, cfg_t *section, const char *name, unsigned *line);

/* An option that is true or false; `fallback` where it is not given, or neither (which is reported). */
bool read_boolean(struct reader *reader, cfg_t *section, const char *name, bool fallback);

/* A duration and its line; `fallback` and 0 where it is not given, `fallback` where it is none (which is reported). */
unsigned read_duration(
	struct reader *reader, cfg_t *section, const char *name, uint64_t fallback, uint64_t *microseconds);

/* The name of a console in new memory; `fallback` where it is not given, or no name (which is reported). */
char *read_console_name(struct reader *reader, cfg_t *section, const char *name, const char *fallback);

/* Reports a name that is not in the form that tasks, regions and consoles are named in. */
bool check_plain_name(struct reader *reader, const char *name, unsigned line, const char *what);

/* Appends a word to a list in `text`, with a comma where it is not the first. */
void append_word(char *text, size_t size, const char *word);

/* The name of a boot file "PATH" or, for multiboot modules, "PATH STRING". */
struct guest_file read_file_name(
	const struct reader *reader, const char *text, unsigned line, bool has_string);

/* Reports a name that another device of the VM, or its VMM, has. `example` is one that would do. */
bool check_device_name(
	struct reader *reader, const struct vm *vm, const char *name, unsigned line, const char *example);

/* Whether there is a section number `index` of a kind outside of the VMs. One more than `most` there is not, which is reported. */
bool has_section(struct reader *reader, cfg_t *root, const char *kind, unsigned index, unsigned most,
	const char *plural);

/* Devices of one class that there are drivers for: how the appliance file and the messages about it name them. */
#define FUNCTION_KINDS 2u
struct function_class {
	const char *device; /* one of them: "disk" */
	const char *place;  /* where one could be: "00:04.0" */
	const char *
		instead; /* what a section may have in place of a device, as the end of a message; may be "" */
	struct {
		const char *name;
		const char *pci; /* as the PCI server finds it */
	} kinds[FUNCTION_KINDS]; /* by the number of their driver */
};

/* Reads pci, driver and allow_dma of a section, which begins at `section_line` (config_function.c). */
void read_function(struct reader *reader, cfg_t *section, const struct function_class *class,
	unsigned section_line, struct host_function *function);

/* Reads a section `disk NAME { ... }` outside of the VMs (config_disk.c). */
void read_disk(struct reader *reader, cfg_t *section, struct disk *disk);

/* Reads the sections `volume NAME { ... }`, after all disks were read and before the VMs (config_volume.c). */
void read_volumes(struct reader *reader, cfg_t *root);

/* Reads `audit_log`, after all volumes were read (config_volume.c). */
void read_audit_log(struct reader *reader, cfg_t *root);

/* Reads the sections `disk NAME { ... }` of a VM (config_volume.c). */
void read_vm_disks(struct reader *reader, cfg_t *section, struct vm *vm);

/* The policy of the system's own tasks where the file says nothing. */
#define SYSTEM_ON_CRASH "restart 5 per 60s"

/* A restart policy; `fallback` where it is not given, or none (which is reported). */
void read_restart(struct reader *reader, cfg_t *section, const char *name, const char *fallback,
	struct manifest_restart *restart);

/* Reads the sections `nic NAME { ... }` of a VM (config_network.c). */
void read_nics(struct reader *reader, cfg_t *section, struct vm *vm);

/* Reads vlan, rate and burst of a port (config_network.c). */
void read_traffic(struct reader *reader, cfg_t *section, struct traffic *traffic);

/* Reads the sections `uplink NAME { ... }` (config_uplink.c). */
void read_uplinks(struct reader *reader, cfg_t *root);

/* Reads `flows` and `deny`, after all VMs and uplinks were read (config_network.c). */
void read_network(struct reader *reader, cfg_t *root);

/* Reads a section `vm NAME { ... }`. */
void read_vm(struct reader *reader, cfg_t *section, struct vm *vm);
