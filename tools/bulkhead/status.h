/* SPDX-License-Identifier: MIT */
/* The tool's exit statuses; docs/bulkhead.1 lists them. 0..127 belong to the guests' debug-exit codes, 128..192 to signals. */
#pragma once

enum exit_status {
	STATUS_OK = 0,
	STATUS_INTERRUPTED = 130, /* 128 + SIGINT, as a shell would say it */
	STATUS_TERMINATED = 143,  /* 128 + SIGTERM */
	STATUS_USAGE = 200,       /* the command line is wrong */
	STATUS_BAD_FILE = 201,    /* the appliance file has errors */
	STATUS_MISSING = 202,     /* QEMU, GRUB or a part of Bulkhead itself is not there */
	STATUS_TIMEOUT = 203,     /* --timeout passed */
	STATUS_HALTED = 204,      /* the kernel halted */
	STATUS_ENDED = 205, /* the machine ended without the text that --until waits for, or QEMU failed */
	STATUS_INPUT_OUTPUT = 206, /* a file could not be written, a process not started, memory ran out */
	STATUS_NOT_WHOLE = 207,    /* there is no audit log, or it is not whole */
};
