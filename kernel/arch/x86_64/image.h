/* SPDX-License-Identifier: MIT */
/* Where the linker put the parts of the kernel image (build/kernel.ld). All page aligned, virtual addresses. */
#pragma once

extern const char kernel_text_start[];
extern const char kernel_text_end[];
extern const char kernel_constants_start[];
extern const char kernel_constants_end[];
extern const char kernel_data_start[];
extern const char kernel_data_end[]; /* .bss included; end of the image */
extern const char boot_stack[];
extern const char boot_stack_top[];
