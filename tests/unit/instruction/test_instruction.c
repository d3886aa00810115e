/* SPDX-License-Identifier: MIT */
/* Decoding of intercepted instructions, in all modes, with prefixes; the short way agrees with Zydis;
 * truncation and rubbish. */
#include "memory/machine.h"

#include "instruction/instruction.h"

enum { M16 = INSTRUCTION_MODE_16, M32 = INSTRUCTION_MODE_32, M64 = INSTRUCTION_MODE_64, ANY = 99 };

static const struct {
	const char *name;
	int mode;
	uint8_t length, operation;
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
} plain[] = {
	{ "cpuid", ANY, 2, INSTRUCTION_CPUID, { 0x0f, 0xa2 } },
	{ "rdmsr", ANY, 2, INSTRUCTION_RDMSR, { 0x0f, 0x32 } },
	{ "wrmsr", ANY, 2, INSTRUCTION_WRMSR, { 0x0f, 0x30 } },
	{ "hlt", ANY, 1, INSTRUCTION_HLT, { 0xf4 } },
	{ "pause", ANY, 2, INSTRUCTION_PAUSE, { 0xf3, 0x90 } },
	{ "vmmcall", ANY, 3, INSTRUCTION_VMMCALL, { 0x0f, 0x01, 0xd9 } },
	{ "vmcall", ANY, 3, INSTRUCTION_VMMCALL, { 0x0f, 0x01, 0xc1 } },
	{ "xsetbv", ANY, 3, INSTRUCTION_XSETBV, { 0x0f, 0x01, 0xd1 } },
	{ "rdtsc", ANY, 2, INSTRUCTION_RDTSC, { 0x0f, 0x31 } },
	{ "rdtscp", ANY, 3, INSTRUCTION_RDTSCP, { 0x0f, 0x01, 0xf9 } },
	{ "rdpmc", ANY, 2, INSTRUCTION_RDPMC, { 0x0f, 0x33 } },
	{ "invd", ANY, 2, INSTRUCTION_INVD, { 0x0f, 0x08 } },
	{ "wbinvd", ANY, 2, INSTRUCTION_WBINVD, { 0x0f, 0x09 } },
	{ "wbnoinvd", ANY, 3, INSTRUCTION_WBINVD, { 0xf3, 0x0f, 0x09 } },
	{ "monitor", ANY, 3, INSTRUCTION_MONITOR, { 0x0f, 0x01, 0xc8 } },
	{ "mwait", ANY, 3, INSTRUCTION_MWAIT, { 0x0f, 0x01, 0xc9 } },
	{ "clts", ANY, 2, INSTRUCTION_CLTS, { 0x0f, 0x06 } },
	{ "es cpuid", ANY, 3, INSTRUCTION_CPUID, { 0x26, 0x0f, 0xa2 } },
	{ "address-size gs hlt", ANY, 3, INSTRUCTION_HLT, { 0x67, 0x65, 0xf4 } },
	{ "data16 cpuid", ANY, 3, INSTRUCTION_CPUID, { 0x66, 0x0f, 0xa2 } },
	{ "rex.w wrmsr", M64, 3, INSTRUCTION_WRMSR, { 0x48, 0x0f, 0x30 } },
	{ "fs rex rdmsr", M64, 4, INSTRUCTION_RDMSR, { 0x64, 0x41, 0x0f, 0x32 } },
	{ "twelve prefixes", ANY, 14, INSTRUCTION_CPUID,
		{ 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x0f, 0xa2 } },
	{ "nop", ANY, 1, INSTRUCTION_OTHER, { 0x90 } },
	{ "vmrun", ANY, 3, INSTRUCTION_OTHER, { 0x0f, 0x01, 0xd8 } },
};

static struct instruction decoded;

static void without_operands(void **context)
{
	(void)context;
	for (unsigned i = 0; i < sizeof plain / sizeof plain[0]; i++)
		for (int mode = M16; mode <= M64; mode++) {
			if (plain[i].mode != ANY && plain[i].mode != mode)
				continue;
			assert_int_equal(
				instruction_decode(plain[i].bytes, 15, (enum instruction_mode)mode, &decoded),
				INSTRUCTION_OK);
			assert_int_equal(decoded.length, plain[i].length);
			assert_int_equal(decoded.operation, plain[i].operation);
			/* every shorter copy is truncated, never something else */
			for (size_t count = 0; count < plain[i].length; count++)
				assert_int_equal(instruction_decode(plain[i].bytes, count,
							 (enum instruction_mode)mode, &decoded),
					INSTRUCTION_TRUNCATED);
		}
}

static void the_short_way_agrees(void **context)
{
	(void)context;
	unsigned taken = 0;
	for (unsigned i = 0; i < sizeof plain / sizeof plain[0]; i++)
		for (int mode = M16; mode <= M64; mode++)
			for (unsigned operation = 0; operation < INSTRUCTION_OPERATIONS; operation++)
				for (size_t count = 0; count <= 15; count++) {
					unsigned length = instruction_fixed_length(plain[i].bytes, count,
						(enum instruction_mode)mode,
						(enum instruction_operation)operation);
					if (length == 0)
						continue;
					taken++;
					assert_true(plain[i].mode == ANY || plain[i].mode == mode);
					assert_int_equal(length, plain[i].length);
					assert_int_equal(operation, plain[i].operation);
				}
	assert_true(taken > 300);
}

static void expect(int mode, const char *bytes, size_t count)
{
	assert_int_equal(
		instruction_decode((const uint8_t *)bytes, count, (enum instruction_mode)mode, &decoded),
		INSTRUCTION_OK);
	assert_int_equal(decoded.length, count);
}
#define EXPECT(mode, bytes) expect(mode, bytes, sizeof bytes - 1)

static void control_and_debug_registers(void **context)
{
	(void)context;
	EXPECT(M64, "\x0f\x22\xc7"); /* mov cr0, rdi */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_TO_CR);
	assert_int_equal(decoded.number, 0);
	assert_int_equal(decoded.general_register, BH_RDI);
	assert_int_equal(decoded.width, 8);
	EXPECT(M64, "\x44\x0f\x20\xc0"); /* mov rax, cr8 */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_FROM_CR);
	assert_int_equal(decoded.number, 8);
	assert_int_equal(decoded.general_register, BH_RAX);
	EXPECT(M64, "\x45\x0f\x22\xc1"); /* mov cr8, r9 */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_TO_CR);
	assert_int_equal(decoded.number, 8);
	assert_int_equal(decoded.general_register, BH_R9);
	EXPECT(M32, "\x0f\x20\xe3"); /* mov ebx, cr4 */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_FROM_CR);
	assert_int_equal(decoded.number, 4);
	assert_int_equal(decoded.general_register, BH_RBX);
	assert_int_equal(decoded.width, 4);
	EXPECT(M16, "\x0f\x22\xd8"); /* mov cr3, eax */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_TO_CR);
	assert_int_equal(decoded.number, 3);
	EXPECT(M64, "\x0f\x23\xfe"); /* mov dr7, rsi */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_TO_DR);
	assert_int_equal(decoded.number, 7);
	assert_int_equal(decoded.general_register, BH_RSI);
	EXPECT(M32, "\x0f\x21\xf1"); /* mov ecx, dr6 */
	assert_int_equal(decoded.operation, INSTRUCTION_MOV_FROM_DR);
	assert_int_equal(decoded.number, 6);
	EXPECT(M64, "\x0f\x22\x07"); /* the mod field does not count: still mov cr0, rdi */
	assert_int_equal(decoded.general_register, BH_RDI);
	EXPECT(M64, "\x48\x89\xc3"); /* mov rbx, rax is none of these */
	assert_int_equal(decoded.operation, INSTRUCTION_OTHER);
}

static void machine_status_word(void **context)
{
	(void)context;
	EXPECT(M16, "\x0f\x01\xf0"); /* lmsw ax */
	assert_int_equal(decoded.operation, INSTRUCTION_LMSW);
	assert_int_equal(decoded.general_register, BH_RAX);
	assert_int_equal(decoded.width, 2);
	EXPECT(M16, "\x0f\x01\x36\x34\x12"); /* lmsw [0x1234] */
	assert_int_equal(decoded.operation, INSTRUCTION_LMSW);
	assert_int_equal(decoded.general_register, INSTRUCTION_NO_REGISTER);
	assert_int_equal(decoded.memory.displacement, 0x1234);
	assert_int_equal(decoded.memory.segment, BH_DS);
	EXPECT(M64, "\x48\x0f\x01\xe2"); /* smsw rdx */
	assert_int_equal(decoded.operation, INSTRUCTION_SMSW);
	assert_int_equal(decoded.general_register, BH_RDX);
	assert_int_equal(decoded.width, 8);
	EXPECT(M32, "\x0f\x01\x20"); /* smsw [eax] */
	assert_int_equal(decoded.operation, INSTRUCTION_SMSW);
	assert_int_equal(decoded.width, 2);
	assert_int_equal(decoded.memory.base, BH_RAX);
}

static void ports(void **context)
{
	(void)context;
	EXPECT(M32, "\xe4\x64"); /* in al, 0x64 */
	assert_int_equal(decoded.operation, INSTRUCTION_IN);
	assert_true(decoded.immediate_port);
	assert_int_equal(decoded.immediate, 0x64);
	assert_int_equal(decoded.width, 1);
	EXPECT(M64, "\x66\xef"); /* out dx, ax */
	assert_int_equal(decoded.operation, INSTRUCTION_OUT);
	assert_false(decoded.immediate_port);
	assert_int_equal(decoded.width, 2);
	EXPECT(M16, "\x66\xe7\xfe"); /* out 0xfe, eax */
	assert_int_equal(decoded.immediate, 0xfe);
	assert_int_equal(decoded.width, 4);
	EXPECT(M64, "\xed"); /* in eax, dx */
	assert_int_equal(decoded.width, 4);
}

static void string_ports(void **context)
{
	(void)context;
	EXPECT(M64, "\xf3\x6c"); /* rep insb */
	assert_int_equal(decoded.operation, INSTRUCTION_INS);
	assert_true(decoded.repeat);
	assert_int_equal(decoded.width, 1);
	assert_int_equal(decoded.memory.segment, BH_ES);
	assert_int_equal(decoded.memory.address_width, 8);
	EXPECT(M64, "\xf2\x67\x64\x6e"); /* repne outsb, 32-bit addresses, fs: REPNE repeats as well */
	assert_int_equal(decoded.operation, INSTRUCTION_OUTS);
	assert_true(decoded.repeat);
	assert_int_equal(decoded.memory.segment, BH_FS);
	assert_int_equal(decoded.memory.address_width, 4);
	EXPECT(M16, "\x66\x6f"); /* outsd */
	assert_int_equal(decoded.width, 4);
	assert_false(decoded.repeat);
	assert_int_equal(decoded.memory.address_width, 2);
	assert_int_equal(decoded.memory.segment, BH_DS);
	EXPECT(M32, "\x26\x6d"); /* insd: no override for the destination */
	assert_int_equal(decoded.memory.segment, BH_ES);
	EXPECT(M64, "\x48\x6f"); /* REX.W changes nothing */
	assert_int_equal(decoded.width, 4);
}

static void addresses(void **context)
{
	(void)context;
	static struct machine machine;
	machine_start(&machine, MACHINE_LONG);
	struct bh_vcpu_state *state = &machine.state;
	state->registers[BH_RAX] = UINT64_C(0xffffc90000001000);
	state->registers[BH_RCX] = 0x10;
	state->segment[BH_GS].base = 0x1000;
	EXPECT(M64, "\x65\x0f\x01\x7c\x88\xf0"); /* invlpg gs:[rax + rcx * 4 - 16] */
	assert_int_equal(decoded.operation, INSTRUCTION_INVLPG);
	uint64_t offset = instruction_offset(&decoded.memory, state, decoded.length);
	assert_int_equal(offset, UINT64_C(0xffffc90000001030));
	assert_int_equal(
		instruction_linear(state, decoded.memory.segment, offset), UINT64_C(0xffffc90000002030));
	EXPECT(M64, "\x0f\x01\x3d\x10\x00\x00\x00"); /* invlpg [rip + 16] */
	assert_int_equal(instruction_offset(&decoded.memory, state, decoded.length), MACHINE_CODE + 7 + 16);
	EXPECT(M64, "\x67\x0f\x01\x38"); /* invlpg [eax] */
	assert_int_equal(instruction_offset(&decoded.memory, state, decoded.length), 0x1000);
	state->segment[BH_DS].base = 0x5000; /* no base in 64-bit code */
	assert_int_equal(instruction_linear(state, BH_DS, 0x1000), 0x1000);

	machine_start(&machine, MACHINE_REAL);
	state->registers[BH_RBX] = 0xfff0;
	state->registers[BH_RSI] = 0x20;
	state->segment[BH_DS].base = 0x12340;
	EXPECT(M16, "\x0f\x01\x78\x01"); /* invlpg [bx + si + 1] */
	offset = instruction_offset(&decoded.memory, state, decoded.length);
	assert_int_equal(offset, 0x11);
	assert_int_equal(instruction_linear(state, decoded.memory.segment, offset), 0x12351);
	EXPECT(M16, "\x0f\x01\x7e\x01"); /* [bp + 1] is by way of SS */
	assert_int_equal(decoded.memory.segment, BH_SS);

	machine_start(&machine, MACHINE_FLAT_32);
	state->segment[BH_DS].base = 0xfffff000;
	assert_int_equal(instruction_linear(state, BH_DS, 0x1800), 0x800);
}

static void rubbish(void **context)
{
	(void)context;
	static const uint8_t long_one[15] = { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e,
		0x2e, 0x2e, 0x2e, 0x2e, 0x2e };
	static const uint8_t locked[] = { 0xf0, 0x0f, 0xa2 };
	static const uint8_t push_es[] = { 0x06 };
	assert_int_equal(
		instruction_decode(long_one, 15, INSTRUCTION_MODE_64, &decoded), INSTRUCTION_INVALID);
	assert_int_equal(instruction_decode(locked, 3, INSTRUCTION_MODE_32, &decoded), INSTRUCTION_INVALID);
	assert_int_equal(instruction_decode(push_es, 1, INSTRUCTION_MODE_64, &decoded), INSTRUCTION_INVALID);
	assert_int_equal(instruction_decode(push_es, 1, INSTRUCTION_MODE_32, &decoded), INSTRUCTION_OK);
	uint32_t random = 3;
	unsigned decodable = 0;
	for (unsigned round = 0; round < 30000; round++) {
		uint8_t bytes[15];
		for (unsigned i = 0; i < 15; i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(random >> 24);
		}
		if (instruction_decode(bytes, 15, (enum instruction_mode)(round % 3), &decoded) ==
			INSTRUCTION_OK) {
			decodable++;
			assert_in_range(decoded.length, 1, 15);
			assert_true(decoded.operation < INSTRUCTION_OPERATIONS);
		}
	}
	assert_true(decodable > 15000);
}

static void advancing(void **context)
{
	(void)context;
	static struct machine machine;
	machine_start(&machine, MACHINE_LONG);
	struct bh_vcpu_state *state = &machine.state;
	state->rip = 0xfffffffe;
	state->rflags = 2 | 1u << 16;
	state->interrupt_shadow = 1;
	instruction_advance(state, 3);
	assert_int_equal(state->rip, UINT64_C(0x100000001));
	assert_int_equal(state->rflags, 2);
	assert_int_equal(state->interrupt_shadow, 0);
	machine_start(&machine, MACHINE_COMPATIBLE);
	assert_int_equal(instruction_mode(state), INSTRUCTION_MODE_32);
	state->rip = 0xfffffffe;
	instruction_advance(state, 3);
	assert_int_equal(state->rip, 1);
	machine_start(&machine, MACHINE_REAL);
	assert_int_equal(instruction_mode(state), INSTRUCTION_MODE_16);
	assert_int_equal(instruction_pointer(state), 0x8100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_operands),
		cmocka_unit_test(the_short_way_agrees),
		cmocka_unit_test(control_and_debug_registers),
		cmocka_unit_test(machine_status_word),
		cmocka_unit_test(ports),
		cmocka_unit_test(string_ports),
		cmocka_unit_test(addresses),
		cmocka_unit_test(rubbish),
		cmocka_unit_test(advancing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
