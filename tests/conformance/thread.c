/* SPDX-License-Identifier: MIT */
/* Threads: configuration, registers, life, priorities, system calls of others (upcall). */
#include "harness.h"

static volatile uint64_t counter, order[4], order_count;

static void count_forever(uint64_t argument)
{
	(void)argument;
	for (;;) {
		counter = counter + 1;
	}
}

static void note_order(uint64_t argument)
{
	order[order_count & 3] = argument;
	order_count = order_count + 1;
}

/* Counts, and stops itself. */
static void count_turns(uint64_t argument)
{
	const struct test_thread *self = (const struct test_thread *)argument;

	for (;;) {
		counter = counter + 1;
		(void)!bh_thread_suspend(self->thread);
	}
}

static void configure(void)
{
	uint64_t thread, frame, large, endpoint, space;
	struct test_thread running = { 0 };

	case_begin("thread.configure.refused",
		"Configure wants each capability of its type and with its rights, a small buffer that is "
		"memory, known flags, user addresses, priorities below the own ceiling");
	thread = object_new(BH_OBJECT_THREAD, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	large = object_new(BH_OBJECT_FRAME, 21);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	REFUSED(BH_ERROR_TYPE, bh_thread_configure(thread, endpoint, space, frame, endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_TYPE, bh_thread_configure(thread, SELF, SELF, frame, endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_TYPE,
		bh_thread_configure(thread, SELF, object_new(BH_OBJECT_GUEST_SPACE, 0), 0, 0, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_TYPE, bh_thread_configure(thread, SELF, space, endpoint, endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_TYPE, bh_thread_configure(thread, SELF, space, frame, frame, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_CAPABILITY, bh_thread_configure(thread, 0, space, frame, endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_CAPABILITY,
		bh_thread_configure(thread, SELF, NO_SLOT, frame, endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_configure(thread, copy_new(SELF, BH_RIGHT_WRITE), space, frame,
					 endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_configure(thread, SELF, copy_new(space, BH_RIGHT_READ), frame,
					 endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_configure(thread, SELF, space, copy_new(frame, BH_RIGHT_READ),
					 endpoint, 1, 1, 0, 0, 0));
	/* the log ring is a Frame with read only: never a buffer, which the kernel writes */
	REFUSED(BH_ERROR_RIGHTS,
		bh_thread_configure(thread, SELF, space, boot_info->log_first, 0, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_configure(thread, SELF, space, frame,
					 copy_new(endpoint, BH_RIGHT_READ), 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_configure(copy_new(thread, BH_RIGHT_READ), SELF, space, frame,
					 endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_thread_configure(thread, SELF, space, large, endpoint, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_thread_configure(thread, SELF, space, frame, endpoint, 1, 1, 2, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_thread_configure(thread, SELF, space, frame, endpoint, 1, 1, 0x8000, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_thread_configure(thread, SELF, space, frame, endpoint, 1, 1, 0, 0, UINT64_C(1) << 47));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_thread_configure(thread, SELF, space, frame, endpoint, 1, 1, 0, 0, UINT64_C(1) << 63));
	REQUIRE_OK(bh_thread_configure(
		thread, SELF, space, frame, endpoint, 255, 255, BH_THREAD_NO_FPU, 7, 4096));
	REQUIRE_OK(
		bh_thread_configure(thread, SELF, space, 0, 0, 0, 0, 0, 0, 0)); /* again, without options */

	case_begin("thread.configure.device",
		"device memory, which the kernel must not touch, is refused as IPC buffer");
	thread = object_new(BH_OBJECT_THREAD, 0);
	frame = slot_new();
	for (uint32_t i = 0; i < boot_info->untyped_count; i++) {
		if (boot_info->untyped[i].device != 0 && boot_info->untyped[i].module == 0) {
			REQUIRE_OK(bh_untyped_retype(
				boot_info->untyped_first + i, BH_OBJECT_FRAME, 12, 0, frame, 1));
			break;
		}
	}
	REFUSED(BH_ERROR_ARGUMENT, bh_thread_configure(thread, SELF, OWN_SPACE, frame, 0, 1, 1, 0, 0, 0));

	case_begin("thread.domain",
		"threads of different trust domains run by turns: barriers where the CPU has them, nothing else changes");
	static struct test_thread domains[2];
	counter = 0;
	for (unsigned int i = 0; i < 2; i++) {
		domains[i] = (struct test_thread){ 0 };
		REQUIRE(thread_new(&domains[i], count_turns, (uint64_t)&domains[i], OWN_PRIORITY + 1, true));
		REQUIRE_OK(bh_thread_configure(domains[i].thread, SELF, OWN_SPACE, domains[i].buffer_frame, 0,
			OWN_PRIORITY + 1, OWN_PRIORITY + 1, BH_THREAD_NO_FPU, i + 1, 0));
	}
	for (unsigned int round = 0; round < 6; round++) {
		REQUIRE_OK(bh_thread_resume(domains[round % 2].thread));
		CHECK_EQUAL(round + 1, counter);
	}

	case_begin("thread.configure.running", "a thread that is not suspended can't be configured");
	REQUIRE(thread_new(&running, count_forever, 0, OWN_PRIORITY - 10, true));
	REQUIRE_OK(bh_thread_resume(running.thread));
	REFUSED(BH_ERROR_STATE, bh_thread_configure(running.thread, SELF, OWN_SPACE, 0, 0, 1, 1, 0, 0, 0));
	REFUSED(BH_ERROR_STATE, bh_thread_configure(BH_BOOT_THREAD, SELF, OWN_SPACE, 0, 0, 1, 1, 0, 0, 0));
}

static void registers(void)
{
	struct test_thread target = { 0 };
	struct bh_thread_registers wanted = { 0 }, seen;

	case_begin("thread.registers",
		"registers are read back as written, but for flags that only the kernel sets");
	REQUIRE(thread_new(&target, count_forever, 0, 10, false));
	for (unsigned int i = 0; i < 20; i++) {
		((uint64_t *)&wanted)[i] = 0x100000 + i;
	}
	wanted.rflags = ~UINT64_C(0);
	wanted.rsp = UINT64_C(0xffff800000000000); /* not checked: the thread's own business */
	REQUIRE_OK(bh_thread_write_registers(target.thread, OWN_BUFFER, &wanted));
	REQUIRE_OK(bh_thread_read_registers(target.thread, OWN_BUFFER, &seen));
	for (unsigned int i = 0; i < 20; i++) {
		if (i != 17) {
			CHECK_EQUAL(((uint64_t *)&wanted)[i], ((uint64_t *)&seen)[i]);
		}
	}
	CHECK_EQUAL(0x202, seen.rflags & 0x3b7202); /* IF and the fixed bit; no IOPL, NT, RF, VM, VIF, VIP */

	case_begin("thread.registers.refused",
		"addresses beyond the user's, a running thread, and a caller without a buffer are refused");
	wanted.rip = 0x400000;
	for (unsigned int i = 0; i < 3; i++) {
		static const uint64_t bad[] = { UINT64_C(0x7ffffffff000), UINT64_C(0x800000000000),
			UINT64_C(0xffffffff80100000) };
		struct bh_thread_registers copy = wanted;

		if (i == 0) {
			target = (struct test_thread){ 0 };
			REQUIRE(thread_new(&target, count_forever, 0, 10, true));
		}
		copy.rip = bad[i];
		REFUSED(BH_ERROR_ARGUMENT, bh_thread_write_registers(target.thread, OWN_BUFFER, &copy));
		copy.rip = wanted.rip;
		copy.fs_base = bad[i];
		REFUSED(BH_ERROR_ARGUMENT, bh_thread_write_registers(target.thread, OWN_BUFFER, &copy));
		copy.fs_base = 0;
		copy.gs_base = bad[i];
		REFUSED(BH_ERROR_ARGUMENT, bh_thread_write_registers(target.thread, OWN_BUFFER, &copy));
	}
	REQUIRE_OK(bh_thread_resume(target.thread));
	REFUSED(BH_ERROR_STATE, bh_thread_write_registers(target.thread, OWN_BUFFER, &wanted));
	REFUSED(BH_ERROR_STATE, bh_thread_read_registers(target.thread, OWN_BUFFER, &seen));
	REFUSED(BH_ERROR_STATE, bh_thread_read_registers(BH_BOOT_THREAD, OWN_BUFFER, &seen));
	REFUSED(BH_ERROR_RIGHTS,
		bh_thread_write_registers(copy_new(target.thread, BH_RIGHT_READ), OWN_BUFFER, &wanted));
}

static struct test_thread victim;
static volatile uint64_t results[4];

static void try_registers(uint64_t argument)
{
	struct bh_thread_registers unused;

	(void)argument;
	results[0] = bh_thread_read_registers(victim.thread, OWN_BUFFER, &unused);
	results[1] = bh_invoke(victim.thread, BH_THREAD_WRITE_REGISTERS, 0, 0, 0, 0, 0, 0, NULL);
	results[2] = 1;
}

static void no_buffer(void)
{
	struct test_thread caller = { .no_buffer = true };

	case_begin("thread.registers.buffer", "a caller without an IPC buffer can't move registers");
	victim = (struct test_thread){ 0 };
	results[2] = 0;
	REQUIRE(thread_new(&victim, count_forever, 0, 10, false));
	REQUIRE(thread_new(&caller, try_registers, 0, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(caller.thread));
	CHECK_EQUAL(1, results[2]);
	CHECK_EQUAL(BH_ERROR_NO_BUFFER, results[0]); /* covers BH_THREAD_READ_REGISTERS BH_ERROR_NO_BUFFER */
	CHECK_EQUAL(BH_ERROR_NO_BUFFER, results[1]); /* covers BH_THREAD_WRITE_REGISTERS BH_ERROR_NO_BUFFER */
}

static void life(void)
{
	static struct actor actor;
	struct test_thread thread = { 0 };
	uint64_t seen, endpoint;

	case_begin("thread.context",
		"a thread without a scheduling context doesn't run, whatever its priority; bound to one it does");
	counter = 0;
	REQUIRE(thread_new(&thread, count_forever, 0, OWN_PRIORITY - 1, false));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	pause_us(2000);
	CHECK_EQUAL(0, counter);
	thread.context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, thread.context, 10000, 10000));
	REQUIRE_OK(bh_sched_context_bind(thread.context, thread.thread));
	CHECK(wait_until(&counter, 1));

	case_begin("thread.suspend", "a suspended thread stands still, a resumed one goes on where it was");
	thread = (struct test_thread){ 0 };
	counter = 0;
	REQUIRE(thread_new(&thread, count_forever, 0, OWN_PRIORITY - 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK(wait_until(&counter, 1));
	REQUIRE_OK(bh_thread_suspend(thread.thread));
	REQUIRE_OK(bh_thread_suspend(thread.thread)); /* twice is as once */
	seen = counter;
	pause_us(2000);
	CHECK_EQUAL(seen, counter);
	REQUIRE_OK(bh_thread_resume(thread.thread));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK(wait_until(&counter, seen + 1));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_suspend(copy_new(thread.thread, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_resume(copy_new(thread.thread, BH_RIGHT_READ)));

	case_begin("thread.suspend.waiting",
		"Suspend ends what a thread waits for: CANCELLED when it is resumed, and the endpoint forgets it");
	for (unsigned int operation = DO_CALL; operation <= DO_WAIT; operation++) {
		struct bh_message message = { 0 };
		uint64_t reply = object_new(BH_OBJECT_REPLY, 0);

		if (operation == DO_REPLY_RECEIVE) {
			continue;
		}
		endpoint = object_new(operation == DO_WAIT ? BH_OBJECT_NOTIFICATION : BH_OBJECT_ENDPOINT, 0);
		actor = (struct actor){ .reply = reply };
		REQUIRE(actor_new(&actor, operation, endpoint, OWN_PRIORITY + 1));
		CHECK_EQUAL(0, actor.done);
		REQUIRE_OK(bh_thread_suspend(actor.thread.thread));
		if (operation != DO_WAIT) {
			REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, 0, &message));
			REQUIRE_OK(bh_send_if_waiting(endpoint, &message));
		}
		CHECK_EQUAL(0, actor.done);
		REQUIRE_OK(bh_thread_resume(actor.thread.thread));
		CHECK_EQUAL(1, actor.done);
		CHECK_EQUAL(
			BH_ERROR_CANCELLED, actor.error); /* covers BH_THREAD_SUSPEND BH_ERROR_CANCELLED */
	}

	case_begin("thread.delete.waiting", "a thread that is deleted while it waits leaves every queue");
	for (unsigned int operation = DO_CALL; operation <= DO_WAIT; operation++) {
		struct bh_message message = { 0 };

		if (operation == DO_REPLY_RECEIVE) {
			continue;
		}
		endpoint = object_new(operation == DO_WAIT ? BH_OBJECT_NOTIFICATION : BH_OBJECT_ENDPOINT, 0);
		actor = (struct actor){ 0 };
		REQUIRE(actor_new(&actor, operation, endpoint, OWN_PRIORITY + 1));
		REQUIRE_OK(bh_cnode_delete(SELF, actor.thread.thread));
		if (operation == DO_WAIT) {
			REQUIRE_OK(bh_signal(mint_new(endpoint, BH_RIGHTS_ALL, 1)));
		} else {
			REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, 0, &message));
			REQUIRE_OK(bh_send_if_waiting(endpoint, &message));
		}
	}
}

static void delete_self(uint64_t argument)
{
	(void)!bh_cnode_delete(SELF, *(volatile uint64_t *)argument);
	counter = counter + 1; /* not reached */
}

static void revoke_self(uint64_t argument)
{
	(void)!bh_cnode_revoke(SELF, argument);
	counter = counter + 1; /* not reached */
}

static void suicide(void)
{
	struct test_thread thread = { 0 };
	uint64_t untyped, saved = pool;

	case_begin("thread.delete.self",
		"a thread may delete its own last capability in the middle of a system call");
	counter = 0;
	REQUIRE(thread_new(&thread, delete_self, (uint64_t)&victim.thread, OWN_PRIORITY + 1, true));
	victim.thread = thread.thread;
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(thread.thread).type);
	CHECK_EQUAL(0, counter);

	case_begin("thread.revoke.self",
		"a thread may revoke the Untyped that itself, its context, its buffer and its stack are made of");
	counter = 0;
	untyped = object_new(BH_OBJECT_UNTYPED, 20);
	pool = untyped;
	thread = (struct test_thread){ 0 };
	bool made = thread_new(&thread, revoke_self, untyped, OWN_PRIORITY + 1, true);
	pool = saved;
	REQUIRE(made);
	REQUIRE_OK(bh_thread_resume(thread.thread));
	pause_us(1000);
	CHECK_EQUAL(0, counter);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(thread.thread).type);
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_UNTYPED, 20, 0, slot_new(), 1));
}

static void raise_priority(uint64_t argument)
{
	results[0] = bh_thread_set_priority(argument, 101, 101);
	results[1] = bh_thread_set_priority(argument, 100, 101);
	results[2] = bh_thread_configure(victim.thread, SELF, OWN_SPACE, 0, 0, 101, 50, 0, 0, 0);
	results[3] = bh_thread_set_priority(argument, 99, 100);
	counter = 1;
}

static void priorities(void)
{
	struct test_thread low = { 0 }, high = { 0 };

	case_begin("thread.priority",
		"of two threads that are ready the higher priority runs first, equal ones in the order of becoming ready");
	order_count = 0;
	REQUIRE(thread_new(&low, note_order, 1, 100, true));
	REQUIRE(thread_new(&high, note_order, 2, 101, true));
	REQUIRE_OK(bh_thread_resume(low.thread));
	REQUIRE_OK(bh_thread_resume(high.thread));
	CHECK_EQUAL(0, order_count);
	CHECK(wait_until(&order_count, 2));
	CHECK_EQUAL(2, order[0]);
	CHECK_EQUAL(1, order[1]);

	case_begin(
		"thread.set_priority", "SetPriority takes effect at once, on who is ready and on who runs");
	low = (struct test_thread){ 0 };
	high = (struct test_thread){ 0 };
	order_count = 0;
	REQUIRE(thread_new(&low, note_order, 1, 100, true));
	REQUIRE(thread_new(&high, note_order, 2, 101, true));
	REQUIRE_OK(bh_thread_resume(low.thread));
	REQUIRE_OK(bh_thread_resume(high.thread));
	REQUIRE_OK(bh_thread_set_priority(low.thread, OWN_PRIORITY + 1, 255));
	CHECK_EQUAL(1, order_count);
	CHECK_EQUAL(1, order[0]);
	REQUIRE_OK(bh_thread_set_priority(BH_BOOT_THREAD, 50, 255));
	CHECK_EQUAL(2, order_count);
	REQUIRE_OK(bh_thread_set_priority(BH_BOOT_THREAD, OWN_PRIORITY, 255));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_set_priority(copy_new(low.thread, BH_RIGHT_READ), 1, 1));

	case_begin("thread.ceiling", "nobody gives a priority above the own maximum, not to itself either");
	low = (struct test_thread){ 0 };
	victim = (struct test_thread){ 0 };
	counter = 0;
	REQUIRE(thread_new(&victim, note_order, 0, 1, false));
	REQUIRE(thread_new(&low, raise_priority, 0, 100, true));
	low.registers.rbp = low.thread;
	REQUIRE_OK(bh_thread_write_registers(low.thread, OWN_BUFFER, &low.registers));
	REQUIRE_OK(bh_thread_resume(low.thread));
	CHECK(wait_until(&counter, 1));
	CHECK_EQUAL(BH_ERROR_PRIORITY, results[0]);
	CHECK_EQUAL(BH_ERROR_PRIORITY, results[1]); /* covers BH_THREAD_SET_PRIORITY BH_ERROR_PRIORITY */
	CHECK_EQUAL(BH_ERROR_PRIORITY, results[2]); /* covers BH_THREAD_CONFIGURE BH_ERROR_PRIORITY */
	CHECK_EQUAL(BH_OK, results[3]);
}

static void bind(void)
{
	struct test_thread first = { 0 }, second = { 0 };
	uint64_t notification;

	case_begin("thread.bind_notification",
		"one notification, one thread: a second binding of either is refused until it is unbound");
	REQUIRE(thread_new(&first, note_order, 0, 1, false));
	REQUIRE(thread_new(&second, note_order, 0, 1, false));
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REFUSED(BH_ERROR_RIGHTS,
		bh_thread_bind_notification(first.thread, copy_new(notification, BH_RIGHT_WRITE)));
	REFUSED(BH_ERROR_TYPE, bh_thread_bind_notification(first.thread, object_new(BH_OBJECT_ENDPOINT, 0)));
	REFUSED(BH_ERROR_CAPABILITY, bh_thread_bind_notification(first.thread, NO_SLOT));
	REQUIRE_OK(bh_thread_unbind_notification(first.thread)); /* nothing bound: no error */
	REQUIRE_OK(bh_thread_bind_notification(first.thread, notification));
	REFUSED(BH_ERROR_STATE, bh_thread_bind_notification(second.thread, notification));
	REFUSED(BH_ERROR_STATE,
		bh_thread_bind_notification(first.thread, object_new(BH_OBJECT_NOTIFICATION, 0)));
	REQUIRE_OK(bh_thread_unbind_notification(first.thread));
	REQUIRE_OK(bh_thread_bind_notification(second.thread, notification));
	REQUIRE_OK(bh_cnode_delete(SELF, second.thread)); /* its end unbinds */
	REQUIRE_OK(bh_thread_bind_notification(first.thread, notification));
	REQUIRE_OK(bh_cnode_revoke(SELF, notification));
	REQUIRE_OK(bh_cnode_delete(SELF, notification));
	REQUIRE_OK(bh_thread_bind_notification(first.thread, object_new(BH_OBJECT_NOTIFICATION, 0)));

	case_begin("thread.receive.refused",
		"THREAD_RECEIVE wants an endpoint to read, a Reply that is free, and a suspended thread");
	uint64_t endpoint = object_new(BH_OBJECT_ENDPOINT, 0), reply = object_new(BH_OBJECT_REPLY, 0);

	first = (struct test_thread){ 0 };
	second = (struct test_thread){ 0 };
	REQUIRE(thread_new(&first, note_order, 0, 1, false));
	REQUIRE(thread_new(&second, note_order, 0, 1, false));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_receive(first.thread, copy_new(endpoint, BH_RIGHT_WRITE), reply));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_receive(first.thread, endpoint, copy_new(reply, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_TYPE, bh_thread_receive(first.thread, reply, reply));
	REFUSED(BH_ERROR_TYPE, bh_thread_receive(first.thread, endpoint, endpoint));
	REFUSED(BH_ERROR_CAPABILITY, bh_thread_receive(first.thread, endpoint, 0));
	REFUSED(BH_ERROR_STATE, bh_thread_receive(BH_BOOT_THREAD, endpoint, reply));
	REQUIRE_OK(bh_thread_receive(first.thread, endpoint, reply));
	REFUSED(BH_ERROR_STATE, bh_thread_receive(first.thread, endpoint, object_new(BH_OBJECT_REPLY, 0)));
	REFUSED(BH_ERROR_STATE, bh_thread_receive(second.thread, endpoint, reply)); /* one receiver a Reply */
}

/* A system call of another kind with known registers; the upcall sees them untouched, and returns as a real one would. */
volatile uint64_t upcall_seen[8];

__attribute__((naked)) static void upcall_entry(void)
{
	__asm__ volatile("movq %rax, upcall_seen+0(%rip)\n\t"
			 "movq %rdi, upcall_seen+8(%rip)\n\t"
			 "movq %rsi, upcall_seen+16(%rip)\n\t"
			 "movq %rcx, upcall_seen+24(%rip)\n\t"
			 "movq %r11, upcall_seen+32(%rip)\n\t"
			 "movq %rsp, upcall_seen+40(%rip)\n\t"
			 "rdgsbase %rax\n\t"
			 "movq %rax, upcall_seen+48(%rip)\n\t"
			 "movq $77, %rax\n\t"
			 "jmp *%rcx");
}

static volatile uint64_t call_result, call_address, call_stack;

static void other_call(uint64_t argument)
{
	uint64_t result = 39; /* getpid, say */
	uint64_t stack;

	(void)argument;
	__asm__ volatile("leaq 1f(%%rip), %%rdx\n\t"
			 "movq %%rdx, %1\n\t"
			 "movq %%rsp, %2\n\t"
			 "stc\n\t"
			 "syscall\n"
			 "1:"
			 : "+a"(result), "=m"(call_address), "=&r"(stack)
			 : "D"(111), "S"(222)
			 : "rcx", "rdx", "r11", "memory", "cc");
	call_stack = stack;
	call_result = result;
	counter = 1;
}

static void upcalls(void)
{
	struct test_thread thread = { 0 };

	case_begin("thread.upcall",
		"a system call without bit 63 resumes at the upcall address, its registers untouched: rcx the return "
		"address, r11 the flags, GS base the runtime block");
	counter = 0;
	REQUIRE(thread_new(&thread, other_call, 0, OWN_PRIORITY + 1, true));
	thread.registers.gs_base = 0x12340000;
	REQUIRE_OK(bh_thread_write_registers(thread.thread, OWN_BUFFER, &thread.registers));
	REFUSED(BH_ERROR_ARGUMENT, bh_thread_set_upcall(thread.thread, UINT64_C(1) << 47));
	REFUSED(BH_ERROR_RIGHTS, bh_thread_set_upcall(copy_new(thread.thread, BH_RIGHT_READ), 0x400000));
	REQUIRE_OK(bh_thread_set_upcall(thread.thread, (uint64_t)upcall_entry));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(1, counter);
	CHECK_EQUAL(77, call_result);
	CHECK_EQUAL(39, upcall_seen[0]);
	CHECK_EQUAL(111, upcall_seen[1]);
	CHECK_EQUAL(222, upcall_seen[2]);
	CHECK_EQUAL(call_address, upcall_seen[3]);
	CHECK_EQUAL(1, upcall_seen[4] & 1);
	CHECK_EQUAL(call_stack, upcall_seen[5]);
	CHECK_EQUAL(0x12340000, upcall_seen[6]);

	case_begin("thread.configure.runtime_block", "Configure sets GS base to the runtime block");
	thread = (struct test_thread){ 0 };
	counter = 0;
	REQUIRE(thread_new(&thread, other_call, 0, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_configure(
		thread.thread, SELF, OWN_SPACE, 0, 0, OWN_PRIORITY + 1, 0, BH_THREAD_NO_FPU, 0, 0x5678000));
	REQUIRE_OK(bh_thread_set_upcall(thread.thread, (uint64_t)upcall_entry));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(1, counter);
	CHECK_EQUAL(0x5678000, upcall_seen[6]);
}

/* Registers of the caller that a system call must keep, and flags that it must survive. */
static void kept_registers(uint64_t argument)
{
	uint64_t flags = 0, bad = 0;

	(void)argument;
	__asm__ volatile("pushfq\n\t"
			 "orq $0x44400, (%%rsp)\n\t" /* AC, NT, DF: the kernel must not run with them */
			 "popfq\n\t"
			 "movq $0x1111, %%rbx\n\t"
			 "movq $0x5555, %%r14\n\t"
			 "movq $0x6666, %%r15\n\t"
			 "movq %[number], %%rax\n\t"
			 "syscall\n\t"
			 "pushfq\n\t"
			 "popq %[flags]\n\t"
			 "cmpq $0x1111, %%rbx\n\t"
			 "jne 1f\n\t"
			 "cmpq $0x5555, %%r14\n\t"
			 "jne 1f\n\t"
			 "cmpq $0x6666, %%r15\n\t"
			 "je 2f\n"
			 "1: movq $1, %[bad]\n"
			 "2: pushq $2\n\t"
			 "popfq"
			 : [flags] "=&r"(flags), [bad] "+&r"(bad)
			 : [number] "i"(BH_SYSCALL | BH_SYS_YIELD)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r14", "r15",
			 "memory", "cc");
	results[0] = flags & 0x44400;
	results[1] = bad;
	counter = 1;
}

static void flags(void)
{
	struct test_thread thread = { 0 };

	case_begin("syscall.registers",
		"a system call keeps all registers but rax, rcx, r11 and its results, and the user's own flags");
	counter = 0;
	REQUIRE(thread_new(&thread, kept_registers, 0, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(1, counter);
	CHECK_EQUAL(0x44400, results[0]);
	CHECK_EQUAL(0, results[1]);
}

static void bases(uint64_t argument)
{
	uint64_t fs = 0x11110000 + argument, gs = 0xffff900000000000 + argument;

	/* user code may set any canonical base by itself */
	__asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(fs), "r"(gs));
	for (unsigned int i = 0; i < 50; i++) {
		uint64_t fs_now, gs_now;

		bh_yield();
		__asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs_now), "=r"(gs_now));
		if (fs_now != fs || gs_now != gs) {
			results[argument] = 1;
		}
	}
	counter = counter + 1;
}

static void switching(void)
{
	struct test_thread first = { 0 }, second = { 0 };

	case_begin("thread.bases",
		"FS and GS base belong to their thread, across 50 switches, kernel-half values included");
	counter = 0;
	results[0] = results[1] = 0;
	REQUIRE(thread_new(&first, bases, 0, 100, true));
	REQUIRE(thread_new(&second, bases, 1, 100, true));
	REQUIRE_OK(bh_thread_resume(first.thread));
	REQUIRE_OK(bh_thread_resume(second.thread));
	CHECK(wait_until(&counter, 2));
	CHECK_EQUAL(0, results[0]);
	CHECK_EQUAL(0, results[1]);
}

void group_thread(void)
{
	configure();
	registers();
	no_buffer();
	life();
	suicide();
	priorities();
	bind();
	upcalls();
	flags();
	switching();
}
