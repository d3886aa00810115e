/* SPDX-License-Identifier: MIT */
/* The task page: shared by each task and the root task, outlives restarts of the task. The root task writes the facts of time, the task its
 * log, its exit code and its counters. The root task believes nothing in it: the worst a task can do here is to lie about itself. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TASK_PAGE_MAGIC UINT64_C(0x454741504b534154)   /* "TASKPAGE" read as little-endian */
#define TASK_PAGE_ADDRESS UINT64_C(0x00007f0000020000) /* in every task */
#define TASK_PAGE_SIZE 8192u

/* The log is a ring of records, as the kernel's trace ring: record n stands at n % TASK_LOG_RECORDS and is valid when its sequence
 * is n + 1. Writers take a number by adding to `next` and store the sequence last, so threads of the task need no lock. */
#define TASK_LOG_RECORDS 63u
#define TASK_LOG_TEXT 117u

struct task_log_record {
	uint64_t sequence; /* stored last */
	uint8_t length;    /* bytes of text, at most TASK_LOG_TEXT */
	uint8_t line_end;  /* 1: the line ends after this record */
	uint8_t text[TASK_LOG_TEXT];
	uint8_t reserved;
};
_Static_assert(sizeof(struct task_log_record) == 128, "task_log_record is shared between tasks");

struct task_page {
	uint64_t magic;
	uint64_t tsc_khz;
	uint64_t boot_tsc;         /* TSC when the root task started */
	uint64_t century_register; /* of the machine's clock chip, as its firmware says; 0: none */
	uint64_t exited;           /* 1: the task ended itself with exit_code */
	uint64_t exit_code;
	uint64_t unserved_calls; /* Linux system calls answered with ENOSYS, over all starts of the task */
	uint64_t last_unserved_call; /* number of the last of them */
	uint64_t next;               /* number of the next log record */
	uint64_t ready_tsc;          /* TSC when the task began to serve; 0: not since its last start */
	uint64_t reserved[6];
	struct task_log_record record[TASK_LOG_RECORDS];
};
_Static_assert(offsetof(struct task_page, record) == 128, "task_page is shared between tasks");
_Static_assert(sizeof(struct task_page) == TASK_PAGE_SIZE, "task_page is shared between tasks");
