/* SPDX-License-Identifier: MIT */
/* Supervision: see supervise.h. Judgement is in policy.c, making and ending in tasks.c and vm.c; here events meet them. */
#include "supervise.h"

#include "audit.h"
#include "console.h"
#include "control.h"
#include "host_functions.h"
#include "power.h"
#include "report.h"
#include "task_log.h"
#include "tasks.h"
#include "vm.h"

#include <bulkhead/task.h>
#include <bulkhead/vcpu.h>

#define SHUTDOWN_TICKS 2u       /* after the last line was taken, so that the backend can write it out */
#define SHUTDOWN_LIMIT_MS 5000u /* a backend that takes nothing does not keep the machine on */
#define SHUTDOWN_AUDIT_LIMIT_MS 30000u /* nor does a disk that records nothing, but it may take its time */
#define LONG_WORK_MS 0u                /* a whole millisecond is more */
#define VECTOR_INVALID_OP 6u
#define REASON_MAX 160u

static uint64_t tick_ms = 100;
static bool shutting_down;
static uint64_t shutdown_since_ms;
static uint32_t drained_ticks;
/* When the root task last ended a long piece of work. It stands above all others: nobody could answer anybody meanwhile, so no wait
 * counts from before. */
static uint64_t worked_until_tsc;
static uint64_t began_tsc; /* with what it does now */

uint64_t now_ms(void)
{
	uint64_t khz = root.boot->tsc_khz != 0 ? root.boot->tsc_khz : 1;

	return (bh_tsc() - root.boot->boot_tsc) / khz;
}

/* ---- The last VM ----------------------------------------------------------------------------------------------------- */

static void look_for_last_vm(void)
{
	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		if (root.vm[vm].running) {
			return;
		}
	}
	if (!shutting_down) {
		shutting_down = true;
		shutdown_since_ms = now_ms();
		report("all VMs are off: the machine powers off");
	}
}

static void shut_down_when_drained(void)
{
	uint64_t limit_ms;

	if (!shutting_down) {
		return;
	}
	limit_ms = audit_is_drained() ? SHUTDOWN_LIMIT_MS : SHUTDOWN_AUDIT_LIMIT_MS;
	drained_ticks =
		console_is_drained() && control_is_drained() && audit_is_drained() ? drained_ticks + 1 : 0;
	if (drained_ticks > SHUTDOWN_TICKS || now_ms() - shutdown_since_ms > limit_ms) {
		power_off();
		shutting_down = false;
		report("this machine does not say how to power off, or does not do it: do it by hand");
	}
}

/* ---- Ends of VMs ----------------------------------------------------------------------------------------------------- */

static void fetch_vm_logs(uint32_t vm)
{
	for (uint32_t i = 0; i < root.manifest.task_count; i++) {
		if (root.manifest.tasks[i].vm == vm) {
			task_log_fetch(i, UINT32_MAX);
		}
	}
}

/* Ends the VM, and starts it again if the policy lets it. */
static void vm_ended(uint32_t vm, const struct manifest_restart *policy, struct restart_history *history)
{
	fetch_vm_logs(vm);
	if (vm_stop(vm) != BH_OK) {
		report("VM %s stays off: its memory could not be taken back", vm_name(vm));
	} else if (policy == NULL || policy->on_exit != MANIFEST_ON_EXIT_RESTART) {
		report("VM %s is off", vm_name(vm));
	} else if (!restart_permitted(policy, history, now_ms())) {
		report("VM %s is off: it was restarted %u times within %u s, as often as its policy allows",
			vm_name(vm), policy->max, policy->seconds);
	} else if (vm_start(vm) == BH_OK) {
		report("VM %s restarted", vm_name(vm));
	}
	look_for_last_vm();
}

static void vm_crashed(uint32_t vm, const char *reason)
{
	report("VM %s crashed: %s", vm_name(vm), reason);
	vm_ended(vm, &root.manifest.vms[vm].on_crash, &root.vm[vm].crashes);
}

/* Looks at the VM's status word, which its VMM writes and signals. */
static void look_at_vm(uint32_t vm)
{
	const struct vm_status *status = vm_status_page(vm);
	char reason[VM_STATUS_TEXT];
	uint64_t word;

	if (!root.vm[vm].running || status == NULL) {
		return;
	}
	word = vm_status_read(status);
	(void)bh_format(reason, sizeof(reason), "%.*s", (int)sizeof(status->reason) - 1, status->reason);
	if (VM_STATUS_STATE(word) >= VM_STATE_RUNNING && !root.vm[vm].announced) {
		root.vm[vm].announced = true;
		report("VM %s is running", vm_name(vm));
	}
	switch (VM_STATUS_STATE(word)) {
	case VM_STATE_POWERED_OFF:
		report("VM %s powered off", vm_name(vm));
		vm_ended(vm, NULL, NULL);
		break;
	case VM_STATE_RESET:
		report("VM %s asked for a reset%s%s", vm_name(vm), reason[0] != '\0' ? ": " : "", reason);
		vm_ended(vm, &root.manifest.vms[vm].on_reset, &root.vm[vm].resets);
		break;
	case VM_STATE_EXITED:
		report("VM %s exited with code %u", vm_name(vm), VM_STATUS_CODE(word));
		vm_ended(vm, NULL, NULL);
		break;
	case VM_STATE_CRASHED:
		vm_crashed(vm, reason);
		break;
	default:
		break;
	}
}

/* ---- Ends of tasks --------------------------------------------------------------------------------------------------- */

/* Whoever waits for the task gets an answer from now on: an error. */
static void delete_received_endpoints(uint32_t task)
{
	const struct manifest_capability *capability;

	for (uint32_t i = 0; (capability = task_capability(task, i)) != NULL; i++) {
		uint32_t slot = root.object[capability->object].slot;
		enum bh_error error;

		if (root.manifest.objects[capability->object].type != MANIFEST_OBJECT_ENDPOINT || slot == 0 ||
			(capability->rights & MANIFEST_RIGHT_READ) == 0) {
			continue;
		}
		error = bh_cnode_revoke(ROOT_CNODE, slot);
		if (error == BH_OK) {
			error = bh_cnode_delete(ROOT_CNODE, slot);
		}
		(void)failed(object_name(capability->object), "cannot be deleted", error);
	}
}

void task_died(uint32_t task, const char *reason)
{
	const struct manifest_task *record = &root.manifest.tasks[task];
	const char *name = task_name(task);
	uint64_t died_tsc = bh_tsc();
	char text[REPORT_LINE_MAX];

	task_log_fetch(task, UINT32_MAX);
	if ((record->flags & MANIFEST_TASK_ESSENTIAL) != 0 && record->vm != MANIFEST_NONE) {
		(void)bh_format(text, sizeof(text), "task %s died (%s)", name, reason);
		vm_crashed(record->vm, text);
		return;
	}
	if (record->vm != MANIFEST_NONE) {
		root.vm[record->vm].redone_by = task;
	}
	if (task_stop(task) != BH_OK) {
		report("task %s died (%s), and stays dead", name, reason);
		root.task[task].state = TASK_GIVEN_UP;
	} else if (!restart_permitted(&record->restart, &root.task[task].restarts, now_ms())) {
		root.task[task].state = TASK_GIVEN_UP;
		delete_received_endpoints(task);
		report("task %s died (%s), given up", name, reason);
		if (host_is_driver(task)) {
			host_driver_end(task);
		}
	} else if (host_is_driver(task)) {
		root.task[task].died_tsc = died_tsc;
		report("task %s died (%s), restarts when its device is quiet", name, reason);
		host_driver_begin(task);
	} else if (task_start(task) == BH_OK) {
		root.task[task].died_tsc = died_tsc;
		report("task %s died (%s), restarted", name, reason);
	} else {
		root.task[task].state = TASK_GIVEN_UP;
		delete_received_endpoints(task);
		report("task %s died (%s), and could not be restarted", name, reason);
	}
}

static void describe_fault(
	uint32_t task, uint32_t thread, const struct bh_message *message, char *reason, size_t size)
{
	const struct task_page *page = root.task[task].page;
	uint32_t kind = (uint32_t)(message->word[0] & 0xff);
	uint32_t vector = (uint32_t)(message->word[0] >> 8) & 0xff;

	if (page != NULL && page->exited == 1 && kind == BH_FAULT_EXCEPTION && vector == VECTOR_INVALID_OP) {
		(void)bh_format(reason, size, "exited with code %lu", page->exit_code);
	} else if (kind == BH_FAULT_EXCEPTION) {
		(void)bh_format(reason, size,
			"thread %u: exception %u, code 0x%lx, address 0x%lx, instruction 0x%lx", thread,
			vector, message->word[2], message->word[1], message->word[3]);
	} else if (kind == BH_FAULT_SYSCALL) {
		(void)bh_format(reason, size, "thread %u: unknown system call %lu, instruction 0x%lx", thread,
			message->word[2], message->word[3]);
	} else {
		(void)bh_format(reason, size, "thread %u: fault of kind %u", thread, kind);
	}
}

static void handle_fault(const struct bh_message *message)
{
	uint32_t task = message->badge != 0 ? FAULT_TASK(message->badge) : MANIFEST_NONE;
	char reason[REASON_MAX];

	if (task >= root.manifest.task_count || root.task[task].state != TASK_RUNNING) {
		report("a fault came from nobody: badge 0x%lx", message->badge);
		return;
	}
	describe_fault(task, FAULT_THREAD(message->badge), message, reason, sizeof(reason));
	task_died(task, reason);
}

/* ---- Hangs ----------------------------------------------------------------------------------------------------------- */

/* The task that receives on `endpoint`; MANIFEST_NONE if there is none. */
static uint32_t receiver_of(uint32_t endpoint)
{
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		const struct manifest_capability *capability = &root.manifest.capabilities[i];

		if (capability->object == endpoint && (capability->rights & MANIFEST_RIGHT_READ) != 0) {
			return capability->task;
		}
	}
	return MANIFEST_NONE;
}

/* The model whose answer the VMM of `vm` says it waits for, in an access of its own: it can only name endpoints that it
 * was given. MANIFEST_NONE: it waits for none. */
static uint32_t awaited_by_vmm(uint32_t vm, uint32_t vmm)
{
	const struct vm_status *status = vm_status_page(vm);
	uint64_t slot = status != NULL ? __atomic_load_n(&status->awaits, __ATOMIC_ACQUIRE) : 0;
	const struct manifest_capability *capability;
	uint32_t task;

	if (slot == 0 || slot > MANIFEST_MAX_CAPABILITIES) {
		return MANIFEST_NONE;
	}
	capability = task_capability(vmm, (uint32_t)slot - 1);
	task = capability != NULL ? receiver_of(capability->object) : MANIFEST_NONE;
	return task < root.manifest.task_count && task != vmm && root.manifest.tasks[task].vm == vm &&
			       root.task[task].state == TASK_RUNNING
		       ? task
		       : MANIFEST_NONE;
}

/* The task whose answer the virtual CPU waits for. */
static uint32_t awaited_task(uint32_t vm, uint32_t vcpu, const struct bh_vcpu_facts *facts)
{
	if (facts->status == BH_VCPU_WAITING_ROUTE) {
		for (uint32_t i = 0; i < root.manifest.route_count; i++) {
			const struct manifest_route *route = &root.manifest.routes[i];

			if (route->vcpu == vcpu && route->number == facts->waits_for) {
				return receiver_of(route->target);
			}
		}
		return MANIFEST_NONE;
	}
	/* The VMM does an access again: it waits for the model that failed before. */
	if (facts->waits_for == BH_EXIT_ROUTE_FAILED && root.vm[vm].redone_by != MANIFEST_NONE &&
		root.task[root.vm[vm].redone_by].state == TASK_RUNNING) {
		return root.vm[vm].redone_by;
	}
	for (uint32_t i = 0; i < root.manifest.exit_count; i++) {
		if (root.manifest.exits[i].vcpu == vcpu) {
			uint32_t vmm = receiver_of(root.manifest.exits[i].endpoint);
			uint32_t model = awaited_by_vmm(vm, vmm);

			return model != MANIFEST_NONE ? model : vmm;
		}
	}
	return MANIFEST_NONE;
}

/* Has the virtual CPU waited too long? Then its access is cancelled, and whoever did not answer is ended. */
static void look_at_vcpu(uint32_t object)
{
	uint32_t vm = root.manifest.objects[object].scope_index;
	uint32_t slot = root.object[object].slot;
	uint32_t limit = root.manifest.vms[vm].hang_limit_ms;
	struct bh_vcpu_facts facts;
	uint32_t task;
	char reason[REASON_MAX];

	if (!root.vm[vm].running || slot == 0 ||
		failed(object_name(object), "cannot be inspected", bh_vcpu_inspect(slot, &facts)) != BH_OK) {
		return;
	}
	if ((facts.status != BH_VCPU_WAITING_ROUTE && facts.status != BH_VCPU_WAITING_EXIT) ||
		!waits_too_long(bh_tsc(),
			facts.waiting_since > worked_until_tsc ? facts.waiting_since : worked_until_tsc,
			limit, root.boot->tsc_khz)) {
		return;
	}
	task = awaited_task(vm, object, &facts);
	if (task >= root.manifest.task_count || root.task[task].state != TASK_RUNNING) {
		return;
	}
	if (facts.status == BH_VCPU_WAITING_ROUTE &&
		failed(object_name(object), "its access cannot be cancelled", bh_vcpu_cancel_access(slot)) !=
			BH_OK) {
		return;
	}
	(void)bh_format(
		reason, sizeof(reason), "no answer to %s for more than %u ms", object_name(object), limit);
	task_died(task, reason);
}

static void arm_tick(void)
{
	enum bh_error error = bh_timer_arm(root.tick_timer, bh_tsc() + tick_ms * root.boot->tsc_khz);

	if (error != BH_OK) {
		fatal("the root task's timer cannot be armed: %s", bh_error_text(error));
	}
}

static void note_long_work(void)
{
	if (waits_too_long(bh_tsc(), began_tsc, LONG_WORK_MS, root.boot->tsc_khz)) {
		worked_until_tsc = bh_tsc();
	}
}

static void tick(void)
{
	note_long_work(); /* what came before the tick in the same round */
	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		if (root.manifest.objects[i].type == MANIFEST_OBJECT_VCPU) {
			look_at_vcpu(i);
		}
	}
	host_faults_look();
	shut_down_when_drained();
	arm_tick();
}

/* ---- Orders ---------------------------------------------------------------------------------------------------------- */

void order_vm_stop(uint32_t vm)
{
	report("VM %s stopped by the administrator", vm_name(vm));
	vm_ended(vm, NULL, NULL);
}

void order_vm_start(uint32_t vm)
{
	shutting_down = false;
	if (vm_start(vm) == BH_OK) {
		report("VM %s started by the administrator", vm_name(vm));
	}
	look_for_last_vm();
}

void order_vm_restart(uint32_t vm)
{
	fetch_vm_logs(vm);
	shutting_down = false;
	if ((!root.vm[vm].running || vm_stop(vm) == BH_OK) && vm_start(vm) == BH_OK) {
		report("VM %s restarted", vm_name(vm));
	}
	look_for_last_vm();
}

/* ---- The loop -------------------------------------------------------------------------------------------------------- */

enum bh_error supervise_init(void)
{
	uint64_t shortest = UINT64_MAX;
	uint32_t signal = slots_take(OWNER_SYSTEM, 1);
	enum bh_error error =
		arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_TIMER, 0, 1, &root.tick_timer);

	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		uint64_t limit = root.manifest.vms[vm].hang_limit_ms;

		shortest = limit < shortest ? limit : shortest;
	}
	tick_ms = tick_interval_ms(shortest);
	if (error == BH_OK) {
		error = bh_cnode_mint(ROOT_CNODE, signal, ROOT_CNODE, root.notification,
			BH_RIGHT_READ | BH_RIGHT_WRITE, MANIFEST_ROOT_SIGNAL_TICK);
	}
	if (error == BH_OK) {
		error = bh_timer_bind(root.tick_timer, signal);
	}
	if (error == BH_OK) {
		arm_tick();
	}
	return error;
}

static void pump_consoles(void)
{
	console_pump();
	control_pump();
}

static void handle_signals(uint64_t word)
{
	bool ticked = (word & MANIFEST_ROOT_SIGNAL_TICK) != 0;

	if ((word & MANIFEST_ROOT_SIGNAL_LOG) != 0 || ticked) {
		task_logs_fetch_all(ticked);
	}
	for (uint32_t vm = 0; vm < root.manifest.vm_count; vm++) {
		if ((word >> vm % MANIFEST_ROOT_SIGNAL_VMS & 1) != 0) {
			look_at_vm(vm);
		}
	}
	if ((word & MANIFEST_ROOT_SIGNAL_PCI) != 0) {
		host_functions_look();
	}
	if (ticked) {
		tick();
	}
	pump_consoles();
}

_Noreturn void supervise_loop(void)
{
	look_for_last_vm(); /* none may have started */
	pump_consoles();
	for (;;) {
		struct bh_message message = { 0 };
		enum bh_error error = bh_receive(root.fault_endpoint, root.fault_reply, &message);

		began_tsc = bh_tsc();
		if (error != BH_OK) {
			fatal("the root task cannot receive: %s", bh_error_text(error));
		}
		switch (BH_MESSAGE_LABEL(message.info)) {
		case BH_LABEL_SIGNAL:
			handle_signals(message.badge);
			break;
		case BH_LABEL_FAULT:
			handle_fault(&message);
			pump_consoles();
			break;
		default: /* nobody holds a capability to send anything else */
			report("a message of label %lu came from badge 0x%lx", BH_MESSAGE_LABEL(message.info),
				message.badge);
			break;
		}
		note_long_work();
	}
}
