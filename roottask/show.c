/* SPDX-License-Identifier: MIT */
/* Lists, logs and help: see show.h. Asks the kernel and reads the root task's records. */
#include "show.h"

#include "command.h"
#include "report.h"
#include "supervise.h"

#include <bulkhead/log_ring.h>

const char *vm_state_word(uint32_t vm)
{
	return !root.vm[vm].running ? "off" : root.vm[vm].paused ? "paused" : "running";
}

const char *task_state_word(uint32_t task)
{
	static const char *const words[] = {
		[TASK_OFF] = "off", [TASK_RUNNING] = "running", [TASK_GIVEN_UP] = "given up"
	};

	return words[root.task[task].state];
}

/* ---- List ------------------------------------------------------------------------------------------------------------ */

/* Milliseconds that were spent on a context since it was made; 0 without one. */
static uint64_t cpu_ms(uint32_t sched_context)
{
	uint64_t ticks = 0;

	return sched_context != 0 && root.boot->tsc_khz != 0 &&
			       bh_sched_context_consumed(sched_context, &ticks) == BH_OK
		       ? ticks / root.boot->tsc_khz
		       : 0;
}

/* A VM's time is that of its vCPUs, the handlers that run for them included. What it costs beyond its RAM is everything else that was
 * taken for it: page tables, tasks, devices' memory. */
static void show_vm(struct answer *answer, uint32_t vm, const uint32_t *slots)
{
	uint64_t ram = root.manifest.vms[vm].memory;
	uint64_t taken = arena_bytes(&root.vm[vm].arena);
	uint64_t beyond = taken > ram ? taken - ram : 0;
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
	answer_row(answer);
	answer_string(answer, "name", vm_name(vm), "VM %-20s", vm_name(vm));
	answer_string(answer, "state", vm_state_word(vm), " %-9s", vm_state_word(vm));
	answer_number(answer, "ram", ram, " %6lu MiB", ram >> 20);
	answer_number(answer, "beyond_ram", beyond, " + %lu KiB", beyond >> 10);
	answer_number(answer, "slots", slots[OWNER_VM(vm)], NULL);
	answer_number(answer, "cpu_ms", ms, "  CPU %lu ms", ms);
	answer_number(answer, "exits", exits, "  exits %lu", exits);
	answer_number(
		answer, "crashes", root.vm[vm].crashes.count, "  crashes %u", root.vm[vm].crashes.count);
	answer_number(answer, "resets", root.vm[vm].resets.count, "  resets %u", root.vm[vm].resets.count);
}

/* Microseconds from the task's last death until it served again; 0 if it did not die since its VM started, or does not serve yet. Its own word
 * for the end: it can lie about itself alone. */
static uint64_t restart_us(const struct task *task)
{
	uint64_t ready = task->page != NULL ? task->page->ready_tsc : 0;
	uint64_t khz = root.boot->tsc_khz;

	return task->died_tsc != 0 && ready > task->died_tsc && khz != 0
		       ? (ready - task->died_tsc) * 1000 / khz
		       : 0;
}

static void show_task(struct answer *answer, uint32_t task, const uint32_t *slots)
{
	const struct task *state = &root.task[task];
	uint64_t memory = arena_bytes(&state->arena);
	uint64_t ms = cpu_ms(state->sched_context);
	uint64_t unserved = state->page != NULL ? state->page->unserved_calls : 0;

	answer_row(answer);
	answer_string(answer, "name", task_name(task), "task %-18s", task_name(task));
	answer_string(answer, "state", task_state_word(task), " %-9s", task_state_word(task));
	answer_number(answer, "memory", memory, " %6lu KiB", memory >> 10);
	answer_number(answer, "slots", slots[OWNER_TASK(task)], NULL);
	answer_number(answer, "cpu_ms", ms, "  CPU %lu ms", ms);
	answer_number(answer, "restarts", state->restarts.count, "  restarts %u", state->restarts.count);
	answer_number(answer, "ends", state->incarnation, NULL);
	answer_number(answer, "restart_us", restart_us(state), NULL);
	answer_number(answer, "unserved_calls", unserved, "  unserved calls %lu", unserved);
}

void show_list(struct answer *answer)
{
	const uint32_t *slots = slots_tally();
	uint64_t system = arena_bytes(&system_arena);

	answer_list(answer, "vms", "");
	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		show_vm(answer, vm, slots);
	}
	answer_list(answer, "tasks", "");
	for (uint32_t task = 0; task < root.manifest.task_count; task++) {
		show_task(answer, task, slots);
	}
	answer_list_end(answer);
	answer_number(answer, "uptime_ms", now_ms(), NULL);
	answer_number(answer, "free_memory", memory_free_bytes(), "free: %lu MiB of memory",
		memory_free_bytes() >> 20);
	answer_number(answer, "free_slots", slots[OWNER_FREE], ", %u capability slots", slots[OWNER_FREE]);
	answer_number(answer, "system_memory", system, "; the system's own: %lu KiB", system >> 10);
	answer_number(answer, "system_slots", slots[OWNER_SYSTEM], ", %u slots", slots[OWNER_SYSTEM]);
}

/* ---- Logs ------------------------------------------------------------------------------------------------------------ */

/* A line that is put together from pieces. */
struct line {
	char text[REPORT_LINE_MAX];
	size_t length;
};

/* Adds text with newlines; each line that becomes complete, or too long, is an item. What cannot be printed is left out. */
static void add_text(struct answer *answer, struct line *line, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n' || line->length == sizeof(line->text)) {
			answer_item(answer, line->text, line->length);
			line->length = 0;
		}
		if (text[i] >= ' ' && text[i] <= '~') {
			line->text[line->length++] = text[i];
		}
	}
}

static void show_kernel_log(struct answer *answer)
{
	const struct log_ring *kernel = root.kernel_log;
	struct line line = { .length = 0 };
	uint64_t head;

	if (kernel == NULL || kernel->magic != LOG_RING_MAGIC || kernel->capacity != LOG_RING_CAPACITY) {
		return;
	}
	answer_list(answer, "kernel", "kernel:");
	head = __atomic_load_n(&kernel->head, __ATOMIC_ACQUIRE);
	for (uint64_t n = head > LOG_RING_CAPACITY ? head - LOG_RING_CAPACITY : 0; n < head; n++) {
		add_text(answer, &line, (const char *)&kernel->text[n % LOG_RING_CAPACITY], 1);
	}
	add_text(answer, &line, "\n", line.length > 0);
}

void show_log(struct answer *answer)
{
	struct line line = { .length = 0 };
	char text[256];
	size_t length;
	uint64_t position = 0;

	show_kernel_log(answer);
	answer_list(answer, "root", "root task:");
	while ((length = report_read(&position, text, sizeof(text))) > 0) {
		add_text(answer, &line, text, length);
	}
}

/* ---- Help ------------------------------------------------------------------------------------------------------------ */

void show_help(struct answer *answer)
{
	answer_list(answer, "commands", "");
	for (unsigned int kind = COMMAND_HELP; kind < COMMAND_KINDS; kind++) {
		const char *usage = command_usage((enum command_kind)kind);
		const char *purpose = command_purpose((enum command_kind)kind);

		answer_row(answer);
		answer_string(answer, "usage", usage, "  %-15s", usage);
		answer_string(answer, "purpose", purpose, " %s", purpose);
	}
}
