/* SPDX-License-Identifier: MIT */
/* The kernel's last words. Runs in any state of the kernel: uses the log and nothing else. */

#include "panic.h"

#include <stdarg.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/power.h"
#include "log.h"

#define BACK_TRACE_MAXIMUM 24

static bool reboot_on_panic;
static bool panicking;

void panic_set_reboot(bool reboot) { reboot_on_panic = reboot; }

void panic_stop(void)
{
	log_line("KERNEL HALTED");
	if (reboot_on_panic) {
		machine_reset();
	}
	machine_halt();
}

/* A failure inside the panic path itself must not come back here for ever. */
static void panic_begin(void)
{
	interrupts_disable();
	if (panicking) {
		machine_halt();
	}
	panicking = true;
	log_console_take();
}

/* The kernel keeps no frame pointers: prints all words on the stack that point into its code. Some are left-overs of
 * calls that have returned. `addr2line -e kernel.elf64` names them. */
static _Noreturn void panic_end(uint64_t stack)
{
	uint64_t end = kernel_stack_end(stack);
	unsigned int printed = 0;

	log_line("possible return addresses on the stack at 0x%lx:", stack);
	for (uint64_t at = (stack + 7) & ~7ul; at + 8 <= end && printed < BACK_TRACE_MAXIMUM; at += 8) {
		uint64_t word = *(const uint64_t *)at;

		if (word >= (uint64_t)kernel_text_start && word < (uint64_t)kernel_text_end) {
			log_line("  0x%lx", word);
			printed++;
		}
	}
	panic_stop();
}

void panic(const char *format, ...)
{
	va_list arguments;

	panic_begin();
	va_start(arguments, format);
	log_line_list("kernel panic: ", format, arguments);
	va_end(arguments);
	panic_end((uint64_t)__builtin_frame_address(0));
}

void panic_assertion(const char *file, unsigned int line, const char *condition)
{
	panic_begin();
	log_line("kernel assertion failed: %s:%u: %s", file, line, condition);
	panic_end((uint64_t)__builtin_frame_address(0));
}

void panic_with_registers(const char *what, const struct panic_registers *r)
{
	panic_begin();
	log_line("kernel panic: %s, vector %lu, error code 0x%lx", what, r->vector, r->error_code);
	log_line("rip 0x%04lx:0x%016lx  rsp 0x%04lx:0x%016lx  rflags 0x%lx  cr2 0x%016lx", r->cs, r->rip,
		r->ss, r->rsp, r->rflags, r->cr2);
	log_line("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	log_line("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
	log_line("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", r->r9, r->r10, r->r11, r->r12);
	log_line("r13 %016lx  r14 %016lx  r15 %016lx  cr3 %016lx", r->r13, r->r14, r->r15, read_cr3());
	panic_end(r->rsp);
}
