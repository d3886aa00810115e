/* SPDX-License-Identifier: MIT */
/* MMIO accesses from exit to finished instruction: every mode, address and direction checks, strings,
 * faults of the other operand, the cache. */
#include "memory/machine.h"

#include "mmio/access.h"

#define APIC UINT64_C(0xfee00000)
#define LINEAR UINT64_C(0xc0000000) /* where APIC is mapped */

static struct machine machine;
static struct mmio_cache cache;
static struct mmio_access access;

static void prepare(enum machine_mode mode)
{
	machine_start(&machine, mode);
	memset(&cache, 0, sizeof cache);
	memset(&access, 0, sizeof access);
	if (mode > MACHINE_FLAT_32)
		machine_map(&machine, LINEAR, APIC, MAP_PRESENT | MAP_WRITABLE, 0);
}

static void code(const char *bytes)
{
	uint8_t padded[INSTRUCTION_BYTES_MAX] = { 0 };
	bool last_byte_of_page = (machine.state.rip & 0xfff) == 0xfff;
	memcpy(padded, bytes, strlen(bytes));
	machine_code(&machine, padded, last_byte_of_page ? 1 : sizeof padded);
}

static enum mmio_result begin(uint64_t guest_physical, bool write)
{
	return mmio_start(&cache, &machine.memory, &machine.state, guest_physical, write, &access);
}

static enum mmio_result finish(uint64_t value) { return mmio_finish(&access, &machine.state, value); }

static void load_and_store_in_every_mode(void **context)
{
	(void)context;
	for (unsigned mode = MACHINE_REAL; mode <= MACHINE_LONG; mode++) {
		prepare((enum machine_mode)mode);
		bool real = mode == MACHINE_REAL;
		uint64_t *registers = machine.state.registers;
		registers[BH_RBX] = real ? 0x20 : mode == MACHINE_FLAT_32 ? APIC + 0x20 : LINEAR + 0x20;
		if (real)
			machine.state.segment[BH_DS].base = APIC; /* "unreal" bases serve as well */
		uint64_t rip = machine.state.rip;
		code(real ? "\x66\x8b\x07" : "\x8b\x03"); /* mov eax, [bx] or [ebx] */
		registers[BH_RAX] = UINT64_MAX;
		assert_int_equal(begin(APIC + 0x20, false), MMIO_ACCESS);
		assert_false(access.write);
		assert_int_equal(access.width, 4);
		assert_int_equal(access.guest_physical, APIC + 0x20);
		assert_int_equal(finish(UINT64_C(0xffffffff12345678)), MMIO_DONE);
		assert_int_equal(registers[BH_RAX], 0x12345678);
		assert_int_equal(machine.state.rip, rip + (real ? 3 : 2));

		machine.state.rip = rip;
		code(real ? "\x66\x89\x07" : "\x89\x03");
		registers[BH_RAX] = UINT64_C(0xaabbccdd87654321);
		assert_int_equal(begin(APIC + 0x20, true), MMIO_ACCESS);
		assert_true(access.write);
		assert_int_equal(access.value, 0x87654321);
		assert_int_equal(finish(0), MMIO_DONE);
	}
}

static void address_and_direction_must_agree(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	machine.state.registers[BH_RBX] = LINEAR + 0x20;
	code("\x8b\x03");
	assert_int_equal(begin(APIC + 0x24, false), MMIO_REFUSED);
	assert_int_equal(begin(0xfec00020, false), MMIO_REFUSED);
	assert_int_equal(begin(APIC + 0x20, true), MMIO_REFUSED);
	assert_int_equal(begin(APIC + 0x20, false), MMIO_ACCESS);
	machine.state.registers[BH_RBX] = UINT64_C(0x123456789000); /* not mapped at all */
	assert_int_equal(begin(APIC, false), MMIO_REFUSED);
	code("\x89\x03");
	machine.state.registers[BH_RBX] = LINEAR + 0x20;
	assert_int_equal(begin(APIC + 0x20, false), MMIO_REFUSED);
	assert_int_equal(begin(APIC + 0x20, true), MMIO_ACCESS);
	machine.state.rip = 0xfee00000; /* code that is not in RAM */
	machine_map(&machine, 0xfee00000, APIC, MAP_PRESENT, 0);
	assert_int_equal(begin(APIC + 0x20, true), MMIO_REFUSED);
}

static void refused_forms(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	machine.state.registers[BH_RBX] = LINEAR;
	code("\x0f\x28\x03"); /* movaps */
	assert_int_equal(begin(APIC, false), MMIO_UNSUPPORTED);
	code("\xf0\x09\x03"); /* lock or */
	assert_int_equal(begin(APIC, true), MMIO_UNSUPPORTED);
	code("\xf0\x8b\x03"); /* lock mov: no instruction */
	assert_int_equal(begin(APIC, false), MMIO_FAULT);
	assert_int_equal(access.fault.vector, GUEST_FAULT_UD);
	code("\x8b\x03");
	machine.state.registers[BH_RBX] = LINEAR + 0xffd; /* crosses the page */
	assert_int_equal(begin(APIC + 0xffd, false), MMIO_UNSUPPORTED);
	machine.state.registers[BH_RBX] = LINEAR + 0xffc;
	assert_int_equal(begin(APIC + 0xffc, false), MMIO_ACCESS);
}

static void code_that_vanished(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	machine.state.registers[BH_RBX] = LINEAR;
	machine_map(&machine, MACHINE_CODE, 0, 0, 0);
	assert_int_equal(begin(APIC, false), MMIO_FAULT);
	assert_int_equal(access.fault.vector, GUEST_FAULT_PF);
	assert_int_equal(access.fault.address, MACHINE_CODE);
	machine_map(&machine, MACHINE_CODE, MACHINE_CODE, MAP_PRESENT, 0);
	machine_map(&machine, MACHINE_CODE + 0x1000, 0, 0, 0);
	machine.state.rip = MACHINE_CODE + 0xfff; /* the second byte is gone */
	code("\x8b");
	assert_int_equal(begin(APIC, false), MMIO_FAULT);
	assert_int_equal(access.fault.address, MACHINE_CODE + 0x1000);
}

static void read_modify_write(void **context)
{
	(void)context;
	for (unsigned exit_write = 0; exit_write < 2; exit_write++) { /* CPUs differ in what they report */
		prepare(MACHINE_LONG);
		machine.state.registers[BH_RBX] = LINEAR;
		code("\x83\x23\xf0"); /* and dword [rbx], ~15 */
		assert_int_equal(begin(APIC, exit_write), MMIO_ACCESS);
		assert_false(access.write);
		machine.state.rflags = 2 | 1u << 11 | 1;
		assert_int_equal(finish(0x8000000f), MMIO_ACCESS);
		assert_true(access.write);
		assert_int_equal(access.value, 0x80000000);
		assert_int_equal(machine.state.rip, MACHINE_CODE); /* not before the write is done */
		assert_int_equal(machine.state.rflags, 2 | 1u << 11 | 1);
		assert_int_equal(finish(0x1234), MMIO_DONE);
		assert_int_equal(machine.state.rflags, 2 | 1u << 7 | 1u << 2);
		assert_int_equal(machine.state.rip, MACHINE_CODE + 3);
	}
	code("\x87\x03"); /* xchg */
	machine.state.rip = MACHINE_CODE;
	code("\x87\x03");
	machine.state.registers[BH_RAX] = 0x11;
	assert_int_equal(begin(APIC, true), MMIO_ACCESS);
	assert_int_equal(finish(0x22), MMIO_ACCESS);
	assert_int_equal(access.value, 0x11);
	assert_int_equal(machine.state.registers[BH_RAX], 0x11);
	assert_int_equal(finish(0), MMIO_DONE);
	assert_int_equal(machine.state.registers[BH_RAX], 0x22);
}

static void rep_stos(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	machine.state.registers[BH_RDI] = LINEAR + 8;
	machine.state.registers[BH_RCX] = 3;
	machine.state.registers[BH_RAX] = 0xabcd;
	code("\xf3\x66\xab"); /* rep stosw */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(machine.state.rip, MACHINE_CODE);
		assert_int_equal(begin(APIC + 8 + 2 * i, true), MMIO_ACCESS);
		assert_int_equal(access.value, 0xabcd);
		assert_int_equal(finish(0), MMIO_DONE);
	}
	assert_int_equal(machine.state.rip, MACHINE_CODE + 3);
	assert_int_equal(machine.state.registers[BH_RCX], 0);
	assert_int_equal(machine.state.registers[BH_RDI], LINEAR + 14);
}

static void movs_to_and_from_ram(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	uint64_t *registers = machine.state.registers;
	code("\xa5");
	registers[BH_RSI] = LINEAR + 0x10;
	registers[BH_RDI] = MACHINE_DATA + 0xffe; /* the RAM side may cross a page */
	assert_int_equal(begin(APIC + 0x10, false), MMIO_ACCESS);
	assert_false(access.write);
	assert_int_equal(finish(0x44332211), MMIO_DONE);
	assert_memory_equal(machine.ram + MACHINE_DATA + 0xffe, "\x11\x22\x33\x44", 4);
	assert_int_equal(registers[BH_RSI], LINEAR + 0x14);
	assert_int_equal(registers[BH_RDI], MACHINE_DATA + 0x1002);

	machine.state.rip = MACHINE_CODE;
	machine.state.rflags |= 1u << 10;
	registers[BH_RSI] = MACHINE_DATA + 0xffe;
	registers[BH_RDI] = LINEAR + 0x20;
	assert_int_equal(begin(APIC + 0x20, true), MMIO_ACCESS);
	assert_true(access.write);
	assert_int_equal(access.value, 0x44332211);
	assert_int_equal(finish(0), MMIO_DONE);
	assert_int_equal(registers[BH_RSI], MACHINE_DATA + 0xffa);
	assert_int_equal(registers[BH_RDI], LINEAR + 0x1c);

	machine.state.rip = MACHINE_CODE; /* the other side faults, before the device is asked */
	registers[BH_RSI] = LINEAR;
	registers[BH_RDI] = 0x1000;
	assert_int_equal(begin(APIC, false), MMIO_FAULT);
	assert_int_equal(access.fault.vector, GUEST_FAULT_PF);
	assert_int_equal(access.fault.address, 0x1000);
	assert_int_equal(access.fault.error_code, 2);
	registers[BH_RDI] = UINT64_C(0x8000000000000000);
	assert_int_equal(begin(APIC, false), MMIO_FAULT);
	assert_int_equal(access.fault.vector, GUEST_FAULT_GP);
	registers[BH_RDI] = LINEAR; /* from device to device */
	assert_int_equal(begin(APIC, false), MMIO_UNSUPPORTED);
}

static void segment_override_and_rip(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	machine.state.segment[BH_GS].base = LINEAR;
	code("\x65\x8b\x04\x25\x30"); /* mov eax, gs:[0x30] */
	assert_int_equal(begin(APIC + 0x30, false), MMIO_ACCESS);
	machine_map(&machine, MACHINE_CODE + 0x1000, APIC, MAP_PRESENT, 0);
	code("\x8b\x05\xfa\x0f"); /* mov eax, [rip + 0xffa] */
	assert_int_equal(begin(APIC, false), MMIO_ACCESS);
}

static void remembered_only_while_true(void **context)
{
	(void)context;
	static const enum machine_mode modes[] = { MACHINE_FLAT_32, MACHINE_PAGED_32, MACHINE_PAE,
		MACHINE_LONG };
	for (unsigned m = 0; m < 4; m++) {
		prepare(modes[m]);
		uint64_t linear = modes[m] == MACHINE_FLAT_32 ? APIC : LINEAR;
		machine.state.registers[BH_RBX] = linear + 0x20;
		code("\x8b\x03");
		for (unsigned i = 0; i < 4; i++) {
			machine.state.registers[BH_RBX] = linear + 0x20 + 0x10 * i;
			assert_int_equal(begin(APIC + 0x20 + 0x10 * i, false), MMIO_ACCESS);
			assert_int_equal(begin(APIC + 0x30 + 0x10 * i, false), MMIO_REFUSED);
		}
		assert_int_equal(cache.misses, 1);
		assert_int_equal(cache.hits, 7);
		code("\x89\x03"); /* other bytes */
		assert_int_equal(begin(APIC + 0x50, false), MMIO_REFUSED);
		assert_int_equal(begin(APIC + 0x50, true), MMIO_ACCESS);
		assert_int_equal(cache.misses, 2);
		if (modes[m] == MACHINE_FLAT_32)
			continue;
		machine_map(&machine, linear, 0xfec00000, MAP_PRESENT, 0); /* other data page */
		assert_int_equal(begin(APIC + 0x50, true), MMIO_REFUSED);
		assert_int_equal(begin(0xfec00050, true), MMIO_ACCESS);
		memcpy(machine.ram + MACHINE_DATA, "\x8b\x03", 2); /* other code page */
		machine_map(&machine, MACHINE_CODE, MACHINE_DATA, MAP_PRESENT, 0);
		assert_int_equal(begin(0xfec00050, true), MMIO_REFUSED);
		assert_int_equal(begin(0xfec00050, false), MMIO_ACCESS);
	}
}

static void finishing_clears_shadow_and_resume_flag(void **context)
{
	(void)context;
	prepare(MACHINE_LONG);
	machine.state.registers[BH_RBX] = LINEAR;
	machine.state.rflags = 2 | 1u << 16;
	machine.state.interrupt_shadow = 1;
	code("\x8b\x03");
	assert_int_equal(begin(APIC, false), MMIO_ACCESS);
	assert_int_equal(finish(0), MMIO_DONE);
	assert_int_equal(machine.state.rflags, 2);
	assert_int_equal(machine.state.interrupt_shadow, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_and_store_in_every_mode),
		cmocka_unit_test(address_and_direction_must_agree),
		cmocka_unit_test(refused_forms),
		cmocka_unit_test(code_that_vanished),
		cmocka_unit_test(read_modify_write),
		cmocka_unit_test(rep_stos),
		cmocka_unit_test(movs_to_and_from_ram),
		cmocka_unit_test(segment_override_and_rip),
		cmocka_unit_test(remembered_only_while_true),
		cmocka_unit_test(finishing_clears_shadow_and_resume_flag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
