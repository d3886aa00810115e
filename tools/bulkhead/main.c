/* SPDX-License-Identifier: MIT */
/* bulkhead, the host tool: checks appliance files, builds images of them, runs them, and says what they allow. */
#include "appliance.h"
#include "audit.h"
#include "audit_json.h"
#include "audit_log.h"
#include "boot_image.h"
#include "diagnostics.h"
#include "expand.h"
#include "run.h"
#include "staging.h"
#include "status.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOOL_VERSION "1.0"
#define MAX_TIMEOUT 1000000ul

static const char HELP[] =
	"usage: bulkhead [--system DIR] COMMAND\n"
	"\n"
	"  check FILE                 say whether the appliance file is right\n"
	"  build FILE -o IMAGE        make an image that BIOS and UEFI boot from a CD or a USB stick\n"
	"  run FILE [OPTIONS] [-- QEMU-ARGUMENTS...]\n"
	"                             run it in QEMU, on this terminal; Ctrl-] then h shows the console's keys,\n"
	"                             Ctrl-\\ three times ends QEMU\n"
	"      --until TEXT           print all consoles, and end with status 0 when TEXT has appeared on one\n"
	"      --transcript OUTPUT    write all consoles' lines to a file as well\n"
	"      --control PATH         give the appliance's control port a UNIX socket at PATH\n"
	"      --timeout SECONDS      give up after that time (status 203)\n"
	"      --icount               count instructions instead of time; each run is like the other\n"
	"      --real-time            time goes by the clock even while the machine is busy (for a fast machine, or KVM)\n"
	"      --disk FILE            give the machine that file as a virtio disk; again for more\n"
	"      --uplink BACKEND       what is behind the first uplink, as QEMU's -netdev takes it; again for the next (default: user)\n"
	"      --image IMAGE|direct   boot from an image made by build; direct (the default): without GRUB\n"
	"  audit FILE [--json]        say who holds what, and who can reach whom; for programs\n"
	"  manifest FILE -o OUTPUT    write the table that the root task would get\n"
	"  log show FILE [--partition N] [--volume NAME]\n"
	"                             print the audit log on a disk's image, or in a volume's file\n"
	"  log verify FILE [--partition N] [--volume NAME] [--expect HASH]\n"
	"                             say whether it is whole: status 0 only if each record is the one that was written,\n"
	"                             and one of them has that hash, as an earlier verify has printed it\n"
	"  version, help\n"
	"\n"
	"  --system DIR               where Bulkhead was built (with kernel/ and tasks/); default: beside this program\n"
	"\n"
	"Statuses and the appliance file's keys: man bulkhead, docs/appliance-file.md\n";

/* What the command line says. */
struct command {
	const char *system; /* NULL: find it */
	const char *name;
	const char *file;
	const char *output;
	bool json; /* audit */
	struct run_options run;
};

static int usage(const char *what, const char *argument)
{
	complain("%s%s; see bulkhead help", what, argument);
	return STATUS_USAGE;
}

/* The build's folder: the first one upwards from the program that holds kernel/ and tasks/. Returns new memory. */
static char *find_system(void)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

	if (length <= 0) {
		return format_text(".");
	}
	program[length] = '\0';
	for (char *slash = strrchr(program, '/'); slash != NULL && slash != program;
		slash = strrchr(program, '/')) {
		*slash = '\0';
		char *kernel = format_text("%s/kernel/bulkhead.elf64", program);
		bool is_there = access(kernel, R_OK) == 0;

		free(kernel);
		if (is_there) {
			return format_text("%s", program);
		}
	}
	program[0] = '\0';
	return readlink("/proc/self/exe", program, sizeof program - 1) > 0
		       ? format_text("%s", dirname(program))
		       : format_text(".");
}

static int check(const struct appliance *appliance, const char *file)
{
	printf("%s: right: %u VM%s\n", file, appliance->vm_count, appliance->vm_count == 1 ? "" : "s");
	return STATUS_OK;
}

static int audit(const struct system_image *image, bool as_json)
{
	struct manifest manifest;

	if (manifest_open(image->manifest, image->manifest_size, &manifest, NULL) != MANIFEST_OK) {
		return STATUS_INPUT_OUTPUT; /* system_expand() has opened it before */
	}
	(as_json ? audit_print_json : audit_print)(&manifest, stdout);
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_INPUT_OUTPUT;
}

static int build(const struct system_image *image, const struct command *command)
{
	int status = boot_image_build(image, command->output);

	if (status == STATUS_OK) {
		printf("%s is ready: boot it from a CD or USB stick, or by bulkhead run %s --image %s\n",
			command->output, command->file, command->output);
	}
	return status;
}

static int execute_expanded(struct command *command, const struct appliance *appliance, const char *system)
{
	struct system_image image;
	int status = STATUS_MISSING;

	if (system_expand(appliance, system, &image)) {
		if (strcmp(command->name, "build") == 0) {
			status = build(&image, command);
		} else if (strcmp(command->name, "audit") == 0) {
			status = audit(&image, command->json);
		} else if (strcmp(command->name, "manifest") == 0) {
			status = staging_write(command->output, image.manifest, image.manifest_size)
					 ? STATUS_OK
					 : STATUS_INPUT_OUTPUT;
		} else {
			command->run.admin_console = appliance->admin_console;
			command->run.control_port = appliance->control;
			status = run_machine(&image, &command->run);
		}
	}
	system_free(&image);
	return status;
}

static int execute(struct command *command)
{
	struct appliance appliance;
	int status = STATUS_BAD_FILE;

	if (appliance_load(command->file, &appliance)) {
		if (strcmp(command->name, "check") == 0) {
			status = check(&appliance, command->file);
		} else if ((command->run.until != NULL || command->run.transcript != NULL) &&
			   !appliance.has_transcript) {
			complain("%s needs the transcript, and %s switches it off: remove transcript = false",
				command->run.until != NULL ? "--until" : "--transcript", command->file);
		} else if (command->run.control != NULL && appliance.control == CONTROL_NONE) {
			complain("--control needs a control port, and %s has none: add control = com3",
				command->file);
		} else if (command->run.uplink_count > appliance.network.uplink_count) {
			complain("--uplink %s needs an uplink, and %s has %u: add a section uplink NAME { }",
				command->run.uplinks[command->run.uplink_count - 1], command->file,
				appliance.network.uplink_count);
		} else {
			char *system =
				command->system != NULL ? format_text("%s", command->system) : find_system();

			status = execute_expanded(command, &appliance, system);
			free(system);
		}
	}
	appliance_free(&appliance);
	return status;
}

/* ---- The command line ---- */

/* Takes the value of an option that needs one. NULL if there is none left. */
static const char *take_value(char ***arguments)
{
	if ((*arguments)[1] == NULL) {
		return NULL;
	}
	(*arguments)++;
	return **arguments;
}

static bool parse_timeout(const char *text, unsigned *seconds)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*seconds = (unsigned)value;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value >= 1 && value <= MAX_TIMEOUT;
}

static int parse_option(struct command *command, char ***arguments)
{
	const char *option = **arguments;
	bool is_run = strcmp(command->name, "run") == 0;

	if (is_run && strcmp(option, "--icount") == 0) {
		command->run.count_instructions = true;
		return STATUS_OK;
	}
	if (is_run && strcmp(option, "--real-time") == 0) {
		command->run.real_time = true;
		return STATUS_OK;
	}
	if (strcmp(command->name, "audit") == 0 && strcmp(option, "--json") == 0) {
		command->json = true;
		return STATUS_OK;
	}
	bool has_output = strcmp(command->name, "build") == 0 || strcmp(command->name, "manifest") == 0;
	bool is_known =
		(has_output && strcmp(option, "-o") == 0) || strcmp(option, "--system") == 0 ||
		(is_run && (strcmp(option, "--until") == 0 || strcmp(option, "--timeout") == 0 ||
				   strcmp(option, "--image") == 0 || strcmp(option, "--transcript") == 0 ||
				   strcmp(option, "--control") == 0 || strcmp(option, "--disk") == 0 ||
				   strcmp(option, "--uplink") == 0));
	const char *value = is_known ? take_value(arguments) : NULL;

	if (!is_known) {
		return usage("unknown option ", option);
	}
	if (value == NULL) {
		return usage("a value is missing after ", option);
	}
	if (strcmp(option, "-o") == 0) {
		command->output = value;
	} else if (strcmp(option, "--system") == 0) {
		command->system = value;
	} else if (strcmp(option, "--until") == 0) {
		command->run.until = value;
	} else if (strcmp(option, "--transcript") == 0) {
		command->run.transcript = value;
	} else if (strcmp(option, "--control") == 0) {
		command->run.control = value;
	} else if (strcmp(option, "--disk") == 0) {
		if (command->run.disk_count == RUN_MAX_DISKS) {
			return usage("that is one disk too many: ", value);
		}
		command->run.disks[command->run.disk_count++] = value;
	} else if (strcmp(option, "--uplink") == 0) {
		if (command->run.uplink_count == NETWORK_MAX_UPLINKS) {
			return usage("that is one uplink too many: ", value);
		}
		command->run.uplinks[command->run.uplink_count++] = value;
	} else if (strcmp(option, "--image") == 0) {
		command->run.image = strcmp(value, "direct") == 0 ? NULL : value;
	} else if (!parse_timeout(value, &command->run.timeout)) {
		return usage("--timeout takes whole seconds from 1 on, not ", value);
	}
	return STATUS_OK;
}

/* Reads what follows the command's name. */
static int parse_rest(struct command *command, char **arguments)
{
	static char *const NO_ARGUMENTS[] = { NULL };

	command->run.qemu_arguments = NO_ARGUMENTS;
	for (; *arguments != NULL; arguments++) {
		if (strcmp(*arguments, "--") == 0 && strcmp(command->name, "run") == 0) {
			command->run.qemu_arguments = arguments + 1;
			break;
		}
		if ((*arguments)[0] == '-') {
			int status = parse_option(command, &arguments);

			if (status != STATUS_OK) {
				return status;
			}
		} else if (command->file == NULL) {
			command->file = *arguments;
		} else {
			return usage("one appliance file at a time, not also ", *arguments);
		}
	}
	if (command->file == NULL) {
		return usage("the appliance file is missing after ", command->name);
	}
	bool needs_output = strcmp(command->name, "build") == 0 || strcmp(command->name, "manifest") == 0;

	return needs_output && command->output == NULL ? usage("-o OUTPUT is missing after ", command->name)
						       : STATUS_OK;
}

int main(int argc, char **argv)
{
	static const char *const COMMANDS[] = { "check", "build", "run", "audit", "manifest" };
	struct command command = { 0 };
	char **arguments = argv + 1;

	(void)argc;
	if (arguments[0] != NULL && strcmp(arguments[0], "--system") == 0 && arguments[1] != NULL) {
		command.system = arguments[1];
		arguments += 2;
	}
	if (arguments[0] == NULL) {
		fputs(HELP, stderr);
		return STATUS_USAGE;
	}
	if (strcmp(arguments[0], "help") == 0 || strcmp(arguments[0], "--help") == 0 ||
		strcmp(arguments[0], "-h") == 0) {
		fputs(HELP, stdout);
		return STATUS_OK;
	}
	if (strcmp(arguments[0], "version") == 0 || strcmp(arguments[0], "--version") == 0) {
		printf("bulkhead %s, manifest version %u\n", TOOL_VERSION, MANIFEST_ABI_VERSION);
		return STATUS_OK;
	}
	if (strcmp(arguments[0], "log") == 0) {
		return audit_log_command(arguments + 1);
	}
	command.name = arguments[0];
	for (unsigned i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
		if (strcmp(command.name, COMMANDS[i]) == 0) {
			int status = parse_rest(&command, arguments + 1);

			return status == STATUS_OK ? execute(&command) : status;
		}
	}
	return usage("unknown command ", command.name);
}
