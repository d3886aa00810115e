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

/* A frame while it is judged: its first bytes are a copy, the others still in the sender's ring. */
struct passage {
	struct frame frame;
	uint8_t head[HEAD]; /* as far as the frame goes */
	uint32_t tag;       /* bytes of a tag that comes off: 0 or TAG */
	uint16_t vlan;
};

static uint32_t word_at(const uint8_t *bytes) { return (uint32_t)bytes[0] << 8 | bytes[1]; }

static uint64_t mac_at(const uint8_t *bytes)
{
	return (uint64_t)word_at(bytes) << 32 | (uint64_t)word_at(bytes + 2) << 16 | word_at(bytes + 4);
}

static bool is_tag(uint32_t type)
{
	return type == TYPE_CUSTOMER_TAG || type == TYPE_SERVICE_TAG || type == TYPE_OLD_SERVICE_TAG;
}

/* ---- Judging ---- */

static struct switch_port *card_of(struct network_switch *network, uint64_t mac)
{
	for (uint32_t i = 0; i < network->count; i++) {
		if (!network->ports[i].settings.is_uplink && network->ports[i].settings.mac == mac) {
			return &network->ports[i];
		}
	}
	return NULL;
}

/* What a card sends. */
static enum switch_drop judge_card(const struct switch_port *port, struct passage *passage)
{
	if (mac_at(passage->head + 6) != port->settings.mac) {
		return SWITCH_DROP_SOURCE;
	}
	if (is_tag(word_at(passage->head + ADDRESSES))) {
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
	uint64_t source = mac_at(passage->head + 6);

	if ((source & MAC_GROUP) != 0 || card_of(network, source) != NULL) {
		return SWITCH_DROP_SOURCE;
	}
	if (word_at(passage->head + ADDRESSES) == TYPE_CUSTOMER_TAG) {
		if (passage->frame.length < HEAD) {
			return SWITCH_DROP_MALFORMED;
		}
		passage->tag = TAG;
		passage->vlan = (uint16_t)(word_at(passage->head + ADDRESSES + 2) & TAG_VLAN);
	}
	if (port->settings.vlan != 0) {
		if (passage->vlan != 0) {
			return SWITCH_DROP_TAGGED;
		}
		passage->vlan = port->settings.vlan;
	}
	/* one tag behind another, or a provider's: nobody's VLAN here */
	return is_tag(word_at(passage->head + ADDRESSES + passage->tag)) ? SWITCH_DROP_TAGGED
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

/* The ports that the frame goes to, as bits. */
static uint64_t destinations(
	struct network_switch *network, const struct switch_port *port, const struct passage *passage)
{
	uint64_t mac = mac_at(passage->head);
	const struct switch_port *card = card_of(network, mac);
	uint64_t wanted = 0;

	for (uint32_t i = 0; i < network->count; i++) {
		const struct switch_port *to = &network->ports[i];
		bool is_meant =
			(mac & MAC_GROUP) != 0 || (card != NULL ? to == card : to->settings.is_uplink);
		bool is_same_vlan = is_trunk(to) || to->settings.vlan == passage->vlan;

		if (is_meant && is_same_vlan && to != port) {
			wanted |= UINT64_C(1) << i;
		}
	}
	return wanted & port->settings.flows;
}

/* ---- Passing on ---- */

/* What a receiver gets of a frame: the record's header, and its first bytes, the tag put in or taken off. */
struct arrival {
	struct frame frame;
	uint8_t head[HEAD];
	uint32_t head_length;
};

/* False if it would be too long. */
static bool translate(const struct switch_port *to, const struct passage *passage, struct arrival *arrival)
{
	uint32_t added = is_trunk(to) && passage->vlan != 0 ? TAG : 0;
	struct frame *frame = &arrival->frame;
	uint8_t *behind = arrival->head + ADDRESSES;

	*frame = passage->frame;
	frame->length = frame->length + added - passage->tag;
	if ((frame->offload.flags & FRAME_NEEDS_CHECKSUM) != 0) {
		frame->offload.checksum_start =
			(uint16_t)(frame->offload.checksum_start + added - passage->tag);
	}
	memcpy(arrival->head, passage->head, ADDRESSES);
	if (added != 0) {
		behind[0] = TYPE_CUSTOMER_TAG >> 8;
		behind[1] = TYPE_CUSTOMER_TAG & 0xff;
		behind[2] = (uint8_t)(passage->vlan >> 8);
		behind[3] = (uint8_t)passage->vlan;
	}
	memcpy(behind + added, passage->head + ADDRESSES + passage->tag, TYPE);
	arrival->head_length = ADDRESSES + added + TYPE;
	return frame->length <= FRAME_MAX_LENGTH;
}

/* Where the receiver's index makes no sense beside the switch's own, the receiver says where it is. */
static void follow_receiver(struct switch_port *to)
{
	uint32_t tail = __atomic_load_n(&to->to.shared->tail, __ATOMIC_ACQUIRE);

	if (to->head - tail > to->to.capacity) {
		to->head = tail;
	}
}

/* True if the frame was put into the receiver's ring. */
static bool deliver(struct network_switch *network, const struct switch_port *port, uint32_t to_index,
	const struct passage *passage)
{
	struct switch_port *to = &network->ports[to_index];
	struct switch_counters *counters = &to->page->counters;
	uint32_t from_index = frame_ring_frame(port->tail);
	uint32_t behind = ADDRESSES + passage->tag + TYPE; /* bytes of the frame that are copied already */
	struct arrival arrival;

	if (!translate(to, passage, &arrival)) {
		counters->dropped[SWITCH_DROP_MALFORMED]++;
		return false;
	}
	follow_receiver(to);
	if (!frame_ring_has_room(&to->to, to->head, arrival.frame.length)) {
		counters->dropped[SWITCH_DROP_FULL]++;
		return false;
	}
	uint32_t at = frame_ring_frame(to->head);

	frame_ring_begin(&to->to, to->head, &arrival.frame);
	frame_ring_put(&to->to, at, arrival.head, arrival.head_length);
	frame_ring_pass(&port->from, from_index + behind, &to->to, at + arrival.head_length,
		passage->frame.length - behind);
	to->head += frame_record_size(arrival.frame.length);
	ring_publish_head(&to->to, to->head);
	counters->received_frames++;
	counters->received_bytes += arrival.frame.length;
	if (ring_consumer_asked(&to->to)) {
		network->signals |= UINT64_C(1) << to_index;
	}
	return true;
}

static void forward(struct network_switch *network, struct switch_port *port, const struct frame *frame)
{
	struct switch_counters *counters = &port->page->counters;
	struct passage passage = { .frame = *frame };
	enum switch_drop drop;
	bool has_arrived = false;

	frame_ring_get(&port->from, frame_ring_frame(port->tail), passage.head,
		frame->length < HEAD ? frame->length : HEAD);
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
		has_arrived |= deliver(network, port, (uint32_t)__builtin_ctzll(wanted), &passage);
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

static void take(struct network_switch *network, uint32_t index, uint32_t new_tail)
{
	struct switch_port *port = &network->ports[index];

	port->tail = new_tail;
	ring_publish_tail(&port->from, new_tail);
	if (ring_producer_asked(&port->from)) {
		network->signals |= UINT64_C(1) << index;
	}
}

/* True if the port has more to send at once. */
static bool serve(struct network_switch *network, uint32_t index, uint64_t now_ns)
{
	struct switch_port *port = &network->ports[index];
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
			take(network, index, frame_ring_end(&port->from));
			return true;
		case FRAME_READY:
			break;
		}
		if (!has_credit(port, now_ns)) {
			return false;
		}
		forward(network, port, &frame);
		charge(port, frame.length, now_ns);
		take(network, index, port->tail + frame_record_size(frame.length));
		bytes += frame.length;
	}
	return true;
}

bool switch_turn(struct network_switch *network, uint64_t now_ns)
{
	bool has_more = false;

	for (uint32_t i = 0; i < network->count; i++) {
		has_more |= serve(network, i, now_ns);
	}
	return has_more;
}

bool switch_may_sleep(struct network_switch *network)
{
	bool is_idle = true;

	for (uint32_t i = 0; i < network->count; i++) {
		struct switch_port *port = &network->ports[i];

		if (port->held_until == 0) {
			ring_ask_for_bytes(&port->from);
			is_idle &= ring_distance(&port->from, port->tail) == 0;
		}
	}
	return is_idle;
}

uint64_t switch_deadline(const struct network_switch *network)
{
	uint64_t deadline = SWITCH_NEVER;

	for (uint32_t i = 0; i < network->count; i++) {
		uint64_t held_until = network->ports[i].held_until;

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
	struct switch_port *port = &network->ports[network->count++];

	*port = (struct switch_port){ .settings = *settings, .from = *from, .to = *to };
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
	for (uint32_t i = 0; i < network->count; i++) {
		struct switch_port *port = &network->ports[i];
		uint64_t latest = now_ns + port->burst_ns;

		port->page = &page->ports[i];
		/* no more is owed than a frame of the largest size behind a burst, whatever stands there */
		charge(port, 0, now_ns);
		if (port->settings.rate != 0) {
			latest += FRAME_MAX_LENGTH * NS_PER_BIT_PER_SECOND / port->settings.rate;
		}
		port->page->used_ns = port->page->used_ns < latest ? port->page->used_ns : latest;
		port->tail = __atomic_load_n(&port->from.shared->tail, __ATOMIC_ACQUIRE);
		port->head = __atomic_load_n(&port->to.shared->head, __ATOMIC_ACQUIRE);
		/* the former switch may have ended between a store and its signal */
		take(network, i, port->tail);
		ring_publish_head(&port->to, port->head);
		if (ring_consumer_asked(&port->to)) {
			network->signals |= UINT64_C(1) << i;
		}
	}
	return was_kept;
}
