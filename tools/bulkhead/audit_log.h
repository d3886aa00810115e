/* SPDX-License-Identifier: MIT */
/* `bulkhead log`: shows and verifies an audit log in a file. Reads that file, writes to standard output and error. */
#pragma once

/* The command with what stands behind its name on the command line. Returns an exit status; 0 only for a log that is whole. */
int audit_log_command(char **arguments);
