/* SPDX-License-Identifier: MIT */
/* A VM's status page: how far its life has come, why it ended, and what its VMM counted. Written by the VMM
 * server alone, read by the root task (and by whoever it shows the page to). No system calls; usable in host
 * unit tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VM_STATUS_MAGIC UINT64_C(0x535441545355564d) /* "MVUSTATS" read as little-endian */
#define VM_STATUS_VERSION 1u
#define VM_STATUS_SIZE 4096u
#define VM_STATUS_REASONS 32u /* room for enum bh_exit_reason */
#define VM_STATUS_TEXT 256u

/* A VM's life. A page of zeroes is VM_STATE_NONE: the VMM has not come that far. From VM_STATE_POWERED_OFF on
 * the VM is over: the vCPU is stopped, nothing in the page changes any more, and `status-signal` has been
 * signalled after the word was written. */
enum vm_state {
	VM_STATE_NONE = 0,
	VM_STATE_STARTING = 1,    /* the VMM loads the guest */
	VM_STATE_RUNNING = 2,     /* the vCPU runs; signalled once */
	VM_STATE_POWERED_OFF = 3, /* the guest entered S5 */
	VM_STATE_RESET = 4,       /* the guest asked for a reset; code = enum vm_reset_cause */
	VM_STATE_EXITED = 5,      /* the guest wrote `code` to its debug-exit device */
	/* Start-up failed, triple fault, a state that the CPU refused; code = enum vm_crash; `reason` says more. */
	VM_STATE_CRASHED = 6,
};

enum vm_reset_cause {
	VM_RESET_LINE = 0,     /* a device model's reset line (i8042 0xFE, ACPI) */
	VM_RESET_PORT_CF9 = 1, /* the reset control register of the chip set */
	VM_RESET_INIT = 2,     /* the guest sent its own processor an INIT */
};

enum vm_crash {
	VM_CRASH_START = 0, /* the guest could not be loaded or started */
	VM_CRASH_TRIPLE_FAULT = 1,
	VM_CRASH_ENTRY_FAILED = 2, /* the CPU refused the guest's state */
	VM_CRASH_UNKNOWN_EXIT = 3, /* an exit that this VMM does not know */
	VM_CRASH_PAGE_TABLES = 4,  /* the guest's page tables are not in its memory */
	VM_CRASH_EVENT = 5, /* an event cannot be delivered: its tables or its stack are not in memory */
};

/* The state word: state in bits 0..7, code in bits 32..63; written by one store, after everything that it
 * speaks of. */
#define VM_STATUS_WORD(state, code) ((uint64_t)(state) | (uint64_t)(uint32_t)(code) << 32)
#define VM_STATUS_STATE(word) ((enum vm_state)((word)&0xff))
#define VM_STATUS_CODE(word) ((uint32_t)((word) >> 32))

struct vm_status {
	uint64_t magic;       /* VM_STATUS_MAGIC once the VMM has started */
	uint32_t version;     /* VM_STATUS_VERSION */
	uint32_t size;        /* sizeof(struct vm_status) */
	uint64_t word;        /* VM_STATUS_WORD */
	uint64_t incarnation; /* of the VMM task */
	/* Host TSC ticks at each step, 0 = not reached. */
	uint64_t started_tsc; /* the VMM's main() began */
	uint64_t loaded_tsc;  /* the guest is in its memory */
	uint64_t running_tsc; /* VCPU_RUN was done */
	uint64_t ended_tsc;   /* the state became one of the last four */
	/* Counters, wrapping, written by the handler threads. */
	uint64_t reserved_counter;
	uint64_t exits_by_reason[VM_STATUS_REASONS]; /* by enum bh_exit_reason */
	uint64_t interrupts;                         /* external interrupts and NMIs given to the guest */
	uint64_t exceptions;                         /* exceptions given to the guest */
	uint64_t windows;                            /* interrupt windows asked for */
	uint64_t timer_arms;                         /* TIMER_ARM invocations */
	uint64_t unowned_reads;                      /* of ports and addresses that nothing owns */
	uint64_t unowned_writes;
	uint64_t unknown_msrs;          /* accesses to MSRs that fault in the guest */
	uint64_t routes_redone;         /* accesses done again after a device model failed */
	uint64_t routes_given_up;       /* of these: answered with all ones */
	uint64_t instructions_emulated; /* the whole way: decoded, or found in the cache of decoded ones */
	uint64_t invalid_opcodes; /* #UD given for instructions that are not virtualized or not emulated */
	/* The slot of the endpoint whose answer the VMM waits for in an access of its own; 0 = none. */
	uint64_t awaits;
	uint64_t reserved[15];
	char reason[VM_STATUS_TEXT]; /* NUL-terminated English text, for the states from POWERED_OFF on */
};
_Static_assert(offsetof(struct vm_status, word) == 16, "vm_status is shared between tasks");
_Static_assert(offsetof(struct vm_status, exits_by_reason) == 72, "vm_status is shared between tasks");
_Static_assert(offsetof(struct vm_status, reason) == 544, "vm_status is shared between tasks");
_Static_assert(sizeof(struct vm_status) == 800, "vm_status is shared between tasks");

/* The state word of the page. Any task that sees the page may call it; it may change at any time before the
 * VM is over. */
static inline uint64_t vm_status_read(const struct vm_status *status)
{
	return __atomic_load_n(&status->word, __ATOMIC_ACQUIRE);
}

/* Publishes the state word, after all other fields that belong to it. VMM server only. */
static inline void vm_status_publish(struct vm_status *status, enum vm_state state, uint32_t code)
{
	__atomic_store_n(&status->word, VM_STATUS_WORD(state, code), __ATOMIC_RELEASE);
}

/* What the VMM waits for, and that it does no more (0). VMM server only. */
static inline void vm_status_await(struct vm_status *status, uint64_t slot)
{
	__atomic_store_n(&status->awaits, slot, __ATOMIC_RELEASE);
}

/* True if the VM is over: its vCPU won't run again. */
static inline int vm_state_is_over(enum vm_state state)
{
	return state >= VM_STATE_POWERED_OFF && state <= VM_STATE_CRASHED;
}
