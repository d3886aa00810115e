/* SPDX-License-Identifier: MIT */
/* The library of the bare test guests: port I/O, text on COM1, expected exceptions, interrupts, checks and the end through
 * the debug-exit port. Built for 32-bit protected mode without paging and for 64-bit mode with identity paging of the low
 * 4 GiB; nothing below needs firmware. A guest defines guest_name and main(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	COM1 = 0x3f8,
	DEBUG_EXIT = 0xf4,
	TRAP_NONE = 0xffff,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	IRQ_BASE = 0x20, /* the vector of IRQ 0 after pic_init() */
	APIC_TIMER_VECTOR = 0x40,
	SELECTOR_CODE32 = 0x08,
	SELECTOR_DATA = 0x10,
	SELECTOR_USER_CODE = 0x1b,
	SELECTOR_USER_DATA = 0x23,
	SELECTOR_TSS = 0x28,
	SELECTOR_CODE64 = 0x30,
	SELECTOR_WINDOW = 0x38, /* a data segment with its base at segment_window (32-bit mode) */
};

#define APIC_BASE ((volatile uint32_t *)0xfee00000u)
#define IOAPIC_BASE ((volatile uint32_t *)0xfec00000u)

/* What the processor and the entry stub push. In 64-bit mode the registers are 64 bits wide. */
#if __SIZEOF_POINTER__ == 8
struct interrupt_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error, ip, cs, flags, sp, ss;
};
#define MOVE_POINTER "movq"
#else
struct interrupt_frame {
	uint32_t es, ds, edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
	uint32_t vector, error, ip, cs, flags, user_sp, user_ss;
};
#define MOVE_POINTER "movl"
#endif

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line, modules_count, modules_address;
	uint32_t symbols[4], map_length, map_address;
};

extern const char guest_name[];
extern char image_start[], image_end[];
extern uint32_t multiboot_magic;
extern const struct multiboot_info *multiboot_info;
extern uint8_t segment_window[65536];

/* The expected exception: where to go on, and what came. TRY(code) runs one instruction (or more) of inline assembly; afterwards
 * trap_vector is the vector of the exception that it raised, or TRAP_NONE. */
extern uintptr_t trap_resume;
extern uint32_t trap_vector;
extern uint64_t trap_error;
extern uintptr_t trap_ip;
#define TRY(code, ...)                                                                            \
	do {                                                                                      \
		trap_vector = TRAP_NONE;                                                          \
		__asm__ volatile(MOVE_POINTER " $771f, trap_resume\n" code "\n771: " MOVE_POINTER \
					      " $0, trap_resume" __VA_ARGS__);                    \
	} while (0)

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint64_t tsc(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static inline void interrupts_on(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void interrupts_off(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void sleep_until_interrupt(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }

/* Text on COM1, by polling. */
void put(const char *text);
void put_character(char character);
void put_number(uint64_t number);
void put_hex(uint64_t number);
void uart_init(void);

/* One check: prints `FAIL name` if it does not hold. Numbers are printed with check_equal. Both count. */
void check(const char *name, bool holds);
void check_equal(const char *name, uint64_t got, uint64_t expected);

/* Prints `NAME: N checks, M failed`, and ends the guest with code 0 or 1. */
void finish(void) __attribute__((noreturn));
void guest_exit(uint8_t code) __attribute__((noreturn));

/* The number that follows `key=` on the multiboot command line (decimal, or hexadecimal with 0x), else otherwise. */
uint64_t argument(const char *key, uint64_t otherwise);
bool argument_is(const char *key, const char *value);

/* The end of RAM below 4 GiB, in bytes, from the multiboot information. */
uint64_t ram_end(void);

/* Interrupts: pic_init moves the PICs to IRQ_BASE with every line masked. A handler runs with interrupts off. */
typedef void (*interrupt_handler)(struct interrupt_frame *frame);
void interrupt_handle(unsigned vector, interrupt_handler handler);
void pic_init(void);
void pic_unmask(unsigned irq);
void pic_end(unsigned irq);
/* Whether the in-service bit of irq is set: on IRQ 7 and 15 it tells a real interrupt from a spurious one (8259A, "OCW3"). */
bool pic_in_service(unsigned irq);
void apic_enable(void);

/* 32-bit mode: runs code in ring 3, until it executes `int $0x80`. */
void run_in_user_mode(void (*code)(void));

/* 64-bit mode: maps 2 MiB of guest-physical memory at physical (aligned to 2 MiB), and returns where it can be seen. */
volatile uint8_t *map_window(uint64_t physical);
/* 64-bit mode: 4 KiB page tables for the 2 MiB from 8 GiB up, to be filled in with physical | flags; absent at first. */
extern uint64_t small_page_table[512];
#define SMALL_PAGES ((uint8_t *)0x200000000ull)

int main(void);
