/* SPDX-License-Identifier: MIT */
/* Unit tests of the VMM server's exits: every reason has a defined end, instructions end as on hardware,
 * registers keep their rules. */
#include "fixture.h"

#include <string.h>

#include "clock/time.h"
#include "vcpu/port.h"

#define PORT(in, width, port) BH_PORT_WORD(in, width, port, 0)
#define UD BH_EVENT_EXCEPTION(VECTOR_UD)
#define GP BH_EVENT_EXCEPTION_CODE(VECTOR_GP, 0)
#define DB BH_EVENT_EXCEPTION(VECTOR_DB)

static void cpuid_advances_by_its_length_with_prefixes(void **state)
{
	(void)state;
	CODE(0x66, 0x0f, 0xa2);
	page.rflags |= RFLAGS_RF;
	page.interrupt_shadow = 1;
	assert_int_equal(take_exit(BH_EXIT_CPUID, 0, 0, 0), 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 3);
	assert_int_equal(page.rflags, 0x202);
	assert_int_equal(page.interrupt_shadow, 0);
	assert_int_equal(page.registers[BH_RBX], 0x68747541);
	assert_int_equal(injected, 0);
	assert_int_equal(status.exits_by_reason[BH_EXIT_CPUID], 1);
}

static void a_known_length_needs_no_decoding(void **state)
{
	struct exit_message message = { BH_EXIT_CPUID | 2u << 8, 0, 0, 0 };

	(void)state;
	assert_int_equal(exit_handle(&vmm, &vmm.vcpu, &message), 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
}

static void an_instruction_that_was_changed_is_executed_again(void **state)
{
	(void)state;
	CODE(0x90);
	assert_int_equal(take_exit(BH_EXIT_CPUID, 0, 0, 0), 0);
	assert_int_equal(page.rip, CODE_ADDRESS);
	assert_int_equal(injected, 0);
}

static void single_step_traps_behind_an_emulated_instruction(void **state)
{
	(void)state;
	CODE(0x0f, 0xa2);
	page.rflags |= RFLAGS_TF;
	assert_int_equal(take_exit(BH_EXIT_CPUID, 0, 0, 0), BH_GROUP_DEBUG);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
	assert_int_equal(injected, DB);
	assert_int_equal(page.dr6, 0xffff4ff0);
}

static void port_reads_merge_by_width(void **state)
{
	(void)state;
	assert_int_equal(
		port_merge(UINT64_C(0x1122334455667788), 1, 0xaabbccdd), UINT64_C(0x11223344556677dd));
	assert_int_equal(
		port_merge(UINT64_C(0x1122334455667788), 2, 0xaabbccdd), UINT64_C(0x112233445566ccdd));
	assert_int_equal(port_merge(UINT64_C(0x1122334455667788), 4, 0xaabbccdd), UINT64_C(0xaabbccdd));
	page.registers[BH_RAX] = UINT64_MAX - 1;
	assert_int_equal(take_exit(BH_EXIT_PORT, PORT(1, 4, 0x1234), CODE_ADDRESS + 1, 0), 0);
	assert_int_equal(page.registers[BH_RAX], UINT32_MAX);
	assert_int_equal(page.rip, CODE_ADDRESS + 1);
}

static void unowned_ports_are_logged_64_times(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t port = 0x1000; port < 0x1100; port++) {
			page.registers[BH_RAX] = 0;
			(void)take_exit(BH_EXIT_PORT, PORT(port & 1, 1, port), CODE_ADDRESS, 0);
			assert_int_equal(page.registers[BH_RAX], (port & 1) != 0 ? 0xff : 0);
		}
	}
	assert_int_equal(fake.log_lines, UNOWNED_LOGGED_MAX + 1);
	assert_non_null(strstr(fake.last_line, "there are more"));
	assert_int_equal(status.unowned_reads, 256);
	assert_int_equal(status.unowned_writes, 256);
}

static void the_vmm_serves_pic_pci_and_reset_control(void **state)
{
	(void)state;
	page.registers[BH_RAX] = 0xa5;
	(void)take_exit(BH_EXIT_PORT, PORT(0, 1, 0x21), CODE_ADDRESS, 0);
	page.registers[BH_RAX] = 0;
	(void)take_exit(BH_EXIT_PORT, PORT(1, 1, 0x21), CODE_ADDRESS, 0);
	assert_int_equal(page.registers[BH_RAX], 0xa5);
	page.registers[BH_RAX] = 0x80000000;
	(void)take_exit(BH_EXIT_PORT, PORT(0, 4, 0xcf8), CODE_ADDRESS, 0);
	(void)take_exit(BH_EXIT_PORT, PORT(1, 4, 0xcfc), CODE_ADDRESS, 0);
	assert_int_equal(page.registers[BH_RAX], 0x12378086);
	page.registers[BH_RAX] = 2;
	assert_int_equal(take_exit(BH_EXIT_PORT, PORT(0, 1, 0xcf9), CODE_ADDRESS, 0), 0);
	page.registers[BH_RAX] = 6;
	assert_int_equal(take_exit(BH_EXIT_PORT, PORT(0, 1, 0xcf9), CODE_ADDRESS, 0), BH_RESUME_STOP);
	assert_int_equal(VM_STATUS_STATE(vm_status_read(&status)), VM_STATE_RESET);
	assert_int_equal(fake.signals, 1);
}

static void accesses_across_an_owner_are_split(void **state)
{
	(void)state;
	fake.call_answer = 0x61;
	(void)take_exit(BH_EXIT_PORT, PORT(1, 4, 0x3fe), CODE_ADDRESS, 0);
	assert_int_equal(page.registers[BH_RAX], 0xffff6161);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(BH_PORT_OFFSET(fake.call[0].word), 6);
	assert_int_equal(BH_PORT_OFFSET(fake.call[1].word), 7);
	assert_int_equal(BH_PORT_WIDTH(fake.call[1].word), 1);
	assert_true(fake.call[0].sequence != fake.call[1].sequence);
	assert_int_equal(fake.call[0].endpoint, 40);
}

static void a_failed_route_is_done_again_with_its_sequence(void **state)
{
	(void)state;
	CODE(0xec);
	fake.cancelled = 2;
	fake.call_answer = 0x60;
	assert_int_equal(take_exit(BH_EXIT_ROUTE_FAILED, PORT(1, 1, 0x3fd), 0, 77), 0);
	assert_int_equal(fake.calls, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(fake.call[i].sequence, 77);
		assert_int_equal(fake.call[i].word, PORT(1, 1, 5));
	}
	assert_int_equal(page.registers[BH_RAX], 0x60);
	assert_int_equal(page.rip, CODE_ADDRESS + 1);
	assert_int_equal(status.routes_redone, 1);
	assert_int_equal(status.routes_given_up, 0);
}

static void a_model_that_was_given_up_reads_as_all_ones(void **state)
{
	(void)state;
	CODE(0xec);
	fake.call_error = BH_ERROR_CAPABILITY;
	(void)take_exit(BH_EXIT_ROUTE_FAILED, PORT(1, 1, 0x3fd), 0, 77);
	assert_int_equal(page.registers[BH_RAX], 0xff);
	assert_int_equal(status.routes_given_up, 1);
	CODE(0xec);
	page.rip = CODE_ADDRESS;
	(void)take_exit(BH_EXIT_ROUTE_FAILED, PORT(1, 1, 0x777), 0, 78);
	assert_int_equal(page.registers[BH_RAX], 0xff);
	assert_int_equal(fake.calls, 1);
}

static void string_output_reads_memory_and_moves_registers(void **state)
{
	(void)state;
	CODE(0xf3, 0x6e);
	memcpy(&ram[DATA_ADDRESS], "hello", 5);
	page.registers[BH_RSI] = DATA_ADDRESS;
	page.registers[BH_RCX] = 5;
	page.registers[BH_RDX] = 0x3f8;
	(void)take_exit(BH_EXIT_PORT, PORT(0, 1, 0x3f8) | BH_PORT_STRING | BH_PORT_REP, 0, 0);
	assert_int_equal(fake.calls, 5);
	assert_int_equal(fake.call[4].value, 'o');
	assert_int_equal(page.registers[BH_RCX], 0);
	assert_int_equal(page.registers[BH_RSI], DATA_ADDRESS + 5);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
}

static void string_io_is_done_in_pieces_and_traps_each_when_stepped(void **state)
{
	(void)state;
	CODE(0xf3, 0x6c);
	page.registers[BH_RDI] = DATA_ADDRESS;
	page.registers[BH_RCX] = 1000;
	page.registers[BH_RDX] = 0x3f8;
	fake.call_answer = 0x7e;
	(void)take_exit(BH_EXIT_PORT, PORT(1, 1, 0x3f8) | BH_PORT_STRING | BH_PORT_REP, 0, 0);
	assert_int_equal(page.registers[BH_RCX], 1000 - 64);
	assert_int_equal(page.rip, CODE_ADDRESS);
	assert_int_equal(ram[DATA_ADDRESS + 63], 0x7e);
	page.rflags |= RFLAGS_TF;
	(void)take_exit(BH_EXIT_PORT, PORT(1, 1, 0x3f8) | BH_PORT_STRING | BH_PORT_REP, 0, 0);
	assert_int_equal(page.registers[BH_RCX], 1000 - 65);
	assert_int_equal(page.rip, CODE_ADDRESS);
	assert_int_equal(injected, DB);
	page.registers[BH_RCX] = 1;
	(void)take_exit(BH_EXIT_PORT, PORT(1, 1, 0x3f8) | BH_PORT_STRING | BH_PORT_REP, 0, 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
	assert_int_equal(injected, DB);
}

static void string_io_faults_on_what_is_not_mapped(void **state)
{
	(void)state;
	CODE(0x6e);
	page.registers[BH_RSI] = UINT64_C(0x100000000); /* above the page tables' 4 GiB */
	page.registers[BH_RDX] = 0x3f8;
	assert_int_equal(take_exit(BH_EXIT_PORT, PORT(0, 1, 0x3f8) | BH_PORT_STRING, 0, 0), BH_GROUP_CONTROL);
	assert_int_equal(injected, BH_EVENT_EXCEPTION_CODE(VECTOR_PF, 0));
	assert_int_equal(page.cr2, UINT64_C(0x100000000));
	assert_int_equal(page.rip, CODE_ADDRESS);
	assert_int_equal(fake.calls, 0);
}

static void an_io_breakpoint_traps_behind_the_access(void **state)
{
	(void)state;
	page.cr4 |= 8;
	page.dr[1] = 0x70;
	page.dr7 = 0x400 | 0x8 | UINT64_C(2) << 20;
	(void)take_exit(BH_EXIT_PORT, PORT(1, 1, 0x70), CODE_ADDRESS + 1, 0);
	assert_int_equal(injected, DB);
	assert_int_equal(page.dr6 & 15, 2);
	(void)take_exit(BH_EXIT_PORT, PORT(1, 1, 0x71), CODE_ADDRESS + 1, 0);
	assert_int_equal(injected, 0);
	(void)take_exit(BH_EXIT_PORT, PORT(1, 2, 0x6f), CODE_ADDRESS + 1, 0);
	assert_int_equal(injected, DB);
}

static void msr(uint32_t number, uint64_t value, bool write)
{
	page.rip = CODE_ADDRESS;
	CODE(0x0f, write ? 0x30 : 0x32);
	page.registers[BH_RCX] = number;
	page.registers[BH_RAX] = (uint32_t)value;
	page.registers[BH_RDX] = value >> 32;
	(void)take_exit(write ? BH_EXIT_MSR_WRITE : BH_EXIT_MSR_READ, 0, 0, 0);
}

static uint64_t msr_value(void) { return page.registers[BH_RDX] << 32 | page.registers[BH_RAX]; }

static void efer_keeps_its_rules(void **state)
{
	(void)state;
	msr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE, true);
	assert_int_equal(injected, 0);
	assert_int_equal(page.efer, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
	msr(MSR_EFER, EFER_SCE, true); /* LME with paging on */
	assert_int_equal(injected, GP);
	msr(MSR_EFER, EFER_LME | EFER_LMA | EFER_SVME, true);
	assert_int_equal(injected, GP);
	assert_int_equal(page.rip, CODE_ADDRESS);
	msr(MSR_EFER, 0, false);
	assert_int_equal(msr_value(), EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
}

static void state_msrs_stand_in_the_state_page(void **state)
{
	(void)state;
	msr(MSR_LSTAR, UINT64_C(0xffffffff81000000), true);
	assert_int_equal(injected, 0);
	assert_int_equal(page.lstar, UINT64_C(0xffffffff81000000));
	msr(MSR_LSTAR, UINT64_C(0x1234000000000000), true);
	assert_int_equal(injected, GP);
	msr(MSR_GS_BASE, UINT64_C(0xffff888000000000), true);
	assert_int_equal(page.segment[BH_GS].base, UINT64_C(0xffff888000000000));
	msr(MSR_KERNEL_GS_BASE, 0, false);
	assert_int_equal(msr_value(), page.kernel_gs_base);
}

static void unknown_msrs_fault_and_are_counted(void **state)
{
	(void)state;
	msr(0x12345, 0, false);
	assert_int_equal(injected, GP);
	msr(0x12345, 0, true);
	assert_int_equal(injected, GP);
	assert_int_equal(status.unknown_msrs, 2);
	assert_int_equal(fake.log_lines, 1);
	msr(0xc0010007, 0, true);
	assert_int_equal(injected, 0);
}

static void tsc_and_tsc_adjust_move_together(void **state)
{
	(void)state;
	fake.tsc += 500;
	msr(MSR_TSC, 0, false);
	assert_int_equal(msr_value(), 500);
	msr(MSR_TSC, 10500, true);
	assert_int_equal(page.tsc_offset, 10500 - fake.tsc);
	msr(MSR_TSC_ADJUST, 0, false);
	assert_int_equal(msr_value(), 10000);
	msr(MSR_TSC_ADJUST, 0, true);
	msr(MSR_TSC, 0, false);
	assert_int_equal(msr_value(), 500);
	assert_int_equal(clock_read(vmm.clock).tsc_offset, (uint64_t)-1000000); /* other clocks don't move */
}

static void xsetbv_keeps_its_rules(void **state)
{
	static const struct {
		uint64_t value, cpl;
		uint32_t index;
		bool allowed;
	} cases[] = {
		{ 1, 0, 0, true },
		{ 3, 0, 0, true },
		{ 7, 0, 0, true },
		{ 0, 0, 0, false },
		{ 5, 0, 0, false },
		{ 3, 3, 0, false },
		{ 3, 0, 1, false },
		{ 0xff, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		page.rip = CODE_ADDRESS;
		CODE(0x0f, 0x01, 0xd1);
		page.xcr0 = 1;
		page.cpl = cases[i].cpl;
		page.registers[BH_RAX] = cases[i].value;
		page.registers[BH_RDX] = 0;
		page.registers[BH_RCX] = cases[i].index;
		(void)take_exit(BH_EXIT_XSETBV, 0, 0, 0);
		assert_int_equal(injected, cases[i].allowed ? 0 : GP);
		assert_int_equal(page.xcr0, cases[i].allowed ? cases[i].value : 1);
		assert_int_equal(page.rip, CODE_ADDRESS + (cases[i].allowed ? 3 : 0));
	}
}

static void cr8_is_the_task_priority(void **state)
{
	(void)state;
	CODE(0x44, 0x0f, 0x22, 0xc1); /* mov cr8, rcx */
	page.registers[BH_RCX] = 9;
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 8 | 1u << 8, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(fabric_cr8(&vmm.fabric, 0), 9);
	CODE(0x44, 0x0f, 0x20, 0xc3); /* mov rbx, cr8 */
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 8, 0, 0);
	assert_int_equal(page.registers[BH_RBX], 9);
	CODE(0x44, 0x0f, 0x22, 0xc1);
	page.registers[BH_RCX] = 16;
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 8 | 1u << 8, 0, 0);
	assert_int_equal(injected, GP);
	assert_int_equal(fabric_cr8(&vmm.fabric, 0), 9);
}

static void control_registers_keep_their_rules(void **state)
{
	(void)state;
	CODE(0x0f, 0x22, 0xc0); /* mov cr0, rax: no paging in 64-bit code */
	page.registers[BH_RAX] = 0x11;
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 0 | 1u << 8, 0, 0);
	assert_int_equal(injected, GP);
	assert_int_equal(page.cr0, 0x80000011);
	CODE(0x0f, 0x22, 0xe0); /* mov cr4, rax: no PAE in long mode */
	page.registers[BH_RAX] = 0;
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 4 | 1u << 8, 0, 0);
	assert_int_equal(injected, GP);
	CODE(0x0f, 0x01, 0xf0); /* lmsw ax: PE stays */
	page.registers[BH_RAX] = 0xa;
	assert_int_equal(take_exit(BH_EXIT_CONTROL_REGISTER, 0 | 1u << 8, 0, 0), BH_GROUP_CONTROL);
	assert_int_equal(injected, 0);
	assert_int_equal(page.cr0, 0x8000001b);
	CODE(0x0f, 0x06); /* clts */
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 0 | 1u << 8, 0, 0);
	assert_int_equal(page.cr0, 0x80000013);
	CODE(0x0f, 0x22, 0xc0);
	page.cpl = 3;
	(void)take_exit(BH_EXIT_CONTROL_REGISTER, 0 | 1u << 8, 0, 0);
	assert_int_equal(injected, GP);
}

static void debug_registers_keep_their_rules(void **state)
{
	(void)state;
	CODE(0x0f, 0x23, 0xf8); /* mov dr7, rax */
	page.registers[BH_RAX] = 0xffffffff & ~UINT64_C(0x2000);
	(void)take_exit(BH_EXIT_DEBUG_REGISTER, 7 | 1u << 8, 0, 0);
	assert_int_equal(page.dr7, 0xffff0fff);
	CODE(0x0f, 0x23, 0xf0); /* mov dr6, rax */
	page.registers[BH_RAX] = UINT64_C(1) << 32;
	(void)take_exit(BH_EXIT_DEBUG_REGISTER, 6 | 1u << 8, 0, 0);
	assert_int_equal(injected, GP);
	CODE(0x0f, 0x21, 0xe1); /* mov rcx, dr4 */
	page.cr4 |= 8;
	(void)take_exit(BH_EXIT_DEBUG_REGISTER, 4, 0, 0);
	assert_int_equal(injected, UD);
	page.cr4 &= ~UINT64_C(8);
	page.dr7 |= 0x2000;
	(void)take_exit(BH_EXIT_DEBUG_REGISTER, 4, 0, 0);
	assert_int_equal(injected, DB);
	assert_int_equal(page.dr6 & 0x2000, 0x2000);
	assert_int_equal(page.dr7 & 0x2000, 0);
	(void)take_exit(BH_EXIT_DEBUG_REGISTER, 4, 0, 0);
	assert_int_equal(page.registers[BH_RCX], page.dr6);
}

static void memory_reads_and_writes_reach_apics(void **state)
{
	(void)state;
	CODE(0x8b, 0x04, 0x25, 0x30, 0x00, 0xe0,
		0xfe); /* mov eax, [0xfffffffffee00030] : sign-extended, not mapped */
	page.registers[BH_RBX] = 0xfee00030;
	CODE(0x8b, 0x03); /* mov eax, [rbx] */
	(void)take_exit(BH_EXIT_MEMORY, 0xfee00030, 0, 0);
	assert_int_equal(page.registers[BH_RAX] & 0xff, 0x14 | (page.registers[BH_RAX] & 0xf));
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
	page.registers[BH_RBX] = 0xfec00000;
	page.registers[BH_RAX] = 1;
	CODE(0x89, 0x03); /* mov [rbx], eax: select version */
	(void)take_exit(BH_EXIT_MEMORY, 0xfec00000, BH_MEMORY_WRITE, 0);
	page.registers[BH_RBX] = 0xfec00010;
	CODE(0x8b, 0x03);
	(void)take_exit(BH_EXIT_MEMORY, 0xfec00010, 0, 0);
	assert_int_equal(page.registers[BH_RAX], IOAPIC_VERSION);
}

static void unowned_memory_reads_as_all_ones(void **state)
{
	(void)state;
	page.registers[BH_RBX] = 0xd0000000;
	page.registers[BH_RAX] = 0;
	CODE(0x48, 0x8b, 0x03);
	(void)take_exit(BH_EXIT_MEMORY, 0xd0000000, 0, 0);
	assert_int_equal(page.registers[BH_RAX], UINT64_MAX);
	CODE(0x66, 0x89, 0x03);
	(void)take_exit(BH_EXIT_MEMORY, 0xd0000000, BH_MEMORY_WRITE, 0);
	assert_int_equal(status.unowned_reads, 1);
	assert_int_equal(status.unowned_writes, 1);
	assert_int_equal(injected, 0);
	assert_int_equal(fake.log_lines, 1);
}

static void what_is_not_emulated_is_an_invalid_opcode(void **state)
{
	(void)state;
	page.registers[BH_RBX] = 0xd0000000;
	CODE(0x0f, 0x28, 0x03); /* movaps xmm0, [rbx] */
	(void)take_exit(BH_EXIT_MEMORY, 0xd0000000, 0, 0);
	assert_int_equal(injected, UD);
	CODE(0xf0, 0x01, 0x03); /* lock add [rbx], eax */
	(void)take_exit(BH_EXIT_MEMORY, 0xd0000000, BH_MEMORY_WRITE, 0);
	assert_int_equal(injected, UD);
	assert_int_equal(page.rip, CODE_ADDRESS);
	page.rip = 0xd0000000;
	(void)take_exit(BH_EXIT_MEMORY, 0xd0000000, BH_MEMORY_FETCH, 0);
	assert_int_equal(injected, UD);
}

static void an_instruction_that_does_not_fit_is_tried_once_more(void **state)
{
	(void)state;
	page.registers[BH_RBX] = 0xd0000000;
	CODE(0x8b, 0x03);
	(void)take_exit(BH_EXIT_MEMORY, 0xd0001000, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(page.rip, CODE_ADDRESS);
	(void)take_exit(BH_EXIT_MEMORY, 0xd0001000, 0, 0);
	assert_int_equal(injected, UD);
}

static void broken_tables_end_the_vm(void **state)
{
	(void)state;
	assert_int_equal(take_exit(BH_EXIT_MEMORY, 0xd0000000, BH_MEMORY_PAGING, 0), BH_RESUME_STOP);
	assert_int_equal(vm_status_read(&status), VM_STATUS_WORD(VM_STATE_CRASHED, VM_CRASH_PAGE_TABLES));
	(void)fixture_setup(NULL);
	page.undelivered = BH_EVENT_INTERRUPT(0x30);
	assert_int_equal(take_exit(BH_EXIT_MEMORY, 0xd0000000, 0, 0), BH_RESUME_STOP);
	assert_int_equal(vm_status_read(&status), VM_STATUS_WORD(VM_STATE_CRASHED, VM_CRASH_EVENT));
}

static void lines_of_models_end_the_vm(void **state)
{
	static const enum vm_state ends[] = { VM_STATE_POWERED_OFF, VM_STATE_RESET, VM_STATE_EXITED };

	for (uint32_t i = 0; i < 3; i++) {
		(void)fixture_setup(state);
		lines_publish(&lines_page, 1 + i, line_word_raise(0), 42);
		assert_int_equal(take_exit(BH_EXIT_NOTIFY, 1u << 4, 0, 0), 0); /* another model's bit */
		assert_int_equal(take_exit(BH_EXIT_NOTIFY, 1u << 5, 0, 0), BH_RESUME_STOP);
		assert_int_equal(vm_status_read(&status), VM_STATUS_WORD(ends[i], i == 2 ? 42 : 0));
		assert_int_equal(fake.signals, 1);
		/* It stays so, whatever comes. */
		assert_int_equal(take_exit(BH_EXIT_SHUTDOWN, 0, 0, 0), BH_RESUME_STOP);
		assert_int_equal(vm_status_read(&status), VM_STATUS_WORD(ends[i], i == 2 ? 42 : 0));
		assert_int_equal(fake.signals, 1);
	}
}

static void a_paused_vm_waits_whatever_comes(void **state)
{
	struct clock_page *clock = vmm.clock;
	uint64_t vm_time, guest_tsc;

	(void)state;
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, SIGNAL_PAUSE | SIGNAL_RESUME, 0, 0) & BH_RESUME_HALT, 0);
	assert_int_equal(clock_read(clock).paused, 0);
	vm_time = time_now(&vmm);
	guest_tsc = time_read_tsc(&vmm.vcpu);
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, SIGNAL_PAUSE, 0, 0), BH_RESUME_HALT);
	assert_int_equal(clock_read(clock).paused, 1);
	fake.tsc += 5000;
	fabric_apic_write(&vmm.fabric, 0, LAPIC_LVT_LINT0, 0x700, 0);
	lines_publish(&lines_page, 0, line_word_raise(0), 0);
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, 1u << 5 | SIGNAL_TIMER, 0, 0), BH_RESUME_HALT);
	assert_int_equal(injected, 0);
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, SIGNAL_PAUSE, 0, 0), BH_RESUME_HALT);
	fake.tsc += 7000;
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, SIGNAL_RESUME, 0, 0) & (BH_GROUP_MSRS | BH_RESUME_HALT),
		BH_GROUP_MSRS);
	assert_int_equal(clock_read(clock).paused, 0);
	assert_int_equal(time_now(&vmm), vm_time);
	assert_int_equal(time_read_tsc(&vmm.vcpu), guest_tsc);
	assert_int_equal(page.tsc_offset, vmm.vcpu.tsc_offset);
}

/* By jumps of 500 ms, the VM's clock, the guest's TSC and what the models read alike, until all of the pause is caught up, a second one too. */
static void clocks_catch_up_after_a_pause(void **state)
{
	uint64_t khz = clock_read(vmm.clock).guest_tsc_khz;
	uint64_t vm_time = time_now(&vmm), guest_tsc = time_read_tsc(&vmm.vcpu), expected = 0;

	(void)state;
	vmm.catches_up = true;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_PAUSE, 0, 0);
	fake.tsc += 1200 * khz;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_RESUME, 0, 0);
	assert_int_equal(time_now(&vmm), vm_time);
	assert_int_equal(fake.armed, fake.tsc + 10 * khz);
	assert_int_equal(vmm.vcpu.busy, 1);
	fake.tsc += 9 * khz;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_TIMER, 0, 0);
	assert_int_equal(time_now(&vmm), vm_time + 9 * khz); /* too early */
	fake.tsc += khz;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_TIMER, 0, 0);
	expected = 510 * khz;
	assert_int_equal(time_now(&vmm), vm_time + expected);
	assert_int_equal(time_read_tsc(&vmm.vcpu), guest_tsc + expected);
	assert_int_equal(page.tsc_offset, vmm.vcpu.tsc_offset);
	assert_int_equal(clock_read(vmm.clock).tsc_offset, vmm.clock_offset);
	/* another pause before all is caught up */
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_PAUSE, 0, 0);
	fake.tsc += 100 * khz;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_RESUME, 0, 0);
	assert_int_equal(time_now(&vmm), vm_time + expected);
	fake.tsc += 10 * khz;
	(void)take_exit(BH_EXIT_NOTIFY, SIGNAL_TIMER, 0, 0);
	assert_int_equal(time_now(&vmm), vm_time + 1020 * khz);
	assert_int_equal(vmm.clock_mode, VMM_CLOCK_CATCHES_UP);
	fake.tsc += 10 * khz;
	assert_int_equal(take_exit(BH_EXIT_HLT, 0, 0, 0) & BH_RESUME_HALT, 0); /* whatever exit comes */
	assert_int_equal(vmm.clock_mode, VMM_CLOCK_RUNS);
	assert_int_equal(time_now(&vmm), vm_time + 1330 * khz); /* all that has passed */
	assert_int_equal(clock_read(vmm.clock).wall_base_ns, 0);
}

static void an_init_to_oneself_is_a_reset(void **state)
{
	(void)state;
	fabric_apic_write(&vmm.fabric, 0, LAPIC_ICR_HIGH, 0, 0);
	fabric_apic_write(&vmm.fabric, 0, LAPIC_ICR_LOW, 0x4500, 0);
	assert_int_equal(take_exit(BH_EXIT_NOTIFY, 0, 0, 0), BH_RESUME_STOP);
	assert_int_equal(vm_status_read(&status), VM_STATUS_WORD(VM_STATE_RESET, VM_RESET_INIT));
}

static void every_reason_has_a_defined_end(void **state)
{
	for (uint32_t reason = 0; reason < 256; reason++) {
		static const uint64_t words[] = { 0, 1, 0xfee000b0, 0xffffffff, UINT64_MAX };

		for (uint32_t i = 0; i < 25; i++) {
			bool crash = reason == BH_EXIT_ENTRY_FAILED || reason == BH_EXIT_SHUTDOWN ||
				     reason >= BH_EXIT_UNKNOWN;
			uint64_t answer;

			(void)fixture_setup(state);
			CODE(0x0f, 0x0b);
			answer = take_exit((enum bh_exit_reason)reason, words[i % 5], words[i / 5], 0);
			if (crash) {
				assert_int_equal(answer, BH_RESUME_STOP);
				assert_int_equal(VM_STATUS_STATE(vm_status_read(&status)), VM_STATE_CRASHED);
			}
			assert_int_equal(
				answer & ~(uint64_t)(BH_GROUPS_ALL | BH_RESUME_HALT | BH_RESUME_STOP), 0);
		}
	}
}

static void instructions_that_we_have_not_are_invalid_opcodes(void **state)
{
	static const enum bh_exit_reason reasons[] = { BH_EXIT_HYPERCALL, BH_EXIT_VIRTUALIZATION,
		BH_EXIT_MONITOR };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		page.cpl = i == 0 ? 3 : 0;
		(void)take_exit(reasons[i], 0, 0, 0);
		assert_int_equal(injected, UD);
		assert_int_equal(page.rip, CODE_ADDRESS);
	}
	(void)take_exit(BH_EXIT_COUNTER, 0, 0, 0);
	assert_int_equal(injected, GP);
	CODE(0x0f, 0x09);
	(void)take_exit(BH_EXIT_CACHE, 0, 0, 0);
	assert_int_equal(injected, 0);
	assert_int_equal(page.rip, CODE_ADDRESS + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cpuid_advances_by_its_length_with_prefixes, fixture_setup),
		cmocka_unit_test_setup(a_known_length_needs_no_decoding, fixture_setup),
		cmocka_unit_test_setup(an_instruction_that_was_changed_is_executed_again, fixture_setup),
		cmocka_unit_test_setup(single_step_traps_behind_an_emulated_instruction, fixture_setup),
		cmocka_unit_test_setup(port_reads_merge_by_width, fixture_setup),
		cmocka_unit_test_setup(unowned_ports_are_logged_64_times, fixture_setup),
		cmocka_unit_test_setup(the_vmm_serves_pic_pci_and_reset_control, fixture_setup),
		cmocka_unit_test_setup(accesses_across_an_owner_are_split, fixture_setup),
		cmocka_unit_test_setup(a_failed_route_is_done_again_with_its_sequence, fixture_setup),
		cmocka_unit_test_setup(a_model_that_was_given_up_reads_as_all_ones, fixture_setup),
		cmocka_unit_test_setup(string_output_reads_memory_and_moves_registers, fixture_setup),
		cmocka_unit_test_setup(
			string_io_is_done_in_pieces_and_traps_each_when_stepped, fixture_setup),
		cmocka_unit_test_setup(string_io_faults_on_what_is_not_mapped, fixture_setup),
		cmocka_unit_test_setup(an_io_breakpoint_traps_behind_the_access, fixture_setup),
		cmocka_unit_test_setup(efer_keeps_its_rules, fixture_setup),
		cmocka_unit_test_setup(state_msrs_stand_in_the_state_page, fixture_setup),
		cmocka_unit_test_setup(unknown_msrs_fault_and_are_counted, fixture_setup),
		cmocka_unit_test_setup(tsc_and_tsc_adjust_move_together, fixture_setup),
		cmocka_unit_test_setup(xsetbv_keeps_its_rules, fixture_setup),
		cmocka_unit_test_setup(cr8_is_the_task_priority, fixture_setup),
		cmocka_unit_test_setup(control_registers_keep_their_rules, fixture_setup),
		cmocka_unit_test_setup(debug_registers_keep_their_rules, fixture_setup),
		cmocka_unit_test_setup(memory_reads_and_writes_reach_apics, fixture_setup),
		cmocka_unit_test_setup(unowned_memory_reads_as_all_ones, fixture_setup),
		cmocka_unit_test_setup(what_is_not_emulated_is_an_invalid_opcode, fixture_setup),
		cmocka_unit_test_setup(an_instruction_that_does_not_fit_is_tried_once_more, fixture_setup),
		cmocka_unit_test_setup(broken_tables_end_the_vm, fixture_setup),
		cmocka_unit_test_setup(lines_of_models_end_the_vm, fixture_setup),
		cmocka_unit_test_setup(a_paused_vm_waits_whatever_comes, fixture_setup),
		cmocka_unit_test_setup(clocks_catch_up_after_a_pause, fixture_setup),
		cmocka_unit_test_setup(an_init_to_oneself_is_a_reset, fixture_setup),
		cmocka_unit_test_setup(every_reason_has_a_defined_end, fixture_setup),
		cmocka_unit_test_setup(instructions_that_we_have_not_are_invalid_opcodes, fixture_setup),
	};

	return cmocka_run_group_tests_name("vmm exits", tests, NULL, NULL);
}
