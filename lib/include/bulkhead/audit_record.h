/* SPDX-License-Identifier: MIT */
/* The audit log on a volume: its format, which is one on disks (docs/audit-log.md), and the checks that everybody makes who reads it. Pure.
 *
 * Record n stands in sector n of the volume, and is all of it. Each holds the hash of the record before and its own, so that
 * nothing in the chain can be changed without changing all that follows. Behind the last record all sectors are zero.
 *
 *   sector   0          1          2                    sectors - 1
 *          +----------+----------+----------+---------+----------+
 *          | record 0 | record 1 | record 2 | zeroes  | room for | the last sector takes a record that says that the log is full
 *          +----------+----------+----------+---------+----------+
 *             hash ──▶ previous
 *
 * Everything is little-endian. */
#pragma once

#include <bulkhead/disk_io.h>
#include <bulkhead/sha256.h>

#include <stddef.h>
#include <stdint.h>

#define AUDIT_MAGIC UINT64_C(0x5449445541484b42) /* "BKHAUDIT" read as little-endian */
#define AUDIT_VERSION 1u
#define AUDIT_RECORD_SIZE 512u /* a sector: what a disk writes as a whole or not at all */
#define AUDIT_TEXT_SIZE 392u
#define AUDIT_MIN_SECTORS 8u

enum audit_kind {
	AUDIT_BOOT = 1, /* the machine was started: what follows happened since then */
	AUDIT_EVENT,    /* the root task said so */
	AUDIT_ORDER,    /* the administrator gave an order, which may have been refused */
	AUDIT_LOST,     /* events that nobody recorded, because they came too fast */
	AUDIT_DAMAGED,  /* in this sector stood something that is no record */
	AUDIT_FULL,     /* the last record that the volume has room for */
	AUDIT_KINDS
};

struct audit_record {
	uint64_t magic;
	uint32_t version;
	uint32_t kind;      /* enum audit_kind */
	uint64_t sequence;  /* the sector's number on the volume */
	uint64_t unix_ns;   /* when it happened: ns since 1970, UTC; 0: not known */
	uint64_t uptime_ns; /* ns since the root task's start */
	uint64_t
		event; /* number of the last event since the boot that is recorded or said to be lost; BOOT: 0 */
	uint32_t length;               /* bytes of text */
	uint32_t reserved;             /* 0 */
	uint8_t previous[SHA256_SIZE]; /* `hash` of the record before; of the first record: zeroes */
	char text[AUDIT_TEXT_SIZE];    /* printable ASCII, then zeroes */
	uint8_t hash[SHA256_SIZE];     /* SHA-256 of all that stands before it in the record */
};
_Static_assert(offsetof(struct audit_record, previous) == 56, "audit_record is a format on disks");
_Static_assert(offsetof(struct audit_record, hash) == AUDIT_RECORD_SIZE - SHA256_SIZE,
	"audit_record is a format on disks");
_Static_assert(sizeof(struct audit_record) == AUDIT_RECORD_SIZE, "audit_record is a format on disks");

/* What is wrong with a sector, as the record that is expected there. */
enum audit_fault {
	AUDIT_OK,
	AUDIT_EMPTY,     /* all zero: nothing was written there */
	AUDIT_NO_RECORD, /* it does not begin as a record of this version */
	AUDIT_CHANGED,   /* its own hash is not that of its contents */
	AUDIT_MISPLACED, /* it has another sequence number */
	AUDIT_UNCHAINED, /* it does not hold the hash of the record before */
	AUDIT_NONSENSE,  /* its hash is right, but the fields contradict the format */
};

/* In English, for "record 7 WHAT". */
const char *audit_fault_text(enum audit_fault fault);

/* "boot", "event" and so on; "?" for a number that is no kind. */
const char *audit_kind_text(uint32_t kind);

/* Makes record `sequence` of the chain whose last hash is `previous`, with magic, version, text and hash; the other fields are taken from
 * *record as they stand. Of the text at most AUDIT_TEXT_SIZE bytes are taken; bytes that are not printable become '?'. */
void audit_seal(struct audit_record *record, uint64_t sequence, const uint8_t previous[SHA256_SIZE],
	const char *text, size_t length);

/* Checks a sector as record `sequence` of that chain. */
__attribute__((warn_unused_result)) enum audit_fault audit_check(
	const struct audit_record *record, uint64_t sequence, const uint8_t previous[SHA256_SIZE]);

/* Is there nothing but zeroes? */
__attribute__((warn_unused_result)) bool audit_is_empty(const void *bytes, size_t size);

/* ---- A whole volume ---- */

#define AUDIT_WORK_SECTORS 64u /* read at a time */

struct audit_scan {
	uint64_t records;          /* good ones, from the first on */
	uint8_t head[SHA256_SIZE]; /* hash of the last of them; zeroes: there is none */
	uint64_t event;            /* of the last of them; 0 behind a boot */
	uint32_t kind;             /* of the last of them; 0: there is none */
	bool disk_failed;          /* a sector could not be read: the rest is not known */
	enum audit_fault
		fault; /* of sector number `records`: AUDIT_OK, or AUDIT_EMPTY with `stray`, if there is none */
	uint64_t stray; /* the next sector behind that one which is not zero; 0: there is none */
};

/* Called for each good record. */
typedef void audit_visit(void *context, const struct audit_record *record);

/* Reads the log that `io` shows from its first sector on, up to the first one that is not the next record; then looks whether all behind
 * that is zero. `work`: AUDIT_WORK_SECTORS sectors, aligned to 8; `visit` may be NULL. The chain is whole if audit_is_whole(). */
void audit_scan(
	const struct disk_io *io, uint8_t *work, audit_visit *visit, void *context, struct audit_scan *scan);

static inline bool audit_is_whole(const struct audit_scan *scan)
{
	return !scan->disk_failed && scan->records != 0 &&
	       (scan->fault == AUDIT_OK || scan->fault == AUDIT_EMPTY) && scan->stray == 0;
}
