/* SPDX-License-Identifier: MIT */
/* When virtio-net tells its driver: what was sent may wait (decisions/045), and who gets frames in bulk lets other VMs go on first
 * (decisions/046). */
#include "net_card.h"

#define TRANSMIT_LINE (VIRTIO_PCI_LINE_VECTOR + 1u + TRANSMIT)

/* From which entry of the used ring on the driver wants an interrupt. */
static void want_interrupt(struct card *card, uint16_t index)
{
	driver_available(&card->driver, TRANSMIT)[2 + ENTRIES] = index;
}

/* What was sent is shown at once; the interrupt that says so comes at the end of the time, once. */
static void the_interrupt_of_what_was_sent_waits(void **state)
{
	struct card *card = card_new(ALL | VIRTIO_F_EVENT_IDX);
	uint64_t edges = machine_edges(card->machine, TRANSMIT_LINE);
	struct driver_used used;

	(void)state;
	send_one(card, 0);
	assert_true(driver_take_used(&card->driver, TRANSMIT, &used));
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	machine_pass(card->machine, VIRTIO_MODERATION_NS / 2);
	send_one(card, 1); /* the time is that of the first */
	machine_pass(card->machine, VIRTIO_MODERATION_NS / 2 - 1);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	machine_pass(card->machine, 1);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges + 1);
	assert_int_equal(machine_deadline(card->machine), 0);
	machine_pass(card->machine, 10 * VIRTIO_MODERATION_NS);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges + 1);
	/* and again */
	want_interrupt(card, 2);
	send_one(card, 2);
	machine_pass(card->machine, VIRTIO_MODERATION_NS);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges + 2);
	card_free(card);
}

/* A driver that has looked meanwhile, and wants to hear of later frames only, is not told of the earlier; nor one that wants none. */
static void a_driver_that_has_looked_gets_no_interrupt(void **state)
{
	struct card *card = card_new(ALL | VIRTIO_F_EVENT_IDX);
	uint64_t edges = machine_edges(card->machine, TRANSMIT_LINE);

	(void)state;
	send_one(card, 0);
	want_interrupt(card, 1);
	machine_pass(card->machine, 10 * VIRTIO_MODERATION_NS);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	/* frames that come do not end the time */
	send_one(card, 1);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	machine_pass(card->machine, VIRTIO_MODERATION_NS);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges + 1);
	card_free(card);
	card = card_new(ALL);
	edges = machine_edges(card->machine, TRANSMIT_LINE);
	send_one(card, 0);
	driver_available(&card->driver, TRANSMIT)[0] = 1; /* flags: no interrupt */
	machine_pass(card->machine, 10 * VIRTIO_MODERATION_NS);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	card_free(card);
}

/* A driver that sends much does not run out of buffers for want of an interrupt. */
static void many_frames_do_not_wait(void **state)
{
	struct card *card = card_new(ALL | VIRTIO_F_EVENT_IDX);
	uint64_t edges = machine_edges(card->machine, TRANSMIT_LINE);
	static uint8_t got[FRAME_MAX_LENGTH];
	struct frame_offload offload;

	(void)state;
	for (uint16_t i = 0; i < VIRTIO_MODERATION_CHAINS - 1; i++) {
		send_one(card, i);
		assert_int_equal(drain(card, got, &offload), SMALL);
	}
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	send_one(card, VIRTIO_MODERATION_CHAINS - 1);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges + 1);
	card_free(card);
}

/* Killed while an interrupt waits: the successor does not know of it, and tells. */
static void an_interrupt_that_waits_outlives_the_process(void **state)
{
	struct card *card = card_new(ALL | VIRTIO_F_EVENT_IDX);
	uint64_t edges = machine_edges(card->machine, TRANSMIT_LINE);

	(void)state;
	send_one(card, 0);
	assert_int_equal(machine_edges(card->machine, TRANSMIT_LINE), edges);
	machine_restart(card->machine);
	assert_true(machine_edges(card->machine, TRANSMIT_LINE) > edges);
	card_free(card);
}

/* What came of a signal to the VMM: how many, and how many of them patient. */
struct told {
	unsigned int all;
	unsigned int patient;
};

static struct told told(const struct card *card)
{
	const struct environment *environment = &card->machine->environment;

	return (struct told){ environment->interrupts, environment->patient_interrupts };
}

static void assert_told(const struct card *card, struct told before, unsigned int all, unsigned int patient)
{
	struct told now = told(card);

	assert_int_equal(now.all - before.all, all);
	assert_int_equal(now.patient - before.patient, patient);
}

static void frame_arrives(struct card *card, bool is_bulk)
{
	static uint8_t whole[FRAME_MAX_LENGTH];
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 1448, 38, 16 };
	uint32_t length = make_tcp(whole, false, is_bulk ? 20000 : 100, 0x10);

	assert_true(feed(card, whole, length, is_bulk ? &offload : NULL));
}

/* A card with buffers for frames to come. The INTx line has risen, and stays high: that is told too, once. */
static struct card *card_with_buffers(uint64_t features, unsigned count, uint32_t size)
{
	struct card *card = card_new(features);

	offer_buffers(card, count + 1, size);
	frame_arrives(card, false);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	return card;
}

/* Somebody may wait for a frame of one packet, nobody for one of many. Of several at once the one that is waited for decides. */
static void bulk_is_told_patiently(void **state)
{
	struct card *card = card_with_buffers(ALL, 6, 20480);
	struct told before = told(card);

	(void)state;
	frame_arrives(card, true);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_told(card, before, 1, 1);
	frame_arrives(card, false);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_told(card, before, 2, 1);
	frame_arrives(card, true);
	frame_arrives(card, false);
	frame_arrives(card, true);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_told(card, before, 3, 1);
	frame_arrives(card, true);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_told(card, before, 4, 2);
	card_free(card);
}

/* A frame that is cut for a driver that takes no large ones is bulk all the same. */
static void what_is_cut_is_told_patiently(void **state)
{
	struct card *card = card_with_buffers(ALL & ~(GUEST_CHECKSUM | GUEST_TSO4 | GUEST_TSO6), 15, 2048);
	struct told before = told(card);

	(void)state;
	frame_arrives(card, true);
	model_run_event(&card->machine->run, MODEL_EVENT_CONSOLE);
	assert_told(card, before, 1, 1);
	card_free(card);
}

/* Nobody waits to hear what was sent. */
static void what_was_sent_is_told_patiently(void **state)
{
	struct card *card = card_new(ALL | VIRTIO_F_EVENT_IDX);
	struct told before;

	(void)state;
	send_one(card, 0);
	before = told(card);
	machine_pass(card->machine, VIRTIO_MODERATION_NS);
	assert_told(card, before, 1, 1);
	card_free(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_interrupt_of_what_was_sent_waits),
		cmocka_unit_test(a_driver_that_has_looked_gets_no_interrupt),
		cmocka_unit_test(many_frames_do_not_wait),
		cmocka_unit_test(an_interrupt_that_waits_outlives_the_process),
		cmocka_unit_test(bulk_is_told_patiently),
		cmocka_unit_test(what_is_cut_is_told_patiently),
		cmocka_unit_test(what_was_sent_is_told_patiently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
