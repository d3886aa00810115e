/* SPDX-License-Identifier: MIT */
/* The grammar of the administrator's console: see command.h. Pure. */
#include "command.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	const char *word;
	const char *usage;
	const char *purpose;
	bool takes_name;
} commands[COMMAND_KINDS] = {
	[COMMAND_NONE] = { "", "", "", false },
	[COMMAND_HELP] = { "help", "help", "show this list", false },
	[COMMAND_LIST] = { "list", "list", "show VMs and tasks", false },
	[COMMAND_KILL] = { "kill", "kill TASK", "end a task; its restart policy decides what follows", true },
	[COMMAND_STOP] = { "stop", "stop VM", "end a VM as if its power was cut", true },
	[COMMAND_START] = { "start", "start VM", "start a VM that is off", true },
	[COMMAND_RESTART] = { "restart", "restart VM", "stop and start a VM", true },
	[COMMAND_PAUSE] = { "pause", "pause VM", "let a VM and its clocks stand", true },
	[COMMAND_RESUME] = { "resume", "resume VM", "let a VM that is paused go on", true },
	[COMMAND_BUTTON] = { "button", "button VM",
		"press the VM's power button: its system shuts down if it wants to", true },
	[COMMAND_LOG] = { "log", "log", "show the kernel's log and the root task's", false },
	[COMMAND_CAPS] = { "caps", "caps TASK", "show a task's capabilities beside the manifest", true },
	[COMMAND_POWER_OFF] = { "poweroff", "poweroff", "stop all VMs, then power the machine off", false },
};

/* Cuts the next word off *rest; "" if there is none. */
static char *next_word(char **rest)
{
	char *word = *rest;

	while (*word == ' ' || *word == '\t') {
		word++;
	}
	*rest = word;
	while (**rest != '\0' && **rest != ' ' && **rest != '\t') {
		(*rest)++;
	}
	if (**rest != '\0') {
		*(*rest)++ = '\0';
	}
	return word;
}

enum command_error command_parse(char *line, struct command *command)
{
	char *rest = line;

	command->kind = COMMAND_NONE;
	command->word = next_word(&rest);
	command->name = next_word(&rest);
	if (command->word[0] == '\0') {
		return COMMAND_OK;
	}
	for (unsigned int kind = COMMAND_NONE + 1; kind < COMMAND_KINDS; kind++) {
		if (strcmp(command->word, commands[kind].word) != 0) {
			continue;
		}
		command->kind = (enum command_kind)kind;
		if (commands[kind].takes_name && command->name[0] == '\0') {
			return COMMAND_ERROR_MISSING;
		}
		if ((!commands[kind].takes_name && command->name[0] != '\0') || next_word(&rest)[0] != '\0') {
			return COMMAND_ERROR_EXTRA;
		}
		return COMMAND_OK;
	}
	return COMMAND_ERROR_UNKNOWN;
}

const char *command_usage(enum command_kind kind)
{
	return (unsigned int)kind < COMMAND_KINDS ? commands[kind].usage : "";
}

const char *command_purpose(enum command_kind kind)
{
	return (unsigned int)kind < COMMAND_KINDS ? commands[kind].purpose : "";
}
