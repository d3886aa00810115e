/* SPDX-License-Identifier: MIT */
/* A volume with a volatile cache, for the audit log: its power can be cut, and whoever uses it be killed before or after each transfer. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bulkhead/audit_record.h>

#define VOLUME_SECTORS 96u
#define VOLUME_NEVER UINT32_MAX

struct fake_volume {
	struct disk_io io;
	uint8_t medium[VOLUME_SECTORS][AUDIT_RECORD_SIZE];
	uint8_t cache[VOLUME_SECTORS][AUDIT_RECORD_SIZE]; /* what reads show */
	uint32_t transfers;                               /* so far */
	uint32_t kill_at; /* the transfer, counted by two: 2 n before it, 2 n + 1 behind it */
	uint32_t fail_at; /* the transfer that fails, without effect */
	jmp_buf *killed;
};

/* All zero, writable, of `sectors` sectors. */
void volume_make(struct fake_volume *volume, uint64_t sectors);

/* Each sector that was not flushed is kept or lost, as the bits of `kept` say, in turn. */
void volume_cut_power(struct fake_volume *volume, uint64_t kept);
