/* SPDX-License-Identifier: MIT */
/* Rings, logs and flow control: nothing lost, nothing doubled, nobody starved, whoever is slow, and across restarts of the task. */
#include "desk.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % limit;
}

static uint32_t ring_capacity(const struct desk *desk) { return desk->guests[0].output.ring.capacity; }

/* ---- Flow control ---- */

/* A full terminal holds back the console in front, and only that one. */
static void a_full_terminal_holds_back_the_console_in_front(void **state)
{
	struct desk *desk = desk_new(true);
	uint8_t line[64];
	uint32_t total = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	desk->screen_is_full = true;
	for (int i = 0; i < 4000; i++) {
		total += guest_writes_bytes(desk, 0, line, sizeof(line));
		assert_int_equal(guest_writes_bytes(desk, 1, line, sizeof(line)), sizeof(line));
		desk_wait(desk, 2);
	}
	assert_int_equal(total, LOG_CAPACITY - 1 + ring_capacity(desk));
	assert_int_equal(desk->guests[1].written.length, 4000 * sizeof(line));
	/* another one to the front: this one may write again, and what it wrote is still there */
	desk_type(desk, CTRL_BRACKET "3");
	assert_int_equal(guest_writes_bytes(desk, 0, line, sizeof(line)), sizeof(line));
	desk->screen_is_full = false;
	desk_run(desk);
	desk_wait(desk, QUIET);
	desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
	desk_clear(desk);
}

static void a_full_terminal_loses_nothing(void **state)
{
	struct desk *desk = desk_new(true);
	uint8_t byte = 0;
	uint32_t total = 0;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		desk->screen_is_full = random_below(100) != 0;
		byte = (uint8_t)(' ' + total % 90);
		total += guest_writes_bytes(desk, 0, &byte, 1);
		desk_wait(desk, 1);
	}
	desk->screen_is_full = false;
	desk_run(desk);
	assert_int_equal(desk->screen.length, total);
	assert_memory_equal(desk->screen.bytes, desk->guests[0].written.bytes, total);
	desk_clear(desk);
}

/* A full transcript holds back everybody, and loses nothing. */
static void a_full_transcript_holds_back_all(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	desk->transcript_is_full = true;
	for (int i = 0; i < 3000; i++) {
		for (uint32_t index = 0; index < DESK_CONSOLES; index++) {
			(void)guest_writes_bytes(desk, index, (const uint8_t *)"0123456789abcdef\n", 17);
		}
		desk_wait(desk, 1);
	}
	for (uint32_t index = 0; index < DESK_CONSOLES; index++) {
		assert_true(desk->guests[index].written.length <
			    LOG_CAPACITY + ring_capacity(desk) + STAGING_CAPACITY);
		desk->guests[index].is_signalled = false;
	}
	desk->transcript_is_full = false;
	desk_run(desk);
	desk_wait(desk, 2 * QUIET);
	desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
	desk_clear(desk);
}

static void without_a_transcript_only_the_terminal_counts(void **state)
{
	struct desk *desk = desk_new(false);
	uint8_t line[100] = "x";

	(void)state;
	desk->screen_is_full = true;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(guest_writes_bytes(desk, 1, line, sizeof(line)), sizeof(line));
		desk_wait(desk, 2);
	}
	assert_int_equal(desk->transcript.length, 0);
	desk_clear(desk);
}

/* A producer that has asked for space is signalled when there is some. */
static void a_waiting_guest_is_woken(void **state)
{
	struct desk *desk = desk_new(true);
	uint8_t byte = 'x';

	(void)state;
	desk->transcript_is_full = true;
	do {
		while (guest_writes_bytes(desk, 1, &byte, 1) == 1) {}
		desk_wait(desk, 2);
	} while (guest_writes_bytes(desk, 1, &byte, 1) == 1);
	assert_true(ring_producer_may_sleep(&desk->guests[1].output));
	desk->guests[1].is_signalled = false;
	desk_wait(desk, 10 * QUIET);
	assert_false(desk->guests[1].is_signalled);
	desk->transcript_is_full = false;
	desk_run(desk);
	assert_true(desk->guests[1].is_signalled);
	desk_clear(desk);
}

/* Nonsense in the shared indices stops that console, not the others. */
static void a_mad_guest_harms_itself(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	desk->guests[0].output.ring.shared->head = 0x80000000u;
	desk->guests[0].input.ring.shared->tail = 0x40000000u;
	desk->guests[0].output.ring.shared->tail = 77;
	desk->guests[0].signals = true;
	desk_run(desk);
	guest_writes(desk, 1, "fine\n");
	desk_run(desk);
	assert_string_equal(desk_transcript(desk), "blue: fine\n");
	assert_int_equal(desk->screen.length, 0);
	/* its input seems full: Ctrl-] waits until that is sure */
	assert_int_equal(desk_type_bytes(desk, (const uint8_t *)CTRL_BRACKET, 1), 0);
	desk_wait(desk, STALL);
	desk_type(desk, CTRL_BRACKET "2");
	assert_non_null(strstr(desk_screen(desk), "fine"));
	desk_clear(desk);
}

/* ---- Input ---- */

/* Typing is held back while the guest's ring is full, then nothing is missing. */
static void pasted_text_is_held_back(void **state)
{
	struct desk *desk = desk_new(true);
	static uint8_t pasted[20000];
	static char got[20001];
	uint32_t typed = 0;
	uint32_t received = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof(pasted); i++) {
		pasted[i] = (uint8_t)('a' + i % 25);
	}
	while (received < sizeof(pasted)) {
		typed += desk_type_bytes(desk, pasted + typed, (uint32_t)sizeof(pasted) - typed);
		assert_true(typed == sizeof(pasted) || typed == received + ring_capacity(desk));
		received += guest_reads(desk, 0, got + received, 1 + random_below(300));
		desk_wait(desk, 1);
	}
	assert_memory_equal(pasted, got, sizeof(pasted));
	desk_clear(desk);
}

static void a_guest_that_takes_no_input_does_not_lock_the_terminal(void **state)
{
	struct desk *desk = desk_new(true);
	static uint8_t pasted[8192];
	char text[8192];

	(void)state;
	memset(pasted, 'x', sizeof(pasted));
	assert_int_equal(desk_type_bytes(desk, pasted, sizeof(pasted)), ring_capacity(desk));
	desk_wait(desk, STALL - 1);
	assert_int_equal(desk_type_bytes(desk, pasted, 10), 0);
	(void)desk_screen(desk);
	desk_wait(desk, 1);
	assert_int_equal(desk_type_bytes(desk, pasted, 10), 10);
	assert_non_null(strstr(desk_screen(desk), "takes no input"));
	desk_type(desk, CTRL_BRACKET "2");
	assert_string_equal(desk_screen(desk), "\r\n[blue]\r\n");
	desk_type(desk, "ok");
	assert_int_equal(guest_reads(desk, 1, text, sizeof(text)), 2);
	/* it takes input again: nothing more is lost */
	desk_type(desk, CTRL_BRACKET "1");
	assert_int_equal(guest_reads(desk, 0, text, sizeof(text)), ring_capacity(desk));
	desk_type(desk, "again");
	assert_int_equal(guest_reads(desk, 0, text, sizeof(text)), 5);
	desk_clear(desk);
}

/* ---- Signals ---- */

/* A line that comes byte by byte costs a few wake-ups, not one for each byte; silence costs none. */
static void wake_ups_are_few(void **state)
{
	struct desk *desk = desk_new(true);
	uint32_t before;

	(void)state;
	desk_wait(desk, 1000);
	before = desk->wake_ups;
	for (int i = 0; i < 600; i++) {
		guest_writes(desk, 1, i % 60 == 59 ? "\n" : "x");
		if (desk->guests[1].signals) {
			desk_run(desk);
		}
		if (i % 300 == 299) {
			desk_wait(desk, POLL);
		}
	}
	desk_wait(desk, QUIET);
	assert_in_range(desk->wake_ups - before, 2, 8);
	before = desk->wake_ups;
	desk_wait(desk, 100000);
	assert_int_equal(desk->wake_ups - before, 0);
	assert_int_equal(desk->guests[1].written.length, 600);
	desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
	desk_clear(desk);
}

/* The root task powers off when its ring is empty: that must mean that every line of everybody is out. */
static void the_administrators_ring_empties_last(void **state)
{
	struct desk *desk = desk_new(true);
	const struct ring_producer *admin = &desk->guests[DESK_ADMIN].output;

	(void)state;
	desk->transcript_is_full = true;
	guest_writes(desk, 1, "last words");
	guest_writes(desk, DESK_ADMIN, "all VMs are off\n");
	desk_run(desk);
	assert_int_equal(ring_space(&admin->ring, admin->head), ring_capacity(desk) - 1);
	desk->transcript_is_full = false;
	desk_run(desk);
	assert_int_equal(ring_space(&admin->ring, admin->head), ring_capacity(desk) - 1);
	desk_wait(desk, QUIET);
	assert_string_equal(desk_transcript(desk), "admin: all VMs are off\nblue: last words");
	assert_int_equal(ring_space(&admin->ring, admin->head), ring_capacity(desk));
	desk_clear(desk);
}

/* ---- Random runs against the reference ---- */

static void random_bytes(uint8_t *bytes, uint32_t count)
{
	static const char letters[] = "abc: +admin\r\n\r\n\t\x1b[6n";

	for (uint32_t i = 0; i < count; i++) {
		bytes[i] = random_below(50) == 0 ? (uint8_t)random_below(256)
						 : (uint8_t)letters[random_below(sizeof(letters) - 1)];
	}
}

static void random_step(struct desk *desk)
{
	uint8_t bytes[1500];
	uint32_t count = random_below(20) == 0 ? random_below(sizeof(bytes)) : random_below(60);

	switch (random_below(8)) {
	case 0:
	case 1:
	case 2:
	case 3:
		random_bytes(bytes, count);
		(void)guest_writes_bytes(desk, random_below(DESK_CONSOLES), bytes, count);
		break;
	case 4:
		desk->transcript_is_full = random_below(3) == 0;
		desk->screen_is_full = random_below(3) == 0;
		break;
	case 5:
		desk_wait(desk, random_below(300));
		break;
	case 6:
		desk_wait(desk, random_below(3));
		break;
	default:
		desk_run(desk);
		break;
	}
}

static void random_interleavings(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct desk *desk = desk_new(true);

		random_state = seed;
		for (int i = 0; i < 3000; i++) {
			random_step(desk);
		}
		desk->transcript_is_full = false;
		desk->screen_is_full = false;
		desk_run(desk);
		desk_wait(desk, 3 * QUIET);
		desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
		/* red was in front all the time */
		assert_int_equal(desk->screen.length, desk->guests[0].written.length);
		assert_memory_equal(desk->screen.bytes, desk->guests[0].written.bytes, desk->screen.length);
		desk_clear(desk);
	}
}

/* ---- Restarts ---- */

/* Restarts between any two turns: output, input and half typed commands go on as if nothing had happened. */
static void restarts_between_turns(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct desk *desk = desk_new(true);
		char input[64];
		uint32_t typed = 0;
		uint32_t received = 0;

		random_state = 100 + seed;
		for (int i = 0; i < 3000; i++) {
			random_step(desk);
			if (random_below(10) == 0) {
				uint8_t letter = (uint8_t)('A' + typed % 26);

				typed += desk_type_bytes(desk, &letter, 1);
			}
			if (random_below(10) == 0) {
				uint32_t count = guest_reads(desk, 0, input, sizeof(input));

				for (uint32_t j = 0; j < count; j++) {
					assert_int_equal(input[j], 'A' + (received + j) % 26);
				}
				received += count;
			}
			if (random_below(30) == 0) {
				desk_restart(desk);
			}
		}
		desk->transcript_is_full = false;
		desk->screen_is_full = false;
		desk_run(desk);
		desk_wait(desk, 3 * QUIET);
		received += guest_reads(desk, 0, input, sizeof(input));
		assert_true(typed > 100);
		assert_true(typed - received < ring_capacity(desk));
		desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
		assert_int_equal(desk->screen.length, desk->guests[0].written.length);
		assert_memory_equal(desk->screen.bytes, desk->guests[0].written.bytes, desk->screen.length);
		desk_clear(desk);
	}
}

static void a_restart_keeps_front_backlog_and_command(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "of red\r\n");
	guest_writes(desk, 1, "of blue\r\n");
	desk_run(desk);
	desk_type(desk, CTRL_BRACKET "2");
	(void)desk_screen(desk);
	desk_restart(desk);
	desk_run(desk);
	assert_string_equal(desk_screen(desk), "");
	guest_writes(desk, 1, "more\r\n");
	desk_type(desk, CTRL_BRACKET);
	desk_restart(desk);
	desk_type(desk, "1");
	assert_string_equal(desk_screen(desk), "more\r\n\r\n[red]\r\nof red\r\n");
	desk_clear(desk);
}

/* Other consoles than the saved ones: everything begins anew, from where the rings are. */
static void other_consoles_start_anew(void **state)
{
	struct desk *desk = desk_new(true);
	struct saved *saved = desk->saved;

	(void)state;
	guest_writes(desk, 0, "old\n");
	desk_run(desk);
	(void)desk_screen(desk);
	(void)desk_transcript(desk);
	strcpy(saved->consoles[1].name, "other");
	desk_restart(desk);
	guest_writes(desk, 0, "new\n");
	desk_run(desk);
	assert_string_equal(desk_transcript(desk), "red: new\n");
	assert_string_equal(desk_screen(desk), "\r\n[red] Ctrl-] ? shows help\r\nnew\n");
	desk_clear(desk);
}

/* A damaged region never makes the task read or write beside it; address sanitizer watches. */
static void a_damaged_region(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct desk *desk = desk_new(true);
		uint8_t *saved = desk->saved;

		random_state = seed;
		for (int i = 0; i < 200; i++) {
			random_step(desk);
		}
		for (uint32_t i = 0; i < 1 + random_below(40); i++) {
			saved[16 + random_below(sizeof(struct saved) - NOTICE_CAPACITY - STAGING_CAPACITY -
						16)] = (uint8_t)random_below(256);
		}
		desk_restart(desk);
		for (int i = 0; i < 50; i++) {
			random_step(desk);
		}
		desk_clear(desk);
	}
}

/* The task as a process of its own, killed at any instruction. Rings, saved state and what the ports have sent are shared memory. A port's send is
 * not one with the store after it, so a byte whose send was the last thing done may come twice; nothing else may differ. */
struct sent {
	volatile uint32_t count;
	uint8_t bytes[1u << 21];
};

struct shared_world {
	struct sent screen;
	struct sent transcript;
};

static void put_in_shared(struct sent *sent, uint8_t byte)
{
	sent->bytes[sent->count] = byte;
	__atomic_store_n(&sent->count, sent->count + 1, __ATOMIC_RELEASE);
}

static _Noreturn void run_as_task(struct desk *desk, struct shared_world *world)
{
	desk_restart(desk);
	for (;;) {
		uint8_t byte;

		desk->now += 7;
		(void)multiplexer_turn(&desk->multiplexer, desk->now);
		for (int i = 0; i < 16 && terminal_next(&desk->multiplexer.terminal, &byte); i++) {
			put_in_shared(&world->screen, byte);
			terminal_sent(&desk->multiplexer.terminal);
		}
		for (int i = 0; i < 16 && transcript_next(&desk->multiplexer.transcript, &byte); i++) {
			put_in_shared(&world->transcript, byte);
			transcript_sent(&desk->multiplexer.transcript);
		}
	}
}

/* Removes from `sent` the bytes that a kill doubled, and counts them; `right` is what must remain. A doubled byte stands at one of
 * `boundaries`, after its equal. Where the right stream goes on with the same byte by chance, only the end of that run of equal
 * bytes tells that there is one too many. */
static uint32_t without_doubled(
	struct sent *sent, const uint32_t *boundaries, uint32_t count, const uint8_t *right, size_t length)
{
	uint32_t doubled = 0;
	uint32_t to = 0;
	uint32_t next = 0;
	uint32_t kills_in_run = 0;

	for (uint32_t from = 0; from < sent->count; from++) {
		if (from > 0 && sent->bytes[from] != sent->bytes[from - 1]) {
			kills_in_run = 0;
		}
		for (; next < count && boundaries[next] <= from; next++) {
			kills_in_run += boundaries[next] == from ? 1 : 0;
		}
		if (kills_in_run > 0 && from > 0 && sent->bytes[from] == sent->bytes[from - 1] &&
			(to >= length || right[to] != sent->bytes[from])) {
			doubled++;
			kills_in_run--;
			continue;
		}
		sent->bytes[to++] = sent->bytes[from];
	}
	sent->count = to;
	return doubled;
}

static void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static void killed_at_any_instruction(void **state)
{
	enum { KILLS = 150 };
	static uint32_t screen_boundaries[KILLS];
	struct desk *desk = desk_new(true);
	struct shared_world *world = shared_memory(sizeof(*world));
	uint8_t bytes[400];

	(void)state;
	random_state = 42;
	free(desk->saved);
	desk->saved = shared_memory(SAVED_SIZE(DESK_CONSOLES));
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		struct ring output;
		struct ring input;

		free(desk->guests[i].region);
		desk->guests[i].region = shared_memory(DESK_REGION);
		assert_int_equal(console_attach(desk->guests[i].region, DESK_REGION, &output, &input), 0);
		desk->guests[i].output = ring_producer_start(output);
	}
	for (int kill_number = 0; kill_number < KILLS; kill_number++) {
		pid_t task = fork();
		uint32_t pauses = random_below(60);

		if (task == 0) {
			run_as_task(desk, world);
		}
		for (uint32_t i = 0; i < pauses; i++) {
			random_bytes(bytes, sizeof(bytes));
			(void)guest_writes_bytes(
				desk, random_below(DESK_CONSOLES), bytes, random_below(sizeof(bytes)));
			(void)usleep(random_below(200));
		}
		desk->now += 1000;
		kill(task, SIGKILL);
		assert_int_equal(waitpid(task, NULL, 0), task);
		screen_boundaries[kill_number] = world->screen.count;
	}
	/* the last one runs to the end, here; a byte that was written and not counted is not there, as if it was never sent */
	desk->screen.length = 0;
	desk->transcript.length = 0;
	desk_restart(desk);
	desk_run(desk);
	desk_wait(desk, 3 * QUIET);
	for (size_t i = 0; i < desk->screen.length; i++) {
		put_in_shared(&world->screen, desk->screen.bytes[i]);
	}
	for (size_t i = 0; i < desk->transcript.length; i++) {
		put_in_shared(&world->transcript, desk->transcript.bytes[i]);
	}
	assert_true(desk->guests[0].written.length > 20000);
	{
		size_t notice = strlen("\r\n[red] Ctrl-] ? shows help\r\n");
		struct sent *screen = &world->screen;
		struct paper expected = { malloc(desk->guests[0].written.length + notice), notice };

		memcpy(expected.bytes, "\r\n[red] Ctrl-] ? shows help\r\n", notice);
		memcpy(expected.bytes + notice, desk->guests[0].written.bytes,
			desk->guests[0].written.length);
		expected.length += desk->guests[0].written.length;
		assert_true(without_doubled(screen, screen_boundaries, KILLS, expected.bytes,
				    expected.length) <= KILLS);
		assert_int_equal(screen->count, expected.length);
		assert_memory_equal(screen->bytes, expected.bytes, expected.length);
		free(expected.bytes);
	}
	munmap(desk->saved, SAVED_SIZE(DESK_CONSOLES));
	desk->saved = NULL;
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		munmap(desk->guests[i].region, DESK_REGION);
		desk->guests[i].region = NULL;
	}
	munmap(world, sizeof(*world));
	desk_clear(desk);
}

static void refusals(void **state)
{
	static struct multiplexer multiplexer;
	struct multiplexer_settings settings = { QUIET, POLL, STALL, true, true, 1 };
	struct desk *desk = desk_new(true);
	struct ring output = desk->multiplexer.consoles[0].output.ring;
	struct ring input = desk->multiplexer.consoles[0].input.ring;

	(void)state;
	assert_int_equal(
		multiplexer_start(&multiplexer, desk->saved, 1, 1, desk_names, &output, &input, &settings, 0),
		MULTIPLEXER_CONSOLES);
	settings.admin = 0;
	assert_int_equal(multiplexer_start(&multiplexer, desk->saved, SAVED_SIZE(1) - 1, 1, desk_names,
				 &output, &input, &settings, 0),
		MULTIPLEXER_REGION);
	assert_int_equal(multiplexer_start(&multiplexer, desk->saved, SAVED_SIZE(1), 0, desk_names, &output,
				 &input, &settings, 0),
		MULTIPLEXER_CONSOLES);
	assert_int_equal(multiplexer_start(&multiplexer, desk->saved, UINT64_MAX, CONSOLES_MAX + 1,
				 desk_names, &output, &input, &settings, 0),
		MULTIPLEXER_CONSOLES);
	desk_clear(desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_terminal_holds_back_the_console_in_front),
		cmocka_unit_test(a_full_terminal_loses_nothing),
		cmocka_unit_test(a_full_transcript_holds_back_all),
		cmocka_unit_test(without_a_transcript_only_the_terminal_counts),
		cmocka_unit_test(a_waiting_guest_is_woken),
		cmocka_unit_test(a_mad_guest_harms_itself),
		cmocka_unit_test(pasted_text_is_held_back),
		cmocka_unit_test(a_guest_that_takes_no_input_does_not_lock_the_terminal),
		cmocka_unit_test(wake_ups_are_few),
		cmocka_unit_test(the_administrators_ring_empties_last),
		cmocka_unit_test(random_interleavings),
		cmocka_unit_test(restarts_between_turns),
		cmocka_unit_test(a_restart_keeps_front_backlog_and_command),
		cmocka_unit_test(other_consoles_start_anew),
		cmocka_unit_test(a_damaged_region),
		cmocka_unit_test(killed_at_any_instruction),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
