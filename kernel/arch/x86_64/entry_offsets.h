/* SPDX-License-Identifier: MIT */
/* Offsets that entry.S needs; entry.c asserts them. */
#pragma once

#define SYSCALL_REPLY_RECV 1
#define SYSCALL_COUNT 12
#define ERROR_SYSCALL 1

#define CPU_SCRATCH 0
#define CPU_CURRENT 8
#define CPU_STACK_TOP 16
#define CPU_RESCHEDULE 32
#define CPU_PENDING 40

#define THREAD_IRET 37

#define THREAD_RAX 128
#define THREAD_RBX (THREAD_RAX + 8)
#define THREAD_RCX (THREAD_RAX + 16)
#define THREAD_RDX (THREAD_RAX + 24)
#define THREAD_RSI (THREAD_RAX + 32)
#define THREAD_RDI (THREAD_RAX + 40)
#define THREAD_RBP (THREAD_RAX + 48)
#define THREAD_RSP (THREAD_RAX + 56)
#define THREAD_R8 (THREAD_RAX + 64)
#define THREAD_R9 (THREAD_RAX + 72)
#define THREAD_R10 (THREAD_RAX + 80)
#define THREAD_R11 (THREAD_RAX + 88)
#define THREAD_R12 (THREAD_RAX + 96)
#define THREAD_R13 (THREAD_RAX + 104)
#define THREAD_R14 (THREAD_RAX + 112)
#define THREAD_R15 (THREAD_RAX + 120)
#define THREAD_RIP (THREAD_RAX + 128)
#define THREAD_RFLAGS (THREAD_RAX + 136)
#define THREAD_FS_BASE (THREAD_RAX + 144)
#define THREAD_GS_BASE (THREAD_RAX + 152)
