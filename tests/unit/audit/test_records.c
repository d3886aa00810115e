/* SPDX-License-Identifier: MIT */
/* Records and chains of them: audit_record.h. Nothing can be changed, moved, left out or put in without being named. */
#include "fake_volume.h"

#include <string.h>

#define RECORDS 70u /* more than are read at a time */

static struct fake_volume volume;
static uint8_t work[AUDIT_WORK_SECTORS * AUDIT_RECORD_SIZE] __attribute__((aligned(8)));
static struct audit_scan scan;

/* A log of RECORDS records. */
static int make_log(void **state)
{
	uint8_t head[SHA256_SIZE] = { 0 };

	(void)state;
	volume_make(&volume, VOLUME_SECTORS);
	for (uint32_t i = 0; i < RECORDS; i++) {
		struct audit_record record = { .kind = i == 0 ? AUDIT_BOOT : AUDIT_EVENT, .event = i };

		audit_seal(&record, i, head, "task red/uart0 died", 19);
		memcpy(head, record.hash, sizeof(head));
		memcpy(volume.cache[i], &record, sizeof(record));
	}
	return 0;
}

static void look(void) { audit_scan(&volume.io, work, NULL, NULL, &scan); }

/* Exactly record `number` is said to be wrong, for that reason. */
static void expect_fault(uint64_t number, enum audit_fault fault)
{
	look();
	assert_false(audit_is_whole(&scan));
	assert_int_equal(scan.records, number);
	assert_int_equal(scan.fault, fault);
}

static void count(void *context, const struct audit_record *record)
{
	assert_int_equal(record->sequence, (*(uint64_t *)context)++);
}

static void a_whole_chain(void **state)
{
	uint64_t visited = 0;

	(void)state;
	audit_scan(&volume.io, work, count, &visited, &scan);
	assert_true(audit_is_whole(&scan));
	assert_int_equal(visited, RECORDS);
	assert_int_equal(scan.records, RECORDS);
	assert_int_equal(scan.event, RECORDS - 1);
	assert_int_equal(scan.kind, AUDIT_EVENT);
}

static void nothing_is_no_log(void **state)
{
	(void)state;
	volume_make(&volume, VOLUME_SECTORS);
	look();
	assert_false(audit_is_whole(&scan));
	assert_int_equal(scan.records, 0);
	assert_int_equal(scan.fault, AUDIT_EMPTY);
}

static void flip(uint32_t sector, uint32_t bit) { volume.cache[sector][bit / 8] ^= (uint8_t)(1u << bit % 8); }

/* Each bit of a record, in the middle and at the end of the chain; and of what is behind the end. */
static void each_bit_counts(void **state)
{
	static const uint32_t places[] = { 0, 33, RECORDS - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (uint32_t bit = 0; bit < 8 * AUDIT_RECORD_SIZE; bit++) {
			flip(places[i], bit);
			expect_fault(places[i], bit < 96 ? AUDIT_NO_RECORD : AUDIT_CHANGED);
			flip(places[i], bit);
		}
	}
	flip(RECORDS, 4095);
	expect_fault(RECORDS, AUDIT_NO_RECORD);
	flip(RECORDS, 4095);
	flip(VOLUME_SECTORS - 1, 0);
	expect_fault(RECORDS, AUDIT_EMPTY);
	assert_int_equal(scan.stray, VOLUME_SECTORS - 1);
	flip(VOLUME_SECTORS - 1, 0);
	look();
	assert_true(audit_is_whole(&scan));
}

/* Somebody who can compute hashes changes one record, and seals it again. */
static void a_record_that_was_sealed_again(void **state)
{
	struct audit_record record;
	uint8_t previous[SHA256_SIZE];

	(void)state;
	memcpy(&record, volume.cache[20], sizeof(record));
	memcpy(previous, record.previous, sizeof(previous));
	audit_seal(&record, 20, previous, "nothing happened", 16);
	memcpy(volume.cache[20], &record, sizeof(record));
	expect_fault(21, AUDIT_UNCHAINED);
}

static void records_that_change_places(void **state)
{
	uint8_t copy[AUDIT_RECORD_SIZE];

	(void)state;
	memcpy(copy, volume.cache[20], sizeof(copy));
	memcpy(volume.cache[20], volume.cache[21], sizeof(copy));
	memcpy(volume.cache[21], copy, sizeof(copy));
	expect_fault(20, AUDIT_MISPLACED);
}

static void records_that_are_left_out(void **state)
{
	(void)state;
	memset(volume.cache[20], 0, AUDIT_RECORD_SIZE);
	expect_fault(20, AUDIT_EMPTY);
	assert_int_equal(scan.stray, 21);
	memmove(volume.cache[20], volume.cache[21], (size_t)(RECORDS - 21) * AUDIT_RECORD_SIZE);
	expect_fault(20, AUDIT_MISPLACED);
}

/* Hashes are right, and what they are of is not. */
static void fields_that_no_record_has(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
	} wrong[] = { { offsetof(struct audit_record, kind), AUDIT_KINDS },
		{ offsetof(struct audit_record, kind), 0 }, { offsetof(struct audit_record, length), 255 },
		{ offsetof(struct audit_record, length) + 1, 2 },
		{ offsetof(struct audit_record, length) + 3, 0x80 },
		{ offsetof(struct audit_record, reserved), 1 }, { offsetof(struct audit_record, text), '\n' },
		{ offsetof(struct audit_record, text) + 300, 'x' } };
	struct audit_record good;

	(void)state;
	memcpy(&good, volume.cache[20], sizeof(good));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t *sector = volume.cache[20];

		memcpy(sector, &good, sizeof(good));
		sector[wrong[i].offset] = wrong[i].value;
		sha256(sector, offsetof(struct audit_record, hash),
			sector + offsetof(struct audit_record, hash));
		expect_fault(20, AUDIT_NONSENSE);
	}
}

/* Nothing comes behind the record that says that the log is full. */
static void a_record_behind_the_last(void **state)
{
	struct audit_record record = { .kind = AUDIT_FULL };
	uint8_t previous[SHA256_SIZE];

	(void)state;
	memcpy(previous, record.hash, sizeof(previous));
	for (uint32_t i = 0; i < 2; i++) {
		audit_seal(&record, i, previous, "", 0);
		memcpy(volume.cache[i], &record, sizeof(record));
		memcpy(previous, record.hash, sizeof(previous));
	}
	expect_fault(1, AUDIT_NONSENSE);
}

static void text_is_made_printable_and_cut(void **state)
{
	static const uint8_t zeroes[SHA256_SIZE];
	struct audit_record record = { .kind = AUDIT_EVENT };
	char text[AUDIT_TEXT_SIZE + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1] = '\x1b';
	audit_seal(&record, 0, zeroes, text, sizeof(text));
	assert_int_equal(record.length, AUDIT_TEXT_SIZE);
	assert_int_equal(record.text[1], '?');
	assert_int_equal(audit_check(&record, 0, zeroes), AUDIT_OK);
}

static void a_disk_that_fails(void **state)
{
	(void)state;
	volume.fail_at = 1;
	look();
	assert_true(scan.disk_failed);
	assert_false(audit_is_whole(&scan));
	assert_int_equal(scan.records, AUDIT_WORK_SECTORS);
}

static void every_fault_has_its_words(void **state)
{
	(void)state;
	for (int i = AUDIT_OK; i <= AUDIT_NONSENSE; i++) {
		assert_string_not_equal(audit_fault_text((enum audit_fault)i), "is wrong");
	}
	for (uint32_t i = AUDIT_BOOT; i < AUDIT_KINDS; i++) {
		assert_string_not_equal(audit_kind_text(i), "?");
	}
	assert_string_equal(audit_kind_text(AUDIT_KINDS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_whole_chain, make_log),
		cmocka_unit_test(nothing_is_no_log),
		cmocka_unit_test_setup(each_bit_counts, make_log),
		cmocka_unit_test_setup(a_record_that_was_sealed_again, make_log),
		cmocka_unit_test_setup(records_that_change_places, make_log),
		cmocka_unit_test_setup(records_that_are_left_out, make_log),
		cmocka_unit_test_setup(fields_that_no_record_has, make_log),
		cmocka_unit_test_setup(a_record_behind_the_last, make_log),
		cmocka_unit_test(text_is_made_printable_and_cut),
		cmocka_unit_test_setup(a_disk_that_fails, make_log),
		cmocka_unit_test(every_fault_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
