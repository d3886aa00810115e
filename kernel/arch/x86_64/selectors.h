/* SPDX-License-Identifier: MIT */
/* Segment selectors and IST numbers, for C and assembly. Order forced by SYSCALL and SYSRET (AMD APM vol. 2 §6.1.1). */
#pragma once

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

#define IST_NMI 1
#define IST_DOUBLE_FAULT 2
#define IST_MACHINE_CHECK 3
#define IST_DEBUG 4
#define IST_COUNT 4
