/* SPDX-License-Identifier: MIT */
/* The emulation against the CPU that runs this test: each listed 64-bit form is executed on plain memory
 * and emulated on the same registers, and registers, flags and memory must come out the same. */
#define _DEFAULT_SOURCE /* mmap */
#include "memory/machine.h"

#include "mmio/access.h"

#include <sys/mman.h>

#define DEVICE UINT64_C(0xfee00000)
#define DEVICE_LINEAR UINT64_C(0xffffc90000000000)
#define ARITHMETIC_FLAGS UINT64_C(0x8d5)
#define AUXILIARY UINT64_C(0x10)

/* `undefined`: flags that the manual leaves open after this instruction. */
static const struct {
	const char *name;
	uint8_t bytes[12];
	uint8_t length;
	uint64_t undefined;
} cases[] = {
	{ "mov al, [rbx]", { 0x8a, 0x03 }, 2, 0 },
	{ "mov ah, [rbx]", { 0x8a, 0x23 }, 2, 0 },
	{ "mov dh, [rbx]", { 0x8a, 0x33 }, 2, 0 },
	{ "mov sil, [rbx]", { 0x40, 0x8a, 0x33 }, 3, 0 },
	{ "mov r12b, [rbx]", { 0x44, 0x8a, 0x23 }, 3, 0 },
	{ "mov cx, [rbx]", { 0x66, 0x8b, 0x0b }, 3, 0 },
	{ "mov eax, [rbx]", { 0x8b, 0x03 }, 2, 0 },
	{ "mov r14, [rbx]", { 0x4c, 0x8b, 0x33 }, 3, 0 },
	{ "mov [rbx], dl", { 0x88, 0x13 }, 2, 0 },
	{ "mov [rbx], ch", { 0x88, 0x2b }, 2, 0 },
	{ "mov [rbx], r8w", { 0x66, 0x44, 0x89, 0x03 }, 4, 0 },
	{ "mov [rbx], eax", { 0x89, 0x03 }, 2, 0 },
	{ "mov [rbx], r15", { 0x4c, 0x89, 0x3b }, 3, 0 },
	{ "mov byte [rbx], 0x85", { 0xc6, 0x03, 0x85 }, 3, 0 },
	{ "mov word [rbx], 0x8599", { 0x66, 0xc7, 0x03, 0x99, 0x85 }, 5, 0 },
	{ "mov dword [rbx], imm", { 0xc7, 0x03, 0x78, 0x56, 0x34, 0x92 }, 6, 0 },
	{ "mov qword [rbx], imm", { 0x48, 0xc7, 0x03, 0x78, 0x56, 0x34, 0x92 }, 7, 0 },
	{ "movnti [rbx], rcx", { 0x48, 0x0f, 0xc3, 0x0b }, 4, 0 },
	{ "movzx ax, byte [rbx]", { 0x66, 0x0f, 0xb6, 0x03 }, 4, 0 },
	{ "movzx eax, byte [rbx]", { 0x0f, 0xb6, 0x03 }, 3, 0 },
	{ "movzx r9, word [rbx]", { 0x4c, 0x0f, 0xb7, 0x0b }, 4, 0 },
	{ "movsx ax, byte [rbx]", { 0x66, 0x0f, 0xbe, 0x03 }, 4, 0 },
	{ "movsx edx, byte [rbx]", { 0x0f, 0xbe, 0x13 }, 3, 0 },
	{ "movsx rdx, word [rbx]", { 0x48, 0x0f, 0xbf, 0x13 }, 4, 0 },
	{ "movsxd rcx, [rbx]", { 0x48, 0x63, 0x0b }, 3, 0 },
	{ "movsxd ecx, [rbx]", { 0x63, 0x0b }, 2, 0 },
	{ "and [rbx], al", { 0x20, 0x03 }, 2, AUXILIARY },
	{ "and [rbx], cx", { 0x66, 0x21, 0x0b }, 3, AUXILIARY },
	{ "and edx, [rbx]", { 0x23, 0x13 }, 2, AUXILIARY },
	{ "and qword [rbx], imm8", { 0x48, 0x83, 0x23, 0xf5 }, 4, AUXILIARY },
	{ "or [rbx], r10", { 0x4c, 0x09, 0x13 }, 3, AUXILIARY },
	{ "or byte [rbx], imm", { 0x80, 0x0b, 0x91 }, 3, AUXILIARY },
	{ "or ah, [rbx]", { 0x0a, 0x23 }, 2, AUXILIARY },
	{ "xor [rbx], eax", { 0x31, 0x03 }, 2, AUXILIARY },
	{ "xor si, [rbx]", { 0x66, 0x33, 0x33 }, 3, AUXILIARY },
	{ "add [rbx], dl", { 0x00, 0x13 }, 2, 0 },
	{ "add [rbx], cx", { 0x66, 0x01, 0x0b }, 3, 0 },
	{ "add eax, [rbx]", { 0x03, 0x03 }, 2, 0 },
	{ "add r13, [rbx]", { 0x4c, 0x03, 0x2b }, 3, 0 },
	{ "add dword [rbx], imm", { 0x81, 0x03, 0xff, 0xff, 0xff, 0x7f }, 6, 0 },
	{ "sub [rbx], dh", { 0x28, 0x33 }, 2, 0 },
	{ "sub r11w, [rbx]", { 0x66, 0x44, 0x2b, 0x1b }, 4, 0 },
	{ "sub [rbx], eax", { 0x29, 0x03 }, 2, 0 },
	{ "sub qword [rbx], imm8", { 0x48, 0x83, 0x2b, 0x80 }, 4, 0 },
	{ "cmp [rbx], al", { 0x38, 0x03 }, 2, 0 },
	{ "cmp al, [rbx]", { 0x3a, 0x03 }, 2, 0 },
	{ "cmp word [rbx], imm8", { 0x66, 0x83, 0x3b, 0xff }, 4, 0 },
	{ "cmp edx, [rbx]", { 0x3b, 0x13 }, 2, 0 },
	{ "cmp [rbx], rcx", { 0x48, 0x39, 0x0b }, 3, 0 },
	{ "test [rbx], ah", { 0x84, 0x23 }, 2, AUXILIARY },
	{ "test dword [rbx], imm", { 0xf7, 0x03, 0, 0x10, 0, 0x80 }, 6, AUXILIARY },
	{ "test [rbx], r9", { 0x4c, 0x85, 0x0b }, 3, AUXILIARY },
	{ "xchg [rbx], al", { 0x86, 0x03 }, 2, 0 },
	{ "xchg [rbx], dh", { 0x86, 0x33 }, 2, 0 },
	{ "xchg [rbx], cx", { 0x66, 0x87, 0x0b }, 3, 0 },
	{ "xchg [rbx], eax", { 0x87, 0x03 }, 2, 0 },
	{ "xchg [rbx], r8", { 0x4c, 0x87, 0x03 }, 3, 0 },
	{ "bt word [rbx], 13", { 0x66, 0x0f, 0xba, 0x23, 13 }, 5, 0x894 },
	{ "bt dword [rbx], 37", { 0x0f, 0xba, 0x23, 37 }, 4, 0x894 },
	{ "bt qword [rbx], 63", { 0x48, 0x0f, 0xba, 0x23, 63 }, 5, 0x894 },
	{ "stosb", { 0xaa }, 1, 0 },
	{ "stosw", { 0x66, 0xab }, 2, 0 },
	{ "stosd", { 0xab }, 1, 0 },
	{ "stosq", { 0x48, 0xab }, 2, 0 },
	{ "lodsb", { 0xac }, 1, 0 },
	{ "lodsw", { 0x66, 0xad }, 2, 0 },
	{ "lodsd", { 0xad }, 1, 0 },
	{ "lodsq", { 0x48, 0xad }, 2, 0 },
};

struct outcome {
	uint64_t registers[16];
	uint64_t rflags;
};

static uint8_t *executable;
static uint64_t memory_word[2]; /* what the device holds, for the CPU */
static struct machine machine;
static struct mmio_cache cache;

/* Assembles: save callee-saved registers, load all but rsp from [rdi], run the case, store them back,
 * flags too. */
static void (*assemble(const uint8_t *bytes, unsigned length))(struct outcome *)
{
	uint8_t *at = executable;
	/* push rbx rbp r12-r15 rdi */
	static const uint8_t save[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x57 };
	memcpy(at, save, sizeof save);
	at += sizeof save;
	memcpy(at, "\xff\xb7\x80\x00\x00\x00\x9d", 7); /* push [rdi + 128]; popf */
	at += 7;
	/* rdi last, rsp never */
	static const uint8_t order[] = { 0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 7 };
	for (unsigned i = 0; i < sizeof order; i++) { /* mov r, [rdi + 8 * r] */
		*at++ = order[i] >= 8 ? 0x4c : 0x48;
		*at++ = 0x8b;
		*at++ = (uint8_t)(0x47 | (order[i] & 7) << 3);
		*at++ = (uint8_t)(8 * order[i]);
	}
	memcpy(at, bytes, length);
	at += length;
	memcpy(at, "\x57\x9c\x48\x8b\x7c\x24\x10", 7); /* push rdi; pushf; mov rdi, [rsp + 16] */
	at += 7;
	memcpy(at, "\x8f\x87\x80\x00\x00\x00\x8f\x47\x38", 9); /* pop [rdi + 128]; pop [rdi + 56] */
	at += 9;
	for (unsigned i = 0; i < sizeof order - 1; i++) { /* mov [rdi + 8 * r], r */
		*at++ = order[i] >= 8 ? 0x4c : 0x48;
		*at++ = 0x89;
		*at++ = (uint8_t)(0x47 | (order[i] & 7) << 3);
		*at++ = (uint8_t)(8 * order[i]);
	}
	/* cld; pop rdi r15-r12 rbp rbx; ret */
	memcpy(at, "\xfc\x5f\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 13);
	void (*function)(struct outcome *);
	memcpy(&function, &executable, sizeof function);
	return function;
}

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);
static uint64_t random_word(void)
{
	static const uint64_t corners[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000,
		0xffffffff, UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000), UINT64_MAX };
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % 4 == 0 ? corners[(random_state >> 8) % 13] : random_state;
}

/* Emulates on machine.state, with the device holding *device. */
static void emulate(const uint8_t *bytes, unsigned length, uint64_t *device, const char *name)
{
	struct mmio_access access;
	machine.state.rip = MACHINE_CODE;
	machine_code(&machine, bytes, length);
	enum mmio_result result = MMIO_REFUSED;
	for (unsigned write = 0; write < 2 && result == MMIO_REFUSED; write++)
		result = mmio_start(&cache, &machine.memory, &machine.state, DEVICE + 8, write, &access);
	while (result == MMIO_ACCESS) {
		assert_int_equal(access.guest_physical, DEVICE + 8);
		uint64_t value = 0;
		if (access.write)
			memcpy(device, &access.value, access.width);
		else
			memcpy(&value, device, access.width);
		result = mmio_finish(&access, &machine.state,
			value | (access.width < 8 ? UINT64_MAX << 8 * access.width : 0));
	}
	if (result != MMIO_DONE || machine.state.rip != MACHINE_CODE + length)
		fail_msg("%s: result %d", name, (int)result);
}

static void compare(unsigned i, unsigned round)
{
	struct outcome real = { 0 };
	struct bh_vcpu_state *state = &machine.state;
	bool string = cases[i].bytes[cases[i].length - 1] >= 0xaa &&
		      cases[i].bytes[cases[i].length - 1] <= 0xad && cases[i].length <= 2;
	for (unsigned r = 0; r < 16; r++)
		state->registers[r] = real.registers[r] = random_word();
	real.rflags = (random_word() & ARITHMETIC_FLAGS) | 0x202 | (string && round % 2 ? 0x400 : 0);
	state->rflags = real.rflags;
	uint64_t device = random_word();
	memory_word[1] = device;
	unsigned pointers[3] = { BH_RBX, BH_RSI, BH_RDI }, first = string ? 1 : 0, last = string ? 2 : 0;
	for (unsigned p = first; p <= last; p++) {
		real.registers[pointers[p]] = (uintptr_t)&memory_word[1];
		state->registers[pointers[p]] = DEVICE_LINEAR + 8;
	}
	assemble(cases[i].bytes, cases[i].length)(&real);
	emulate(cases[i].bytes, cases[i].length, &device, cases[i].name);

	for (unsigned p = first; p <= last; p++) { /* different places: compare how far they moved */
		real.registers[pointers[p]] -= (uintptr_t)&memory_word[1];
		state->registers[pointers[p]] -= DEVICE_LINEAR + 8;
	}
	for (unsigned r = 0; r < 16; r++)
		if (r != BH_RSP && real.registers[r] != state->registers[r])
			fail_msg("%s: register %u is %llx, should be %llx", cases[i].name, r,
				(unsigned long long)state->registers[r],
				(unsigned long long)real.registers[r]);
	uint64_t differ = (real.rflags ^ state->rflags) & ARITHMETIC_FLAGS & ~cases[i].undefined;
	if (differ || memory_word[1] != device)
		fail_msg("%s: flags %llx differ, memory %llx should be %llx", cases[i].name,
			(unsigned long long)differ, (unsigned long long)device,
			(unsigned long long)memory_word[1]);
}

static void same_as_the_cpu(void **context)
{
	(void)context;
	executable = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (executable == MAP_FAILED)
		skip(); /* a machine that forbids it */
	machine_start(&machine, MACHINE_LONG);
	machine_map(&machine, DEVICE_LINEAR, DEVICE, MAP_PRESENT | MAP_WRITABLE, 0);
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (unsigned round = 0; round < 200; round++)
			compare(i, round);
	assert_int_equal(munmap(executable, 4096), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_as_the_cpu) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
