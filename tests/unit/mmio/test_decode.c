/* SPDX-License-Identifier: MIT */
/* The listed MMIO forms, assembled bytes against expected fields; what is not listed is refused. */
#include "memory/machine.h"

#include "mmio/decode.h"

enum { M16 = INSTRUCTION_MODE_16, M32 = INSTRUCTION_MODE_32, M64 = INSTRUCTION_MODE_64 };
enum { NONE = INSTRUCTION_NO_REGISTER };

struct form {
	const char *name;
	uint8_t mode, operation, width, register_width, general_register;
	bool high_byte, sign_extend, to_register, repeat;
	uint8_t string, length;
	uint8_t bytes[12];
	uint64_t immediate;
};

static const struct form forms[] = {
	{ "mov eax, [rbx]", M64, MMIO_LOAD, 4, 4, BH_RAX, 0, 0, 1, 0, 0, 2, { 0x8b, 0x03 }, 0 },
	{ "mov r15, [rbx]", M64, MMIO_LOAD, 8, 8, BH_R15, 0, 0, 1, 0, 0, 3, { 0x4c, 0x8b, 0x3b }, 0 },
	{ "mov ah, [rbx]", M64, MMIO_LOAD, 1, 1, BH_RAX, 1, 0, 1, 0, 0, 2, { 0x8a, 0x23 }, 0 },
	{ "mov spl, [rbx]", M64, MMIO_LOAD, 1, 1, BH_RSP, 0, 0, 1, 0, 0, 3, { 0x40, 0x8a, 0x23 }, 0 },
	{ "mov r9b, [rbx]", M64, MMIO_LOAD, 1, 1, BH_R9, 0, 0, 1, 0, 0, 3, { 0x44, 0x8a, 0x0b }, 0 },
	{ "mov cx, [rbx]", M64, MMIO_LOAD, 2, 2, BH_RCX, 0, 0, 1, 0, 0, 3, { 0x66, 0x8b, 0x0b }, 0 },
	{ "mov [rbx], edx", M64, MMIO_STORE, 4, 4, BH_RDX, 0, 0, 0, 0, 0, 2, { 0x89, 0x13 }, 0 },
	{ "mov [rbx], bh", M64, MMIO_STORE, 1, 1, BH_RBX, 1, 0, 0, 0, 0, 2, { 0x88, 0x3b }, 0 },
	{ "mov dword [rbx], imm", M64, MMIO_STORE, 4, 0, NONE, 0, 0, 0, 0, 0, 6, { 0xc7, 0x03, 1, 2, 3, 4 },
		0x04030201 },
	{ "mov qword [rbx], -2", M64, MMIO_STORE, 8, 0, NONE, 0, 0, 0, 0, 0, 7,
		{ 0x48, 0xc7, 0x03, 0xfe, 0xff, 0xff, 0xff }, UINT64_MAX - 1 },
	{ "mov byte [rbx], 0x80", M64, MMIO_STORE, 1, 0, NONE, 0, 0, 0, 0, 0, 3, { 0xc6, 0x03, 0x80 }, 0x80 },
	{ "mov eax, [moffs64]", M64, MMIO_LOAD, 4, 4, BH_RAX, 0, 0, 1, 0, 0, 9,
		{ 0xa1, 0, 0, 0xe0, 0xfe, 0, 0, 0, 0 }, 0 },
	{ "mov [moffs32], al", M32, MMIO_STORE, 1, 1, BH_RAX, 0, 0, 0, 0, 0, 5, { 0xa2, 0, 0, 0xe0, 0xfe },
		0 },
	{ "movnti [rbx], rcx", M64, MMIO_STORE, 8, 8, BH_RCX, 0, 0, 0, 0, 0, 4, { 0x48, 0x0f, 0xc3, 0x0b },
		0 },
	{ "movzx eax, byte [rbx]", M64, MMIO_LOAD, 1, 4, BH_RAX, 0, 0, 1, 0, 0, 3, { 0x0f, 0xb6, 0x03 }, 0 },
	{ "movzx rax, word [rbx]", M64, MMIO_LOAD, 2, 8, BH_RAX, 0, 0, 1, 0, 0, 4, { 0x48, 0x0f, 0xb7, 0x03 },
		0 },
	{ "movsx ax, byte [rbx]", M64, MMIO_LOAD, 1, 2, BH_RAX, 0, 1, 1, 0, 0, 4, { 0x66, 0x0f, 0xbe, 0x03 },
		0 },
	{ "movsx esi, word [rbx]", M64, MMIO_LOAD, 2, 4, BH_RSI, 0, 1, 1, 0, 0, 3, { 0x0f, 0xbf, 0x33 }, 0 },
	{ "movsxd rax, dword [rbx]", M64, MMIO_LOAD, 4, 8, BH_RAX, 0, 1, 1, 0, 0, 3, { 0x48, 0x63, 0x03 },
		0 },
	{ "rep stosd", M64, MMIO_STORE, 4, 4, BH_RAX, 0, 0, 0, 1, MMIO_STRING_STOS, 2, { 0xf3, 0xab }, 0 },
	{ "stosb", M16, MMIO_STORE, 1, 1, BH_RAX, 0, 0, 0, 0, MMIO_STRING_STOS, 1, { 0xaa }, 0 },
	{ "lodsq", M64, MMIO_LOAD, 8, 8, BH_RAX, 0, 0, 1, 0, MMIO_STRING_LODS, 2, { 0x48, 0xad }, 0 },
	{ "repne movsw", M32, MMIO_MOVS, 2, 2, BH_RAX, 0, 0, 0, 1, MMIO_STRING_MOVS, 3, { 0xf2, 0x66, 0xa5 },
		0 },
	{ "movsd", M32, MMIO_MOVS, 4, 4, BH_RAX, 0, 0, 0, 0, MMIO_STRING_MOVS, 1, { 0xa5 }, 0 },
	{ "and dword [rbx], -16", M64, MMIO_AND, 4, 0, NONE, 0, 0, 0, 0, 0, 3, { 0x83, 0x23, 0xf0 },
		UINT64_MAX - 15 },
	{ "and qword [rbx], imm32", M64, MMIO_AND, 8, 0, NONE, 0, 0, 0, 0, 0, 7,
		{ 0x48, 0x81, 0x23, 0, 0, 0, 0x80 }, UINT64_C(0xffffffff80000000) },
	{ "and edx, [rbx]", M64, MMIO_AND, 4, 4, BH_RDX, 0, 0, 1, 0, 0, 2, { 0x23, 0x13 }, 0 },
	{ "or [rbx], al", M64, MMIO_OR, 1, 1, BH_RAX, 0, 0, 0, 0, 0, 2, { 0x08, 0x03 }, 0 },
	{ "xor [rbx], r8w", M64, MMIO_XOR, 2, 2, BH_R8, 0, 0, 0, 0, 0, 4, { 0x66, 0x44, 0x31, 0x03 }, 0 },
	{ "add rcx, [rbx]", M64, MMIO_ADD, 8, 8, BH_RCX, 0, 0, 1, 0, 0, 3, { 0x48, 0x03, 0x0b }, 0 },
	{ "sub byte [rbx], 5", M64, MMIO_SUB, 1, 0, NONE, 0, 0, 0, 0, 0, 3, { 0x80, 0x2b, 0x05 }, 5 },
	{ "cmp dword [rbx], imm", M64, MMIO_CMP, 4, 0, NONE, 0, 0, 0, 0, 0, 6, { 0x81, 0x3b, 1, 0, 0, 0 },
		1 },
	{ "cmp eax, [rbx]", M64, MMIO_CMP, 4, 4, BH_RAX, 0, 0, 1, 0, 0, 2, { 0x3b, 0x03 }, 0 },
	{ "test [rbx], ecx", M64, MMIO_TEST, 4, 4, BH_RCX, 0, 0, 0, 0, 0, 2, { 0x85, 0x0b }, 0 },
	{ "test byte [rbx], 16", M64, MMIO_TEST, 1, 0, NONE, 0, 0, 0, 0, 0, 3, { 0xf6, 0x03, 0x10 }, 16 },
	{ "xchg eax, [rbx]", M64, MMIO_XCHG, 4, 4, BH_RAX, 0, 0, 0, 0, 0, 2, { 0x87, 0x03 }, 0 },
	{ "bt dword [rbx], 12", M64, MMIO_BIT_TEST, 4, 0, NONE, 0, 0, 0, 0, 0, 4, { 0x0f, 0xba, 0x23, 0x0c },
		12 },
};

static struct mmio_instruction decoded;

static void listed(void **context)
{
	(void)context;
	for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const struct form *form = &forms[i];
		enum mmio_decode_result result = mmio_decode(
			form->bytes, sizeof form->bytes, (enum instruction_mode)form->mode, &decoded);
		if (result != MMIO_DECODE_OK)
			fail_msg("%s: %d", form->name, (int)result);
		if (decoded.length != form->length || decoded.operation != form->operation ||
			decoded.width != form->width || decoded.register_width != form->register_width ||
			decoded.general_register != form->general_register ||
			decoded.high_byte != form->high_byte || decoded.sign_extend != form->sign_extend ||
			decoded.to_register != form->to_register || decoded.repeat != form->repeat ||
			decoded.string != form->string ||
			((decoded.immediate ^ form->immediate) & (UINT64_MAX >> (64 - 8 * form->width))) != 0)
			fail_msg("%s: fields differ", form->name);
		for (size_t count = 0; count < form->length; count++)
			assert_int_equal(
				mmio_decode(form->bytes, count, (enum instruction_mode)form->mode, &decoded),
				MMIO_DECODE_TRUNCATED);
	}
}

static void not_listed(void **context)
{
	(void)context;
	static const struct {
		const char *name;
		uint8_t bytes[8];
	} others[] = {
		{ "movaps xmm0, [rbx]", { 0x0f, 0x28, 0x03 } },
		{ "movsd xmm0, [rbx]", { 0xf2, 0x0f, 0x10, 0x03 } },
		{ "movntdq [rbx], xmm0", { 0x66, 0x0f, 0xe7, 0x03 } },
		{ "vmovdqu ymm0, [rbx]", { 0xc5, 0xfe, 0x6f, 0x03 } },
		{ "movd mm0, [rbx]", { 0x0f, 0x6e, 0x03 } },
		{ "fld dword [rbx]", { 0xd9, 0x03 } },
		{ "lock and [rbx], eax", { 0xf0, 0x21, 0x03 } },
		{ "lock xchg [rbx], eax", { 0xf0, 0x87, 0x03 } },
		{ "lock cmpxchg [rbx], ecx", { 0xf0, 0x0f, 0xb1, 0x0b } },
		{ "xadd [rbx], eax", { 0x0f, 0xc1, 0x03 } },
		{ "push [rbx]", { 0xff, 0x33 } },
		{ "pop [rbx]", { 0x8f, 0x03 } },
		{ "call [rbx]", { 0xff, 0x13 } },
		{ "inc dword [rbx]", { 0xff, 0x03 } },
		{ "bt [rbx], eax", { 0x0f, 0xa3, 0x03 } },
		{ "bts dword [rbx], 1", { 0x0f, 0xba, 0x2b, 0x01 } },
		{ "mov ds, [rbx]", { 0x8e, 0x1b } },
		{ "mov [rbx], ds", { 0x8c, 0x1b } },
		{ "mov eax, ebx", { 0x89, 0xd8 } },
		{ "mov eax, 1", { 0xb8, 1, 0, 0, 0 } },
		{ "mov rax, cr0", { 0x0f, 0x20, 0xc0 } },
		{ "and eax, ebx", { 0x21, 0xd8 } },
		{ "test eax, eax", { 0x85, 0xc0 } },
		{ "xchg eax, ebx", { 0x93 } },
		{ "movzx eax, bl", { 0x0f, 0xb6, 0xc3 } },
		{ "scasb", { 0xae } },
		{ "cmpsb", { 0xa6 } },
		{ "insb", { 0x6c } },
		{ "lgdt [rbx]", { 0x0f, 0x01, 0x13 } },
		{ "movbe eax, [rbx]", { 0x0f, 0x38, 0xf0, 0x03 } },
		{ "vpgatherdd", { 0xc4, 0xe2, 0x75, 0x90, 0x04, 0x13 } },
		{ "nop", { 0x90 } },
	};
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
		enum mmio_decode_result result =
			mmio_decode(others[i].bytes, 8, INSTRUCTION_MODE_64, &decoded);
		if (result != MMIO_DECODE_UNSUPPORTED)
			fail_msg("%s: %d", others[i].name, (int)result);
	}
	assert_int_equal(mmio_decode((const uint8_t *)"\xf0\x8b\x03", 3, INSTRUCTION_MODE_64, &decoded),
		MMIO_DECODE_INVALID);
	assert_int_equal(
		mmio_decode((const uint8_t *)"\x06", 1, INSTRUCTION_MODE_64, &decoded), MMIO_DECODE_INVALID);
}

/* Whatever is decoded has fields in their ranges. */
static void rubbish(void **context)
{
	(void)context;
	uint32_t random = 11;
	unsigned fine = 0;
	for (unsigned round = 0; round < 60000; round++) {
		uint8_t bytes[15];
		for (unsigned i = 0; i < 15; i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(random >> 24);
		}
		if (mmio_decode(bytes, 15, (enum instruction_mode)(round % 3), &decoded) != MMIO_DECODE_OK)
			continue;
		fine++;
		assert_in_range(decoded.length, 1, 15);
		assert_true(
			decoded.width == 1 || decoded.width == 2 || decoded.width == 4 || decoded.width == 8);
		assert_true(decoded.general_register <= NONE);
		assert_true(!decoded.to_register || decoded.general_register < NONE);
		assert_true(decoded.general_register == NONE || decoded.register_width >= decoded.width);
		assert_true(decoded.memory.segment <= BH_GS && decoded.memory.base <= INSTRUCTION_RIP &&
			    decoded.memory.index <= NONE);
		assert_true(decoded.memory.address_width == 2 || decoded.memory.address_width == 4 ||
			    decoded.memory.address_width == 8);
	}
	assert_true(fine > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed),
		cmocka_unit_test(not_listed),
		cmocka_unit_test(rubbish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
