/* SPDX-License-Identifier: MIT */
/* A VM for the VMM server's unit tests: real fabric, policy, PCI and decoder, guest RAM in an array, and a
 * fake layer of system calls that records what was asked of the kernel. */
#ifndef TEST_VMM_FIXTURE_H
#define TEST_VMM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bulkhead/abi.h>
#include <bulkhead/invocation.h>

#include "vcpu/exit.h"

#define RAM_SIZE (4u << 20)
#define CODE_ADDRESS 0x100000u
#define DATA_ADDRESS 0x180000u

/* What the fake kernel saw and answers. */
struct fake_system {
	uint64_t tsc;
	uint32_t reads; /* system_read_state */
	uint32_t groups_read;
	uint32_t arms;
	uint64_t armed; /* host TSC */
	uint32_t signals;
	uint64_t signalled; /* the notification that was signalled last */
	uint32_t routings;
	uint32_t route[BH_ROUTES]; /* first ports, 0: none */
	uint32_t log_lines;
	char last_line[400];
	uint32_t calls;     /* system_port_call */
	uint32_t cancelled; /* so many calls fail with CANCELLED first */
	enum bh_error call_error;
	uint32_t call_answer;
	struct {
		uint64_t endpoint, word, sequence;
		uint32_t value;
	} call[64];
};

extern struct fake_system fake;
extern struct vmm vmm;
extern struct bh_vcpu_state page;
extern struct vm_status status;
extern struct lines_page lines_page;
extern uint8_t ram[RAM_SIZE];

/* A fresh VM whose vCPU stands in 64-bit code at CODE_ADDRESS, CPL 0, IF set, all memory below 4 GiB
 * identity-mapped by large pages. One model: ports 0x3f8..0x3ff and 0x600..0x605 (slots 40 and 41), bit 5;
 * its lines 0: GSI 4, 1: power off, 2: reset, 3: exit, 4: GSI 9. For cmocka's setup. */
int fixture_setup(void **state);

/* Puts instruction bytes at rip. */
void put_code(const void *bytes, size_t count);
#define CODE(...) put_code((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* What the kernel does for BH_GROUP_CODE, from the page's other fields. */
void store_code(void);

/* One exit; the answer. As the kernel does, `inject` is taken out of the page, into `injected`. */
extern uint64_t injected;
uint64_t take_exit(
	enum bh_exit_reason reason, uint64_t qualification, uint64_t information, uint64_t sequence);

#endif
