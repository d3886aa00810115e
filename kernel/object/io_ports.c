/* SPDX-License-Identifier: MIT */
/* Host ports: IoPortControl makes an IoPorts object usable for a range that nobody else has; mapped into an address space
 * it opens those ports to the threads there. The TSS's bitmap is filled when such a thread first uses a port (see
 * io_bitmap_load), so that switching spaces costs one store. */
#include "object/invocation.h"

#include "arch/x86_64/user_ports.h"
#include "sched/cpu.h"
#include "string.h"

/* One bit for each port that a configured object has: asked and changed in at most 1024 steps, however many objects there are. */
static uint64_t owned[65536 / 64];

/* The bits of that word which stand for ports of first to last. */
static uint64_t port_bits(uint32_t word, uint32_t first, uint32_t last)
{
	uint64_t bits = UINT64_MAX;

	if (word == first / 64) {
		bits &= UINT64_MAX << first % 64;
	}
	if (word == last / 64) {
		bits &= UINT64_MAX >> (63 - last % 64);
	}
	return bits;
}

static bool any_owned(uint32_t first, uint32_t last)
{
	uint64_t found = 0;

	for (uint32_t word = first / 64; word <= last / 64; word++) {
		found |= owned[word] & port_bits(word, first, last);
	}
	return found != 0;
}

/* Takes free ports, or gives taken ones back. */
static void change_owned(const struct io_ports *ports)
{
	uint32_t last = ports->first + ports->count - 1;

	for (uint32_t word = ports->first / 64; word <= last / 64; word++) {
		owned[word] ^= port_bits(word, ports->first, last);
	}
}

static void close_ports(struct io_ports *ports)
{
	struct space *space = ports->space;

	if (space == NULL) {
		return;
	}
	for (unsigned int i = 0; i < IO_RANGES_PER_SPACE; i++) {
		if (space->io_ranges[i] == ports) {
			space->io_ranges[i] = NULL;
		}
	}
	ports->space = NULL;
	io_bitmap_forget(space);
}

void io_ports_end(struct io_ports *ports)
{
	close_ports(ports);
	if (ports->count != 0) {
		change_owned(ports);
		ports->count = 0;
	}
}

static enum bh_error map(const struct invocation *invocation, struct io_ports *ports)
{
	struct capability *slot;
	struct space *space;
	enum bh_error error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_ADDRESS_SPACE, BH_RIGHT_WRITE, &slot);

	if (error != BH_OK) {
		return error;
	}
	if (ports->count == 0) {
		return BH_ERROR_EMPTY_OBJECT;
	}
	if (ports->space != NULL) {
		return BH_ERROR_STATE;
	}
	space = (struct space *)slot->object;
	for (unsigned int i = 0; i < IO_RANGES_PER_SPACE; i++) {
		if (space->io_ranges[i] == NULL) {
			space->io_ranges[i] = ports;
			ports->space = space;
			io_bitmap_forget(space);
			return BH_OK;
		}
	}
	return BH_ERROR_MEMORY;
}

enum bh_error io_ports_invoke(struct invocation *invocation)
{
	struct io_ports *ports = (struct io_ports *)invocation->slot->object;

	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_IO_PORTS_MAP:
		return map(invocation, ports);
	case BH_IO_PORTS_UNMAP:
		close_ports(ports);
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}

enum bh_error io_port_control_invoke(struct invocation *invocation)
{
	uint64_t first = invocation->argument[1], count = invocation->argument[2];
	uint64_t allowed_first = invocation->slot->badge & 0xffffffff,
		 allowed_count = invocation->slot->badge >> 32;
	struct io_ports *ports;
	void *object;
	enum bh_error error =
		control_find(invocation, BH_IO_PORT_CONTROL_CONFIGURE, BH_OBJECT_IO_PORTS, &object);

	if (error != BH_OK) {
		return error;
	}
	ports = object;
	if (ports->count != 0) {
		return BH_ERROR_STATE;
	}
	if (count == 0 || count > 65536 || first > 65536 - count) {
		return BH_ERROR_ARGUMENT;
	}
	if (invocation->slot->badge != 0 &&
		(first < allowed_first || first + count > allowed_first + allowed_count)) {
		return BH_ERROR_RANGE;
	}
	if (any_owned((uint32_t)first, (uint32_t)(first + count - 1))) {
		return BH_ERROR_IN_USE;
	}
	ports->first = (uint32_t)first;
	ports->count = (uint32_t)count;
	change_owned(ports);
	return BH_OK;
}
