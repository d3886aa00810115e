/* SPDX-License-Identifier: MIT */
/* virtio-net: frames between guest buffers and the rings, in one buffer and in many; what is done for guests that take no offloads; nonsense
 * from either side; kills in between. */

#include "net_card.h"

#include <string.h>

/* ---- Sending ---- */

static void the_address_is_in_the_configuration(void **state)
{
	struct card *card = card_new(ALL);

	(void)state;
	assert_int_equal(machine_read(card->machine, 0, VIRTIO_PCI_CONFIG, 4), 0x12005452);
	assert_int_equal(machine_read(card->machine, 0, VIRTIO_PCI_CONFIG + 4, 2), 0x5634);
	machine_assert_refused(&virtio_net_model, NULL);
	machine_assert_refused(&virtio_net_model, "mac=52:54:00:12:34");
	card_free(card);
}

/* The header apart, or with the frame, or cut in the middle: a driver may lay it out as it likes. */
static void a_frame_goes_out_with_its_offloads(void **state)
{
	static const uint32_t CUTS[] = { 5, HEADER, HEADER + 20, HEADER + SMALL };
	struct card *card = card_new(ALL);
	uint8_t got[SMALL];
	struct frame_offload offload;
	struct driver_used used;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct driver_descriptor *descriptors = driver_descriptors(&card->driver, TRANSMIT);
		uint8_t *bytes = ram(card, 0);

		memcpy(bytes, "\x01\x01\x36\x00\xa8\x05\x22\x00\x10\x00\x00\x00", HEADER);
		pattern(bytes + HEADER, SMALL, i);
		descriptors[0] = (struct driver_descriptor){ DRIVER_BUFFERS, CUTS[i], DRIVER_NEXT, 1 };
		descriptors[1] = (struct driver_descriptor){ DRIVER_BUFFERS + CUTS[i],
			HEADER + SMALL - CUTS[i], 0, 0 };
		driver_offer(&card->driver, TRANSMIT, 0);
		driver_notify(&card->driver, TRANSMIT);
		assert_true(driver_take_used(&card->driver, TRANSMIT, &used));
		assert_int_equal(used.head, 0);
		assert_int_equal(used.length, 0);
		assert_int_equal(drain(card, got, &offload), SMALL);
		assert_memory_equal(got, ram(card, HEADER), SMALL);
		assert_int_equal(offload.flags, 1);
		assert_int_equal(offload.gso_type, 1);
		assert_int_equal(offload.gso_size, 0x5a8);
		assert_int_equal(offload.checksum_start, 0x22);
		assert_int_equal(offload.checksum_offset, 0x10);
		assert_int_equal(drain(card, got, &offload), 0);
	}
	card_free(card);
}

static void what_is_no_frame_is_given_back(void **state)
{
	static const uint32_t LENGTHS[] = { 0, 1, HEADER, HEADER + FRAME_MIN_LENGTH - 1,
		HEADER + FRAME_MAX_LENGTH + 1, HEADER + FRAME_MIN_LENGTH, HEADER + FRAME_MAX_LENGTH };
	struct card *card = card_new(ALL);
	static uint8_t got[FRAME_MAX_LENGTH];
	struct frame_offload offload;
	struct driver_used used;

	(void)state;
	for (unsigned i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
		driver_offer_buffer(&card->driver, TRANSMIT, (uint16_t)i, DRIVER_BUFFERS, LENGTHS[i], 0);
		driver_notify(&card->driver, TRANSMIT);
		assert_true(driver_take_used(&card->driver, TRANSMIT, &used));
		assert_int_equal(used.head, i);
		assert_int_equal(drain(card, got, &offload), i < 5 ? 0 : LENGTHS[i] - HEADER);
	}
	card_free(card);
}

static void a_full_ring_holds_the_guest_back(void **state)
{
	struct card *card = card_new(ALL);
	static uint8_t got[FRAME_MAX_LENGTH];
	struct frame_offload offload;
	struct driver_used used;
	unsigned given = 0;
	unsigned signals;

	(void)state;
	/* one has room, with what stands before it, the second has not */
	pattern(ram(card, 0), HEADER + 65000, 1);
	memset(ram(card, 0), 0, HEADER);
	for (uint16_t i = 0; i < 4; i++) {
		driver_offer_buffer(&card->driver, TRANSMIT, i, DRIVER_BUFFERS, HEADER + 65000, 0);
	}
	driver_notify(&card->driver, TRANSMIT);
	for (; driver_take_used(&card->driver, TRANSMIT, &used); given++) {}
	assert_int_equal(given, 2);
	/* each frame that is taken is a signal, and lets one more come */
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(drain(card, got, &offload), 65000);
		assert_memory_equal(got, ram(card, HEADER), 65000);
		assert_int_equal(ring_producer_asked(&card->from), 1);
		signals = card->machine->environment.console_signals;
		driver_event(&card->driver, MODEL_EVENT_CONSOLE);
		assert_true(card->machine->environment.console_signals >= signals);
		assert_true(driver_take_used(&card->driver, TRANSMIT, &used));
		assert_int_equal(used.head, given++);
	}
	assert_false(driver_take_used(&card->driver, TRANSMIT, &used));
	card_free(card);
}

/* What the switch does is nothing to an empty queue, for its driver was asked to notify; after a restart nobody knows whether it did. */
static void an_empty_queue_waits_for_its_driver_alone(void **state)
{
	struct card *card = card_new(ALL | VIRTIO_F_EVENT_IDX);
	static uint8_t got[FRAME_MAX_LENGTH];
	struct frame_offload offload;

	(void)state;
	send_one(card, 0);
	assert_int_equal(drain(card, got, &offload), SMALL);
	driver_offer_buffer(&card->driver, TRANSMIT, 1, DRIVER_BUFFERS, HEADER + SMALL, 0);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_int_equal(drain(card, got, &offload), 0);
	model_run_event(&card->machine->run, MODEL_EVENT_DOORBELL(TRANSMIT));
	assert_int_equal(drain(card, got, &offload), SMALL);
	driver_offer_buffer(&card->driver, TRANSMIT, 2, DRIVER_BUFFERS, HEADER + SMALL, 0);
	machine_restart(card->machine);
	assert_int_equal(drain(card, got, &offload), SMALL);
	card_free(card);
}

static void the_switch_is_signalled_when_it_asks(void **state)
{
	struct card *card = card_new(ALL);
	unsigned signals;

	(void)state;
	memset(ram(card, 0), 0, HEADER + SMALL);
	for (uint16_t i = 0; i < 6; i++) {
		if (i == 3) {
			ring_ask_for_bytes(&card->from);
		}
		signals = card->machine->environment.console_signals;
		driver_offer_buffer(&card->driver, TRANSMIT, i, DRIVER_BUFFERS, HEADER + SMALL, 0);
		model_run_event(&card->machine->run, MODEL_EVENT_DOORBELL(TRANSMIT));
		assert_int_equal(card->machine->environment.console_signals - signals, i == 3);
	}
	card_free(card);
}

/* ---- Receiving ---- */

static void frames_come_into_buffers(void **state)
{
	struct card *card = card_new(ALL & ~MERGED);
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, 0, 0, 34, 16 };
	uint8_t sent[SMALL];
	struct driver_used used;

	(void)state;
	offer_buffers(card, 4, 2048);
	for (unsigned i = 0; i < 4; i++) {
		pattern(sent, SMALL, i);
		assert_true(feed(card, sent, SMALL, i % 2 == 0 ? NULL : &offload));
		assert_int_equal(ring_consumer_asked(&card->to), 1);
		driver_event(&card->driver, MODEL_EVENT_CONSOLE);
		assert_true(driver_take_used(&card->driver, RECEIVE, &used));
		assert_int_equal(used.head, i);
		assert_int_equal(used.length, HEADER + SMALL);
		assert_memory_equal(ram(card, i * 2048 + HEADER), sent, SMALL);
		assert_memory_equal(ram(card, i * 2048),
			i % 2 == 0 ? "\0\0\0\0\0\0\0\0\0\0\x01" : "\x01\0\0\0\0\0\x22\0\x10\0\x01", HEADER);
	}
	/* no buffers: the frame waits for one */
	assert_true(feed(card, sent, SMALL, NULL));
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_false(driver_take_used(&card->driver, RECEIVE, &used));
	offer_buffers(card, 1, 2048);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	card_free(card);
}

static void a_frame_that_never_fits_is_lost(void **state)
{
	struct card *card = card_new(ALL & ~MERGED);
	uint8_t sent[2000];
	struct driver_used used;

	(void)state;
	pattern(sent, sizeof(sent), 1);
	offer_buffers(card, 2, HEADER + 1000);
	assert_true(feed(card, sent, 1001, NULL));
	assert_true(feed(card, sent, 1000, NULL));
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	assert_int_equal(used.head, 0);
	assert_int_equal(used.length, HEADER + 1000);
	assert_false(driver_take_used(&card->driver, RECEIVE, &used));
	card_free(card);
}

static void large_frames_are_put_into_many_buffers(void **state)
{
	struct card *card = card_new(ALL);
	static uint8_t sent[FRAME_MAX_LENGTH];
	static uint8_t got[HEADER + FRAME_MAX_LENGTH];
	static const uint32_t LENGTHS[] = { 65549, 1514, 2036, 2037, 14 };
	struct driver_used used;
	uint16_t next = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
		uint32_t wanted = (LENGTHS[i] + HEADER + 2047) / 2048;
		uint32_t length = 0;

		pattern(sent, LENGTHS[i], i);
		assert_true(feed(card, sent, LENGTHS[i], NULL));
		/* one buffer too few: nothing is told, and nothing lost */
		for (uint32_t j = 0; j < wanted; j++) {
			struct driver_used nothing;

			assert_false(driver_take_used(&card->driver, RECEIVE, &nothing));
			driver_offer_buffer(&card->driver, RECEIVE, (uint16_t)(next + j) % ENTRIES,
				DRIVER_BUFFERS + j * 2048, 2048, DRIVER_WRITE);
			if (j + 2 >= wanted) {
				driver_notify(&card->driver, RECEIVE);
			}
		}
		for (uint32_t j = 0; j < wanted; j++) {
			assert_true(driver_take_used(&card->driver, RECEIVE, &used));
			assert_int_equal(used.head, (next + j) % ENTRIES);
			memcpy(got + length, ram(card, j * 2048), used.length);
			length += used.length;
		}
		next = (uint16_t)((next + wanted) % ENTRIES);
		assert_int_equal(length, HEADER + LENGTHS[i]);
		assert_int_equal(word(got + BUFFERS), wanted);
		assert_memory_equal(got + HEADER, sent, LENGTHS[i]);
	}
	card_free(card);
}

static void a_buffer_without_room_for_a_header_breaks_the_device(void **state)
{
	struct card *card = card_new(ALL);
	uint8_t sent[SMALL];

	(void)state;
	pattern(sent, SMALL, 1);
	offer_buffers(card, 60, HEADER - 1);
	assert_true(feed(card, sent, SMALL, NULL));
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_int_not_equal(driver_status(&card->driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
	card_free(card);
}

static void what_came_for_nobody_is_not_for_the_next_driver(void **state)
{
	struct card *card = card_new(ALL);
	uint8_t sent[SMALL];
	struct driver_used used;

	(void)state;
	pattern(sent, SMALL, 1);
	assert_true(feed(card, sent, SMALL, NULL));
	assert_true(feed(card, sent, SMALL, NULL));
	driver_start(&card->driver, card->machine, ALL, 2, ENTRIES);
	offer_buffers(card, 4, 2048);
	assert_false(driver_take_used(&card->driver, RECEIVE, &used));
	assert_true(feed(card, sent, SMALL, NULL));
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	assert_false(driver_take_used(&card->driver, RECEIVE, &used));
	card_free(card);
}

static void nonsense_in_the_ring_costs_what_stands_there(void **state)
{
	struct card *card = card_new(ALL);
	uint8_t sent[SMALL];
	struct driver_used used;

	(void)state;
	pattern(sent, SMALL, 1);
	offer_buffers(card, 16, 2048);
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t LENGTHS[] = { 0, FRAME_MAX_LENGTH + 1, 0xffffffff, 5000 };
		uint32_t head = card->head;

		assert_true(feed(card, sent, SMALL, NULL));
		frame_ring_begin(&card->to, head, &(struct frame){ .length = LENGTHS[i] });
		driver_event(&card->driver, MODEL_EVENT_CONSOLE);
		assert_false(driver_take_used(&card->driver, RECEIVE, &used));
		assert_true(feed(card, sent, SMALL, NULL));
		driver_event(&card->driver, MODEL_EVENT_CONSOLE);
		assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	}
	/* an index that is nowhere */
	card->head += 0x12345678;
	ring_publish_head(&card->to, card->head);
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_true(feed(card, sent, SMALL, NULL));
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	card_free(card);
}

/* ---- For guests that take no offloads ---- */

/* Every field that depends on which packet it is, and both checksums. */
static void check_packet(const uint8_t *packet, uint32_t length, const uint8_t *whole, bool is_v6,
	uint32_t number, uint32_t size, bool is_last)
{
	uint32_t tcp = is_v6 ? 54 : 38;
	uint32_t headers = tcp + 32;
	const uint8_t *ip = packet + 14;
	uint8_t flags = whole[tcp + 13];

	assert_memory_equal(packet, whole, 14);
	assert_memory_equal(packet + headers, whole + headers + number * size, length - headers);
	if (is_v6) {
		assert_int_equal(ip[4] << 8 | ip[5], length - 54);
		assert_memory_equal(ip + 8, whole + 22, 32);
	} else {
		assert_int_equal(ip[2] << 8 | ip[3], length - 14);
		assert_int_equal(ip[4] << 8 | ip[5], (0xffff + number) & 0xffff);
		assert_int_equal(sum_of(ip, 24, 0), 0xffff);
		assert_memory_equal(ip + 12, whole + 26, 12);
	}
	uint32_t sequence = (uint32_t)packet[tcp + 4] << 24 | (uint32_t)packet[tcp + 5] << 16 |
			    (uint32_t)packet[tcp + 6] << 8 | packet[tcp + 7];

	assert_int_equal(sequence, 0xffffff00u + number * size);
	flags &= (uint8_t)(is_last ? 0xff : ~0x09);
	flags &= (uint8_t)(number == 0 ? 0xff : ~0x80);
	assert_int_equal(packet[tcp + 13], flags);
	assert_int_equal(sum_of(packet + tcp, length - tcp,
				 sum_of(ip + (is_v6 ? 8 : 12), is_v6 ? 32 : 8, 6 + length - tcp)),
		0xffff);
}

static void a_large_packet_is_cut_for_who_takes_small_ones(void **state)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	static const struct {
		uint32_t payload;
		uint16_t size;
	} cases[] = { { 5000, 1448 }, { 2896, 1448 }, { 1, 1448 }, { 999, 333 }, { 1000, 1 << 15 },
		{ 65000, 1448 } };

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_v6 = i % 2 != 0;
		uint32_t payload = cases[i / 2].payload;
		uint32_t size = cases[i / 2].size;
		uint32_t headers = is_v6 ? IPV6_HEADERS : IPV4_HEADERS;
		struct card *card = card_new(ALL & ~(GUEST_CHECKSUM | GUEST_TSO4 | GUEST_TSO6));
		struct frame_offload offload = { FRAME_NEEDS_CHECKSUM,
			is_v6 ? FRAME_GSO_TCPV6 : FRAME_GSO_TCPV4, (uint16_t)size, (uint16_t)(headers - 32),
			16 };
		uint32_t length = make_tcp(whole, is_v6, payload, 0x99);
		uint32_t number = 0;

		assert_int_equal(length, headers + payload);
		assert_true(feed(card, whole, length, &offload));
		/* buffers come one by one: each is a kill in the middle of the packets, too */
		for (uint32_t done = 0; done < payload; number++) {
			uint32_t count = payload - done < size ? payload - done : size;
			struct driver_used used;

			driver_offer_buffer(&card->driver, RECEIVE, (uint16_t)number % ENTRIES,
				DRIVER_BUFFERS, 2048, DRIVER_WRITE);
			driver_notify(&card->driver, RECEIVE);
			done += count;
			assert_true(driver_take_used(&card->driver, RECEIVE, &used));
			assert_int_equal(used.length, HEADER + headers + count);
			assert_memory_equal(ram(card, 0), "\0\0\0\0\0\0\0\0\0\0\x01", HEADER);
			check_packet(ram(card, HEADER), used.length - HEADER, whole, is_v6, number, size,
				done == payload);
		}
		assert_int_equal(card->to.shared->tail, card->head);
		card_free(card);
	}
}

static void a_large_packet_goes_whole_to_who_takes_it(void **state)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 1448, 38, 16 };
	struct card *card = card_new(ALL & ~GUEST_TSO6);
	uint32_t length = make_tcp(whole, false, 20000, 0x10);
	struct driver_used used;

	(void)state;
	assert_true(feed(card, whole, length, &offload));
	offer_buffers(card, 1, 32768);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	assert_int_equal(used.length, HEADER + length);
	assert_memory_equal(ram(card, 0), "\x01\x01\x46\x00\xa8\x05\x26\x00\x10\x00\x01", HEADER);
	assert_memory_equal(ram(card, HEADER), whole, length);
	/* but not the other kind */
	length = make_tcp(whole, true, 2000, 0x10);
	offload.gso_type = FRAME_GSO_TCPV6;
	offload.checksum_start = 54;
	assert_true(feed(card, whole, length, &offload));
	offer_buffers(card, 2, 2048);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	assert_int_equal(used.length, HEADER + IPV6_HEADERS + 1448);
	card_free(card);
}

static void what_cannot_be_cut_is_lost(void **state)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	static const struct {
		uint32_t at;
		uint8_t byte;
	} faults[] = {
		{ 12, 0x86 },
		{ 14, 0x56 },
		{ 14, 0x45 },
		{ 14, 0x44 },
		{ 20, 0x20 },
		{ 21, 1 },
		{ 23, 17 },
		{ 38 + 12, 0x40 },
		{ 38 + 12, 0x00 },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(faults) / sizeof(faults[0]) + 2; i++) {
		/* whether the guest would take it whole or not */
		struct card *card = card_new(i % 2 == 0 ? ALL : ALL & ~GUEST_TSO4);
		struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 1448, 38, 16 };
		uint32_t length = make_tcp(whole, false, 3000, 0x10);
		struct driver_used used;

		if (i / 2 < sizeof(faults) / sizeof(faults[0])) {
			whole[faults[i / 2].at] = faults[i / 2].byte;
		} else if (i % 2 == 0) {
			length = IPV4_HEADERS; /* no payload */
		} else {
			offload.checksum_offset = 6;
		}
		assert_true(feed(card, whole, length, &offload));
		assert_true(feed(card, whole, SMALL, NULL));
		offer_buffers(card, 4, 2048);
		assert_true(driver_take_used(&card->driver, RECEIVE, &used));
		assert_int_equal(used.length, HEADER + SMALL);
		assert_false(driver_take_used(&card->driver, RECEIVE, &used));
		card_free(card);
	}
}

static void a_checksum_is_put_in_for_who_wants_it(void **state)
{
	static uint8_t whole[2000];
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_NONE, 0, 38, 16 };
	struct card *card = card_new(ALL & ~GUEST_CHECKSUM);
	struct driver_used used;

	(void)state;
	offer_buffers(card, 16, 2048);
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t length = make_tcp(whole, false, 1000 + i, 0x10);
		const uint8_t *got = ram(card, i * 2048 + HEADER);

		assert_true(feed(card, whole, length, &offload));
		driver_event(&card->driver, MODEL_EVENT_CONSOLE);
		assert_true(driver_take_used(&card->driver, RECEIVE, &used));
		assert_int_equal(used.length, HEADER + length);
		assert_memory_equal(ram(card, i * 2048), "\0\0\0\0\0\0\0\0\0\0\x01", HEADER);
		assert_int_equal(sum_of(got + 38, length - 38, sum_of(got + 26, 8, 6 + length - 38)), 0xffff);
		assert_memory_equal(got, whole, 54);
		assert_memory_equal(got + 56, whole + 56, length - 56);
	}
	/* a sum of zero is said by ones */
	memset(whole, 0, sizeof(whole));
	whole[39] = 1;
	whole[54] = 0xff;
	whole[55] = 0xfe;
	assert_true(feed(card, whole, 100, &offload));
	driver_event(&card->driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&card->driver, RECEIVE, &used));
	assert_int_equal(word(ram(card, 8 * 2048 + HEADER + 54)), 0xffff);
	card_free(card);
}

static void offloads_that_make_no_sense_go_nowhere(void **state)
{
	static const struct frame_offload BAD[] = {
		{ FRAME_NEEDS_CHECKSUM, 0, 0, 58, 1 },
		{ FRAME_NEEDS_CHECKSUM, 0, 0, 13, 2 },
		{ FRAME_NEEDS_CHECKSUM, 0, 0, 0xffff, 0xffff },
		{ FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 0, 38, 16 },
		{ 0, FRAME_GSO_TCPV4, 1448, 38, 16 },
		{ FRAME_NEEDS_CHECKSUM, 3, 1448, 38, 16 },
		{ 2, 0, 0, 0, 0 },
	};
	uint8_t sent[SMALL];

	(void)state;
	pattern(sent, SMALL, 1);
	for (unsigned i = 0; i < 2 * sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct card *card = card_new(i % 2 == 0 ? ALL : MERGED);
		struct driver_used used;

		offer_buffers(card, 4, 2048);
		assert_true(feed(card, sent, SMALL, &BAD[i / 2]));
		driver_event(&card->driver, MODEL_EVENT_CONSOLE);
		assert_false(driver_take_used(&card->driver, RECEIVE, &used));
		assert_int_equal(card->to.shared->tail, card->head);
		card_free(card);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_is_in_the_configuration),
		cmocka_unit_test(a_frame_goes_out_with_its_offloads),
		cmocka_unit_test(what_is_no_frame_is_given_back),
		cmocka_unit_test(a_full_ring_holds_the_guest_back),
		cmocka_unit_test(an_empty_queue_waits_for_its_driver_alone),
		cmocka_unit_test(the_switch_is_signalled_when_it_asks),
		cmocka_unit_test(frames_come_into_buffers),
		cmocka_unit_test(a_frame_that_never_fits_is_lost),
		cmocka_unit_test(large_frames_are_put_into_many_buffers),
		cmocka_unit_test(a_buffer_without_room_for_a_header_breaks_the_device),
		cmocka_unit_test(what_came_for_nobody_is_not_for_the_next_driver),
		cmocka_unit_test(nonsense_in_the_ring_costs_what_stands_there),
		cmocka_unit_test(a_large_packet_is_cut_for_who_takes_small_ones),
		cmocka_unit_test(a_large_packet_goes_whole_to_who_takes_it),
		cmocka_unit_test(what_cannot_be_cut_is_lost),
		cmocka_unit_test(a_checksum_is_put_in_for_who_wants_it),
		cmocka_unit_test(offloads_that_make_no_sense_go_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
