/* SPDX-License-Identifier: MIT */
/*
 * Shows and verifies an audit log: in a raw volume, or on the image of a disk, where partition and table of named volumes say where it is. What a record
 * and a chain is says bulkhead/audit_record.h; nothing in the file is trusted.
 */
#include "audit_log.h"

#include "diagnostics.h"
#include "status.h"

#include <bulkhead/audit_record.h>
#include <bulkhead/gpt.h>
#include <bulkhead/volume_table.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define HASH_TEXT (2 * SHA256_SIZE + 1)

struct options {
	bool shows;
	const char *file;
	uint32_t partition; /* 0: the whole disk */
	const char *volume; /* NULL: all of that */
	const char *expect; /* a hash that one of the records has to have; NULL: none */
};

/* A range of the file's sectors. */
struct range {
	int descriptor;
	uint64_t first;
};

/* What is found while the records pass by. */
struct listing {
	const struct options *options;
	bool has_expected;
	uint64_t last_ns;
};

static int usage(const char *what, const char *argument)
{
	complain("%s%s; see bulkhead help", what, argument);
	return STATUS_USAGE;
}

/* ---- The file as sectors ---- */

static bool range_read(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	const struct range *range = context;
	size_t size = (size_t)count * AUDIT_RECORD_SIZE;
	size_t done = 0;

	while (done < size) {
		ssize_t part = pread(range->descriptor, (uint8_t *)bytes + done, size - done,
			(off_t)((range->first + sector) * AUDIT_RECORD_SIZE + done));

		if (part <= 0) {
			return false;
		}
		done += (size_t)part;
	}
	return true;
}

static bool range_open(const char *file, struct range *range, struct disk_io *io)
{
	off_t size;

	range->descriptor = open(file, O_RDONLY | O_CLOEXEC);
	range->first = 0;
	size = range->descriptor >= 0 ? lseek(range->descriptor, 0, SEEK_END) : -1;
	if (size < 0) {
		complain("cannot read %s: %s", file, strerror(errno));
		return false;
	}
	*io = (struct disk_io){
		.read = range_read, .context = range, .sectors = (uint64_t)size / AUDIT_RECORD_SIZE
	};
	return true;
}

/* ---- Where the log is ---- */

static const char *narrow_to_volume(const char *name, struct range *range, struct disk_io *io)
{
	static struct table table;
	enum table_error error = table_read(io, 0, io->sectors, &table);
	uint32_t index;

	if (error != TABLE_OK) {
		return error == TABLE_FOREIGN ? "there is no table of named volumes"
					      : table_error_text(error);
	}
	index = table_find(&table, name);
	if (index == TABLE_NONE) {
		return "no volume of that name is there";
	}
	if (table.entry[index].kind != TABLE_PLAIN) {
		return "that volume is a snapshot, and no audit log is on one";
	}
	range->first += table.entry[index].first;
	io->sectors = table.entry[index].sectors;
	return NULL;
}

static const char *narrow(const struct options *options, struct range *range, struct disk_io *io)
{
	static uint8_t work[GPT_ARRAY_BYTES] __attribute__((aligned(8)));
	struct gpt_partition partition;
	const char *problem = gpt_find(io, options->partition, work, &partition);

	if (problem != NULL) {
		return problem;
	}
	range->first = partition.first;
	io->sectors = partition.sectors;
	return options->volume != NULL ? narrow_to_volume(options->volume, range, io) : NULL;
}

/* ---- Records ---- */

static void hash_text(const uint8_t hash[SHA256_SIZE], char text[HASH_TEXT])
{
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	}
}

static void print_time(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_SECOND);
	struct tm date;
	char text[32] = "(date not known)       ";

	if (unix_ns != 0 && gmtime_r(&seconds, &date) != NULL) {
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &date);
		printf("%s.%03u", text, (unsigned)(unix_ns % NS_PER_SECOND / NS_PER_MS));
	} else {
		fputs(text, stdout);
	}
}

static void take_record(void *context, const struct audit_record *record)
{
	struct listing *listing = context;
	char hash[HASH_TEXT];

	listing->last_ns = record->unix_ns;
	hash_text(record->hash, hash);
	if (listing->options->expect != NULL && strcasecmp(hash, listing->options->expect) == 0) {
		listing->has_expected = true;
	}
	if (listing->options->shows) {
		printf("%8" PRIu64 "  ", record->sequence);
		print_time(record->unix_ns);
		printf("  %-7s  %.*s\n", audit_kind_text(record->kind), (int)record->length, record->text);
	}
}

/* ---- The verdict ---- */

static void complain_of_fault(const char *file, const struct audit_scan *scan)
{
	if (scan->disk_failed) {
		complain("%s: it cannot be read behind record %" PRIu64, file, scan->records);
	} else if (scan->records == 0 && scan->fault == AUDIT_OK) {
		complain("%s: there is no audit log: not even a sector", file);
	} else if (scan->fault == AUDIT_EMPTY && scan->stray == 0) {
		complain("%s: there is no audit log: all is zero", file);
	} else if (scan->records == 0 && scan->fault == AUDIT_NO_RECORD) {
		complain("%s: there is no audit log: record 0 is no record", file);
	} else if (scan->records == 0 && scan->fault == AUDIT_EMPTY) {
		complain(
			"%s: there is no audit log: sector 0 is zero, and something else is behind it", file);
	} else if (scan->fault == AUDIT_EMPTY) {
		complain("%s: record %" PRIu64 " %s, but sector %" PRIu64 " behind it is not", file,
			scan->records, audit_fault_text(scan->fault), scan->stray);
	} else {
		complain("%s: record %" PRIu64 " %s", file, scan->records, audit_fault_text(scan->fault));
	}
}

static int judge(const struct options *options, const struct audit_scan *scan, const struct listing *listing)
{
	char head[HASH_TEXT];

	if (!audit_is_whole(scan)) {
		complain_of_fault(options->file, scan);
		return scan->disk_failed ? STATUS_INPUT_OUTPUT : STATUS_NOT_WHOLE;
	}
	if (options->expect != NULL && !listing->has_expected) {
		complain("%s: none of its %" PRIu64
			 " records has the hash %s: records are missing at its end, or it is another log",
			options->file, scan->records, options->expect);
		return STATUS_NOT_WHOLE;
	}
	if (!options->shows) {
		hash_text(scan->head, head);
		printf("%s: whole: %" PRIu64 " records, the last one of ", options->file, scan->records);
		print_time(listing->last_ns);
		printf(" has the hash %s%s\n", head, scan->kind == AUDIT_FULL ? "; the log is full" : "");
	}
	return STATUS_OK;
}

static int read_log(const struct options *options, struct range *range, struct disk_io *io)
{
	static uint8_t work[AUDIT_WORK_SECTORS * AUDIT_RECORD_SIZE] __attribute__((aligned(8)));
	struct listing listing = { .options = options };
	struct audit_scan scan;
	const char *problem = narrow(options, range, io);

	if (problem != NULL) {
		complain("%s: %s", options->file, problem);
		return STATUS_INPUT_OUTPUT;
	}
	audit_scan(io, work, take_record, &listing, &scan);
	if (fflush(stdout) != 0) {
		complain("cannot write: %s", strerror(errno));
		return STATUS_INPUT_OUTPUT;
	}
	return judge(options, &scan, &listing);
}

/* ---- The command line ---- */

static bool parse_partition(const char *text, uint32_t *partition)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*partition = (uint32_t)number;
	return isdigit((unsigned char)text[0]) && *end == '\0' && number >= 1 && number <= GPT_MAX_PARTITIONS;
}

static bool is_hash(const char *text)
{
	return strlen(text) == HASH_TEXT - 1 && strspn(text, "0123456789abcdefABCDEF") == HASH_TEXT - 1;
}

static int parse_option(struct options *options, const char *option, const char *value)
{
	bool is_expect = strcmp(option, "--expect") == 0 && !options->shows;

	if (!is_expect && strcmp(option, "--partition") != 0 && strcmp(option, "--volume") != 0) {
		return usage("unknown option ", option);
	}
	if (value == NULL) {
		return usage("a value is missing after ", option);
	}
	if (is_expect) {
		options->expect = value;
		return is_hash(value) ? STATUS_OK
				      : usage("--expect takes a hash as log verify prints it, not ", value);
	}
	if (strcmp(option, "--volume") == 0) {
		options->volume = value;
		return STATUS_OK;
	}
	return parse_partition(value, &options->partition)
		       ? STATUS_OK
		       : usage("--partition takes a number from 1 to 256, not ", value);
}

static int parse(struct options *options, char **arguments)
{
	const char *verb = arguments[0];

	if (verb == NULL || (strcmp(verb, "show") != 0 && strcmp(verb, "verify") != 0)) {
		return usage("say log show or log verify, not log ", verb != NULL ? verb : "alone");
	}
	options->shows = strcmp(verb, "show") == 0;
	for (arguments++; *arguments != NULL; arguments++) {
		if ((*arguments)[0] == '-') {
			int status = parse_option(options, arguments[0], arguments[1]);

			if (status != STATUS_OK) {
				return status;
			}
			arguments++;
		} else if (options->file == NULL) {
			options->file = *arguments;
		} else {
			return usage("one file at a time, not also ", *arguments);
		}
	}
	return options->file != NULL ? STATUS_OK
				     : usage("a disk's or a volume's file is missing after log ", verb);
}

int audit_log_command(char **arguments)
{
	struct options options = { 0 };
	struct range range = { .descriptor = -1 };
	struct disk_io io;
	int status = parse(&options, arguments);

	if (status != STATUS_OK) {
		return status;
	}
	status = STATUS_INPUT_OUTPUT;
	if (range_open(options.file, &range, &io)) {
		status = read_log(&options, &range, &io);
	}
	if (range.descriptor >= 0) {
		close(range.descriptor);
	}
	return status;
}
