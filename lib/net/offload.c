/* SPDX-License-Identifier: MIT */
/* Checksums (RFC 1071) and TCP segmentation: see offload.h. */
#include <bulkhead/offload.h>

/* Ethernet II (IEEE 802.3 clause 3) with at most one tag (IEEE 802.1Q clause 9.5), IPv4 (RFC 791 section 3.1), IPv6 (RFC 8200 section 3), TCP
 * (RFC 9293 section 3.1). */
enum {
	ETHERNET_TYPE = 12,
	ETHERNET_LENGTH = 14,
	TAG_LENGTH = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_TAG = 0x8100,
	TYPE_IPV6 = 0x86dd,

	IPV4_TOTAL_LENGTH = 2,
	IPV4_IDENTIFICATION = 4,
	IPV4_FRAGMENT = 6, /* "more" is 0x2000, the offset 0x1fff */
	IPV4_PROTOCOL = 9,
	IPV4_CHECKSUM = 10,
	IPV4_ADDRESSES = 12,
	IPV4_MIN = 20,

	IPV6_PAYLOAD_LENGTH = 4,
	IPV6_ADDRESSES = 8,
	IPV6_LENGTH = 40,

	TCP_SEQUENCE = 4,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_CHECKSUM = 16,
	TCP_MIN = 20,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,
	PROTOCOL_TCP = 6,
};

static uint32_t get16(const uint8_t *bytes) { return (uint32_t)bytes[0] << 8 | bytes[1]; }

static void put16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *bytes) { return get16(bytes) << 16 | get16(bytes + 2); }

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, value >> 16);
	put16(bytes + 2, value);
}

/* ---- Checksums ---- */

/* Adds bytes, the first of which is the high one of a word. A frame is too short for a carry out of 64 bits. */
static uint64_t add_bytes(uint64_t sum, const uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		sum += (i & 1) == 0 ? (uint64_t)bytes[i] << 8 : bytes[i];
	}
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static uint16_t complement(uint64_t sum) { return (uint16_t)~fold(sum); }

/* The same for bytes that stand in a row in a ring, eight at a time. In which order the bytes of a word are added does not matter but for the order in
 * the sum (RFC 1071 section 2 (B)); ours is the other one. */
static uint16_t add_run(const uint8_t *bytes, uint32_t count)
{
	uint64_t sum = 0;
	uint32_t i = 0;

	for (; i + sizeof(frame_word) <= count; i += (uint32_t)sizeof(frame_word)) {
		uint64_t word = *(const volatile frame_word *)(const void *)(bytes + i);

		sum += (word & UINT32_MAX) + (word >> 32);
	}
	for (; i < count; i++) {
		uint64_t byte = *(const volatile uint8_t *)(bytes + i);

		sum += (i & 1) == 0 ? byte : byte << 8;
	}
	return __builtin_bswap16(fold(sum));
}

static uint64_t add_ring(uint64_t sum, const struct ring *ring, uint32_t index, uint32_t count)
{
	bool is_odd = false;

	while (count > 0) {
		uint32_t run = frame_ring_run(ring, index, count);
		uint16_t part = add_run(frame_ring_at(ring, index), run);

		sum += is_odd ? __builtin_bswap16(part) : part;
		is_odd ^= (run & 1) != 0;
		index += run;
		count -= run;
	}
	return sum;
}

uint16_t offload_checksum(const struct offload_packet *packet)
{
	uint32_t start = packet->frame.offload.checksum_start;
	uint16_t checksum =
		complement(add_ring(0, packet->ring, packet->index + start, packet->frame.length - start));

	/* UDP's 0 is "none" (RFC 768); to all others both mean the same */
	return checksum != 0 ? checksum : 0xffff;
}

/* ---- Cutting ---- */

static bool is_ipv4(const struct offload_packet *packet)
{
	return packet->frame.offload.gso_type == FRAME_GSO_TCPV4;
}

/* Whether the IP header fits the frame and what is to be done. `copied` bytes of the frame are in packet->header. */
static bool ip_is_sound(const struct offload_packet *packet, uint32_t copied)
{
	const uint8_t *ip = packet->header + packet->ip;
	uint32_t tcp = packet->frame.offload.checksum_start;
	const uint8_t *type = ip - ETHERNET_LENGTH + ETHERNET_TYPE; /* or the one behind a tag */

	if (is_ipv4(packet)) {
		return copied >= packet->ip + IPV4_MIN && get16(type) == TYPE_IPV4 && ip[0] >> 4 == 4 &&
		       (ip[0] & 15) * 4u >= IPV4_MIN && tcp == packet->ip + (ip[0] & 15) * 4u &&
		       (get16(ip + IPV4_FRAGMENT) & 0x3fff) == 0 && ip[IPV4_PROTOCOL] == PROTOCOL_TCP;
	}
	/* what stands between IPv6 and TCP is repeated, whatever it is */
	return copied >= packet->ip + IPV6_LENGTH && get16(type) == TYPE_IPV6 && ip[0] >> 4 == 6 &&
	       tcp >= packet->ip + IPV6_LENGTH;
}

bool offload_open(
	struct offload_packet *packet, const struct ring *ring, uint32_t index, const struct frame *frame)
{
	uint32_t copied = frame->length < OFFLOAD_HEADERS_MAX ? frame->length : OFFLOAD_HEADERS_MAX;
	uint32_t tcp = frame->offload.checksum_start;

	packet->ring = ring;
	packet->index = index;
	packet->frame = *frame;
	packet->ip = ETHERNET_LENGTH;
	packet->header_length = 0;
	packet->packets = 1;
	if (!frame_offload_is_sound(frame, ETHERNET_LENGTH)) {
		return false;
	}
	if (frame->offload.gso_type == FRAME_GSO_NONE) {
		return true;
	}
	frame_ring_get(ring, index, packet->header, copied);
	if (get16(packet->header + ETHERNET_TYPE) == TYPE_TAG) {
		packet->ip += TAG_LENGTH;
	}
	if (!ip_is_sound(packet, copied) || frame->offload.checksum_offset != TCP_CHECKSUM ||
		tcp + TCP_MIN > copied) {
		return false;
	}
	uint32_t tcp_length = (packet->header[tcp + TCP_DATA_OFFSET] >> 4) * 4u;

	packet->header_length = tcp + tcp_length;
	if (tcp_length < TCP_MIN || packet->header_length > copied ||
		packet->header_length >= frame->length) {
		return false;
	}
	packet->packets = (frame->length - packet->header_length + frame->offload.gso_size - 1) /
			  frame->offload.gso_size;
	return true;
}

/* The sum over the addresses, protocol and length that TCP's checksum covers besides (RFC 9293 section 3.1). */
static uint64_t pseudo_header(const struct offload_packet *packet, uint32_t tcp_bytes)
{
	const uint8_t *ip = packet->header + packet->ip;
	uint64_t sum = PROTOCOL_TCP + (uint64_t)tcp_bytes;

	return is_ipv4(packet) ? add_bytes(sum, ip + IPV4_ADDRESSES, 8)
			       : add_bytes(sum, ip + IPV6_ADDRESSES, 32);
}

static void finish_ip(struct offload_packet *packet, uint32_t number, uint32_t count)
{
	uint8_t *ip = packet->header + packet->ip;
	uint32_t ip_length = packet->header_length - packet->ip + count;

	if (!is_ipv4(packet)) {
		put16(ip + IPV6_PAYLOAD_LENGTH, ip_length - IPV6_LENGTH);
		return;
	}
	put16(ip + IPV4_TOTAL_LENGTH, ip_length);
	put16(ip + IPV4_IDENTIFICATION, get16(ip + IPV4_IDENTIFICATION) + number);
	put16(ip + IPV4_CHECKSUM, 0);
	put16(ip + IPV4_CHECKSUM,
		complement(add_bytes(0, ip, packet->frame.offload.checksum_start - packet->ip)));
}

static void finish_tcp(struct offload_packet *packet, uint32_t number, uint32_t offset, uint32_t count)
{
	uint32_t start = packet->frame.offload.checksum_start;
	uint8_t *tcp = packet->header + start;
	uint32_t tcp_length = packet->header_length - start;
	uint64_t sum;

	put32(tcp + TCP_SEQUENCE, get32(tcp + TCP_SEQUENCE) + number * packet->frame.offload.gso_size);
	if (number + 1 != packet->packets) {
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	}
	if (number != 0) {
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	}
	put16(tcp + TCP_CHECKSUM, 0);
	sum = add_bytes(pseudo_header(packet, tcp_length + count), tcp, tcp_length);
	put16(tcp + TCP_CHECKSUM, complement(add_ring(sum, packet->ring, packet->index + offset, count)));
}

void offload_cut(struct offload_packet *packet, uint32_t number, uint32_t *offset, uint32_t *count)
{
	uint32_t size = packet->frame.offload.gso_size;
	uint32_t rest;

	*offset = packet->header_length + number * size;
	rest = packet->frame.length - *offset;
	*count = rest < size ? rest : size;
	finish_ip(packet, number, *count);
	finish_tcp(packet, number, *offset, *count);
}
