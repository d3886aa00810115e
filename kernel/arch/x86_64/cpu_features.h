/* SPDX-License-Identifier: MIT */
/* What this CPU can do, found once at boot; constant afterwards. Required features need no flag: boot refuses a CPU
 * without long mode, NX, SVM (not disabled), nested paging, APIC, TSC, FSGSBASE, FXSR and XSAVE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu_features {
	uint8_t physical_address_bits;

	bool huge_pages; /* 1 GiB */
	bool smep;
	bool smap;
	bool umip;
	bool global_pages;
	bool machine_check;
	bool avx;
	bool spec_ctrl_ibpb; /* PRED_CMD.IBPB: CPUID 8000_0008h EBX[12] */

	uint64_t xcr0;       /* the value that runs in XCR0: x87, SSE and, if there, AVX */
	uint32_t xsave_size; /* bytes of an XSAVE area (standard format) under that XCR0 */

	/* AMD-V, CPUID 8000_000Ah. */
	uint32_t svm_asid_count; /* ASIDs 0..count-1; 0 is the host's */
	bool svm_next_rip;
	bool svm_decode_assists;
	bool svm_event_repeats; /* QEMU's emulator: see inject() in virt/svm.c */
};

extern struct cpu_features cpu_features;

/* Fills cpu_features, and prints what this machine lacks and what to do about it. Returns false if anything
 * required is missing: the caller stops. Boot only. */
__attribute__((warn_unused_result)) bool cpu_check(void);

/* Sets CR0, CR4, EFER, XCR0 and PAT to the kernel's values; every CPU does it once, before other set-up. Interrupts
 * off. xsave_size in cpu_features is filled by the first call. */
void cpu_control_registers_set(void);
