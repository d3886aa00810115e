/* SPDX-License-Identifier: MIT */
/* The grammar of the administrator's console: see command.h. Pure. */
#include "command.h"

#include <string.h>

enum argument { WITHOUT_NAME, WITH_NAME, PERHAPS_WITH_NAME };

static const struct {
	const char *word;
	const char *usage;
	const char *purpose;
	enum argument argument;
} commands[COMMAND_KINDS] = {
	[COMMAND_NONE] = { "", "", "", WITHOUT_NAME },
	[COMMAND_HELP] = { "help", "help", "show this list", WITHOUT_NAME },
	[COMMAND_LIST] = { "list", "list", "show VMs and tasks", WITHOUT_NAME },
	[COMMAND_NET] = { "net", "net", "show the VMs' network cards: frames that passed, and that did not",
		WITHOUT_NAME },
	[COMMAND_KILL] = { "kill", "kill TASK", "end a task; its restart policy decides what follows",
		WITH_NAME },
	[COMMAND_STOP] = { "stop", "stop VM", "end a VM as if its power was cut", WITH_NAME },
	[COMMAND_START] = { "start", "start VM", "start a VM that is off", WITH_NAME },
	[COMMAND_RESTART] = { "restart", "restart VM", "stop and start a VM", WITH_NAME },
	[COMMAND_PAUSE] = { "pause", "pause VM", "let a VM and its clocks stand", WITH_NAME },
	[COMMAND_RESUME] = { "resume", "resume VM", "let a VM that is paused go on", WITH_NAME },
	[COMMAND_BUTTON] = { "button", "button VM",
		"press the VM's power button: its system shuts down if it wants to", WITH_NAME },
	[COMMAND_LOG] = { "log", "log", "show the kernel's log and the root task's", WITHOUT_NAME },
	[COMMAND_CAPS] = { "caps", "caps TASK", "show a task's capabilities beside the manifest", WITH_NAME },
	[COMMAND_HOLDERS] = { "holders", "holders OBJECT", "show who holds an object, beside the manifest",
		WITH_NAME },
	[COMMAND_FOLLOW] = { "follow", "follow [TASK]",
		"show that task's log lines alone, as they come; without TASK: all again",
		PERHAPS_WITH_NAME },
	[COMMAND_POWER_OFF] = { "poweroff", "poweroff", "stop all VMs, then power the machine off",
		WITHOUT_NAME },
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
		if (commands[kind].argument == WITH_NAME && command->name[0] == '\0') {
			return COMMAND_ERROR_MISSING;
		}
		if ((commands[kind].argument == WITHOUT_NAME && command->name[0] != '\0') ||
			next_word(&rest)[0] != '\0') {
			return COMMAND_ERROR_EXTRA;
		}
		return COMMAND_OK;
	}
	return COMMAND_ERROR_UNKNOWN;
}

bool command_is_order(enum command_kind kind)
{
	return (kind >= COMMAND_KILL && kind <= COMMAND_BUTTON) || kind == COMMAND_POWER_OFF;
}

const char *command_usage(enum command_kind kind)
{
	return (unsigned int)kind < COMMAND_KINDS ? commands[kind].usage : "";
}

const char *command_purpose(enum command_kind kind)
{
	return (unsigned int)kind < COMMAND_KINDS ? commands[kind].purpose : "";
}
