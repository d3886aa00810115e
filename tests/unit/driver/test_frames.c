/* SPDX-License-Identifier: MIT */
/* What a network card's driver takes from the switch and gives to it: packets as they are on a line, whatever stands in the rings. Host only. */
#include "frames.h"

#include "far_end.h"

#define LINE_ROOM (FRAMES_MAX_LENGTH + FRAMES_TAG)
#define TCP_HEADER 32u /* with options */

static struct far_end far;
static struct frames frames;
static uint8_t packet[LINE_ROOM];
static uint32_t length;

static void open_frames(void) { assert_true(frames_open(&frames, far.region, far.size)); }

static int set_up(void **state)
{
	(void)state;
	far_open(&far, FAR_REGION_SIZE);
	open_frames();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	far_close(&far);
	return 0;
}

static void take(void)
{
	memset(packet, 0xee, sizeof packet);
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_TAKEN);
}

/* The Internet checksum's sum, folded; 0xffff over what has a right checksum in it. */
static uint32_t sum_of(const uint8_t *bytes, uint32_t count, uint32_t sum)
{
	for (uint32_t i = 0; i < count; i++) {
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* ---- Taking ---- */

static void packets_are_as_they_are_on_a_line(void **state)
{
	static const uint32_t LENGTHS[] = { 14, 59, 60, 61, 1513, 1514 };
	uint8_t sent[LINE_ROOM];

	(void)state;
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_NOTHING);
	/* three times round the ring */
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t wanted = LENGTHS[i % (sizeof LENGTHS / sizeof LENGTHS[0])];

		far_pattern(sent, wanted, i);
		assert_true(far_send(&far, sent, wanted, NULL));
		take();
		assert_int_equal(length, wanted < 60 ? 60 : wanted);
		assert_memory_equal(packet, sent, wanted);
		for (uint32_t j = wanted; j < length; j++) {
			assert_int_equal(packet[j], 0);
		}
		assert_true(far_is_empty(&far));
	}
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_NOTHING);
	assert_int_equal(frames.too_long + frames.malformed, 0);
}

static void what_is_too_long_is_lost(void **state)
{
	uint8_t sent[2000];

	(void)state;
	far_pattern(sent, sizeof sent, 1);
	assert_true(far_send(&far, sent, 1515, NULL));
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
	sent[12] = 0x81;
	sent[13] = 0;
	assert_true(far_send(&far, sent, 1519, NULL));
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
	assert_int_equal(frames.too_long, 2);
	/* a tag comes on top */
	assert_true(far_send(&far, sent, 1518, NULL));
	take();
	assert_int_equal(length, 1518);
	assert_memory_equal(packet, sent, 1518);
	assert_true(far_is_empty(&far));
}

static void a_checksum_is_put_in(void **state)
{
	uint8_t sent[LINE_ROOM];

	(void)state;
	/* often over the ring's end, at odd places too */
	far_close(&far);
	far_open(&far, FAR_SMALL_SIZE);
	open_frames();
	for (uint32_t size = 60; size < 1500; size++) {
		uint16_t start = (uint16_t)(33 + size % 4);
		struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_NONE, 0, start, 6 };

		far_pattern(sent, size, size);
		assert_true(far_send(&far, sent, size, &offload));
		take();
		assert_int_equal(length, size);
		/* what stood at its place was the sum of what is not in the packet */
		uint32_t before = sum_of(sent + start, size - start, 0);
		uint32_t place = start + 6u;

		memcpy(sent + place, packet + place, 2);
		assert_memory_equal(packet, sent, size);
		assert_int_equal(
			packet[place] << 8 | packet[place + 1], before == 0xffff ? 0xffff : 0xffff - before);
	}
}

/* A TCP packet, as Linux leaves it to the card: headers complete but for lengths and checksums. Returns its length. */
static uint32_t make_tcp(uint8_t *bytes, bool is_v6, bool has_tag, uint32_t payload)
{
	uint32_t ip = has_tag ? 18 : 14;
	uint32_t tcp = ip + (is_v6 ? 40 : 20);
	uint32_t all = tcp + TCP_HEADER + payload;

	far_pattern(bytes, all, payload);
	if (has_tag) {
		memcpy(bytes + 12, "\x81\x00\x20\x05", 4);
	}
	memcpy(bytes + ip - 2, is_v6 ? "\x86\xdd" : "\x08\x00", 2);
	bytes[ip] = is_v6 ? 0x60 : 0x45;
	if (!is_v6) {
		memcpy(bytes + ip + 4, "\xff\xff\x40\x00", 4);
		bytes[ip + 9] = 6;
	}
	memcpy(bytes + tcp + 4, "\xff\xff\xff\x00", 4);
	bytes[tcp + 12] = 0x80;
	bytes[tcp + 13] = 0x19;
	return all;
}

/* Packet `number` of it: each field that depends on the number or the length, and both checksums. */
static void check_cut(
	const uint8_t *whole, bool is_v6, bool has_tag, uint32_t number, uint32_t size, bool is_last)
{
	uint32_t ip = has_tag ? 18 : 14;
	uint32_t tcp = ip + (is_v6 ? 40 : 20);
	uint32_t addresses = is_v6 ? 32 : 8;
	uint32_t sequence = (uint32_t)packet[tcp + 4] << 24 | (uint32_t)packet[tcp + 5] << 16 |
			    (uint32_t)packet[tcp + 6] << 8 | packet[tcp + 7];

	assert_memory_equal(packet, whole, ip);
	if (is_v6) {
		assert_int_equal(packet[ip + 4] << 8 | packet[ip + 5], length - tcp);
	} else {
		assert_int_equal(packet[ip + 2] << 8 | packet[ip + 3], length - ip);
		assert_int_equal(packet[ip + 4] << 8 | packet[ip + 5], (0xffff + number) & 0xffff);
		assert_int_equal(sum_of(packet + ip, 20, 0), 0xffff);
	}
	assert_int_equal(sequence, 0xffffff00u + number * size);
	assert_int_equal(packet[tcp + 13], is_last ? 0x19 : 0x10);
	assert_memory_equal(packet + tcp + TCP_HEADER, whole + tcp + TCP_HEADER + number * size,
		length - tcp - TCP_HEADER);
	assert_int_equal(sum_of(packet + tcp, length - tcp,
				 sum_of(packet + tcp - addresses, addresses, 6 + length - tcp)),
		0xffff);
}

static void a_large_packet_is_cut(void **state)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	const uint32_t size = 1400;

	(void)state;
	for (unsigned variant = 0; variant < 4 * 8; variant++) {
		bool is_v6 = variant % 2 != 0;
		bool has_tag = variant / 2 % 2 != 0;
		uint32_t payload = variant < 4 ? 64001 : 1 + variant * 1111;
		uint32_t all = make_tcp(whole, is_v6, has_tag, payload);
		uint32_t headers = all - payload;
		struct frame_offload offload = { FRAME_NEEDS_CHECKSUM,
			is_v6 ? FRAME_GSO_TCPV6 : FRAME_GSO_TCPV4, (uint16_t)size,
			(uint16_t)(headers - TCP_HEADER), 16 };
		bool was_killed = variant % 8 >= 4;

		assert_true(far_send(&far, whole, all, &offload));
		for (uint32_t number = 0, done = 0; done < payload; number++) {
			assert_false(far_is_empty(&far));
			take();
			done += length - headers;
			assert_int_equal(length - headers, done < payload ? size : length - headers);
			check_cut(whole, is_v6, has_tag, number, size, done == payload);
			if (number == 2 && !was_killed) {
				/* a new driver begins the frame anew */
				was_killed = true;
				open_frames();
				number = UINT32_MAX;
				done = 0;
			}
		}
		assert_true(far_is_empty(&far));
	}
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_NOTHING);
}

static void packets_that_stay_too_long_are_lost_one_by_one(void **state)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	uint32_t all = make_tcp(whole, false, false, 6000);
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 2500, 34, 16 };

	(void)state;
	assert_true(far_send(&far, whole, all, &offload));
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
	take();
	assert_int_equal(length, 66 + 1000);
	check_cut(whole, false, false, 2, 2500, true);
	assert_true(far_is_empty(&far));
	assert_int_equal(frames.too_long, 2);
}

static void what_cannot_be_done_is_lost(void **state)
{
	static const struct frame_offload BAD[] = {
		{ 2, 0, 0, 0, 0 },
		{ FRAME_NEEDS_CHECKSUM, 0, 0, 13, 6 },
		{ FRAME_NEEDS_CHECKSUM, 0, 0, 90, 9 },
		{ FRAME_NEEDS_CHECKSUM, 0, 0, 0xffff, 0xffff },
		{ 0, FRAME_GSO_TCPV4, 10, 34, 16 },
		{ FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 0, 34, 16 },
		{ FRAME_NEEDS_CHECKSUM, 3, 10, 34, 16 },
		{ FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV6, 10, 54, 16 },
		{ FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 10, 34, 6 },
		{ FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 10, 38, 16 },
	};
	uint8_t sent[100];

	(void)state;
	(void)make_tcp(sent, false, false, 34);
	for (unsigned i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_true(far_send(&far, sent, sizeof sent, &BAD[i]));
		assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
		assert_int_equal(frames.malformed, i + 1);
		assert_true(far_is_empty(&far));
	}
}

/* The other side changes what it has sent while the driver is in the middle of it. */
static void a_frame_that_changes_is_lost(void **state)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	uint32_t all = make_tcp(whole, false, false, 6000);
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 1000, 34, 16 };
	uint32_t at = far.head;

	(void)state;
	assert_true(far_send(&far, whole, all, &offload));
	for (unsigned i = 0; i < 3; i++) {
		take();
	}
	offload.gso_size = 3000;
	frame_ring_begin(&far.out, at, &(struct frame){ .length = all, .offload = offload });
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
	assert_int_equal(frames.malformed, 1);
	assert_true(far_is_empty(&far));
	far_pattern(whole, 100, 5);
	assert_true(far_send(&far, whole, 100, NULL));
	take();
	assert_memory_equal(packet, whole, 100);
}

static void nonsense_costs_what_stands_there(void **state)
{
	uint8_t sent[100];

	(void)state;
	far_pattern(sent, sizeof sent, 1);
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t LENGTHS[] = { 0, 13, FRAME_MAX_LENGTH + 1, 5000 };
		uint32_t at = far.head;

		assert_true(far_send(&far, sent, 100, NULL));
		frame_ring_begin(&far.out, at, &(struct frame){ .length = LENGTHS[i] });
		assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
		assert_true(far_is_empty(&far));
	}
	/* an index out of all reason */
	far.head += 0x40000000;
	ring_publish_head(&far.out, far.head);
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_LOST);
	assert_int_equal(frames.malformed, 5);
	assert_true(far_send(&far, sent, 100, NULL));
	take();
	assert_memory_equal(packet, sent, 100);
}

static void a_line_that_is_down_takes_all(void **state)
{
	uint8_t sent[100];

	(void)state;
	far_pattern(sent, sizeof sent, 1);
	frames.signal = false;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(far_send(&far, sent, 100, NULL));
	}
	ring_ask_for_space(&far.out);
	frames_discard(&frames);
	assert_true(far_is_empty(&far));
	assert_true(frames.signal);
	assert_int_equal(frames_take(&frames, packet, &length), FRAMES_NOTHING);
}

/* ---- Putting ---- */

static void packets_go_to_the_switch(void **state)
{
	static uint8_t got[FRAME_MAX_LENGTH];
	uint8_t sent[LINE_ROOM];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t size = 14 + i * 13 % (LINE_ROOM - 13);

		far_pattern(sent, size, i);
		assert_true(frames_put(&frames, sent, size));
		assert_int_equal(far_receive(&far, got), size);
		assert_memory_equal(got, sent, size);
		assert_int_equal(far_receive(&far, got), 0);
	}
}

static void what_is_no_frame_goes_nowhere(void **state)
{
	static uint8_t bytes[FRAME_MAX_LENGTH + 1];

	(void)state;
	assert_true(frames_put(&frames, bytes, 0));
	assert_true(frames_put(&frames, bytes, 13));
	assert_true(frames_put(&frames, bytes, FRAME_MAX_LENGTH + 1));
	assert_int_equal(frames.malformed, 3);
	assert_int_equal(far_receive(&far, bytes), 0);
}

static void a_full_ring_is_waited_for(void **state)
{
	static uint8_t got[FRAME_MAX_LENGTH];
	uint8_t sent[1000];
	uint32_t count = 0;

	(void)state;
	far_pattern(sent, sizeof sent, 3);
	while (frames_put(&frames, sent, sizeof sent)) {
		count++;
	}
	assert_true(count > 200);
	frames.signal = false;
	assert_true(frames_may_sleep(&frames, true, sizeof sent));
	assert_int_not_equal(far.in.shared->producer_ticket, 0);
	assert_int_equal(far_receive(&far, got), sizeof sent);
	assert_true(ring_producer_asked(&far.in));
	assert_false(frames_may_sleep(&frames, true, sizeof sent));
	assert_true(frames_put(&frames, sent, sizeof sent));
	while (far_receive(&far, got) != 0) {
		assert_memory_equal(got, sent, sizeof sent);
		count--;
	}
	assert_int_equal(count, 0);
	/* where nothing waits for room it does not ask */
	uint32_t ticket = far.in.shared->producer_ticket;

	assert_true(frames_may_sleep(&frames, true, 0));
	assert_int_equal(far.in.shared->producer_ticket, ticket);
}

static void the_switch_is_signalled_when_it_asks(void **state)
{
	uint8_t bytes[100] = { 0 };

	(void)state;
	assert_true(frames.signal); /* the predecessor may have forgotten it */
	frames.signal = false;
	assert_true(frames_put(&frames, bytes, sizeof bytes));
	assert_false(frames.signal);
	ring_ask_for_bytes(&far.in);
	assert_true(frames_put(&frames, bytes, sizeof bytes));
	assert_true(frames.signal);
	frames.signal = false;
	ring_ask_for_space(&far.out);
	assert_true(far_send(&far, bytes, sizeof bytes, NULL));
	assert_false(frames_may_sleep(&frames, true, 0));
	assert_true(frames_may_sleep(&frames, false, 0)); /* it could not take one */
	take();
	assert_true(frames.signal);
	assert_true(frames_may_sleep(&frames, true, 0));
}

/* The switch's index of what it has taken makes no sense: it says where it is, and the next frame passes. */
static void a_mad_switch_is_followed(void **state)
{
	static uint8_t got[FRAME_MAX_LENGTH];
	uint8_t bytes[100];

	(void)state;
	far_pattern(bytes, sizeof bytes, 9);
	assert_true(frames_put(&frames, bytes, sizeof bytes));
	far.tail = 0x12345678;
	ring_publish_tail(&far.in, far.tail);
	assert_true(frames_put(&frames, bytes, sizeof bytes));
	assert_int_equal(far_receive(&far, got), sizeof bytes);
	assert_memory_equal(got, bytes, sizeof bytes);
}

static void a_region_of_another_kind_is_refused(void **state)
{
	(void)state;
	((struct ring_region *)far.region)->version = 99;
	assert_false(frames_open(&frames, far.region, far.size));
	assert_false(frames_open(&frames, far.region, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packets_are_as_they_are_on_a_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_checksum_is_put_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_large_packet_is_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			packets_that_stay_too_long_are_lost_one_by_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_done_is_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_frame_that_changes_is_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonsense_costs_what_stands_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_line_that_is_down_takes_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(packets_go_to_the_switch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_frame_goes_nowhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_ring_is_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_switch_is_signalled_when_it_asks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_mad_switch_is_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_region_of_another_kind_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
