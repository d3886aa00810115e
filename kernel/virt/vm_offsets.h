/* SPDX-License-Identifier: MIT */
/* Offsets in bh_vcpu_state.registers for assembly; the order is enum bh_register. */
#pragma once

#define REGISTER_RAX (0 * 8)
#define REGISTER_RCX (1 * 8)
#define REGISTER_RDX (2 * 8)
#define REGISTER_RBX (3 * 8)
#define REGISTER_RSP (4 * 8)
#define REGISTER_RBP (5 * 8)
#define REGISTER_RSI (6 * 8)
#define REGISTER_RDI (7 * 8)
#define REGISTER_R8 (8 * 8)
#define REGISTER_R9 (9 * 8)
#define REGISTER_R10 (10 * 8)
#define REGISTER_R11 (11 * 8)
#define REGISTER_R12 (12 * 8)
#define REGISTER_R13 (13 * 8)
#define REGISTER_R14 (14 * 8)
#define REGISTER_R15 (15 * 8)

/* In a control block (vmcb.h); the vCPU's stands a page before its state page, whose registers begin at 8. */
#define VMCB_EXIT_IOIO 0x7b
#define VMCB_FS_BASE 0x448
#define VMCB_KERNEL_GS_BASE 0x620
#define EXIT_CODE_FROM_REGISTERS (0x70 - 4096 - 8)
#define EXIT_INFO_1_FROM_REGISTERS (EXIT_CODE_FROM_REGISTERS + 8)
#define VMCB_IOIO_NO_DOORBELL 0xd                         /* IN, string, REP */
#define CONTROL_BLOCK_FROM_REGISTERS (0x178 - 0x3000 - 8) /* its physical address, in the vCPU */
