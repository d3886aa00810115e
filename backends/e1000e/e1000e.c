/* SPDX-License-Identifier: MIT */
/* Intel's 82574L: see e1000e.h. Names are those of its data sheet, chapter 10 (registers), 7 (descriptors), 4 (initialization). The device is not believed: it says of a descriptor of its that it is done, and how
 * long the frame is, which has to fit the buffer. */
#include "e1000e.h"

#include "mmio.h"

#include <string.h>

/* Registers. */
#define CTRL 0x0000u
#define STATUS 0x0008u
#define CTRL_EXT 0x0018u
#define ICR 0x00c0u
#define IMS 0x00d0u
#define IMC 0x00d8u
#define EIAC 0x00dcu
#define IVAR 0x00e4u
#define RCTL 0x0100u
#define TCTL 0x0400u
#define TIPG 0x0410u
#define EITR(vector) (0x16e8u + 4 * (vector))
#define RDBAL 0x2800u
#define RDBAH 0x2804u
#define RDLEN 0x2808u
#define RDH 0x2810u
#define RDT 0x2818u
#define RDTR 0x2820u
#define TDBAL 0x3800u
#define TDBAH 0x3804u
#define TDLEN 0x3808u
#define TDH 0x3810u
#define TDT 0x3818u
#define TXDCTL 0x3828u
#define MTA 0x5200u /* 128 words */
#define REGISTERS 0x6000u

/* Device Control. */
#define CTRL_MASTER_DISABLE (1u << 2)
#define CTRL_SPEED_DETECTION (1u << 5)
#define CTRL_LINK_UP (1u << 6)
#define CTRL_RESET (1u << 26)
/* Device Status. */
#define STATUS_LINK_UP (1u << 1)
#define STATUS_MASTER (1u << 19)
/* Extended Device Control. */
#define CTRL_EXT_DRIVER_LOADED (1u << 28) /* firmware leaves the port to us */
#define CTRL_EXT_PENDING_BITS (1u << 31)  /* as MSI-X wants them */
/* Interrupt causes, as ICR, IMS and IMC have them, and which message each is: Interrupt Vector Allocation. */
#define CAUSE_RECEIVE (1u << 20)
#define CAUSE_TRANSMIT (1u << 22)
#define CAUSE_OTHER (1u << 24)
#define CAUSE_LINK (1u << 2)
#define IVAR_VALID 0x8u
#define IVAR_RECEIVE 0u /* places of four bits each */
#define IVAR_TRANSMIT 8u
#define IVAR_OTHER 16u
#define THROTTLE 250u /* units of 256 ns between two messages: at most 15600 in a second */
/* Receive Control. With the size bits 0 a buffer has 2048 bytes. */
#define RCTL_ENABLE (1u << 1)
#define RCTL_ALL_UNICAST (1u << 3)
#define RCTL_ALL_MULTICAST (1u << 4)
#define RCTL_BROADCAST (1u << 15)
#define RCTL_STRIP_CRC (1u << 26)
/* Transmit Control and Inter-Packet Gap: the values that are recommended for full duplex. */
#define TCTL_ENABLE (1u << 1)
#define TCTL_PAD (1u << 3)
#define TCTL_COLLISIONS (0x0fu << 4 | 0x3fu << 12)
#define TIPG_VALUE (8u | 8u << 10 | 6u << 20)
/* Transmit Descriptor Control: thresholds in descriptors, each is written back at once. Bit 22 has to be set. */
#define TXDCTL_VALUE (1u << 24 | 1u << 22 | 1u << 16)

/* Legacy Receive Descriptor Format: its second word. */
#define RECEIVE_LENGTH(word) ((uint32_t)(word)&0xffff)
#define RECEIVE_DONE (UINT64_C(1) << 32)
#define RECEIVE_END (UINT64_C(1) << 33)       /* the frame ends in this buffer */
#define RECEIVE_ERRORS (UINT64_C(0x97) << 40) /* of the line; wrong checksums are the receiver's to find */
/* Legacy Transmit Descriptor Format: likewise. */
#define TRANSMIT_COMMAND (UINT64_C(0x0b) << 24) /* end of the frame, insert FCS, report when it is done */
#define TRANSMIT_DONE (UINT64_C(1) << 32)

#define POLLS 10000000u
#define MASTER_POLLS 100000u
#define TURN_FRAMES 64u /* of one direction, before the other has its turn */
#define SPARE 1u        /* a ring whose tail is its head is empty: so one descriptor is never given */

_Static_assert(FRAMES_BUFFER == 2048, "what RCTL says");
_Static_assert((E1000E_DESCRIPTORS & (E1000E_DESCRIPTORS - 1)) == 0, "counters wrap");

static uint32_t read32(const struct e1000e *device, uint32_t offset)
{
	return mmio_read(device->registers + offset, 4);
}

static void write32(struct e1000e *device, uint32_t offset, uint32_t value)
{
	mmio_write(device->registers + offset, 4, value);
}

/* ---- Start --------------------------------------------------------------------------------------------------------- */

static enum e1000e_error find_registers(
	struct e1000e *device, const struct host_pci_function *function, const struct driver_bar *bar)
{
	if (bar->size < REGISTERS) {
		return E1000E_ERROR_REGISTERS;
	}
	for (uint64_t page = 0; page < REGISTERS / HOST_PCI_PAGE_SIZE; page++) {
		if (host_pci_is_message_page(function, 0, page)) {
			return E1000E_ERROR_REGISTERS;
		}
	}
	device->registers = bar->base;
	return E1000E_OK;
}

/* First no more requests to memory, then the reset: that is the order the data sheet demands. That requests do not end does not keep the reset from coming. */
static enum e1000e_error reset(struct e1000e *device)
{
	write32(device, IMC, UINT32_MAX);
	write32(device, RCTL, 0);
	write32(device, TCTL, TCTL_PAD);
	write32(device, CTRL, read32(device, CTRL) | CTRL_MASTER_DISABLE);
	for (uint32_t polls = 0; polls < MASTER_POLLS && (read32(device, STATUS) & STATUS_MASTER) != 0;
		polls++) {}
	write32(device, CTRL, read32(device, CTRL) | CTRL_RESET);
	for (uint32_t polls = 0; polls < POLLS; polls++) {
		uint32_t control = read32(device, CTRL);

		if (control != UINT32_MAX && (control & CTRL_RESET) == 0) {
			write32(device, IMC, UINT32_MAX);
			return E1000E_OK;
		}
	}
	return E1000E_ERROR_STUCK;
}

static void set_interrupts(struct e1000e *device, uint32_t vector)
{
	uint32_t entry = IVAR_VALID | vector;

	write32(device, CTRL_EXT, read32(device, CTRL_EXT) | CTRL_EXT_DRIVER_LOADED | CTRL_EXT_PENDING_BITS);
	write32(device, IVAR, entry << IVAR_RECEIVE | entry << IVAR_TRANSMIT | entry << IVAR_OTHER);
	write32(device, EIAC, 0);
	write32(device, EITR(vector), THROTTLE);
}

static void give_receive_buffer(struct e1000e *device)
{
	uint32_t index = device->given++ % E1000E_DESCRIPTORS;
	volatile struct e1000e_descriptor *descriptor = &device->receive[index];

	descriptor->address = device->buffers_address + (uint64_t)index * FRAMES_BUFFER;
	descriptor->word = 0;
}

/* What is before it in memory is there before the device may look. */
static void tell_tail(struct e1000e *device, uint32_t tail_register, uint32_t count)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	write32(device, tail_register, count % E1000E_DESCRIPTORS);
}

/* Chapter 4, Receive Initialization. */
static void start_receiving(struct e1000e *device, uint64_t address)
{
	for (uint32_t i = 0; i < 128; i++) {
		write32(device, MTA + 4 * i, 0);
	}
	write32(device, RDBAL, (uint32_t)address);
	write32(device, RDBAH, (uint32_t)(address >> 32));
	write32(device, RDLEN, E1000E_DESCRIPTORS * sizeof(struct e1000e_descriptor));
	write32(device, RDH, 0);
	write32(device, RDT, 0);
	write32(device, RDTR, 0);
	write32(device, RCTL,
		RCTL_ENABLE | RCTL_ALL_UNICAST | RCTL_ALL_MULTICAST | RCTL_BROADCAST | RCTL_STRIP_CRC);
	while (device->given < E1000E_DESCRIPTORS - SPARE) {
		give_receive_buffer(device);
	}
	tell_tail(device, RDT, device->given);
}

/* Chapter 4, Transmit Initialization. */
static void start_sending(struct e1000e *device, uint64_t address)
{
	write32(device, TDBAL, (uint32_t)address);
	write32(device, TDBAH, (uint32_t)(address >> 32));
	write32(device, TDLEN, E1000E_DESCRIPTORS * sizeof(struct e1000e_descriptor));
	write32(device, TDH, 0);
	write32(device, TDT, 0);
	write32(device, TXDCTL, TXDCTL_VALUE);
	write32(device, TIPG, TIPG_VALUE);
	write32(device, TCTL, TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS);
}

enum e1000e_error e1000e_start(struct e1000e *device, const struct host_pci_function *function,
	const struct driver_bar *bar, uint32_t vector, void *queues, uint64_t queues_address, void *buffers,
	uint64_t buffers_address)
{
	enum e1000e_error error;

	*device = (struct e1000e){
		.receive = queues,
		.transmit = (volatile struct e1000e_descriptor *)queues + E1000E_DESCRIPTORS,
		.buffers = buffers,
		.buffers_address = buffers_address,
	};
	error = find_registers(device, function, bar);
	if (error == E1000E_OK) {
		error = reset(device);
	}
	if (error != E1000E_OK) {
		return error;
	}
	memset(queues, 0, E1000E_QUEUES);
	memset(buffers, 0, E1000E_MEMORY);
	write32(device, CTRL, read32(device, CTRL) | CTRL_LINK_UP | CTRL_SPEED_DETECTION);
	set_interrupts(device, vector);
	start_receiving(device, queues_address);
	start_sending(device, queues_address + E1000E_DESCRIPTORS * sizeof(struct e1000e_descriptor));
	return E1000E_OK;
}

/* ---- Frames -------------------------------------------------------------------------------------------------------- */

static bool is_done(const volatile struct e1000e_descriptor *descriptor, uint64_t done, uint64_t *word)
{
	*word = __atomic_load_n(&descriptor->word, __ATOMIC_ACQUIRE);
	return (*word & done) != 0;
}

/* Whether the next receive descriptor has a frame. */
static bool has_received(const struct e1000e *device, uint64_t *word)
{
	return is_done(&device->receive[device->received % E1000E_DESCRIPTORS], RECEIVE_DONE, word);
}

/* The length of a frame that is to go on; 0: it is none. */
static uint32_t usable_length(uint64_t word)
{
	return (word & RECEIVE_END) != 0 && (word & RECEIVE_ERRORS) == 0 ? RECEIVE_LENGTH(word) : 0;
}

/* A frame that has no room stays in its descriptor, and those behind it in theirs. */
static enum driver_turn receive(struct e1000e *device, struct frames *frames)
{
	uint32_t before = device->received;
	uint64_t word;

	while (device->received - before < TURN_FRAMES && has_received(device, &word)) {
		const uint8_t *bytes =
			device->buffers + device->received % E1000E_DESCRIPTORS * FRAMES_BUFFER;

		if (RECEIVE_LENGTH(word) > FRAMES_BUFFER) {
			return DRIVER_NONSENSE;
		}
		if (!frames_put(frames, bytes, usable_length(word))) {
			break;
		}
		device->received++;
		give_receive_buffer(device);
	}
	if (device->received == before) {
		return DRIVER_IDLE;
	}
	tell_tail(device, RDT, device->given);
	return DRIVER_MOVED;
}

static void reclaim(struct e1000e *device)
{
	uint64_t word;

	while (device->sent != device->queued &&
		is_done(&device->transmit[device->sent % E1000E_DESCRIPTORS], TRANSMIT_DONE, &word)) {
		device->sent++;
	}
}

static bool can_send(const struct e1000e *device)
{
	return device->queued - device->sent < E1000E_DESCRIPTORS - SPARE;
}

static enum driver_turn transmit(struct e1000e *device, struct frames *frames)
{
	uint32_t count = 0;
	uint32_t length;

	for (; count < TURN_FRAMES && can_send(device); count++) {
		uint32_t index = device->queued % E1000E_DESCRIPTORS;
		uint32_t place = E1000E_DESCRIPTORS + index;
		enum frames_taken taken =
			frames_take(frames, device->buffers + place * FRAMES_BUFFER, &length);

		if (taken == FRAMES_NOTHING) {
			break;
		}
		if (taken == FRAMES_TAKEN) {
			device->transmit[index].address =
				device->buffers_address + (uint64_t)place * FRAMES_BUFFER;
			device->transmit[index].word = TRANSMIT_COMMAND | length;
			device->queued++;
		}
	}
	if (device->told != device->queued) {
		device->told = device->queued;
		tell_tail(device, TDT, device->queued);
	}
	return count != 0 ? DRIVER_MOVED : DRIVER_IDLE;
}

enum driver_turn e1000e_turn(struct e1000e *device, struct frames *frames, bool is_up)
{
	enum driver_turn received = receive(device, frames);
	enum driver_turn sent = DRIVER_IDLE;

	if (received == DRIVER_NONSENSE) {
		return DRIVER_NONSENSE;
	}
	reclaim(device);
	if (is_up) {
		sent = transmit(device, frames);
	} else {
		frames_discard(frames);
	}
	return received == DRIVER_MOVED ? DRIVER_MOVED : sent;
}

/* ---- Waiting ------------------------------------------------------------------------------------------------------- */

bool e1000e_look(struct e1000e *device)
{
	write32(device, IMC, UINT32_MAX);
	write32(device, ICR, UINT32_MAX);
	return (read32(device, STATUS) & STATUS_LINK_UP) != 0;
}

/* First what has come is forgotten, then looked for: what comes behind that interrupts as soon as its cause is no longer masked. While a frame waits for room
 * those behind it do not matter; that something was sent does where there is no descriptor left. */
bool e1000e_may_sleep(struct e1000e *device, struct frames *frames)
{
	uint32_t causes = CAUSE_OTHER | CAUSE_LINK;
	bool could_send = can_send(device);
	uint64_t word;
	bool has_frame;
	uint32_t waiting;
	bool is_idle;

	write32(device, ICR, CAUSE_RECEIVE | CAUSE_TRANSMIT);
	has_frame = has_received(device, &word);
	waiting = has_frame ? usable_length(word) : 0;
	is_idle = frames_may_sleep(frames, could_send, waiting) && has_frame == (waiting != 0);
	if (!could_send) {
		reclaim(device);
		is_idle &= !can_send(device);
		causes |= CAUSE_TRANSMIT;
	}
	causes |= has_frame ? 0 : CAUSE_RECEIVE;
	write32(device, IMS, causes);
	return is_idle;
}

const char *e1000e_error_text(enum e1000e_error error)
{
	switch (error) {
	case E1000E_ERROR_REGISTERS:
		return "its registers are not where an 82574L has them";
	case E1000E_ERROR_STUCK:
		return "it does not get through its reset";
	default:
		return "no error";
	}
}
