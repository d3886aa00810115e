/* SPDX-License-Identifier: MIT */
/* The IDT (gates: AMD APM vol. 2 §4.8.4) and the SYSCALL MSRs (§6.1.1). */

#include "arch/x86_64/idt.h"

#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/selectors.h"
#include "arch/x86_64/vectors.h"

#define IDT_GATES 256
#define STUB_SPACING 16
#define GATE_INTERRUPT_RING_0 0x8e /* present, DPL 0, 64-bit interrupt gate */

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "gate layout");

static struct gate idt[IDT_GATES] __attribute__((aligned(64)));

/* boot.S: one stub for each exception. */
extern const char boot_trap_stubs[];

static void set_gate(unsigned int vector, uint64_t stub, uint8_t ist)
{
	idt[vector] = (struct gate){ .offset_low = (uint16_t)stub,
		.selector = SELECTOR_KERNEL_CODE,
		.ist = ist,
		.type = GATE_INTERRUPT_RING_0,
		.offset_middle = (uint16_t)(stub >> 16),
		.offset_high = (uint32_t)(stub >> 32) };
}

static void load(void)
{
	const struct descriptor_table_pointer pointer = { sizeof(idt) - 1, (uint64_t)idt };

	load_idt(&pointer);
}

void idt_load_boot(void)
{
	for (unsigned int vector = 0; vector < VECTOR_EXCEPTIONS; vector++) {
		set_gate(vector, (uint64_t)boot_trap_stubs + vector * STUB_SPACING, 0);
	}
	load();
}

void idt_load(void)
{
	static const uint8_t stacks[IDT_GATES] = { [VECTOR_NMI] = IST_NMI,
		[VECTOR_DOUBLE_FAULT] = IST_DOUBLE_FAULT,
		[VECTOR_MACHINE_CHECK] = IST_MACHINE_CHECK,
		[VECTOR_DEBUG] = IST_DEBUG };

	for (unsigned int vector = 0; vector < IDT_GATES; vector++) {
		set_gate(vector, (uint64_t)trap_stubs + vector * STUB_SPACING, stacks[vector]);
	}
	load();
}

void system_call_registers_set(void)
{
	/* SYSRET's base is the selector before user data: SS = base + 8, CS = base + 16. */
	wrmsr(MSR_STAR, (uint64_t)(SELECTOR_USER_DATA - 8) << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	/* Compatibility mode has no code segment here, so CSTAR is never used. */
	wrmsr(MSR_CSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SFMASK,
		RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC);
}
