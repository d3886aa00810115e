/* SPDX-License-Identifier: MIT */
/* Judges frames and passes them on: see switch.h. Pure. */
#include "switch.h"

#include <string.h>

#define TURN_FRAMES 64u                            /* of one port, before all others have had their turn */
#define TURN_BYTES 0x10000u                        /* likewise; a frame of the largest size passes */
#define NS_PER_BIT_PER_SECOND UINT64_C(8000000000) /* nanoseconds for a byte at one bit per second */

#define ADDRESSES 12u /* bytes of the two addresses */
#define TYPE 2u       /* bytes of the type behind them */
#define TAG 4u        /* bytes of an 802.1Q tag: its type and its number */
#define HEAD (ADDRESSES + TAG + TYPE)

/* Types that begin a tag: IEEE 802.1Q table 9-1, and the one that was used before its S-tag. */
#define TYPE_CUSTOMER_TAG 0x8100u
#define TYPE_SERVICE_TAG 0x88a8u
#define TYPE_OLD_SERVICE_TAG 0x9100u
#define TAG_VLAN 0x0fffu /* bits of a tag's number; the others are priority and drop eligibility */

/* A frame's first bytes, at least HEAD of them, or as far as the frame goes: a copy of how they stand in memory. */
struct head {
	uint64_t word[3];
};
#define HEAD_WORD 8u

/* A frame while it is judged: what is behind its head is still in the sender's ring. */
struct passage {
	struct frame frame;
	struct head head;
	uint32_t tag; /* bytes of a tag that comes off: 0 or TAG */
	uint16_t vlan;
};

static uint64_t destination_of(const struct passage *passage)
{
	return __builtin_bswap64(passage->head.word[0]) >> 16;
}

static uint64_t source_of(const struct passage *passage)
{
	return (__builtin_bswap64(passage->head.word[0]) & 0xffff) << 32 |
	       __builtin_bswap32((uint32_t)passage->head.word[1]);
}

/* The 16 bits at `at`, an even number of bytes from the beginning. */
static uint32_t word_at(const struct passage *passage, uint32_t at)
{
	return __builtin_bswap16((uint16_t)(passage->head.word[at / HEAD_WORD] >> 8 * (at % HEAD_WORD)));
}

/* The first of `ports`, which are bits and at least one. */
static struct switch_port *first_of(struct network_switch *network, uint64_t ports)
{
	struct switch_port *port = &network->ports[__builtin_ctzll(ports)];

	__asm__("" : "+r"(port)); /* keeps gcc from computing the address anew at every use */
	return port;
}

static bool is_aligned(uint32_t index) { return index % 8 == 0; }

static bool is_tag(uint32_t type)
{
	return type == TYPE_CUSTOMER_TAG || type == TYPE_SERVICE_TAG || type == TYPE_OLD_SERVICE_TAG;
}

/* ---- Judging ---- */

#define NO_CARD SWITCH_PORTS_MAX

/* The number of the card with this address, or NO_CARD. */
static uint32_t card_of(const struct network_switch *network, uint64_t mac)
{
	for (uint32_t i = 0; i < network->count; i++) {
		if (network->cards[i] == mac) {
			return i;
		}
	}
	return NO_CARD;
}

/* What a card sends. */
static enum switch_drop judge_card(const struct switch_port *port, struct passage *passage)
{
	if (source_of(passage) != port->settings.mac) {
		return SWITCH_DROP_SOURCE;
	}
	if (is_tag(word_at(passage, ADDRESSES))) {
		return SWITCH_DROP_TAGGED;
	}
	passage->vlan = port->settings.vlan;
	return SWITCH_DROP_REASONS;
}

/* What comes from a physical network: with the tag of its VLAN, or all of it in the port's own. A tag of VLAN 0 has a priority only (IEEE 802.1Q clause
 * 9.6). */
static enum switch_drop judge_uplink(
	struct network_switch *network, const struct switch_port *port, struct passage *passage)
{
	uint64_t source = source_of(passage);

	if ((source & MAC_GROUP) != 0 || card_of(network, source) != NO_CARD) {
		return SWITCH_DROP_SOURCE;
	}
	if (word_at(passage, ADDRESSES) == TYPE_CUSTOMER_TAG) {
		if (passage->frame.length < HEAD) {
			return SWITCH_DROP_MALFORMED;
		}
		passage->tag = TAG;
		passage->vlan = (uint16_t)(word_at(passage, ADDRESSES + 2) & TAG_VLAN);
	}
	if (port->settings.vlan != 0) {
		if (passage->vlan != 0) {
			return SWITCH_DROP_TAGGED;
		}
		passage->vlan = port->settings.vlan;
	}
	/* one tag behind another, or a provider's: nobody's VLAN here */
	return is_tag(passage->tag == 0 ? word_at(passage, ADDRESSES) : word_at(passage, ADDRESSES + TAG))
		       ? SWITCH_DROP_TAGGED
		       : SWITCH_DROP_REASONS;
}

/* SWITCH_DROP_REASONS: the frame may go where a flow leads. */
static enum switch_drop judge(
	struct network_switch *network, const struct switch_port *port, struct passage *passage)
{
	enum switch_drop drop =
		port->settings.is_uplink ? judge_uplink(network, port, passage) : judge_card(port, passage);

	if (drop == SWITCH_DROP_REASONS &&
		!frame_offload_is_sound(&passage->frame, ADDRESSES + passage->tag + TYPE)) {
		drop = SWITCH_DROP_MALFORMED;
	}
	return drop;
}

/* A port to all VLANs: their frames have tags there. */
static bool is_trunk(const struct switch_port *port)
{
	return port->settings.is_uplink && port->settings.vlan == 0;
}

/* The ports where frames of a VLAN come out, as bits. */
static uint64_t ports_of_vlan(const struct network_switch *network, uint16_t vlan)
{
	uint64_t ports = 0;

	for (uint32_t i = 0; i < network->count; i++) {
		const struct switch_port *port = &network->ports[i];

		ports |= (uint64_t)(is_trunk(port) || port->settings.vlan == vlan) << i;
	}
	return ports;
}

/* The ports that the frame goes to, as bits. */
static uint64_t destinations(
	const struct network_switch *network, struct switch_port *port, const struct passage *passage)
{
	uint64_t mac = destination_of(passage);
	uint64_t peers = port->peers;
	uint32_t card = port->last_card;

	if (is_trunk(port)) {
		peers &= ports_of_vlan(network, passage->vlan);
	}
	if ((mac & MAC_GROUP) != 0) {
		return peers;
	}
	if (network->cards[card] != mac) {
		card = card_of(network, mac);
		if (card == NO_CARD) {
			return peers & network->uplinks;
		}
		port->last_card = card;
	}
	return peers & UINT64_C(1) << card;
}

/* ---- Passing on ---- */

/* What a receiver gets of a frame: the record's header, and its first bytes, the tag put in or taken off. */
struct arrival {
	struct frame frame;
	uint8_t head[HEAD];
	uint32_t head_length;
};

/* Bytes that a tag adds where the frame arrives. */
static uint32_t added_at(const struct switch_port *to, const struct passage *passage)
{
	return is_trunk(to) && passage->vlan != 0 ? TAG : 0;
}

static void translate(const struct passage *passage, uint32_t added, struct arrival *arrival)
{
	const uint8_t *head = (const uint8_t *)passage->head.word;
	struct frame *frame = &arrival->frame;
	uint8_t *behind = arrival->head + ADDRESSES;

	*frame = passage->frame;
	frame->length = frame->length + added - passage->tag;
	if ((frame->offload.flags & FRAME_NEEDS_CHECKSUM) != 0) {
		frame->offload.checksum_start =
			(uint16_t)(frame->offload.checksum_start + added - passage->tag);
	}
	memcpy(arrival->head, head, ADDRESSES);
	if (added != 0) {
		behind[0] = TYPE_CUSTOMER_TAG >> 8;
		behind[1] = TYPE_CUSTOMER_TAG & 0xff;
		behind[2] = (uint8_t)(passage->vlan >> 8);
		behind[3] = (uint8_t)passage->vlan;
	}
	memcpy(behind + added, head + ADDRESSES + passage->tag, TYPE);
	arrival->head_length = ADDRESSES + added + TYPE;
}

/* Writes the record of a frame whose tag changes, or that stands oddly. The passage is a copy, so that what is usual needs none in memory. */
__attribute__((noinline)) static void pass_translated(
	const struct switch_port *port, const struct switch_port *to, struct passage passage)
{
	uint32_t behind = ADDRESSES + passage.tag + TYPE; /* bytes of the frame that are copied already */
	uint32_t at = frame_ring_frame(to->head);
	struct arrival arrival;

	translate(&passage, added_at(to, &passage), &arrival);
	frame_ring_begin(&to->to, to->head, &arrival.frame);
	frame_ring_put(&to->to, at, arrival.head, arrival.head_length);
	frame_ring_pass(&port->from, frame_ring_frame(port->tail) + behind, &to->to, at + arrival.head_length,
		passage.frame.length - behind);
}

/* Whether a record of `size` bytes at `index` is made of whole words and does not go over the ring's end. */
static bool is_straight(const struct ring *ring, uint32_t index, uint32_t size)
{
	return is_aligned(index) && frame_ring_run(ring, index, size) == size;
}

/* Writes the record of a frame that arrives as it was sent, where both records are straight. Of its last word no more than the frame's bytes: what
 * stands behind it in the sender's ring is not the receiver's. */
static void pass_same(
	const struct switch_port *port, const struct switch_port *to, const struct passage *passage)
{
	const volatile uint64_t *from = frame_ring_word(&port->from, port->tail);
	uint64_t *record = frame_ring_word(&to->to, to->head);
	uint32_t end = FRAME_HEADER_SIZE + passage->frame.length;
	uint32_t words = end / HEAD_WORD; /* that are the frame's all of them */
	uint32_t i = (FRAME_HEADER_SIZE / HEAD_WORD) + 2;

	frame_ring_begin(&to->to, to->head, &passage->frame);
	record[i - 2] = passage->head.word[0];
	record[i - 1] = passage->head.word[1];
	if (words - i >= COPY_WORDS_MANY) {
		copy_words(record + i, (const uint64_t *)from + i, words - i);
		i = words;
	}
	for (; i < words; i++) {
		record[i] = from[i];
	}
	if (end % HEAD_WORD != 0) {
		record[words] = from[words] & ((UINT64_C(1) << 8 * (end % HEAD_WORD)) - 1);
	}
}

/* Bytes of space in the receiver's ring. Where its index makes no sense beside the switch's own, the receiver says where it is. */
static uint32_t space_of(struct switch_port *to)
{
	uint32_t tail = __atomic_load_n(&to->to.shared->tail, __ATOMIC_ACQUIRE);
	uint32_t used = to->head - tail;

	if (used > to->to.capacity) {
		to->head = tail;
		used = 0;
	}
	return to->to.capacity - used;
}

/* True if the frame was put into the receiver's ring. */
__attribute__((noinline)) static bool deliver(struct network_switch *network, const struct switch_port *port,
	struct switch_port *to, const struct passage *passage)
{
	struct switch_counters *counters = &to->page->counters;
	uint32_t added = added_at(to, passage);
	uint32_t length = passage->frame.length + added - passage->tag;
	uint32_t size = frame_record_size(length);

	if (length > FRAME_MAX_LENGTH) {
		counters->dropped[SWITCH_DROP_MALFORMED]++;
		return false;
	}
	if (space_of(to) < size) {
		counters->dropped[SWITCH_DROP_FULL]++;
		return false;
	}
	if ((added | passage->tag) == 0 && length >= 2 * HEAD_WORD &&
		is_straight(&port->from, port->tail, size) && is_straight(&to->to, to->head, size)) {
		pass_same(port, to, passage);
	} else {
		pass_translated(port, to, *passage);
	}
	to->head += size;
	ring_publish_head(&to->to, to->head);
	counters->received_frames++;
	counters->received_bytes += length;
	if (ring_consumer_asked(&to->to)) {
		network->signals |= to->bit;
	}
	return true;
}

/* Copies what is judged. */
__attribute__((noinline)) static struct head odd_head(const struct switch_port *port, uint32_t length)
{
	struct head head = { 0 };

	frame_ring_get(&port->from, frame_ring_frame(port->tail), head.word, length < HEAD ? length : HEAD);
	return head;
}

/* The same where the sender's index is a multiple of 8, as it mostly is: a record has whole words. */
static struct head head_of(const struct switch_port *port, uint32_t length)
{
	const struct ring from = port->from;
	uint32_t at = frame_ring_frame(port->tail);
	struct head head;

	if (!is_aligned(at)) {
		return odd_head(port, length);
	}
	head.word[0] = __atomic_load_n(frame_ring_word(&from, at), __ATOMIC_RELAXED);
	head.word[1] = __atomic_load_n(frame_ring_word(&from, at + HEAD_WORD), __ATOMIC_RELAXED);
	head.word[2] = length > 2 * HEAD_WORD
			       ? __atomic_load_n(frame_ring_word(&from, at + 2 * HEAD_WORD), __ATOMIC_RELAXED)
			       : 0;
	return head;
}

static void forward(struct network_switch *network, struct switch_port *port, const struct frame *frame)
{
	struct switch_counters *counters = &port->page->counters;
	struct passage passage;
	enum switch_drop drop;
	bool has_arrived = false;

	passage.frame = *frame;
	passage.head = head_of(port, frame->length);
	passage.tag = 0;
	passage.vlan = 0;
	drop = judge(network, port, &passage);
	if (drop != SWITCH_DROP_REASONS) {
		counters->dropped[drop]++;
		return;
	}
	uint64_t wanted = destinations(network, port, &passage);

	if (wanted == 0) {
		counters->dropped[SWITCH_DROP_FLOW]++;
	}
	for (; wanted != 0; wanted &= wanted - 1) {
		has_arrived |= deliver(network, port, first_of(network, wanted), &passage);
	}
	if (has_arrived) {
		counters->sent_frames++;
		counters->sent_bytes += frame->length;
	}
}

/* ---- Rates ---- */

/* Whether the port may send now. A port may be ahead of its rate by its burst. */
static bool has_credit(struct switch_port *port, uint64_t now_ns)
{
	if (port->settings.rate == 0 || port->page->used_ns <= now_ns + port->burst_ns) {
		port->held_until = 0;
		return true;
	}
	port->page->counters.held += port->held_until == 0;
	port->held_until = port->page->used_ns - port->burst_ns;
	return false;
}

static void charge(struct switch_port *port, uint32_t length, uint64_t now_ns)
{
	if (port->settings.rate != 0) {
		uint64_t from = port->page->used_ns > now_ns ? port->page->used_ns : now_ns;

		port->page->used_ns = from + length * NS_PER_BIT_PER_SECOND / port->settings.rate;
	}
}

/* ---- Turns ---- */

static void take(struct network_switch *network, struct switch_port *port, uint32_t new_tail)
{
	port->tail = new_tail;
	ring_publish_tail(&port->from, new_tail);
	if (ring_producer_asked(&port->from)) {
		network->signals |= port->bit;
	}
}

/* True if the port has more to send at once. */
static bool serve(struct network_switch *network, struct switch_port *port, uint64_t now_ns)
{
	uint32_t bytes = 0;

	for (uint32_t frames = 0; frames < TURN_FRAMES && bytes < TURN_BYTES; frames++) {
		struct frame frame;

		switch (frame_ring_look(&port->from, port->tail, &frame)) {
		case FRAME_NONE:
			port->held_until = 0;
			return false;
		case FRAME_NONSENSE:
			/* the port says where it is, and that is all it gets in this turn */
			port->page->counters.dropped[SWITCH_DROP_MALFORMED]++;
			take(network, port, frame_ring_end(&port->from));
			return true;
		case FRAME_READY:
			break;
		}
		if (!has_credit(port, now_ns)) {
			return false;
		}
		forward(network, port, &frame);
		charge(port, frame.length, now_ns);
		take(network, port, port->tail + frame_record_size(frame.length));
		bytes += frame.length;
	}
	return true;
}

bool switch_turn(struct network_switch *network, uint64_t now_ns)
{
	bool has_more = false;

	for (uint64_t left = network->awake; left != 0; left &= left - 1) {
		has_more |= serve(network, first_of(network, left), now_ns);
	}
	return has_more;
}

bool switch_may_sleep(struct network_switch *network)
{
	bool is_idle = true;

	for (uint64_t left = network->awake; left != 0; left &= left - 1) {
		struct switch_port *port = first_of(network, left);

		if (port->held_until != 0) {
			continue;
		}
		ring_ask_for_bytes(&port->from);
		if (ring_distance(&port->from, port->tail) == 0) {
			network->awake &= ~port->bit;
		} else {
			is_idle = false;
		}
	}
	return is_idle;
}

uint64_t switch_deadline(const struct network_switch *network)
{
	uint64_t deadline = SWITCH_NEVER;

	/* who is held is awake */
	for (uint64_t left = network->awake; left != 0; left &= left - 1) {
		uint64_t held_until = network->ports[__builtin_ctzll(left)].held_until;

		if (held_until != 0 && held_until < deadline) {
			deadline = held_until;
		}
	}
	return deadline;
}

/* ---- Start ---- */

void switch_add_port(struct network_switch *network, const struct switch_port_settings *settings,
	const struct ring *from, const struct ring *to)
{
	struct switch_port *port = &network->ports[network->count];

	network->cards[network->count] = settings->is_uplink ? UINT64_MAX : settings->mac;
	network->uplinks |= (uint64_t)settings->is_uplink << network->count;
	network->has_rates |= settings->rate != 0;
	*port = (struct switch_port){
		.settings = *settings, .from = *from, .to = *to, .bit = UINT64_C(1) << network->count++
	};
	if (settings->rate != 0) {
		port->burst_ns = settings->burst * NS_PER_BIT_PER_SECOND / settings->rate;
	}
}

static bool is_kept(const struct network_switch *network, const struct switch_page *page)
{
	if (page->magic != SWITCH_PAGE_MAGIC || page->version != SWITCH_PAGE_VERSION ||
		page->count != network->count) {
		return false;
	}
	for (uint32_t i = 0; i < network->count; i++) {
		const struct switch_port_settings *settings = &network->ports[i].settings;

		if (strncmp(page->ports[i].name, settings->name, SWITCH_PORT_NAME_SIZE) != 0 ||
			page->ports[i].mac != settings->mac) {
			return false;
		}
	}
	return true;
}

static void begin_anew(const struct network_switch *network, struct switch_page *page)
{
	memset(page, 0, sizeof(*page));
	page->version = SWITCH_PAGE_VERSION;
	page->count = network->count;
	for (uint32_t i = 0; i < network->count; i++) {
		memcpy(page->ports[i].name, network->ports[i].settings.name, SWITCH_PORT_NAME_SIZE);
		page->ports[i].mac = network->ports[i].settings.mac;
	}
	__atomic_store_n(&page->magic, SWITCH_PAGE_MAGIC, __ATOMIC_RELEASE);
}

bool switch_start(struct network_switch *network, struct switch_page *page, uint64_t now_ns)
{
	bool was_kept = is_kept(network, page);

	if (!was_kept) {
		begin_anew(network, page);
	}
	network->awake = (UINT64_C(1) << network->count) - 1;
	for (uint32_t i = 0; i < network->count; i++) {
		struct switch_port *port = &network->ports[i];
		uint64_t latest = now_ns + port->burst_ns;

		port->page = &page->ports[i];
		port->peers = port->settings.flows & network->awake & ~port->bit;
		if (!is_trunk(port)) {
			port->peers &= ports_of_vlan(network, port->settings.vlan);
		}
		/* no more is owed than a frame of the largest size behind a burst, whatever stands there */
		charge(port, 0, now_ns);
		if (port->settings.rate != 0) {
			latest += FRAME_MAX_LENGTH * NS_PER_BIT_PER_SECOND / port->settings.rate;
		}
		port->page->used_ns = port->page->used_ns < latest ? port->page->used_ns : latest;
		port->tail = __atomic_load_n(&port->from.shared->tail, __ATOMIC_ACQUIRE);
		port->head = __atomic_load_n(&port->to.shared->head, __ATOMIC_ACQUIRE);
		/* the former switch may have ended between a store and its signal */
		take(network, port, port->tail);
		ring_publish_head(&port->to, port->head);
		if (ring_consumer_asked(&port->to)) {
			network->signals |= port->bit;
		}
	}
	return was_kept;
}
