/* SPDX-License-Identifier: MIT */
/* Every kind of instruction on the registers of the local APIC and the I/O APIC. The plain forms must do what they do on
 * memory, flags included; SSE and LOCK forms are not for such registers, and raise #UD here (on bare QEMU they work: 12 failures). */
#include "guest.h"

const char guest_name[] = "mmio-forms";

/* The task priority register keeps 8 bits, the masked timer entry 8 bits and the mask (APM vol. 2, 16.4.2 and 16.6.4). */
static volatile uint32_t *const tpr = APIC_BASE + 0x80 / 4;
static volatile uint32_t *const timer_entry = APIC_BASE + 0x320 / 4;
static volatile uint32_t *const version = APIC_BASE + 0x30 / 4;

enum { CARRY = 1, ZERO = 0x40, SIGN = 0x80, MASKED = 0x10000 };

static uint32_t memory[4] __attribute__((aligned(16)));

/* One instruction with the register at %2 and a value in eax; the flags afterwards. */
#define FORM(code, pointer, value)                           \
	({                                                   \
		uintptr_t flags_;                            \
		__asm__ volatile(code "\n pushf\n pop %1"    \
				 : "+a"(value), "=r"(flags_) \
				 : "r"(pointer)              \
				 : "memory", "cc");          \
		(uint32_t) flags_ &(CARRY | ZERO | SIGN);    \
	})

static void moves(void)
{
	uint32_t value = 0x30, expected;
	volatile uint32_t *source, *destination;

	FORM("movl %%eax, (%2)", tpr, value);
	check_equal("MOV to memory", *tpr, 0x30);
	value = 0;
	FORM("movl (%2), %%eax", tpr, value);
	check_equal("MOV from memory", value, 0x30);
	FORM("movl $0x40, (%2)", tpr, value);
	check_equal("MOV of an immediate", *tpr, 0x40);
	__asm__ volatile("movl %%ebx, (%0)" ::"r"(tpr), "b"(0x50) : "memory");
	check_equal("MOV of EBX", *tpr, 0x50);
	__asm__ volatile("movl %1, -0x40(%0,%2,4)" ::"r"(tpr), "r"(0x60), "r"((uintptr_t)16) : "memory");
	check_equal("MOV with base, index and displacement", *tpr, 0x60);
	value = 0;
	__asm__ volatile("movl 0xfee00080, %0" : "=a"(value)::"memory");
	check_equal("MOV EAX from an absolute address", value, 0x60);
	__asm__ volatile("movl %0, 0xfee00080" ::"a"(0x70) : "memory");
	check_equal("MOV EAX to an absolute address", *tpr, 0x70);

	expected = *version;
	source = version;
	__asm__ volatile("lodsl" : "=a"(value), "+S"(source)::"memory");
	check_equal("LODS", value, expected);
	destination = tpr;
	__asm__ volatile("stosl" : "+D"(destination) : "a"(0x80) : "memory");
	check_equal("STOS", *tpr, 0x80);
	check("LODS and STOS move on", source == version + 1 && destination == tpr + 1);
	memory[0] = 0x90;
	source = memory;
	destination = tpr;
	__asm__ volatile("movsl" : "+D"(destination), "+S"(source)::"memory");
	check_equal("MOVS from memory", *tpr, 0x90);
	source = version;
	destination = memory;
	__asm__ volatile("movsl" : "+D"(destination), "+S"(source)::"memory");
	check_equal("MOVS to memory", memory[0], expected);
}

static void arithmetic(void)
{
	uint32_t value, flags;

	*tpr = 0xf0;
	value = 0x3c;
	flags = FORM("andl %%eax, (%2)", tpr, value);
	check_equal("AND memory, register", *tpr, 0x30);
	check_equal("AND memory, register: flags", flags, 0);
	value = 0x0f;
	flags = FORM("andl (%2), %%eax", tpr, value);
	check_equal("AND register, memory", value, 0);
	check_equal("AND register, memory: flags", flags, ZERO);
	FORM("andl $0x10, (%2)", tpr, value);
	check_equal("AND memory, immediate", *tpr, 0x10);
	value = 0x40;
	FORM("orl %%eax, (%2)", tpr, value);
	check_equal("OR memory, register", *tpr, 0x50);
	flags = FORM("orl (%2), %%eax", tpr, value);
	check_equal("OR register, memory", value, 0x50);
	FORM("orl $2, (%2)", tpr, value);
	check_equal("OR memory, immediate", *tpr, 0x52);
	value = 0x12;
	FORM("xorl %%eax, (%2)", tpr, value);
	check_equal("XOR memory, register", *tpr, 0x40);
	value = 0xffffffc0u;
	flags = FORM("addl (%2), %%eax", tpr, value);
	check_equal("ADD register, memory", value, 0);
	check_equal("ADD register, memory: flags", flags, ZERO | CARRY);
	value = 0x20;
	flags = FORM("subl (%2), %%eax", tpr, value);
	check_equal("SUB register, memory", value, 0xffffffe0u);
	check_equal("SUB register, memory: flags", flags, SIGN | CARRY);
	value = 0x40;
	flags = FORM("cmpl %%eax, (%2)", tpr, value);
	check_equal("CMP memory, register: flags", flags, ZERO);
	flags = FORM("cmpl $0x41, (%2)", tpr, value);
	check_equal("CMP memory, immediate: flags", flags, SIGN | CARRY);
	flags = FORM("testl $0x80, (%2)", tpr, value);
	check_equal("TEST memory, immediate: flags", flags, ZERO);
	flags = FORM("btl $6, (%2)", tpr, value);
	check_equal("BT memory, immediate: carry", flags & CARRY, CARRY);
	check_equal("the compares wrote nothing", *tpr, 0x40);
	value = 0x20;
	FORM("xchgl %%eax, (%2)", tpr, value);
	check_equal("XCHG: old value", value, 0x40);
	check_equal("XCHG: new value", *tpr, 0x20);
	*tpr = 0;
	*timer_entry = MASKED | 0x55;
	TRY("movzwl (%0), %%eax", ::"r"(timer_entry) : "eax", "memory");
	check_equal("a word of a register: what it reads is undefined, but it raises nothing", trap_vector,
		TRAP_NONE);
}

/* Index and data, as an operating system uses it (82093AA data sheet, 3.1). */
static void ioapic(void)
{
	uint32_t value = 0x10000 | 0x66;

	IOAPIC_BASE[0] = 0x10;
	IOAPIC_BASE[4] = 0x10000 | 0x77;
	check_equal("I/O APIC: MOV", IOAPIC_BASE[4], 0x10000 | 0x77);
	FORM("xchgl %%eax, (%2)", IOAPIC_BASE + 4, value);
	check_equal("I/O APIC: XCHG, old value", value, 0x10000 | 0x77);
	check_equal("I/O APIC: XCHG, new value", IOAPIC_BASE[4], 0x10000 | 0x66);
	value = 0x88;
	FORM("orl %%eax, (%2)", IOAPIC_BASE + 4, value);
	check_equal("I/O APIC: OR", IOAPIC_BASE[4], 0x10000 | 0xee);
	value = ~0x0fu;
	FORM("andl %%eax, (%2)", IOAPIC_BASE + 4, value);
	check_equal("I/O APIC: AND", IOAPIC_BASE[4], 0x10000 | 0xe0);
}

#define REFUSED(name, code, ...)                           \
	do {                                               \
		TRY(code, __VA_ARGS__);                    \
		check_equal(name, trap_vector, VECTOR_UD); \
	} while (0)

static void refused(volatile uint32_t *at, const char *which)
{
	uintptr_t value;

	put(which);
	put(": SSE and LOCK\n");
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	__asm__ volatile(
		"mov %0, %%cr4" ::"r"(value | 0x600)); /* OSFXSR, OSXMMEXCPT: without them all SSE is #UD */
	TRY("movups %%xmm0, (%0)\n movups (%0), %%xmm0", ::"r"(memory) : "memory");
	check_equal("SSE on RAM works", trap_vector, TRAP_NONE);
	REFUSED("SSE load", "movups (%0), %%xmm0", ::"r"(at) : "memory");
	REFUSED("SSE store", "movups %%xmm0, (%0)", ::"r"(at) : "memory");
	REFUSED("SSE load of 4 bytes", "movd (%0), %%xmm0", ::"r"(at) : "memory");
	REFUSED("LOCK OR", "lock orl $0, (%0)", ::"r"(at) : "memory", "cc");
	REFUSED("LOCK XADD", "lock xaddl %%eax, (%0)", ::"r"(at), "a"(0) : "memory", "cc");
	REFUSED("LOCK CMPXCHG", "lock cmpxchgl %%ecx, (%0)", ::"r"(at), "a"(1), "c"(2) : "memory", "cc");
	__asm__ volatile("mov %0, %%cr4" ::"r"(value));
	check_equal("it can be used as before", *at, *at);
}

int main(void)
{
	apic_enable();
	moves();
	arithmetic();
	ioapic();
	refused(tpr, "local APIC");
	IOAPIC_BASE[0] = 0x10;
	refused(IOAPIC_BASE + 4, "I/O APIC");
	return 0;
}
