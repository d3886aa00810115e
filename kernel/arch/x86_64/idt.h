/* SPDX-License-Identifier: MIT */
/* The interrupt descriptor table, one for all CPUs, and the SYSCALL registers. */
#pragma once

/* 256 entry stubs, 16 bytes apart; stub n belongs to vector n (entry.S). */
extern const char trap_stubs[];

/* The SYSCALL entry point (entry.S). */
extern const char syscall_entry[];

/* Fills the IDT (interrupt gates, ring 0 only: INT n from user mode is #GP; IST for NMI, #DF, #MC, #DB) and loads
 * IDTR. Each CPU, once, after cpu_tables_load(). */
void idt_load(void);

/* Loads gates for the exceptions only, with boot.S's stubs: they print the registers and stop. Boot only. */
void idt_load_boot(void);

/* Sets STAR, LSTAR, CSTAR and SFMASK (IF, DF, TF, AC, NT, RF and IOPL are cleared on entry). Each CPU, once. */
void system_call_registers_set(void);
