/* SPDX-License-Identifier: MIT */
/* The administrator's console: line editing, commands, and output that waits in a buffer while the backend is busy. See console.h. */
#include "console.h"

#include "command.h"
#include "dump.h"
#include "report.h"
#include "root.h"
#include "supervise.h"

#include <bulkhead/log_ring.h>
#include <bulkhead/ring.h>
#include <bulkhead/task.h>

#include <string.h>

#define OUTPUT_SIZE 131072u /* a power of two; what does not fit is lost by whole lines, and counted */
#define PROMPT "bulkhead> "
#define BACKSPACE '\b'
#define DELETE 0x7f

static struct ring_producer transmit;
static struct ring_consumer receive;
static bool is_open;
static uint32_t backend_signal;

static uint8_t output[OUTPUT_SIZE];
static uint32_t output_head; /* free-running: bytes put in, bytes sent */
static uint32_t output_tail;
static uint32_t lost_lines;

static char typed[COMMAND_LINE_MAX];
static size_t typed_length;
static bool typing; /* the prompt is shown */

/* ---- Output ---------------------------------------------------------------------------------------------------------- */

static bool fits(size_t length) { return length <= OUTPUT_SIZE - (output_head - output_tail); }

static void put(const char *text, size_t length)
{
	for (size_t i = 0; i < length && fits(1); i++) {
		output[output_head++ % OUTPUT_SIZE] = (uint8_t)text[i];
	}
}

/* One whole line, or none of it. */
static void put_line(const char *line, size_t length)
{
	char notice[64];

	if (lost_lines > 0 && fits(sizeof(notice) + length + 2)) {
		put(notice, bh_format(notice, sizeof(notice), "(%u lines did not fit here)\r\n", lost_lines));
		lost_lines = 0;
	}
	if (!fits(length + 2)) {
		lost_lines++;
		return;
	}
	put(line, length);
	put("\r\n", 2);
}

void console_print(const char *format, ...)
{
	char line[REPORT_LINE_MAX];
	__builtin_va_list arguments;
	size_t length;

	__builtin_va_start(arguments, format);
	length = bh_format_list(line, sizeof(line), format, arguments);
	__builtin_va_end(arguments);
	put_line(line, length);
}

void console_event(const char *line, size_t length)
{
	if (typing) {
		put("\r\n", 2);
	}
	put_line(line, length);
	if (typing) {
		put(PROMPT, sizeof(PROMPT) - 1);
		put(typed, typed_length);
	}
}

static void signal_backend(int signal)
{
	/* The notification is the system's and outlives the backend; a backend that starts again looks at the rings first. */
	if (signal != 0 && backend_signal != 0) {
		enum bh_error error = bh_signal(backend_signal);

		(void)error;
	}
}

void console_drain(void)
{
	int signal = 0;

	while (is_open && output_tail != output_head) {
		uint32_t start = output_tail % OUTPUT_SIZE;
		uint32_t count = output_head - output_tail;
		uint32_t sent;

		count = count < OUTPUT_SIZE - start ? count : OUTPUT_SIZE - start;
		sent = ring_write(&transmit, &output[start], count, &signal);
		output_tail += sent;
		if (sent == 0 && ring_producer_may_sleep(&transmit)) {
			break;
		}
	}
	signal_backend(signal);
}

bool console_is_drained(void)
{
	return !is_open || (output_head == output_tail &&
				   ring_space(&transmit.ring, transmit.head) == transmit.ring.capacity);
}

/* ---- Commands -------------------------------------------------------------------------------------------------------- */

static void show_help(void)
{
	for (unsigned int kind = COMMAND_HELP; kind < COMMAND_KINDS; kind++) {
		console_print("  %-12s %s", command_usage((enum command_kind)kind),
			command_purpose((enum command_kind)kind));
	}
}

/* Milliseconds that were spent on a context since it was made; 0 without one. */
static uint64_t cpu_ms(uint32_t sched_context)
{
	uint64_t ticks = 0;

	return sched_context != 0 && root.boot->tsc_khz != 0 &&
			       bh_sched_context_consumed(sched_context, &ticks) == BH_OK
		       ? ticks / root.boot->tsc_khz
		       : 0;
}

/* A line for each VM: its time is that of its vCPUs, the handlers that run for them included. */
static void show_vm(uint32_t vm)
{
	uint64_t ms = 0, exits = 0;

	for (uint32_t i = 0; root.vm[vm].running && i < root.manifest.object_count; i++) {
		const struct manifest_object *object = &root.manifest.objects[i];
		struct bh_vcpu_facts facts;

		if (object->type == MANIFEST_OBJECT_VCPU &&
			object->scope_index == vm) { /* its scope is a VM */
			ms += cpu_ms(root.object[object->sched_context].slot);
			exits += bh_vcpu_inspect(root.object[i].slot, &facts) == BH_OK ? facts.exits : 0;
		}
	}
	console_print("VM %-20s %-9s %6lu MiB  CPU %lu ms  exits %lu  crashes %u  resets %u", vm_name(vm),
		!root.vm[vm].running ? "off"
		: root.vm[vm].paused ? "paused"
				     : "running",
		root.manifest.vms[vm].memory >> 20, ms, exits, root.vm[vm].crashes.count,
		root.vm[vm].resets.count);
}

static void show_list(void)
{
	static const char *const states[] = {
		[TASK_OFF] = "off", [TASK_RUNNING] = "running", [TASK_GIVEN_UP] = "given up"
	};

	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		show_vm(vm);
	}
	for (uint32_t task = 0; task < root.manifest.task_count; task++) {
		const struct task *state = &root.task[task];

		console_print("task %-18s %-9s CPU %lu ms  restarts %u  unserved calls %lu", task_name(task),
			states[state->state], cpu_ms(state->sched_context), state->restarts.count,
			state->page != NULL ? state->page->unserved_calls : 0);
	}
	console_print("free: %lu MiB of memory, %u capability slots", memory_free_bytes() >> 20,
		slots_count(OWNER_FREE));
}

/* Text with newlines, line by line. */
static void print_text(const char *text, size_t length, char *line, size_t *used)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n' || *used == REPORT_LINE_MAX) {
			put_line(line, *used);
			*used = 0;
		}
		if (text[i] >= ' ' && text[i] <= '~') {
			line[(*used)++] = text[i];
		}
	}
}

static void show_log(void)
{
	const struct log_ring *kernel = root.kernel_log;
	char line[REPORT_LINE_MAX + 1];
	char text[256];
	size_t used = 0;
	size_t length;
	uint64_t position = 0;

	if (kernel != NULL && kernel->magic == LOG_RING_MAGIC && kernel->capacity == LOG_RING_CAPACITY) {
		uint64_t head = __atomic_load_n(&kernel->head, __ATOMIC_ACQUIRE);

		console_print("kernel:");
		for (uint64_t n = head > LOG_RING_CAPACITY ? head - LOG_RING_CAPACITY : 0; n < head; n++) {
			print_text((const char *)&kernel->text[n % LOG_RING_CAPACITY], 1, line, &used);
		}
		print_text("\n", used > 0, line, &used);
	}
	console_print("root task:");
	while ((length = report_read(&position, text, sizeof(text))) > 0) {
		print_text(text, length, line, &used);
	}
}

/* The slot of the root task's capability of that name; 0: the manifest has none, or its object does not exist now. */
static uint32_t own_capability(const char *name)
{
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		const struct manifest_capability *capability = &root.manifest.capabilities[i];

		if (capability->task == MANIFEST_ROOT &&
			strcmp(manifest_string(&root.manifest, capability->name), name) == 0) {
			return root.capability[i];
		}
	}
	return 0;
}

static void with_task(const struct command *command)
{
	uint32_t task = manifest_find_task(&root.manifest, command->name);

	if (task == MANIFEST_NONE) {
		console_print(
			"%s: there is no task \"%s\"; \"list\" shows all", command->word, command->name);
	} else if (root.task[task].state != TASK_RUNNING) {
		console_print("%s: task %s is not running", command->word, command->name);
	} else if (command->kind == COMMAND_CAPS) {
		dump_capabilities(task);
	} else {
		task_died(task, "killed by the administrator");
	}
}

/* Signals what the root task's capability of that name and the VM's is for. False: it was told why not. */
static bool signal_vm(const struct command *command, uint32_t vm, const char *prefix)
{
	char name[MANIFEST_NAME_SIZE];
	uint32_t slot;

	bh_format(name, sizeof(name), "%s%s", prefix, vm_name(vm));
	slot = own_capability(name);
	if (!root.vm[vm].running) {
		console_print("%s: VM %s is off; \"start %s\" switches it on", command->word, vm_name(vm),
			vm_name(vm));
	} else if (slot == 0) {
		console_print("%s: VM %s has no power button; the device acpi-pm has one", command->word,
			vm_name(vm));
	} else {
		return bh_signal(slot) == BH_OK;
	}
	return false;
}

static void pause_or_resume(const struct command *command, uint32_t vm)
{
	bool pause = command->kind == COMMAND_PAUSE;

	if (root.vm[vm].running && root.vm[vm].paused == pause) {
		console_print("%s: VM %s is %s", command->word, vm_name(vm), pause ? "paused" : "not paused");
	} else if (signal_vm(command, vm, pause ? MANIFEST_ROOT_PAUSE : MANIFEST_ROOT_RESUME)) {
		root.vm[vm].paused = pause;
		report("VM %s %s by the administrator", vm_name(vm), pause ? "paused" : "resumed");
	}
}

static void with_vm(const struct command *command)
{
	uint32_t vm = manifest_find_vm(&root.manifest, command->name);

	if (vm == MANIFEST_NONE) {
		console_print("%s: there is no VM \"%s\"; \"list\" shows all", command->word, command->name);
	} else if (command->kind == COMMAND_RESTART) {
		order_vm_restart(vm);
	} else if (command->kind == COMMAND_PAUSE || command->kind == COMMAND_RESUME) {
		pause_or_resume(command, vm);
	} else if (command->kind == COMMAND_BUTTON) {
		if (signal_vm(command, vm, MANIFEST_ROOT_BUTTON)) {
			report("VM %s: power button pressed by the administrator", vm_name(vm));
		}
	} else if (command->kind == COMMAND_START && root.vm[vm].running) {
		console_print("start: VM %s is running", command->name);
	} else if (command->kind == COMMAND_START) {
		order_vm_start(vm);
	} else if (!root.vm[vm].running) {
		console_print("stop: VM %s is off", command->name);
	} else {
		order_vm_stop(vm);
	}
}

static void execute(char *line)
{
	struct command command;

	switch (command_parse(line, &command)) {
	case COMMAND_ERROR_UNKNOWN:
		console_print("%s: no such command; \"help\" lists them", command.word);
		return;
	case COMMAND_ERROR_MISSING:
		console_print("%s: a name is missing: %s", command.word, command_usage(command.kind));
		return;
	case COMMAND_ERROR_EXTRA:
		console_print("%s: too many words: %s", command.word, command_usage(command.kind));
		return;
	default:
		break;
	}
	switch (command.kind) {
	case COMMAND_HELP:
		show_help();
		break;
	case COMMAND_LIST:
		show_list();
		break;
	case COMMAND_LOG:
		show_log();
		break;
	case COMMAND_KILL:
	case COMMAND_CAPS:
		with_task(&command);
		break;
	case COMMAND_STOP:
	case COMMAND_START:
	case COMMAND_RESTART:
	case COMMAND_PAUSE:
	case COMMAND_RESUME:
	case COMMAND_BUTTON:
		with_vm(&command);
		break;
	case COMMAND_POWER_OFF:
		for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
			if (root.vm[vm].running) {
				order_vm_stop(vm);
			}
		}
		break;
	default:
		break;
	}
}

/* ---- Input ----------------------------------------------------------------------------------------------------------- */

static void show_prompt(void)
{
	put(PROMPT, sizeof(PROMPT) - 1);
	typing = true;
}

static void type(char character)
{
	if (!typing) {
		show_prompt();
	}
	if (character == '\r' || character == '\n') {
		put("\r\n", 2);
		typed[typed_length] = '\0';
		typing = false;
		typed_length = 0;
		execute(typed);
		show_prompt();
	} else if (character == BACKSPACE || character == DELETE) {
		if (typed_length > 0) {
			typed_length--;
			put("\b \b", 3);
		}
	} else if (character >= ' ' && character <= '~' && typed_length < sizeof(typed) - 1) {
		typed[typed_length++] = character;
		put(&character, 1);
	}
}

void console_pump(void)
{
	int signal = 0;

	while (is_open) {
		uint8_t bytes[64];
		uint32_t count = ring_read(&receive, bytes, sizeof(bytes), &signal);

		for (uint32_t i = 0; i < count; i++) {
			type((char)bytes[i]);
		}
		if (count == 0 && ring_consumer_may_sleep(&receive)) {
			break;
		}
	}
	signal_backend(signal);
	console_drain();
}

void console_open(void)
{
	const struct manifest_mapping *mapping =
		manifest_find_mapping(&root.manifest, MANIFEST_ROOT, "console:admin");
	struct ring transmit_ring;
	struct ring receive_ring;

	if (mapping == NULL) {
		report("the manifest gives the root task no region \"console:admin\": there is no administrator's console");
		return;
	}
	if (console_attach(root.mapping[mapping - root.manifest.mappings], mapping->length, &transmit_ring,
		    &receive_ring) != 0) {
		report("the rings of the administrator's console are of another version or too small");
		return;
	}
	transmit = ring_producer_start(transmit_ring);
	receive = ring_consumer_start(receive_ring);
	backend_signal = own_capability("console-signal");
	is_open = true;
}
