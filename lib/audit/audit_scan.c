/* SPDX-License-Identifier: MIT */
/* Reads a whole audit log: see audit_record.h. Touches what it is given only. */
#include <bulkhead/audit_record.h>

#include <string.h>

/* Takes the sectors of one piece; false at the first that is not the next record. */
static bool take_records(
	struct audit_scan *scan, const uint8_t *piece, uint32_t count, audit_visit *visit, void *context)
{
	for (uint32_t i = 0; i < count; i++) {
		struct audit_record record;

		memcpy(&record, piece + (size_t)i * AUDIT_RECORD_SIZE, sizeof(record));
		scan->fault = audit_check(&record, scan->records, scan->head);
		if (scan->fault == AUDIT_OK && scan->kind == AUDIT_FULL) {
			scan->fault =
				AUDIT_NONSENSE; /* nothing follows the record that says that the log is full */
		}
		if (scan->fault != AUDIT_OK) {
			return false;
		}
		scan->records++;
		memcpy(scan->head, record.hash, sizeof(scan->head));
		scan->event = record.event;
		scan->kind = record.kind;
		if (visit != NULL) {
			visit(context, &record);
		}
	}
	return true;
}

/* Looks for the first sector behind sector number `records` that is not zero. */
static void look_for_stray(struct audit_scan *scan, const uint8_t *piece, uint64_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count && scan->stray == 0; i++) {
		if (first + i > scan->records &&
			!audit_is_empty(piece + (size_t)i * AUDIT_RECORD_SIZE, AUDIT_RECORD_SIZE)) {
			scan->stray = first + i;
		}
	}
}

void audit_scan(
	const struct disk_io *io, uint8_t *work, audit_visit *visit, void *context, struct audit_scan *scan)
{
	bool in_chain = true;

	*scan = (struct audit_scan){ 0 };
	for (uint64_t first = 0; first < io->sectors && scan->stray == 0; first += AUDIT_WORK_SECTORS) {
		uint64_t rest = io->sectors - first;
		uint32_t count = rest < AUDIT_WORK_SECTORS ? (uint32_t)rest : AUDIT_WORK_SECTORS;

		if (!io->read(io->context, first, count, work)) {
			scan->disk_failed = true;
			return;
		}
		in_chain = in_chain && take_records(scan, work, count, visit, context);
		if (!in_chain) {
			look_for_stray(scan, work, first, count);
		}
	}
}
