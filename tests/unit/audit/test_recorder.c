/* SPDX-License-Identifier: MIT */
/* Events become records, each once and in order, while the task is killed at any transfer and the power is cut: recorder.h, log.h. */
#include "fake_volume.h"

#include "recorder.h"

#include <stdio.h>
#include <string.h>

#define EVENTS 5u
#define KHZ UINT64_C(1000000)
#define DATE_NS UINT64_C(1767225600000000000)

/* What outlives the task. */
static struct fake_volume volume;
static uint8_t region[4096] __attribute__((aligned(8)));
static struct audit_journal journal;
static struct wall_clock_page wall_clock;
static struct ring_producer producer;
static uint64_t event; /* the root task's count */

static struct recorder recorder;
static uint8_t work[AUDIT_WORK_SECTORS * AUDIT_RECORD_SIZE] __attribute__((aligned(8)));

static struct ring open_ring(void)
{
	struct ring transmit;
	struct ring receive;

	assert_int_equal(ring_region_attach(region, sizeof(region), AUDIT_RING_MAGIC, AUDIT_RING_VERSION,
				 &transmit, &receive),
		0);
	return transmit;
}

/* The machine starts: memory is zero, the volume is what it was. */
static void start_machine(void)
{
	memset(region, 0, sizeof(region));
	memset(&journal, 0, sizeof(journal));
	event = 0;
	producer = ring_producer_start(open_ring());
	wall_clock_attach(&wall_clock);
	wall_clock_write(&wall_clock, (struct wall_clock_moment){ 0, DATE_NS });
}

static void start_task(void)
{
	memset(&recorder, 0, sizeof(recorder));
	recorder.ring = ring_consumer_start(open_ring());
	recorder.journal = &journal;
	recorder.wall_clock = &wall_clock;
	recorder.boot_tsc = KHZ;
	recorder.khz = KHZ;
	recorder_start(&recorder, &volume.io, work);
}

static void run(void)
{
	while (recorder_step(&recorder)) {}
}

static int prepare(void **state)
{
	(void)state;
	volume_make(&volume, VOLUME_SECTORS);
	start_machine();
	return 0;
}

/* As the root task does: the whole piece or nothing. */
static void say(uint32_t kind, const char *text)
{
	struct audit_ring_header header = { (uint32_t)strlen(text), kind, ++event, KHZ + event * 1000 * KHZ };
	uint8_t piece[sizeof(header) + 700];
	int signal = 0;
	uint32_t size = (uint32_t)(sizeof(header) + header.length);

	memcpy(piece, &header, sizeof(header));
	memcpy(piece + sizeof(header), text, header.length);
	if (ring_space(&producer.ring, producer.head) >= size) {
		assert_int_equal(ring_write(&producer, piece, size, &signal), size);
	}
}

static void say_numbered(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "event %llu", (unsigned long long)event + 1);
		say(AUDIT_EVENT, text);
	}
}

static const struct audit_record *record(uint64_t number)
{
	return (const struct audit_record *)(const void *)volume.cache[number];
}

static struct audit_scan look(void)
{
	struct audit_scan scan;

	audit_scan(&volume.io, work, NULL, NULL, &scan);
	return scan;
}

/* A whole chain of that many records. */
static void expect_whole(uint64_t records)
{
	struct audit_scan scan = look();

	assert_true(audit_is_whole(&scan));
	assert_int_equal(scan.records, records);
}

/* From record `first` on: a boot, and then each event from 1 on, `count` of them. */
static void expect_events(uint64_t first, uint32_t count)
{
	assert_int_equal(record(first)->kind, AUDIT_BOOT);
	for (uint32_t i = 1; i <= count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "event %u", i);
		assert_int_equal(record(first + i)->kind, AUDIT_EVENT);
		assert_int_equal(record(first + i)->event, i);
		assert_string_equal(record(first + i)->text, text);
	}
}

static void events_become_records(void **state)
{
	(void)state;
	say_numbered(2);
	start_task();
	run();
	say_numbered(1);
	say(AUDIT_ORDER, "kill red/uart0");
	run();
	expect_whole(5);
	expect_events(0, 3);
	assert_int_equal(record(4)->kind, AUDIT_ORDER);
	assert_string_equal(record(4)->text, "kill red/uart0");
	/* four seconds behind the start, which was a millisecond behind the moment that the wall clock knows */
	assert_int_equal(record(4)->uptime_ns, UINT64_C(4000000000));
	assert_int_equal(record(4)->unix_ns, DATE_NS + UINT64_C(4001000000));
	assert_memory_equal(volume.medium, volume.cache, sizeof(volume.medium));
}

static void the_next_boot_goes_on(void **state)
{
	(void)state;
	say_numbered(3);
	start_task();
	run();
	volume_cut_power(&volume, 0);
	start_machine();
	say_numbered(2);
	start_task();
	run();
	expect_whole(7);
	expect_events(0, 3);
	expect_events(4, 2);
}

/* Runs with a kill at half-transfer `at`; false: it was never reached. */
static bool run_killed_at(uint32_t at)
{
	jmp_buf killed;

	volume.transfers = 0;
	volume.kill_at = at;
	volume.killed = &killed;
	if (setjmp(killed) == 0) {
		start_task();
		run();
		volume.killed = NULL;
		return false;
	}
	volume.killed = NULL;
	return true;
}

/* Each place for a first kill, and after it each place for a second. */
static void killed_anywhere_twice(void **state)
{
	bool reached = true;

	(void)state;
	for (uint32_t first = 0; reached; first++) {
		bool again = true;

		for (uint32_t second = 0; again; second++) {
			(void)prepare(NULL);
			say_numbered(EVENTS);
			reached = run_killed_at(first);
			again = reached && run_killed_at(second);
			start_task();
			run();
			expect_whole(1 + EVENTS);
			expect_events(0, EVENTS);
		}
	}
}

/* Killed behind the flush, and then between taking the event out of the ring and all that follows: the journal still names a record that is there. */
static void killed_after_the_event_was_taken(void **state)
{
	(void)state;
	say_numbered(1);
	start_task();
	run();
	say_numbered(1);
	start_task();
	expect_whole(2);
	run();
	expect_whole(3);
	/* killed between the journal's two words: the record is to be the next one, of an event that was taken */
	say_numbered(1);
	journal.record = 4;
	start_task();
	run();
	expect_whole(4);
	expect_events(0, 3);
}

/* Power is lost at each place; what was flushed is there, and at most one record more. */
static void power_cut_anywhere(void **state)
{
	bool reached = true;

	(void)state;
	for (uint32_t at = 0; reached; at++) {
		for (uint64_t kept = 0; kept < 4; kept++) {
			uint64_t before;
			uint64_t after;

			(void)prepare(NULL);
			say_numbered(EVENTS);
			reached = run_killed_at(at);
			before = look().records;
			volume_cut_power(&volume, kept);
			after = look().records;
			assert_true(after == before || after + 1 == before);
			if (after != 0) {
				expect_whole(after);
			}
			start_machine();
			say_numbered(2);
			start_task();
			run();
			expect_whole(after + 3);
			expect_events(after, 2);
		}
	}
}

/* A predecessor's last record is only in the cache when its successor starts: it is flushed before the next one can be written. */
static void what_was_found_is_flushed_first(void **state)
{
	uint64_t kept_both = 0;

	(void)state;
	for (uint32_t at = 0; at < 40; at++) {
		for (uint32_t second = 0; second < 12; second++) {
			struct audit_scan scan;

			(void)prepare(NULL);
			say_numbered(EVENTS);
			(void)run_killed_at(at);
			(void)run_killed_at(second);
			volume_cut_power(&volume, 2); /* of two sectors the second alone would be kept */
			scan = look();
			assert_true(scan.records == 0 ? scan.stray == 0 : audit_is_whole(&scan));
			kept_both += scan.records;
		}
	}
	assert_int_not_equal(kept_both, 0);
}

static void lost_events_are_counted(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	start_task();
	for (uint32_t i = 0; i < 10; i++) {
		say(AUDIT_EVENT, text); /* one fits */
	}
	run();
	say_numbered(1);
	run();
	expect_whole(4);
	assert_int_equal(record(1)->length, AUDIT_TEXT_SIZE);
	assert_int_equal(record(2)->kind, AUDIT_LOST);
	assert_string_equal(record(2)->text, "9 events before this one were lost: they came too fast");
	assert_string_equal(record(3)->text, "event 11");
}

/* Killed between the record of what was lost and the event behind it. */
static void lost_events_are_counted_once(void **state)
{
	bool reached = true;

	(void)state;
	for (uint32_t at = 0; reached; at++) {
		(void)prepare(NULL);
		event = 4;
		say_numbered(1);
		reached = run_killed_at(at);
		start_task();
		run();
		expect_whole(3);
		assert_string_equal(
			record(1)->text, "4 events before this one were lost: they came too fast");
		assert_string_equal(record(2)->text, "event 5");
	}
}

static void a_full_volume_says_so(void **state)
{
	(void)state;
	volume_make(&volume, AUDIT_MIN_SECTORS);
	start_task();
	assert_int_equal(recorder.log.state, LOG_READY);
	for (uint32_t i = 0; i < 10; i++) {
		say_numbered(1);
		run();
	}
	assert_int_equal(recorder.log.state, LOG_FULL);
	assert_int_equal(recorder.dropped, 4);
	assert_int_equal(ring_available(&recorder.ring.ring, recorder.ring.tail), 0);
	expect_whole(AUDIT_MIN_SECTORS);
	expect_events(0, 6);
	assert_int_equal(record(7)->kind, AUDIT_FULL);
	/* and stays as it is */
	start_machine();
	start_task();
	assert_int_equal(recorder.log.state, LOG_FULL);
	expect_whole(AUDIT_MIN_SECTORS);
}

static void something_else_is_left_alone(void **state)
{
	(void)state;
	volume.cache[0][100] = 1;
	say_numbered(1);
	start_task();
	run();
	assert_int_equal(recorder.log.state, LOG_FOREIGN);
	assert_int_equal(recorder.dropped, 1);
	volume.cache[0][100] = 0;
	volume.cache[50][0] = 1;
	start_task();
	assert_int_equal(recorder.log.state, LOG_FOREIGN);
	assert_true(audit_is_empty(volume.cache[0], AUDIT_RECORD_SIZE));
	volume_make(&volume, AUDIT_MIN_SECTORS - 1);
	start_task();
	assert_int_equal(recorder.log.state, LOG_SMALL);
	volume_make(&volume, VOLUME_SECTORS);
	volume.io.writable = false;
	start_task();
	assert_int_equal(recorder.log.state, LOG_SMALL);
}

static void a_broken_log_is_left_alone(void **state)
{
	static uint8_t before[sizeof(volume.cache)];

	(void)state;
	say_numbered(EVENTS);
	start_task();
	run();
	volume.cache[3][200] ^= 1;
	memcpy(before, volume.cache, sizeof(before));
	start_machine();
	say_numbered(1);
	start_task();
	run();
	assert_int_equal(recorder.log.state, LOG_BROKEN);
	assert_int_equal(recorder.log.next, 3);
	assert_memory_equal(volume.cache, before, sizeof(before));
	memset(volume.cache[3], 0, AUDIT_RECORD_SIZE);
	memcpy(before, volume.cache, sizeof(before));
	start_task();
	assert_int_equal(recorder.log.state, LOG_BROKEN);
	assert_memory_equal(volume.cache, before, sizeof(before));
}

/* A last record that is damaged is replaced by one that says so, with the hash of what stood there. */
static void a_damaged_last_record_is_replaced(void **state)
{
	(void)state;
	for (uint32_t last = 0; last <= EVENTS; last++) {
		(void)prepare(NULL);
		say_numbered(last);
		start_task();
		run();
		volume.cache[last][300] ^= 1;
		start_machine();
		say_numbered(1);
		start_task();
		run();
		expect_whole(last + 3);
		assert_int_equal(record(last)->kind, AUDIT_DAMAGED);
		assert_non_null(strstr(record(last)->text, "SHA-256 of the sector: "));
		expect_events(last + 1, 1);
	}
}

/* What fails once is there after a restart, and nothing twice. */
static void a_volume_that_fails(void **state)
{
	bool failed = true;

	(void)state;
	for (uint32_t at = 0; failed; at++) {
		(void)prepare(NULL);
		say_numbered(EVENTS);
		volume.fail_at = at;
		start_task();
		run();
		failed = recorder.log.state == LOG_FAILED;
		volume.fail_at = VOLUME_NEVER;
		start_task();
		run();
		expect_whole(1 + EVENTS);
		expect_events(0, EVENTS);
	}
}

static void nonsense_in_the_ring_costs_events_only(void **state)
{
	static const uint8_t rubbish[40] = { 0xff, 0xff, 0xff, 0xff, 1 };
	int signal = 0;

	(void)state;
	start_task();
	(void)ring_write(&producer, rubbish, 40, &signal);
	run();
	assert_int_equal(recorder.dropped, 1);
	(void)ring_write(&producer, rubbish, 3, &signal);
	run();
	assert_int_equal(recorder.dropped, 2);
	say_numbered(1);
	run();
	expect_events(0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(events_become_records, prepare),
		cmocka_unit_test_setup(the_next_boot_goes_on, prepare),
		cmocka_unit_test_setup(killed_anywhere_twice, prepare),
		cmocka_unit_test_setup(killed_after_the_event_was_taken, prepare),
		cmocka_unit_test_setup(power_cut_anywhere, prepare),
		cmocka_unit_test_setup(what_was_found_is_flushed_first, prepare),
		cmocka_unit_test_setup(lost_events_are_counted, prepare),
		cmocka_unit_test_setup(lost_events_are_counted_once, prepare),
		cmocka_unit_test_setup(a_full_volume_says_so, prepare),
		cmocka_unit_test_setup(something_else_is_left_alone, prepare),
		cmocka_unit_test_setup(a_broken_log_is_left_alone, prepare),
		cmocka_unit_test_setup(a_damaged_last_record_is_replaced, prepare),
		cmocka_unit_test_setup(a_volume_that_fails, prepare),
		cmocka_unit_test_setup(nonsense_in_the_ring_costs_events_only, prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
