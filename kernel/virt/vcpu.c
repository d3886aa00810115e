/* SPDX-License-Identifier: MIT */
/* The life of a virtual CPU between two entries, and its invocations. */
#include "virt/vcpu.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/entry.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/user_ports.h"
#include "ipc/ipc.h"
#include "log.h"
#include "object/invocation.h"
#include "sched/scheduler.h"
#include "trace.h"
#include "virt/backend.h"
#include "virt/short.h"

void vcpu_initialise(struct vcpu *vcpu)
{
	vcpu->execution.kind = EXECUTION_VCPU;
	vcpu->execution.fpu_forbidden = true; /* to the host's code: switch_key */
	vcpu->execution.state = EXECUTION_STOPPED;
	vcpu->execution.cpu = this_cpu();
	vcpu->state = (struct bh_vcpu_state *)(void *)vcpu->state_page;
	vcpu->state->abi_version = BH_ABI_VERSION;
	vcpu->state->size = sizeof(struct bh_vcpu_state);
	fpu_area_initialise(vcpu->fpu);
	backend_vcpu_initialise(vcpu);
	backend_store_base(vcpu);
	backend_store_groups(vcpu, BH_GROUPS_ALL);
}

void vcpu_stop_for_good(struct vcpu *vcpu) { execution_end(&vcpu->execution); }

/* --- exits --- */

/* Who waits for an answer from now on is told to INSPECT and to the answer. Without an endpoint the vCPU stops. */
static void send(
	struct cpu *cpu, struct vcpu *vcpu, const struct capability *slot, const struct vcpu_message *message)
{
	send_short(cpu, vcpu, slot, message->reason_or_route, message->routed,
		BH_MESSAGE_INFO(message->label, message->word_count, 0), message->words[0], message->words[1],
		message->words[2], message->words[3]);
	vcpu->message = *message;
	vcpu->waiting_since = rdtsc();
	if (slot->type == BH_OBJECT_ENDPOINT &&
		endpoint_send((struct endpoint *)slot->object, &vcpu->execution, slot->badge, false, true,
			true) == BH_OK) {
		return;
	}
	log_line("vcpu %lx stopped: nobody takes its exit %u", (uint64_t)vcpu, vcpu->message.reason_or_route);
	scheduler_block(&vcpu->execution, EXECUTION_STOPPED);
}

/* State is in the page already, and the short way is not open. */
static __attribute__((noinline)) void send_exit(struct cpu *cpu, struct vcpu *vcpu, uint32_t reason,
	uint64_t word0, uint64_t qualification, uint64_t information)
{
	struct vcpu_message message = { .label = BH_LABEL_EXIT,
		.word_count = 4,
		.reason_or_route = reason,
		.words = { word0, qualification, information, vcpu->sequence } };

	send(cpu, vcpu, &vcpu->slots[VCPU_EXIT_FIRST + reason], &message);
}

/* An exit of the kernel's own, before an entry: so what an entry has to look at was not looked at since others ran. */
static __attribute__((noinline)) void send_own_exit(struct cpu *cpu, struct vcpu *vcpu, uint32_t reason,
	uint64_t word0, uint64_t qualification, uint64_t information)
{
	vcpu->plain = false;
	backend_store_base(vcpu);
	if (vcpu->exit_masks[reason] != 0) {
		backend_store_groups(vcpu, vcpu->exit_masks[reason]);
	}
	send_short(cpu, vcpu, &vcpu->slots[VCPU_EXIT_FIRST + reason], reason, false,
		BH_MESSAGE_INFO(BH_LABEL_EXIT, 4, 0), word0, qualification, information, vcpu->sequence);
	send_exit(cpu, vcpu, reason, word0, qualification, information);
}

static __attribute__((noinline)) void send_notify(struct cpu *cpu, struct vcpu *vcpu)
{
	uint64_t word = vcpu->execution.bound->word;

	vcpu->execution.bound->word = 0;
	vcpu->sequence++;
	send_own_exit(cpu, vcpu, BH_EXIT_NOTIFY, BH_EXIT_NOTIFY, word, 0);
}

void vcpu_interrupted(struct cpu *cpu, struct vcpu *vcpu)
{
	kernel_entered(cpu);
	vcpu->exits++;
	trace_record(BH_TRACE_EXIT, BH_TRACE_EXIT_HOST, vcpu);
	interrupts_process(cpu);
	kernel_exit();
}

void vcpu_exited_long(struct cpu *cpu, struct vcpu *vcpu, uint32_t reason, uint64_t word0,
	uint64_t qualification, uint64_t information)
{
	kernel_entered(cpu);
	trace_record(BH_TRACE_EXIT, reason, vcpu);
	send_exit(cpu, vcpu, reason, word0, qualification, information);
	kernel_exit();
}

void vcpu_routed_long(struct cpu *cpu, struct vcpu *vcpu, const struct capability *slot, uint32_t route)
{
	struct vcpu_message message = { .label = BH_LABEL_PORT,
		.word_count = 3,
		.reason_or_route = route,
		.routed = true,
		.words = { vcpu->access_word, vcpu->access_value, vcpu->sequence } };

	kernel_entered(cpu);
	trace_record(BH_TRACE_EXIT, BH_EXIT_PORT, vcpu);
	send(cpu, vcpu, slot, &message);
	kernel_exit();
}

void vcpu_port_exited_long(
	struct cpu *cpu, struct vcpu *vcpu, uint64_t access, uint64_t next_rip, uint64_t doorbell)
{
	const struct capability *slot = &vcpu->slots[VCPU_ROUTE_FIRST + doorbell - 1];

	kernel_entered(cpu);
	trace_record(BH_TRACE_EXIT, BH_EXIT_PORT, vcpu);
	if (doorbell != 0 && slot->type == BH_OBJECT_NOTIFICATION && (access & BH_PORT_IN) == 0) {
		backend_complete_port(vcpu, next_rip);
		notification_signal((struct notification *)slot->object, slot->badge, false);
	} else {
		vcpu->sequence++;
		send_own_exit(cpu, vcpu, BH_EXIT_PORT,
			BH_EXIT_PORT | ((next_rip - backend_rip(vcpu)) & 15) << 8, access, next_rip);
	}
	kernel_exit();
}

bool vcpu_late_signal(const struct vcpu *vcpu, struct notification *notification)
{
	struct cpu *cpu = vcpu->execution.cpu;

	if (notification->waiters.head->priority > vcpu->execution.priority ||
		(cpu->late_signal != NULL && cpu->late_signal != notification)) {
		return false;
	}
	cpu->late_signal = notification;
	cpu->stretch++;
	return true;
}

/* Tells the VMM of a routed access without an answer, with the port itself: the message had the offset in its range, and the
 * route may be another one by now. */
static void send_route_failed(struct cpu *cpu, struct vcpu *vcpu)
{
	uint64_t route = vcpu->message.reason_or_route;
	uint64_t length = (vcpu->access_next_rip - backend_rip(vcpu)) & 15;

	vcpu->route_failed = false;
	send_own_exit(cpu, vcpu, BH_EXIT_ROUTE_FAILED, BH_EXIT_ROUTE_FAILED | length << 8,
		(vcpu->access_word & ~(UINT64_C(0xffff) << 16)) | vcpu->access_port << 16 | route << 40,
		vcpu->access_value);
}

/* What the answer, or the want of one, asks for before the entry. false: the vCPU does something else now. */
static __attribute__((noinline)) bool settle(struct cpu *cpu, struct vcpu *vcpu)
{
	if (vcpu->route_failed) {
		send_route_failed(cpu, vcpu);
		return false;
	}
	if (vcpu->answered) {
		vcpu->answered = false;
		if (!backend_load_base(vcpu)) { /* told as an exit */
			vcpu->sequence++;
			send_own_exit(cpu, vcpu, BH_EXIT_ENTRY_FAILED, BH_EXIT_ENTRY_FAILED, 0, 0);
			return false;
		}
		if (vcpu->load_groups != 0) {
			backend_load_groups(vcpu, vcpu->load_groups);
		}
	}
	if (vcpu->halt_requested) {
		vcpu->halt_requested = false;
		if (vcpu->execution.bound == NULL || vcpu->execution.bound->word == 0) {
			scheduler_block(&vcpu->execution, EXECUTION_HALTED);
			return false;
		}
	}
	return true;
}

void vcpu_run(struct cpu *cpu, struct vcpu *vcpu)
{
	cpu->stretch++; /* no short way */
	if (vcpu->slots[VCPU_GUEST_SPACE].type != BH_OBJECT_GUEST_SPACE) {
		log_line("vcpu %lx stopped: its guest space is gone", (uint64_t)vcpu);
		scheduler_block(&vcpu->execution, EXECUTION_STOPPED);
		return;
	}
	if (vcpu->before_entry != 0 && !settle(cpu, vcpu)) {
		return;
	}
	/* A guest needs none but the first; its handlers need all of it, and are reached the short way then. */
	if (cpu->switch_key != vcpu->execution.switch_key) {
		trust_domain_enter(cpu, vcpu->execution.trust_domain);
		fpu_forbid(cpu);
		if (cpu->io_open) {
			io_bitmap_show(cpu, false);
		}
	}
	/* Looked at with interrupts off, just before the entry: a signal from now on makes the guest leave. */
	if (vcpu->execution.bound != NULL && vcpu->execution.bound->word != 0) {
		send_notify(cpu, vcpu);
		return;
	}
	if (cpu->fpu_owner != &vcpu->execution) {
		fpu_load(cpu, &vcpu->execution);
		fpu_forbid(cpu);
	}
	backend_run(cpu, vcpu);
}

/* --- answers --- */

void vcpu_answer_deliver(struct vcpu *vcpu, uint64_t word)
{
	if (vcpu->message.routed) {
		vcpu_merge(vcpu, word);
		backend_complete_port(vcpu, vcpu->access_next_rip);
		return;
	}
	vcpu->answered = true;
	vcpu->load_groups = (uint32_t)word & BH_GROUPS_ALL;
	vcpu->halt_requested = (word & BH_RESUME_HALT) != 0;
}

void vcpu_answer(struct vcpu *vcpu, uint64_t word)
{
	vcpu_answer_deliver(vcpu, word);
	if (vcpu_answer_resumes(vcpu, word)) {
		scheduler_make_ready(&vcpu->execution);
		return;
	}
	scheduler_block(&vcpu->execution, EXECUTION_STOPPED);
	/* A stopped vCPU's state is read and written from outside: what was answered has to be in place. What can't be injected is
	 * told at the next entry. */
	if (backend_load_base(vcpu)) {
		backend_load_groups(vcpu, vcpu->load_groups);
		vcpu->answered = false;
	}
}

void vcpu_send_failed(struct vcpu *vcpu)
{
	if (vcpu->message.routed) {
		vcpu->route_failed = true;
		scheduler_make_ready(&vcpu->execution);
		return;
	}
	log_line(
		"vcpu %lx stopped: its exit %u got no answer", (uint64_t)vcpu, vcpu->message.reason_or_route);
	scheduler_block(&vcpu->execution, EXECUTION_STOPPED);
}

/* --- invocations --- */

static enum bh_error configure(const struct invocation *invocation, struct vcpu *vcpu)
{
	uint64_t settings = invocation->argument[1], priority = settings >> 8 & 0xff;
	struct capability *slot;
	enum bh_error error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_GUEST_SPACE, BH_RIGHT_WRITE, &slot);

	if (error != BH_OK) {
		return error;
	}
	if (vcpu->execution.state != EXECUTION_STOPPED) {
		return BH_ERROR_STATE;
	}
	if (priority > invocation->caller->execution.maximum_priority) {
		return BH_ERROR_PRIORITY;
	}
	if (!capability_is_empty(&vcpu->slots[VCPU_GUEST_SPACE])) {
		capability_delete(&vcpu->slots[VCPU_GUEST_SPACE]);
	}
	error = slot_keep(&vcpu->slots[VCPU_GUEST_SPACE], slot);
	if (error != BH_OK) {
		return error;
	}
	/* Translations of another space may be cached under the old ASID, even if the new one stands at the same address. */
	vcpu->asid_generation = 0;
	vcpu->number = settings & 0xff;
	vcpu->execution.priority = (uint8_t)priority;
	vcpu->execution.trust_domain = (uint32_t)(settings >> 32);
	return teardown_run() ? BH_OK : INVOCATION_RESTART;
}

static enum bh_error bind_slot(struct vcpu *vcpu, uint64_t index, struct capability *source)
{
	struct capability *slot = &vcpu->slots[index];

	if (!capability_is_empty(slot)) {
		capability_delete(slot);
	}
	return slot_keep(slot, source);
}

static enum bh_error bind(const struct invocation *invocation, struct vcpu *vcpu)
{
	uint64_t what = invocation->argument[0], mask = invocation->argument[2];
	struct capability *source = capability_lookup(invocation->caller, invocation->argument[1]);
	bool is_route = what >= BH_BIND_ROUTE && what < BH_BIND_ROUTE + BH_ROUTES;
	uint64_t first = what == BH_BIND_ALL_EXITS ? 0 : what;
	uint64_t last = what == BH_BIND_ALL_EXITS ? BH_EXIT_REASONS - 1 : what;
	enum bh_error error;

	if (source == NULL) {
		return BH_ERROR_CAPABILITY;
	}
	if (source->type != BH_OBJECT_ENDPOINT && !(is_route && source->type == BH_OBJECT_NOTIFICATION)) {
		return BH_ERROR_TYPE;
	}
	if ((source->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	if ((!is_route && what >= BH_EXIT_REASONS && what != BH_BIND_ALL_EXITS) || mask > BH_GROUPS_STORE) {
		return BH_ERROR_ARGUMENT;
	}
	if (is_route) {
		error = bind_slot(vcpu, VCPU_ROUTE_FIRST + what - BH_BIND_ROUTE, source);
		return error != BH_OK ? error : teardown_run() ? BH_OK : INVOCATION_RESTART;
	}
	for (uint64_t reason = first; reason <= last; reason++) {
		error = bind_slot(vcpu, VCPU_EXIT_FIRST + reason, source);
		if (error != BH_OK) {
			return error;
		}
		vcpu->exit_masks[reason] = (uint32_t)mask;
	}
	return teardown_run() ? BH_OK : INVOCATION_RESTART;
}

static enum bh_error state_frame(struct invocation *invocation, struct vcpu *vcpu)
{
	struct cnode *cnode;
	struct capability *slot;
	enum bh_error error = cnode_find(invocation->caller, invocation->argument[0], BH_RIGHT_WRITE, &cnode);

	if (error != BH_OK) {
		return error;
	}
	slot = cnode_slot(cnode, invocation->argument[1]);
	if (slot == NULL) {
		return BH_ERROR_ARGUMENT;
	}
	if (!capability_is_empty(slot)) {
		return BH_ERROR_SLOT_OCCUPIED;
	}
	slot->type = BH_OBJECT_FRAME;
	slot->rights = BH_RIGHTS_ALL;
	slot->object = virt_to_phys(vcpu->state_page);
	slot->mapping.size_bits = PAGE_SHIFT;
	error = derivation_insert(invocation->slot, slot);
	if (error != BH_OK) {
		slot->type = BH_OBJECT_NULL;
	}
	return error;
}

static bool waits_for_answer(const struct vcpu *vcpu)
{
	return vcpu->execution.state == EXECUTION_SENDING || vcpu->execution.state == EXECUTION_WAITING_REPLY;
}

static enum bh_error read_or_write_state(const struct invocation *invocation, struct vcpu *vcpu)
{
	uint32_t groups = (uint32_t)invocation->argument[0];

	if (invocation->argument[0] >
		(invocation->label == BH_VCPU_READ_STATE ? BH_GROUPS_STORE : BH_GROUPS_ALL)) {
		return BH_ERROR_ARGUMENT;
	}
	if (vcpu->execution.state != EXECUTION_STOPPED &&
		!(waits_for_answer(vcpu) && !vcpu->message.routed)) {
		return BH_ERROR_STATE;
	}
	/* While an exit waits for its answer rip, rflags and events are in the page already, and the answer brings them back. */
	if (invocation->label == BH_VCPU_READ_STATE) {
		if (vcpu->execution.state == EXECUTION_STOPPED) {
			backend_store_base(vcpu);
		}
		backend_store_groups(vcpu, groups);
		return BH_OK;
	}
	if (vcpu->execution.state == EXECUTION_STOPPED && !backend_load_base(vcpu)) {
		return BH_ERROR_STATE;
	}
	backend_load_groups(vcpu, groups);
	return BH_OK;
}

static enum bh_error run(struct vcpu *vcpu)
{
	if (vcpu->slots[VCPU_GUEST_SPACE].type != BH_OBJECT_GUEST_SPACE || waits_for_answer(vcpu)) {
		return BH_ERROR_STATE;
	}
	if (vcpu->execution.state == EXECUTION_STOPPED) {
		scheduler_make_ready(&vcpu->execution);
	}
	return BH_OK;
}

/* Whoever serves it keeps the context that it borrowed until it is done: without one it could not go on, nor serve anybody else. */
static void stop(struct vcpu *vcpu)
{
	ipc_cancel(&vcpu->execution, BH_ERROR_CANCELLED);
	vcpu->answered = false;
	vcpu->route_failed = false;
	vcpu->halt_requested = false;
}

static enum bh_error cancel_access(struct vcpu *vcpu)
{
	if (!waits_for_answer(vcpu) || !vcpu->message.routed) {
		return BH_ERROR_STATE;
	}
	stop(vcpu);
	/* Who hangs does not come back with the context: the VMM needs it now. */
	if (vcpu->execution.own_context != NULL) {
		context_recall(vcpu->execution.own_context);
	}
	vcpu_send_failed(vcpu);
	return BH_OK;
}

static enum bh_error inspect(struct invocation *invocation, const struct vcpu *vcpu)
{
	uint64_t status = BH_VCPU_READY;

	if (waits_for_answer(vcpu)) {
		status = (vcpu->message.routed ? BH_VCPU_WAITING_ROUTE : BH_VCPU_WAITING_EXIT) |
			 (uint64_t)vcpu->message.reason_or_route << 8;
	} else if (vcpu->execution.state == EXECUTION_HALTED) {
		status = BH_VCPU_HALTED;
	} else if (vcpu->execution.state == EXECUTION_STOPPED) {
		status = BH_VCPU_STOPPED;
	}
	invocation->result[0] = status;
	invocation->result[1] = vcpu->waiting_since;
	invocation->result[2] = vcpu->sequence;
	invocation->result[3] = vcpu->exits;
	return BH_OK;
}

enum bh_error vcpu_invoke(struct invocation *invocation)
{
	struct vcpu *vcpu = (struct vcpu *)invocation->slot->object;
	uint64_t right = invocation->label == BH_VCPU_INSPECT ? BH_RIGHT_READ : BH_RIGHT_WRITE;

	if ((invocation->slot->rights & right) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_VCPU_CONFIGURE:
		return configure(invocation, vcpu);
	case BH_VCPU_BIND:
		return bind(invocation, vcpu);
	case BH_VCPU_BIND_NOTIFICATION:
		return execution_bind_notification(invocation, &vcpu->execution);
	case BH_VCPU_STATE_FRAME:
		return state_frame(invocation, vcpu);
	case BH_VCPU_READ_STATE:
	case BH_VCPU_WRITE_STATE:
		return read_or_write_state(invocation, vcpu);
	case BH_VCPU_RUN:
		return run(vcpu);
	case BH_VCPU_STOP:
		stop(vcpu);
		return BH_OK;
	case BH_VCPU_CANCEL_ACCESS:
		return cancel_access(vcpu);
	case BH_VCPU_INSPECT:
		return inspect(invocation, vcpu);
	default:
		return BH_ERROR_INVOCATION;
	}
}
