/* SPDX-License-Identifier: MIT */
/* The command line with which QEMU is started. Memory and the staging folder. */
#pragma once

#include "run.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_PACKAGE "qemu-system-x86"
#define QEMU_MAX_ARGUMENTS 256u

struct qemu_command {
	char *arguments[QEMU_MAX_ARGUMENTS]; /* NULL-terminated */
	unsigned count;
};

/*
 * Fills `command` for a machine whose COM1 and COM2 are the sockets `com1` and `com2` (inherited descriptors), and puts what `-kernel` boots
 * into `staging`. False after a message.
 */
bool qemu_command_make(struct qemu_command *command, const struct system_image *image,
	const struct run_options *options, const char *staging, int com1, int com2);

void qemu_command_free(struct qemu_command *command);
