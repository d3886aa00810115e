/* SPDX-License-Identifier: MIT */
/* The way from the loader to kernel_main, and what boot.S and the C side know of each other. */
#pragma once

#include <stdint.h>

/* The kernel proper (main.c). Runs on CPU 0's kernel stack with the final page tables, control registers set, PIC and
 * I/O APIC lines masked, local APIC on, clocks calibrated, interrupts off; boot_information and platform_information
 * are filled. Still to do there: cpu_tables_load(), idt_load(), system_call_registers_set(), GS base. */
_Noreturn void kernel_main(void);

/* Called by boot.S in long mode on the boot stack. magic and information: EAX and EBX as the loader left them. */
_Noreturn void arch_boot(uint32_t magic, uint32_t information);

/* boot.S: continues in kernel_main on the given stack. */
_Noreturn void boot_enter_kernel_main(uint64_t stack_top);
