/* SPDX-License-Identifier: MIT */
/* INS and OUTS: registers and memory element by element, in all modes, both directions, the cap, faults in
 * the middle, segment checks. */
#include "memory/machine.h"

#include "instruction/segment_check.h"
#include "instruction/string_io.h"

static struct machine machine;
static struct string_io io;

static void start(const char *bytes)
{
	struct instruction instruction;
	assert_int_equal(instruction_decode(
				 (const uint8_t *)bytes, 15, instruction_mode(&machine.state), &instruction),
		INSTRUCTION_OK);
	machine.state.registers[BH_RDX] = 0xabcd03f8;
	assert_true(string_io_start(&io, &instruction, &machine.state));
	assert_int_equal(io.port, 0x3f8);
}
/* Room behind the literal, so that 15 bytes can be read. */
#define START(bytes) start(bytes "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")

static enum string_io_result element(void) { return string_io_element(&io, &machine.memory, &machine.state); }

static void outs_once(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine.state.registers[BH_RSI] = MACHINE_DATA;
	machine.state.registers[BH_RCX] = 5; /* not used without REP */
	memcpy(machine.ram + MACHINE_DATA, "\x11\x22\x33\x44", 4);
	START("\x6f");
	assert_int_equal(element(), STRING_IO_ELEMENT);
	assert_false(io.in);
	assert_int_equal(io.width, 4);
	assert_int_equal(io.value, 0x44332211);
	string_io_commit(&io, &machine.state, 0);
	assert_int_equal(element(), STRING_IO_DONE);
	assert_int_equal(machine.state.registers[BH_RSI], MACHINE_DATA + 4);
	assert_int_equal(machine.state.registers[BH_RCX], 5);
	assert_int_equal(machine.state.rip, MACHINE_CODE + 1);
}

static void rep_ins_backwards(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_PAE);
	machine.state.rflags |= 1u << 10;
	machine.state.registers[BH_RDI] = MACHINE_DATA + 4;
	machine.state.registers[BH_RCX] = 3;
	START("\xf3\x66\x6d"); /* rep insw */
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(element(), STRING_IO_ELEMENT);
		assert_true(io.in);
		string_io_commit(&io, &machine.state, 0xffff0000 | (i + 1));
	}
	assert_int_equal(element(), STRING_IO_DONE);
	assert_memory_equal(machine.ram + MACHINE_DATA, "\3\0\2\0\1\0\0", 7);
	assert_int_equal(machine.state.registers[BH_RDI], MACHINE_DATA - 2);
	assert_int_equal(machine.state.registers[BH_RCX], 0);
	assert_int_equal(machine.state.rip, MACHINE_CODE + 3);
}

static void nothing_to_do(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine.state.registers[BH_RCX] = UINT64_C(0x100000000);
	machine.state.registers[BH_RSI] = UINT64_C(0xdead000000000000);
	START("\xf3\x67\x6e"); /* 32-bit addresses: ecx is 0 */
	assert_int_equal(element(), STRING_IO_DONE);
	assert_int_equal(machine.state.registers[BH_RSI], UINT64_C(0xdead000000000000));
	assert_int_equal(machine.state.rip, MACHINE_CODE + 3);
}

static void a_long_one_is_cut(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine.state.registers[BH_RCX] = STRING_IO_ELEMENTS_MAX + 10;
	machine.state.registers[BH_RSI] = MACHINE_DATA;
	unsigned elements = 0;
	START("\xf3\x6e");
	while (element() == STRING_IO_ELEMENT) {
		string_io_commit(&io, &machine.state, 0);
		elements++;
	}
	assert_int_equal(elements, STRING_IO_ELEMENTS_MAX);
	assert_int_equal(element(), STRING_IO_PAUSE);
	assert_int_equal(machine.state.rip, MACHINE_CODE);
	assert_int_equal(machine.state.registers[BH_RCX], 10);
	START("\xf3\x6e"); /* the next exit */
	while (element() == STRING_IO_ELEMENT) {
		string_io_commit(&io, &machine.state, 0);
		elements++;
	}
	assert_int_equal(elements, STRING_IO_ELEMENTS_MAX + 10);
	assert_int_equal(machine.state.rip, MACHINE_CODE + 2);
	assert_int_equal(machine.state.registers[BH_RSI], MACHINE_DATA + elements);
}

static void fault_in_the_middle(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_LONG);
	machine.state.cpl = 3;
	/* read-only */
	machine_map(&machine, MACHINE_DATA + 0x1000, MACHINE_DATA + 0x1000, MAP_PRESENT | MAP_USER, 0);
	machine.state.registers[BH_RDI] = MACHINE_DATA + 0xffa;
	machine.state.registers[BH_RCX] = 2;
	memset(machine.ram + MACHINE_DATA, 0x5a, 0x2000);
	START("\xf3\x6d");
	assert_int_equal(element(), STRING_IO_ELEMENT);
	string_io_commit(&io, &machine.state, 0x01020304);
	assert_int_equal(element(), STRING_IO_FAULT); /* crosses into the page: before the device is asked */
	assert_int_equal(io.fault.vector, GUEST_FAULT_PF);
	assert_int_equal(io.fault.error_code, 7);
	assert_int_equal(io.fault.address, MACHINE_DATA + 0x1000);
	assert_int_equal(machine.state.registers[BH_RCX], 1);
	assert_int_equal(machine.state.registers[BH_RDI], MACHINE_DATA + 0xffe);
	assert_int_equal(machine.state.rip, MACHINE_CODE);
	assert_int_equal(machine.ram[MACHINE_DATA + 0xffe], 0x5a);
	machine_map(&machine, MACHINE_DATA + 0x1000, MACHINE_DATA + 0x8000,
		MAP_PRESENT | MAP_USER | MAP_WRITABLE, 0);
	assert_int_equal(element(), STRING_IO_ELEMENT);
	string_io_commit(&io, &machine.state, 0x0a0b0c0d);
	assert_memory_equal(machine.ram + MACHINE_DATA + 0xffe, "\x0d\x0c", 2);
	assert_memory_equal(machine.ram + MACHINE_DATA + 0x8000, "\x0b\x0a", 2);
}

static void memory_that_is_not_ram(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_FLAT_32);
	machine.state.registers[BH_RSI] = 0xfee00000;
	START("\x6e");
	assert_int_equal(element(), STRING_IO_OUTSIDE);
	assert_int_equal(machine.state.registers[BH_RSI], 0xfee00000);
}

static void real_mode_wraps(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_REAL);
	machine.state.segment[BH_DS].base = 0x20000;
	machine.state.registers[BH_RSI] = 0x1234ffff;
	machine.state.registers[BH_RCX] = 0x50001;
	machine.ram[0x2ffff] = 0x99;
	START("\xf3\x6e");
	assert_int_equal(element(), STRING_IO_ELEMENT);
	assert_int_equal(io.value, 0x99);
	string_io_commit(&io, &machine.state, 0);
	assert_int_equal(machine.state.registers[BH_RSI], 0x12340000);
	assert_int_equal(machine.state.registers[BH_RCX], 0x50000);
	assert_int_equal(element(), STRING_IO_DONE);
	machine.state.registers[BH_RSI] = 0xffff;
	START("\x6f"); /* a word over the limit */
	assert_int_equal(element(), STRING_IO_FAULT);
	assert_int_equal(io.fault.vector, GUEST_FAULT_GP);
}

static bool check(unsigned segment, uint64_t offset, unsigned width, bool write, unsigned vector)
{
	uint64_t linear;
	struct guest_fault fault;
	bool fine = segment_check(&machine.state, segment, offset, width, write, &linear, &fault);
	if (!fine)
		assert_int_equal(fault.vector, vector);
	return fine;
}

static void segments(void **context)
{
	(void)context;
	machine_start(&machine, MACHINE_FLAT_32);
	struct bh_segment_register *ds = &machine.state.segment[BH_DS];
	ds->limit = 0xfff;
	assert_true(check(BH_DS, 0xffc, 4, true, 0));
	assert_false(check(BH_DS, 0xffd, 4, true, GUEST_FAULT_GP));
	ds->attributes = 0xc91; /* read-only data */
	assert_true(check(BH_DS, 0, 4, false, 0));
	assert_false(check(BH_DS, 0, 4, true, GUEST_FAULT_GP));
	ds->attributes = 0xc99; /* execute-only code */
	assert_false(check(BH_DS, 0, 4, false, GUEST_FAULT_GP));
	ds->attributes = 0xc9b;
	assert_true(check(BH_DS, 0, 4, false, 0));
	assert_false(check(BH_DS, 0, 4, true, GUEST_FAULT_GP));
	ds->attributes = 0xc97; /* expand-down: above the limit */
	assert_false(check(BH_DS, 0xfff, 1, true, GUEST_FAULT_GP));
	assert_true(check(BH_DS, 0x1000, 4, true, 0));
	assert_false(check(BH_DS, 0xfffffffd, 4, true, GUEST_FAULT_GP));
	ds->attributes = 0; /* null selector */
	assert_false(check(BH_DS, 0, 1, false, GUEST_FAULT_GP));
	machine.state.segment[BH_SS].limit = 7;
	assert_false(check(BH_SS, 8, 1, false, GUEST_FAULT_SS));
	machine_start(&machine, MACHINE_LONG);
	/* runs over the edge */
	assert_false(check(BH_DS, UINT64_C(0x7fffffffffff), 2, false, GUEST_FAULT_GP));
	assert_false(check(BH_SS, UINT64_C(0x800000000000), 1, false, GUEST_FAULT_SS));
	machine.state.segment[BH_DS].limit = 0; /* means nothing in 64-bit code */
	assert_true(check(BH_DS, UINT64_C(0xffff800000000000), 8, true, 0));
}

static void only_ins_and_outs(void **context)
{
	(void)context;
	struct instruction instruction = { .operation = INSTRUCTION_OUT };
	assert_false(string_io_start(&io, &instruction, &machine.state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outs_once),
		cmocka_unit_test(rep_ins_backwards),
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(a_long_one_is_cut),
		cmocka_unit_test(fault_in_the_middle),
		cmocka_unit_test(memory_that_is_not_ram),
		cmocka_unit_test(real_mode_wraps),
		cmocka_unit_test(segments),
		cmocka_unit_test(only_ins_and_outs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
