/* SPDX-License-Identifier: MIT */
/* How the kernel ends when one of its own invariants does not hold. Never reached by guest or client input. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Registers at the time of an exception in the kernel, filled by the trap path. */
struct panic_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, cs, rflags, ss;
	uint64_t vector, error_code, cr2;
};

/* What to do after a panic, and after the CPU check's refusals: command line `panic=halt` (default) or
 * `panic=reboot`. Boot sets it once. */
void panic_set_reboot(bool reboot);

/* Takes the console, prints the formatted line (log_line's conversions), addresses found on the stack and
 * `KERNEL HALTED`, then halts or reboots. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an exception: prints the registers too. `what` names it ("page fault in the kernel"). */
_Noreturn void panic_with_registers(const char *what, const struct panic_registers *registers);

/* The failing side of ASSERT. */
_Noreturn void panic_assertion(const char *file, unsigned int line, const char *condition);

/* Ends without a back trace: for refusals at boot, whose message was printed already. */
_Noreturn void panic_stop(void);

#define ASSERT(condition)                                                \
	do {                                                             \
		if (__builtin_expect(!(condition), 0)) {                 \
			panic_assertion(__FILE__, __LINE__, #condition); \
		}                                                        \
	} while (0)
