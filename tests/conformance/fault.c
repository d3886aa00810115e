/* SPDX-License-Identifier: MIT */
/* Faults of threads: each kind arrives as a message, its handler can mend it, and no fault of a user harms the kernel. */
#include "harness.h"

static struct test_thread victim;
static uint64_t endpoint, reply, space;
static volatile uint64_t reached, value;

/* Each program faults once at its start (after what it prepares); the answer skips or mends it. */
extern const char fault_read[], fault_write[], fault_ud2[], fault_hlt[], fault_divide[], fault_step[],
	fault_breakpoint[], fault_sse[], fault_x87[], fault_syscall[], fault_jump[], fault_cli[], fault_in[],
	fault_cr[], fault_stack[], fault_int80[], fault_direction[], fault_alignment[], fault_msr[],
	fault_privileged_rip[], fault_end[];
__asm__(".text\n"
	"fault_read: movl (%rdi), %eax; jmp fault_end\n"
	"fault_write: movl %eax, (%rdi); jmp fault_end\n"
	"fault_ud2: ud2; jmp fault_end\n"
	"fault_hlt: hlt; jmp fault_end\n"
	"fault_divide: xorl %ecx, %ecx; divl %ecx; jmp fault_end\n"
	"fault_step: pushfq; orl $0x100, (%rsp); popfq; nop; nop; jmp fault_end\n"
	"fault_breakpoint: int3; jmp fault_end\n"
	"fault_sse: movups %xmm0, (%rsp); jmp fault_end\n"
	"fault_x87: fld1; jmp fault_end\n"
	"fault_syscall: movl $1234, %eax; syscall; jmp fault_end\n"
	"fault_jump: jmp *%rdi\n"
	"fault_cli: cli; jmp fault_end\n"
	"fault_in: inb $0x21, %al; jmp fault_end\n"
	"fault_cr: movq %cr3, %rax; jmp fault_end\n"
	"fault_stack: movq %rdi, %rsp; pushq %rax; jmp fault_end\n"
	"fault_int80: int $0x80; jmp fault_end\n"
	"fault_direction: std; inb $0x21, %al; cld; jmp fault_end\n"
	"fault_alignment: movl (%rdi), %eax; jmp fault_end\n"
	"fault_msr: movl $0xc0000080, %ecx; rdmsr; jmp fault_end\n"
	"fault_privileged_rip: jmp *%rdi\n"
	"fault_end: movq $1, reached(%rip)\n"
	"1: jmp 1b\n");

static bool start(const char *program, uint64_t rdi, bool fpu)
{
	victim = (struct test_thread){ .use_fpu = fpu };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	reached = 0;
	victim.fault_endpoint = mint_new(endpoint, BH_RIGHT_WRITE, 0xfa);
	if (!thread_new(&victim, NULL, 0, OWN_PRIORITY - 5, true)) {
		return false;
	}
	victim.registers.rip = (uint64_t)program;
	victim.registers.rdi = rdi;
	return bh_thread_write_registers(victim.thread, OWN_BUFFER, &victim.registers) == BH_OK &&
	       bh_thread_resume(victim.thread) == BH_OK;
}

/* A Frame with a program that goes on for ever. */
static uint64_t loop_new(void)
{
	uint64_t frame = object_new(BH_OBJECT_FRAME, 12);
	uint8_t *code = (uint8_t *)address_new(4096);

	CHECK_EQUAL(BH_OK, map_with_tables(frame, OWN_SPACE, (uint64_t)code, MAP_RW));
	code[0] = 0xeb; /* jmp . */
	code[1] = 0xfe;
	return frame;
}

/* The victim runs in a space of its own from 0x1000 on, where `frame` is mapped; 0: nothing is. */
static bool start_apart(uint64_t frame)
{
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	victim = (struct test_thread){ .space = space,
		.fault_endpoint = mint_new(endpoint, BH_RIGHTS_ALL, 0xfa) };
	if (frame != 0 && map_with_tables(copy_new(frame, BH_RIGHTS_ALL), space, 0x1000,
				  BH_MAP_READ | BH_MAP_EXECUTE) != BH_OK) {
		return false;
	}
	if (!thread_new(&victim, NULL, 0, OWN_PRIORITY - 5, true)) {
		return false;
	}
	victim.registers.rip = 0x1000;
	return bh_thread_write_registers(victim.thread, OWN_BUFFER, &victim.registers) == BH_OK &&
	       bh_thread_resume(victim.thread) == BH_OK;
}

/* Takes the fault and compares it. */
static bool expect(uint64_t kind, uint64_t address, uint64_t code, const char *rip)
{
	struct bh_message message = { 0 };

	CHECK_EQUAL(BH_OK, bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(0xfa, message.badge);
	CHECK_EQUAL(BH_MESSAGE_INFO(BH_LABEL_FAULT, 4, 0), message.info);
	CHECK_EQUAL(kind, message.word[0]);
	CHECK_EQUAL(address, message.word[1]);
	CHECK_EQUAL(code, message.word[2]);
	CHECK_EQUAL((uint64_t)rip, message.word[3]);
	return message.word[0] == kind;
}

/* Waits until the victim's fault stands in the endpoint's queue. */
static void faulted(void)
{
	struct bh_thread_registers registers;

	for (unsigned int i = 0;
		i < 5000 && bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers) != BH_OK; i++) {
		pause_us(200);
	}
}

/* Answers after the victim's rip was set to fault_end: it must get there. */
static void skip(void)
{
	struct bh_message message = { 0 };
	struct bh_thread_registers registers;

	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	registers.rip = (uint64_t)fault_end;
	registers.rflags &= ~UINT64_C(0x100);
	registers.rsp = victim.registers.rsp;
	REQUIRE_OK(bh_thread_write_registers(victim.thread, OWN_BUFFER, &registers));
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK(wait_until(&reached, 1));
}

static void exception(const char *name, const char *proves, const char *program, uint64_t rdi,
	unsigned int vector, uint64_t address, uint64_t code, uint64_t offset)
{
	case_begin(name, proves);
	REQUIRE(start(program, rdi, true));
	if (expect(BH_FAULT_EXCEPTION | vector << 8, address, code, program + offset)) {
		skip();
	}
}

/* QEMU's error code has the vector times 16, the manuals' (APM vol. 2 section 8.4.1) times 8: only the low bits are compared. */
static void gate(const char *name, const char *proves, const char *program, uint64_t offset)
{
	struct bh_message message = { 0 };

	case_begin(name, proves);
	REQUIRE(start(program, UINT64_C(0x800000000008), true));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK(message.word[0] == (BH_FAULT_EXCEPTION | 13 << 8) ||
		message.word[0] == (BH_FAULT_EXCEPTION | 12 << 8));
	CHECK_EQUAL(offset == 0 ? 2 : 0, message.word[2] & 7);
	CHECK_EQUAL((uint64_t)program + offset, message.word[3]);
	skip();
}

static void exceptions(void)
{
	exception("fault.read",
		"reading an unmapped page: #PF, address and code 4 in the message, and the thread goes on when it was mended",
		fault_read, 0x30000000, 14, 0x30000000, 4, 0);
	exception("fault.read.kernel",
		"reading the kernel's half is a fault as any other, and tells nothing of what is mapped there",
		fault_read, UINT64_C(0xffff800000100000), 14, UINT64_C(0xffff800000100000), 5, 0);
	exception("fault.read.noncanonical", "a non-canonical address: #GP", fault_read,
		UINT64_C(0x800000000000), 13, 0, 0, 0);
	exception("fault.write", "writing to code: #PF with code 7", fault_write, (uint64_t)fault_write, 14,
		(uint64_t)fault_write, 7, 0);
	exception("fault.execute", "executing data: #PF with code 21 (W^X, NX)", fault_jump, (uint64_t)&value,
		14, (uint64_t)&value, 21, (uint64_t)&value - (uint64_t)fault_jump);
	exception("fault.execute.kernel", "jumping into the kernel: #PF", fault_privileged_rip,
		UINT64_C(0xffff800000100000), 14, UINT64_C(0xffff800000100000), 21,
		UINT64_C(0xffff800000100000) - (uint64_t)fault_privileged_rip);
	exception("fault.undefined", "UD2: #UD", fault_ud2, 0, 6, 0, 0, 0);
	exception("fault.divide", "division by zero: #DE", fault_divide, 0, 0, 0, 0, 2);
	exception("fault.hlt", "a privileged instruction: #GP", fault_hlt, 0, 13, 0, 0, 0);
	exception("fault.cli", "CLI: #GP", fault_cli, 0, 13, 0, 0, 0);
	exception("fault.cr3", "reading CR3: #GP", fault_cr, 0, 13, 0, 0, 0);
	exception("fault.msr", "RDMSR: #GP", fault_msr, 0, 13, 0, 0, 5);
	exception("fault.in", "a port that nobody mapped: #GP", fault_in, 0, 13, 0, 0, 0);
	exception("fault.step", "single step: #DB after one instruction", fault_step, 0, 1, 0, 0, 10);
	gate("fault.int", "a software interrupt has no gate for users: #GP that names a vector of the IDT",
		fault_int80, 0);
	gate("fault.int3", "INT3 has none either", fault_breakpoint, 0);
	gate("fault.stack", "a stack pointer that is not canonical: #SS (QEMU: #GP)", fault_stack, 3);

	case_begin("fault.direction",
		"an exception with the direction flag set: the kernel's string instructions still go upward "
		"(else the I/O bitmap's fill would run over the kernel's own structures)");
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t ports = object_new(BH_OBJECT_IO_PORTS, 0);

		/* a change of the space's ports: the bitmap is filled at its next use */
		REQUIRE_OK(bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0x240 + i, 1));
		REQUIRE_OK(bh_io_ports_map(ports, OWN_SPACE));
		REQUIRE(start(fault_direction, 0, true));
		if (expect(BH_FAULT_EXCEPTION | 13 << 8, 0, 0, fault_direction + 1)) {
			skip();
		}
	}
	pause_us(100);
}

static void no_fpu(const char *name, const char *proves, const char *program)
{
	case_begin(name, proves);
	REQUIRE(start(program, 0, false));
	if (expect(BH_FAULT_EXCEPTION | 7 << 8, 0, 0, program)) {
		skip();
	}
}

static void others(void)
{
	struct bh_message message = { 0 };
	struct bh_thread_registers registers;

	no_fpu("fault.no_fpu.sse", "a thread configured without FPU faults on a vector register: #NM",
		fault_sse);
	no_fpu("fault.no_fpu.x87", "and on an x87 instruction", fault_x87);

	case_begin("fault.syscall",
		"a system call without bit 63 and without an upcall address is a fault that carries the number");
	REQUIRE(start(fault_syscall, 0, true));
	if (expect(BH_FAULT_SYSCALL, 0, 1234, fault_syscall + 7)) {
		REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
		CHECK_EQUAL(1234, registers.rax);
		REQUIRE_OK(bh_reply(reply, &message)); /* it goes on behind the instruction */
		CHECK(wait_until(&reached, 1));
	}

	case_begin("fault.answered", "an answer without changed registers repeats the instruction");
	REQUIRE(start(fault_ud2, 0, true));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	skip();

	case_begin("fault.nobody", "a fault without a fault endpoint stops the thread, and nothing else");
	victim = (struct test_thread){ 0 };
	REQUIRE(thread_new(&victim, NULL, 0, OWN_PRIORITY + 5, true));
	victim.registers.rip = (uint64_t)fault_ud2;
	REQUIRE_OK(bh_thread_write_registers(victim.thread, OWN_BUFFER, &victim.registers));
	REQUIRE_OK(bh_thread_resume(victim.thread));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers)); /* it is suspended */
	CHECK_EQUAL((uint64_t)fault_ud2, registers.rip);

	case_begin("fault.endpoint.deleted",
		"a thread whose fault nobody can answer any more stays stopped, its registers as they were");
	REQUIRE(start(fault_divide, 0, true));
	faulted();
	REQUIRE_OK(bh_cnode_revoke(SELF, endpoint));
	REQUIRE_OK(bh_cnode_delete(SELF, endpoint));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	CHECK_EQUAL((uint64_t)fault_divide + 2, registers.rip);

	case_begin("fault.cancelled",
		"CancelBadged on a waiting fault stops the thread and leaves its registers alone");
	REQUIRE(start(fault_ud2, 0, true));
	faulted();
	REQUIRE_OK(bh_endpoint_cancel_badged(endpoint, 0xfa));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	CHECK_EQUAL(victim.registers.rax, registers.rax);
	CHECK_EQUAL((uint64_t)fault_ud2, registers.rip);
	registers.rip = (uint64_t)fault_end;
	REQUIRE_OK(bh_thread_write_registers(victim.thread, OWN_BUFFER, &registers));
	REQUIRE_OK(bh_thread_resume(victim.thread));
	CHECK(wait_until(&reached, 1));
	REFUSED(BH_ERROR_STATE, bh_thread_read_registers(victim.thread, OWN_BUFFER,
					&registers)); /* it runs: no fault is left over */

	case_begin("fault.refused",
		"a fault handler that receives without a Reply refuses the fault: the thread stops, registers as they were");
	REQUIRE(start(fault_ud2, 0, true));
	faulted();
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, 0, &message));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	CHECK_EQUAL(victim.registers.rax, registers.rax);
	CHECK_EQUAL((uint64_t)fault_ud2, registers.rip);

	case_begin("fault.reply.deleted",
		"a thread whose handler's Reply is deleted stays stopped; resumed, it faults again");
	REQUIRE(start(fault_ud2, 0, true));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	REQUIRE_OK(bh_cnode_delete(SELF, reply));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	reply = object_new(BH_OBJECT_REPLY, 0);
	REQUIRE_OK(bh_thread_resume(victim.thread));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	skip();

	case_begin("fault.suspended", "a faulted thread can be suspended and resumed: it faults again");
	REQUIRE(start(fault_ud2, 0, true));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	REQUIRE_OK(bh_thread_suspend(victim.thread));
	REQUIRE_OK(bh_thread_resume(victim.thread));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	skip();

	case_begin("fault.no_space",
		"a thread whose address space was deleted faults with NO_SPACE instead of running");
	REQUIRE(start_apart(0));
	CHECK(expect(BH_FAULT_EXCEPTION | 14 << 8, 0x1000, 20,
		(const char *)0x1000)); /* nothing is mapped in it */
	REQUIRE_OK(bh_cnode_revoke(SELF, space));
	REQUIRE_OK(bh_cnode_delete(SELF, space));
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK(expect(BH_FAULT_NO_SPACE, 0, 0, (const char *)0x1000));

	case_begin("fault.own_space",
		"the space that the CPU runs in is deleted under a running thread: it faults, the kernel goes on");
	REQUIRE(start_apart(loop_new()));
	pause_us(500);
	REQUIRE_OK(bh_cnode_revoke(SELF, space));
	REQUIRE_OK(bh_cnode_delete(SELF, space));
	CHECK(expect(BH_FAULT_NO_SPACE, 0, 0, (const char *)0x1000));

	case_begin("fault.code.revoked",
		"a Frame of running code is revoked: #PF, although the translation was in the TLB");
	uint64_t frame = loop_new();
	REQUIRE(start_apart(frame));
	pause_us(500);
	REQUIRE_OK(bh_cnode_revoke(SELF, frame));
	CHECK(expect(BH_FAULT_EXCEPTION | 14 << 8, 0x1000, 20, (const char *)0x1000));
}

/* Where the thread stands when it faults: on its own context; as a passive server, on its caller's; in the handler of its own upcalls. */
enum position { ACTIVE, PASSIVE, IN_UPCALL };

static const struct {
	const char *program;
	uint64_t rdi, kind, address, code, offset;
} kinds[] = {
	{ fault_read, 0x30000000, BH_FAULT_EXCEPTION | 14 << 8, 0x30000000, 4, 0 },
	{ fault_write, (uint64_t)fault_write, BH_FAULT_EXCEPTION | 14 << 8, (uint64_t)fault_write, 7, 0 },
	{ fault_jump, 0x30000000, BH_FAULT_EXCEPTION | 14 << 8, 0x30000000, 20, 0 }, /* rip: the target */
	{ fault_ud2, 0, BH_FAULT_EXCEPTION | 6 << 8, 0, 0, 0 },
	{ fault_syscall, 0, BH_FAULT_SYSCALL, 0, 1234, 7 },
};

static void faults_in_position(enum position position, const char *const *names, unsigned int count)
{
	static struct actor caller;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t served = 0;
		const char *rip = kinds[i].program == fault_jump ? (const char *)kinds[i].rdi
								 : kinds[i].program + kinds[i].offset;

		case_begin(names[i],
			"this fault in this position (passive: on the caller's context; upcall: in the handler of a foreign system call): "
			"the message tells all of it, and the thread goes on when it was mended");
		victim = (struct test_thread){ .use_fpu = true };
		endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
		reply = object_new(BH_OBJECT_REPLY, 0);
		reached = 0;
		caller = (struct actor){ 0 };
		victim.fault_endpoint = mint_new(endpoint, BH_RIGHT_WRITE, 0xfa);
		REQUIRE(thread_new(&victim, NULL, 0, OWN_PRIORITY - 5, position != PASSIVE));
		victim.registers.rip = (uint64_t)(position == IN_UPCALL ? fault_syscall : kinds[i].program);
		victim.registers.rdi = kinds[i].rdi;
		REQUIRE_OK(bh_thread_write_registers(victim.thread, OWN_BUFFER, &victim.registers));
		if (position == IN_UPCALL) {
			REQUIRE_OK(bh_thread_set_upcall(victim.thread, (uint64_t)kinds[i].program));
		}
		if (position == PASSIVE) {
			/* the message's badge comes in rdi: what the program faults at */
			served = object_new(BH_OBJECT_ENDPOINT, 0);
			REQUIRE_OK(bh_thread_receive(victim.thread, served, object_new(BH_OBJECT_REPLY, 0)));
			REQUIRE(actor_new(&caller, DO_CALL, mint_new(served, BH_RIGHTS_ALL, kinds[i].rdi),
				OWN_PRIORITY - 5));
		} else {
			REQUIRE_OK(bh_thread_resume(victim.thread));
		}
		if (expect(kinds[i].kind, kinds[i].address, kinds[i].code, rip)) {
			skip();
		}
		CHECK_EQUAL(0, caller.done);
	}
}

/* What the kernel itself reads and writes for a thread is no way around its rights. */
static void positions(void)
{
	static const char *const active_names[] = { "fault.active.read", "fault.active.write",
		"fault.active.execute", "fault.active.undefined", "fault.active.syscall" };
	static const char *const passive_names[] = { "fault.passive.read", "fault.passive.write",
		"fault.passive.execute", "fault.passive.undefined", "fault.passive.syscall" };
	static const char *const upcall_names[] = { "fault.upcall.read", "fault.upcall.write",
		"fault.upcall.execute", "fault.upcall.undefined" };

	faults_in_position(ACTIVE, active_names, 5);
	faults_in_position(PASSIVE, passive_names, 5);
	faults_in_position(IN_UPCALL, upcall_names, 4);

	case_begin("fault.upcall.nowhere",
		"an upcall address where nothing is mapped: #PF there, with rcx the way back");
	struct bh_thread_registers registers;
	REQUIRE(start(fault_ud2, 0, true));
	CHECK(expect(BH_FAULT_EXCEPTION | 6 << 8, 0, 0, fault_ud2));
	REQUIRE_OK(bh_thread_set_upcall(victim.thread, 0x30000000));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	registers.rip = (uint64_t)fault_syscall;
	REQUIRE_OK(bh_thread_write_registers(victim.thread, OWN_BUFFER, &registers));
	struct bh_message message = { 0 };
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK(expect(BH_FAULT_EXCEPTION | 14 << 8, 0x30000000, 20, (const char *)0x30000000));
	REQUIRE_OK(bh_thread_read_registers(victim.thread, OWN_BUFFER, &registers));
	CHECK_EQUAL((uint64_t)fault_syscall + 7, registers.rcx);
	CHECK_EQUAL(1234, registers.rax);

	case_begin("fault.handler",
		"the thread that handles faults faults itself: its own handler is told, and both are mended in turn");
	static struct test_thread handler;
	uint64_t outer = object_new(BH_OBJECT_ENDPOINT, 0), outer_reply = object_new(BH_OBJECT_REPLY, 0);
	handler = (struct test_thread){ .fault_endpoint = outer };
	REQUIRE(start(fault_divide, 0, true));
	REQUIRE(thread_new(&handler, NULL, 0, OWN_PRIORITY - 4, true));
	handler.registers.rip = (uint64_t)fault_ud2;
	REQUIRE_OK(bh_thread_write_registers(handler.thread, OWN_BUFFER, &handler.registers));
	REQUIRE_OK(bh_thread_receive(
		handler.thread, endpoint, reply)); /* takes the fault, and faults at its first instruction */
	REQUIRE_OK(bh_receive(outer, outer_reply, &message));
	CHECK_EQUAL(BH_FAULT_EXCEPTION | 6 << 8, message.word[0]);
	REQUIRE_OK(bh_thread_read_registers(handler.thread, OWN_BUFFER, &registers));
	CHECK_EQUAL(BH_MESSAGE_INFO(BH_LABEL_FAULT, 4, 0), registers.rsi);
	CHECK_EQUAL(BH_FAULT_EXCEPTION | 0 << 8, registers.rdx);
	skip(); /* the victim, by the Reply that the handler received with */
}

void group_fault(void)
{
	exceptions();
	others();
	positions();
}
