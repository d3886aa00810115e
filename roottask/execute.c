/* SPDX-License-Identifier: MIT */
/* Commands: see execute.h. Orders go to the supervisor (supervise.h); each function acts first and answers then, because what it causes may
 * itself be told to whoever follows a log. */
#include "execute.h"

#include "audit.h"
#include "command.h"
#include "dump.h"
#include "network.h"
#include "objects.h"
#include "report.h"
#include "show.h"
#include "supervise.h"

#include <bulkhead/audit_record.h>
#include <bulkhead/task.h>

#include <string.h>

static void answer_task(struct answer *answer, uint32_t task)
{
	answer_string(answer, "task", task_name(task), NULL);
	answer_string(answer, "state", task_state_word(task), NULL);
	answer_number(answer, "restarts", root.task[task].restarts.count, NULL);
}

/* What has become of the VM, unless it was answered why it could not. */
static void answer_vm(struct answer *answer, const struct command *command, uint32_t vm)
{
	if (answer->is_complete || vm == MANIFEST_NONE) {
		return;
	}
	if ((command->kind == COMMAND_START || command->kind == COMMAND_RESTART) && !root.vm[vm].running) {
		answer_error(answer, "VM %s could not be started; \"log\" says why", vm_name(vm));
		return;
	}
	answer_string(answer, "vm", vm_name(vm), NULL);
	answer_string(answer, "state", vm_state_word(vm), NULL);
}

static void with_task(struct answer *answer, const struct command *command)
{
	uint32_t task = manifest_find_task(&root.manifest, command->name);

	if (task == MANIFEST_NONE) {
		answer_error(answer, "there is no task \"%s\"; \"list\" shows all", command->name);
	} else if (root.task[task].state != TASK_RUNNING) {
		answer_error(answer,
			"task %s is not running; \"list\" shows which are, and \"restart VM\" starts all of a VM's",
			command->name);
	} else if (command->kind == COMMAND_CAPS) {
		dump_capabilities(answer, task);
	} else {
		task_died(task, "killed by the administrator");
		answer_task(answer, task);
	}
}

/* Signals what the root task's capability of that name and the VM's is for. False: it was answered why not. */
static bool signal_vm(struct answer *answer, uint32_t vm, const char *prefix)
{
	char name[MANIFEST_NAME_SIZE];
	uint32_t slot;

	bh_format(name, sizeof(name), "%s%s", prefix, vm_name(vm));
	slot = root_capability(name);
	if (!root.vm[vm].running) {
		answer_error(answer, "VM %s is off; \"start %s\" switches it on", vm_name(vm), vm_name(vm));
	} else if (slot == 0) {
		answer_error(answer, "VM %s has no power button; the device acpi-pm has one", vm_name(vm));
	} else if (bh_signal(slot) != BH_OK) {
		answer_error(answer, "VM %s cannot be signalled; \"restart %s\" makes it anew", vm_name(vm),
			vm_name(vm));
	} else {
		return true;
	}
	return false;
}

static void pause_or_resume(struct answer *answer, uint32_t vm, bool pause)
{
	if (root.vm[vm].running && root.vm[vm].paused == pause) {
		answer_error(answer, "VM %s is %s", vm_name(vm),
			pause ? "paused; \"resume\" lets it go on" : "not paused");
	} else if (signal_vm(answer, vm, pause ? MANIFEST_ROOT_PAUSE : MANIFEST_ROOT_RESUME)) {
		root.vm[vm].paused = pause;
		report("VM %s %s by the administrator", vm_name(vm), pause ? "paused" : "resumed");
	}
}

static void with_vm(struct answer *answer, const struct command *command)
{
	uint32_t vm = manifest_find_vm(&root.manifest, command->name);

	if (vm == MANIFEST_NONE) {
		answer_error(answer, "there is no VM \"%s\"; \"list\" shows all", command->name);
	} else if (command->kind == COMMAND_RESTART) {
		order_vm_restart(vm);
	} else if (command->kind == COMMAND_PAUSE || command->kind == COMMAND_RESUME) {
		pause_or_resume(answer, vm, command->kind == COMMAND_PAUSE);
	} else if (command->kind == COMMAND_BUTTON) {
		if (signal_vm(answer, vm, MANIFEST_ROOT_BUTTON)) {
			report("VM %s: power button pressed by the administrator", vm_name(vm));
		}
	} else if (command->kind == COMMAND_START && root.vm[vm].running) {
		answer_error(answer, "VM %s is running", command->name);
	} else if (command->kind == COMMAND_START) {
		order_vm_start(vm);
	} else if (!root.vm[vm].running) {
		answer_error(answer, "VM %s is off", command->name);
	} else {
		order_vm_stop(vm);
	}
	answer_vm(answer, command, vm);
}

static void with_object(struct answer *answer, const char *name)
{
	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		if (strcmp(object_name(i), name) == 0) {
			dump_holders(answer, i);
			return;
		}
	}
	answer_error(
		answer, "there is no object \"%s\"; \"bulkhead audit FILE\" shows the names of all", name);
}

static void power_off_all(struct answer *answer)
{
	uint32_t stopped = 0;

	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		if (root.vm[vm].running) {
			order_vm_stop(vm);
			stopped++;
		}
	}
	answer_number(answer, "stopped", stopped, NULL);
}

static void follow(struct answer *answer, const char *name, uint32_t *followed, uint32_t unfollowed)
{
	uint32_t task = manifest_find_task(&root.manifest, name);

	if (name[0] == '\0') {
		*followed = unfollowed;
		answer_string(answer, "follows", "", "all lines are shown");
		return;
	}
	if (strcmp(name, "root") == 0) {
		task = MANIFEST_ROOT;
	}
	if (task == MANIFEST_NONE) {
		answer_error(answer,
			"there is no task \"%s\"; \"list\" shows all, \"root\" is the root task, and Ctrl-] and a number "
			"shows a VM's console",
			name);
		return;
	}
	*followed = task;
	answer_string(
		answer, "follows", name, "only lines of %s are shown; follow or Ctrl-C ends that", name);
}

static void dispatch(
	struct answer *answer, const struct command *command, uint32_t *followed, uint32_t unfollowed)
{
	switch (command->kind) {
	case COMMAND_HELP:
		show_help(answer);
		break;
	case COMMAND_LIST:
		show_list(answer);
		break;
	case COMMAND_NET:
		network_show(answer);
		break;
	case COMMAND_LOG:
		show_log(answer);
		break;
	case COMMAND_KILL:
	case COMMAND_CAPS:
		with_task(answer, command);
		break;
	case COMMAND_HOLDERS:
		with_object(answer, command->name);
		break;
	case COMMAND_FOLLOW:
		follow(answer, command->name, followed, unfollowed);
		break;
	case COMMAND_POWER_OFF:
		power_off_all(answer);
		break;
	default:
		with_vm(answer, command);
		break;
	}
}

/* An order is recorded as it was given, before what it causes. */
static void record_order(enum answer_form form, const struct command *command)
{
	char text[COMMAND_LINE_MAX + 32];

	audit_event(AUDIT_ORDER, text,
		bh_format(text, sizeof(text), "%s: %s%s%s", form == ANSWER_JSON ? "control port" : "console",
			command->word, command->name[0] != '\0' ? " " : "", command->name));
}

void execute(struct answer *answer, enum answer_form form, struct output *output, const char *id, char *line,
	uint32_t *followed, uint32_t unfollowed)
{
	struct command command;
	enum command_error error = command_parse(line, &command);

	if (error == COMMAND_OK && command_is_order(command.kind)) {
		record_order(form, &command);
	}
	answer_begin(answer, form, output, id, command.word);
	if (error == COMMAND_ERROR_UNKNOWN) {
		answer_error(answer, "no such command; \"help\" lists them");
	} else if (error == COMMAND_ERROR_MISSING) {
		answer_error(answer, "a name is missing: %s", command_usage(command.kind));
	} else if (error == COMMAND_ERROR_EXTRA) {
		answer_error(answer, "too many words: %s", command_usage(command.kind));
	} else if (command.kind != COMMAND_NONE) {
		dispatch(answer, &command, followed, unfollowed);
	} else if (form == ANSWER_JSON) {
		answer_error(answer, "the line is empty; \"help\" lists the commands");
	}
	answer_end(answer);
}
