/* SPDX-License-Identifier: MIT */
/* Runs an expanded appliance in QEMU. */
#pragma once

#include "appliance.h"
#include "expand.h"
#include "status.h"

#define RUN_MAX_DISKS 8u

struct run_options {
	const char *until;                /* text to wait for on any console; NULL: none */
	const char *transcript;           /* file that gets the transcript; NULL: none */
	unsigned timeout;                 /* seconds; 0: none */
	bool count_instructions;          /* --icount */
	bool real_time;                   /* --real-time */
	const char *disks[RUN_MAX_DISKS]; /* files that the machine has as virtio disks */
	unsigned disk_count;
	const char
		*uplinks[NETWORK_MAX_UPLINKS]; /* QEMU's backends, in the order of the file; NULL: "user" */
	unsigned uplink_count;
	const char *image;           /* a GRUB image to boot from; NULL: QEMU's -kernel */
	char *const *qemu_arguments; /* appended to QEMU's own; NULL-terminated */
	const char *admin_console;
	enum control_port control_port; /* which port is the appliance's control port */
	const char *control; /* path of the UNIX socket that gives it; NULL: nobody is connected to it */
};

/*
 * Starts QEMU and stays until the machine has ended or one of the options says so. Without `until` the terminal (standard input and
 * output) is the machine's COM1, with it the transcript (COM2) goes to standard output. Returns the exit status of the tool.
 */
int run_machine(const struct system_image *image, const struct run_options *options);
