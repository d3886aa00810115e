/* SPDX-License-Identifier: MIT */
/* The glue of the interrupt fabric: lines to the 8259s and the I/O APIC, messages to the local APICs. */

#include "fabric/fabric.h"

#include <bulkhead/lines.h>
#include <string.h>

#define ISA_INPUTS 16u
#define TIMER_GSI 2u /* ISA interrupt 0 */
#define MSI_ADDRESS_MASK (~UINT64_C(0xfffff))
#define MSI_ADDRESS UINT64_C(0xfee00000)
#define MSI_ADDRESS_REDIRECTION UINT64_C(0x8)
#define MSI_ADDRESS_LOGICAL UINT64_C(0x4)
#define MSI_DATA_ASSERT UINT32_C(0x4000)
#define MSI_DATA_LEVEL UINT32_C(0x8000)

_Static_assert(FABRIC_LINES_MAXIMUM <= 32, "lines are bits of 32");
_Static_assert(FABRIC_VCPUS_MAXIMUM <= 8, "vCPUs are bits of 8");

static uint8_t vcpu_bit(uint32_t vcpu) { return (uint8_t)(1u << vcpu); }

static uint8_t all_vcpus(const struct fabric *fabric) { return (uint8_t)((1u << fabric->vcpu_count) - 1); }

/* The vCPU has something to take: it must look. */
static void kick(struct fabric *fabric, uint32_t vcpu)
{
	const struct lapic *lapic = &fabric->lapic[vcpu];

	if (lapic->events != 0 || lapic_deliverable(lapic) != 0) {
		fabric->kicks |= vcpu_bit(vcpu);
	}
}

/* ---- Messages ---- */

static uint8_t find_targets(const struct fabric *fabric, const struct interrupt_message *message)
{
	uint8_t targets = 0;

	if (!message->logical && !message->broadcast) {
		/* APIC ID and vCPU number are the same. */
		if (message->destination < fabric->vcpu_count &&
			fabric->lapic[message->destination].mode != LAPIC_MODE_DISABLED) {
			return vcpu_bit(message->destination);
		}
		return 0;
	}
	for (uint32_t vcpu = 0; vcpu < fabric->vcpu_count; vcpu++) {
		if (lapic_matches(&fabric->lapic[vcpu], message)) {
			targets |= vcpu_bit(vcpu);
		}
	}
	return targets;
}

/* One of `targets`: the lowest processor priority (Intel SDM vol. 3 §11.6.2.4); among equals the next one after the last chosen. */
static uint8_t choose_lowest(struct fabric *fabric, uint8_t targets)
{
	uint32_t best = FABRIC_VCPUS_MAXIMUM;

	for (uint32_t i = 1; i <= fabric->vcpu_count; i++) {
		uint32_t vcpu = (fabric->lowest_last + i) % fabric->vcpu_count;
		const struct lapic *lapic = &fabric->lapic[vcpu];

		if ((targets & vcpu_bit(vcpu)) == 0 || !lapic->software_enabled) {
			continue;
		}
		if (best == FABRIC_VCPUS_MAXIMUM || lapic->ppr >> 4 < fabric->lapic[best].ppr >> 4) {
			best = vcpu;
		}
	}
	if (best == FABRIC_VCPUS_MAXIMUM) {
		return 0;
	}
	fabric->lowest_last = (uint8_t)best;
	return vcpu_bit(best);
}

/* One target gets the message. Returns whether it accepted. Inline, for the only target that there may be. */
static inline __attribute__((always_inline)) bool deliver_to(
	struct fabric *fabric, uint32_t vcpu, const struct interrupt_message *message, uint8_t source)
{
	struct lapic *lapic = &fabric->lapic[vcpu];
	bool accepted = true;

	switch (message->delivery_mode) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST_PRIORITY:
		accepted = lapic_accept(lapic, message->vector, message->level, source);
		break;
	case DELIVERY_NMI:
		lapic_raise_nmi(lapic);
		break;
	case DELIVERY_INIT:
		lapic_raise_init(lapic);
		break;
	case DELIVERY_STARTUP:
		lapic_raise_startup(lapic, message->vector);
		break;
	default:
		return false;
	}
	kick(fabric, vcpu);
	return accepted;
}

/* Delivers to `targets`; returns those that accepted. */
static uint8_t deliver(
	struct fabric *fabric, const struct interrupt_message *message, uint8_t targets, uint8_t source)
{
	uint8_t accepted = 0;

	if (message->delivery_mode == DELIVERY_LOWEST_PRIORITY) {
		targets = choose_lowest(fabric, targets);
	}
	for (uint32_t left = targets; left != 0; left &= left - 1) {
		uint32_t vcpu = (uint32_t)__builtin_ctz(left);

		if (deliver_to(fabric, vcpu, message, source)) {
			accepted |= vcpu_bit(vcpu);
		}
	}
	return accepted;
}

/* A message from no pin. */
static void deliver_message(struct fabric *fabric, const struct interrupt_message *message)
{
	if (fabric->vcpu_count == 1) {
		/* nothing to choose */
		if (lapic_matches(&fabric->lapic[0], message)) {
			(void)deliver_to(fabric, 0, message, 0);
		}
		return;
	}
	(void)deliver(fabric, message, find_targets(fabric, message), 0);
}

static void send_from_pin(struct fabric *fabric, uint32_t pin, const struct interrupt_message *message)
{
	uint8_t accepted = deliver(fabric, message, find_targets(fabric, message), (uint8_t)(pin + 1));

	ioapic_sent(&fabric->ioapic, pin, accepted);
}

/* Level-triggered pins that are asserted and don't wait for an EOI ask (again). */
static void service_pins(struct fabric *fabric, uint32_t pins)
{
	struct interrupt_message message;

	for (uint32_t left = pins; left != 0; left &= left - 1) {
		uint32_t pin = (uint32_t)__builtin_ctz(left);

		if (ioapic_service(&fabric->ioapic, pin, &message)) {
			send_from_pin(fabric, pin, &message);
		}
	}
}

/* A pin's line has fallen: what it asked for and nobody took yet is withdrawn. */
static void withdraw_pin(struct fabric *fabric, uint32_t pin)
{
	uint8_t withdrawn = 0;

	for (uint32_t left = fabric->ioapic.sent_targets[pin]; left != 0; left &= left - 1) {
		uint32_t vcpu = (uint32_t)__builtin_ctz(left);

		if (lapic_withdraw(
			    &fabric->lapic[vcpu], fabric->ioapic.sent_vector[pin], (uint8_t)(pin + 1))) {
			withdrawn |= vcpu_bit(vcpu);
		}
	}
	ioapic_withdrawn(&fabric->ioapic, pin, withdrawn);
}

/* ---- The 8259s and LINT0 ---- */

/* The first vCPU that takes ExtINT gets all of them: two must not acknowledge the same request. */
static void update_extint(struct fabric *fabric)
{
	uint8_t found = FABRIC_VCPUS_MAXIMUM;

	for (uint32_t vcpu = 0; vcpu < fabric->vcpu_count; vcpu++) {
		if (!fabric->lapic[vcpu].wait_for_startup && lapic_accepts_extint(&fabric->lapic[vcpu])) {
			found = (uint8_t)vcpu;
			break;
		}
	}
	if (found != fabric->extint_vcpu && found != FABRIC_VCPUS_MAXIMUM && fabric->pic_output) {
		fabric->kicks |= vcpu_bit(found);
	}
	fabric->extint_vcpu = found;
}

static void pic_changed(struct fabric *fabric)
{
	if (fabric->pic.output == fabric->pic_output) {
		return;
	}
	fabric->pic_output = fabric->pic.output;
	for (uint32_t vcpu = 0; vcpu < fabric->vcpu_count; vcpu++) {
		lapic_set_lint(&fabric->lapic[vcpu], 0, fabric->pic_output);
		kick(fabric, vcpu);
	}
	if (fabric->pic_output && fabric->extint_vcpu < FABRIC_VCPUS_MAXIMUM) {
		fabric->kicks |= vcpu_bit(fabric->extint_vcpu);
	}
}

/* What a local APIC now accepts has changed. A level that nobody took then is offered again. */
static void routing_changed(struct fabric *fabric)
{
	update_extint(fabric);
	service_pins(fabric, fabric->ioapic.asserted & ~fabric->ioapic.waiting);
}

static void act(struct fabric *fabric, uint32_t vcpu, const struct lapic_action *action)
{
	uint8_t targets;

	switch (action->kind) {
	case LAPIC_ACTION_IPI:
		switch (action->shorthand) {
		case SHORTHAND_SELF:
			targets = vcpu_bit(vcpu);
			break;
		case SHORTHAND_ALL:
			targets = all_vcpus(fabric);
			break;
		case SHORTHAND_OTHERS:
			targets = (uint8_t)(all_vcpus(fabric) & ~vcpu_bit(vcpu));
			break;
		default:
			targets = find_targets(fabric, &action->message);
			break;
		}
		(void)deliver(fabric, &action->message, targets, 0);
		break;
	case LAPIC_ACTION_EOI:
		service_pins(fabric, ioapic_eoi(&fabric->ioapic, action->message.vector));
		break;
	case LAPIC_ACTION_ROUTING:
		routing_changed(fabric);
		break;
	default:
		break;
	}
}

/* ---- Construction ---- */

enum fabric_status fabric_init(struct fabric *fabric, uint32_t vcpu_count, bool tsc_deadline)
{
	memset(fabric, 0, sizeof(*fabric));
	if (vcpu_count == 0 || vcpu_count > FABRIC_VCPUS_MAXIMUM) {
		return FABRIC_BAD_VCPU_COUNT;
	}
	fabric->vcpu_count = vcpu_count;
	for (uint32_t vcpu = 0; vcpu < vcpu_count; vcpu++) {
		lapic_init(&fabric->lapic[vcpu], (uint8_t)vcpu, vcpu == 0, tsc_deadline);
	}
	pic_init(&fabric->pic);
	ioapic_init(&fabric->ioapic);
	update_extint(fabric);
	return FABRIC_OK;
}

void fabric_firmware_state(struct fabric *fabric)
{
	for (uint32_t vcpu = 0; vcpu < fabric->vcpu_count; vcpu++) {
		lapic_firmware_state(&fabric->lapic[vcpu]);
	}
	pic_firmware_state(&fabric->pic);
	routing_changed(fabric);
	pic_changed(fabric);
}

enum fabric_status fabric_attach_line(struct fabric *fabric, uint32_t gsi, uint64_t word, uint32_t *line)
{
	struct fabric_line *new_line;

	*line = 0;
	if (gsi == 0 || gsi >= IOAPIC_PINS) {
		return FABRIC_BAD_GSI;
	}
	if (fabric->line_count == FABRIC_LINES_MAXIMUM) {
		return FABRIC_TOO_MANY_LINES;
	}
	*line = fabric->line_count++;
	new_line = &fabric->line[*line];
	new_line->word = line_word_lower(word);
	new_line->pin = (uint8_t)gsi;
	new_line->input = (uint8_t)(gsi == TIMER_GSI ? 0 : gsi < ISA_INPUTS ? gsi : FABRIC_NO_INPUT);
	fabric->pin_lines[gsi] |= 1u << *line;
	fabric_update_line(fabric, *line, word);
	return FABRIC_OK;
}

/* ---- Lines ---- */

void fabric_update_line(struct fabric *fabric, uint32_t line, uint64_t word)
{
	struct fabric_line *known;
	struct interrupt_message message;
	bool level = line_word_level(word) != 0;
	bool edge;
	bool pin_level;

	if (line >= fabric->line_count || fabric->line[line].word == word) {
		return;
	}
	known = &fabric->line[line];
	/* A pulse that is over leaves nothing; however many edges there were, they are one request. */
	edge = level && line_word_edges(word) != line_word_edges(known->word);
	known->word = word;
	fabric->asserted = level ? fabric->asserted | 1u << line : fabric->asserted & ~(1u << line);
	pin_level = (fabric->asserted & fabric->pin_lines[known->pin]) != 0;

	ioapic_set_level(&fabric->ioapic, known->pin, pin_level);
	if (!pin_level) {
		withdraw_pin(fabric, known->pin);
	} else if (ioapic_service(&fabric->ioapic, known->pin, &message) ||
		   (edge && ioapic_edge(&fabric->ioapic, known->pin, &message))) {
		send_from_pin(fabric, known->pin, &message);
	}
	if (known->input != FABRIC_NO_INPUT) {
		pic_set_input(&fabric->pic, known->input, pin_level, edge);
		pic_changed(fabric);
	}
}

/* ---- Registers ---- */

uint32_t fabric_apic_read(struct fabric *fabric, uint32_t vcpu, uint32_t offset, uint64_t now)
{
	return lapic_read(&fabric->lapic[vcpu], offset, now);
}

void fabric_apic_write(struct fabric *fabric, uint32_t vcpu, uint32_t offset, uint32_t value, uint64_t now)
{
	struct lapic_action action;

	if (offset == LAPIC_EOI && fabric->lapic[vcpu].mode == LAPIC_MODE_XAPIC) {
		fabric_eoi(fabric, vcpu);
		return;
	}
	lapic_write(&fabric->lapic[vcpu], offset, value, now, &action);
	act(fabric, vcpu, &action);
}

enum lapic_msr_result fabric_msr_read(
	struct fabric *fabric, uint32_t vcpu, uint32_t msr, uint64_t now, uint64_t *value)
{
	return lapic_msr_read(&fabric->lapic[vcpu], msr, now, value);
}

enum lapic_msr_result fabric_msr_write(
	struct fabric *fabric, uint32_t vcpu, uint32_t msr, uint64_t value, uint64_t now)
{
	struct lapic_action action;
	enum lapic_msr_result result;

	if (msr == MSR_X2APIC_EOI && value == 0 && fabric->lapic[vcpu].mode == LAPIC_MODE_X2APIC) {
		fabric_eoi(fabric, vcpu);
		return LAPIC_MSR_OK;
	}
	result = lapic_msr_write(&fabric->lapic[vcpu], msr, value, now, &action);
	act(fabric, vcpu, &action);
	return result;
}

uint64_t fabric_apic_page(const struct fabric *fabric, uint32_t vcpu)
{
	const struct lapic *lapic = &fabric->lapic[vcpu];

	return lapic->mode == LAPIC_MODE_XAPIC ? lapic->base : LAPIC_NEVER;
}

void fabric_level_ended(struct fabric *fabric, uint8_t vector)
{
	service_pins(fabric, ioapic_eoi(&fabric->ioapic, vector));
}

void fabric_eoi(struct fabric *fabric, uint32_t vcpu)
{
	uint8_t vector = lapic_eoi(&fabric->lapic[vcpu]);

	if (vector != 0) {
		fabric_level_ended(fabric, vector);
	}
}

uint32_t fabric_ioapic_read(const struct fabric *fabric, uint32_t offset)
{
	return ioapic_read(&fabric->ioapic, offset);
}

void fabric_ioapic_write(struct fabric *fabric, uint32_t offset, uint32_t value)
{
	service_pins(fabric, ioapic_write(&fabric->ioapic, offset, value));
}

uint8_t fabric_pic_read(struct fabric *fabric, uint16_t port)
{
	uint8_t value = pic_read(&fabric->pic, port);

	pic_changed(fabric);
	return value;
}

void fabric_pic_write(struct fabric *fabric, uint16_t port, uint8_t value)
{
	pic_write(&fabric->pic, port, value);
	pic_changed(fabric);
}

void fabric_msi(struct fabric *fabric, uint64_t address, uint32_t data)
{
	struct interrupt_message message = {
		.destination = (uint32_t)(address >> 12 & 0xff),
		.vector = (uint8_t)data,
		.delivery_mode = data >> 8 & 7,
		.logical = (address & MSI_ADDRESS_LOGICAL) != 0,
	};

	if ((address & MSI_ADDRESS_MASK) != MSI_ADDRESS ||
		((data & MSI_DATA_LEVEL) != 0 && (data & MSI_DATA_ASSERT) == 0)) {
		return;
	}
	message.broadcast = message.destination == 0xff;
	switch (message.delivery_mode) {
	case DELIVERY_FIXED:
		if (message.logical && (address & MSI_ADDRESS_REDIRECTION) != 0) {
			message.delivery_mode = DELIVERY_LOWEST_PRIORITY;
		}
		message.level = (data & MSI_DATA_LEVEL) != 0;
		break;
	case DELIVERY_LOWEST_PRIORITY:
		message.level = (data & MSI_DATA_LEVEL) != 0;
		break;
	case DELIVERY_NMI:
	case DELIVERY_INIT:
		break;
	default:
		return;
	}
	deliver_message(fabric, &message);
}

uint8_t fabric_cr8(const struct fabric *fabric, uint32_t vcpu) { return lapic_cr8(&fabric->lapic[vcpu]); }

void fabric_set_cr8(struct fabric *fabric, uint32_t vcpu, uint8_t cr8)
{
	if (cr8 < 16) {
		lapic_set_cr8(&fabric->lapic[vcpu], cr8);
	}
}

/* ---- Delivery ---- */

struct fabric_pending fabric_pending_events(const struct fabric *fabric, uint32_t vcpu)
{
	const struct lapic *lapic = &fabric->lapic[vcpu];
	struct fabric_pending pending = { 0 };

	if ((lapic->events & LAPIC_EVENT_STARTUP) != 0) {
		pending.events |= FABRIC_EVENT_STARTUP;
		pending.startup_vector = lapic->startup_vector;
	}
	if ((lapic->events & LAPIC_EVENT_INIT) != 0) {
		pending.events |= FABRIC_EVENT_INIT;
		return pending;
	}
	if (lapic->wait_for_startup) {
		return pending;
	}
	if ((lapic->events & LAPIC_EVENT_NMI) != 0) {
		pending.events |= FABRIC_EVENT_NMI;
	}
	if (fabric->pic_output && fabric->extint_vcpu == vcpu) {
		pending.events |= FABRIC_EVENT_INTERRUPT;
		pending.vector = pic_peek(&fabric->pic);
	} else if (lapic_deliverable(lapic) != 0) {
		pending.events |= FABRIC_EVENT_INTERRUPT;
		pending.vector = lapic_deliverable(lapic);
	}
	return pending;
}

int fabric_acknowledge(struct fabric *fabric, uint32_t vcpu, uint64_t now)
{
	struct lapic *lapic = &fabric->lapic[vcpu];
	uint8_t vector;

	if (lapic->wait_for_startup || (lapic->events & LAPIC_EVENT_INIT) != 0) {
		return -1;
	}
	if (fabric->pic_output && fabric->extint_vcpu == vcpu) {
		vector = pic_acknowledge(&fabric->pic);
		pic_changed(fabric);
		return vector;
	}
	vector = lapic_acknowledge(lapic, now);
	return vector == 0 ? -1 : vector;
}

void fabric_take_nmi(struct fabric *fabric, uint32_t vcpu)
{
	fabric->lapic[vcpu].events &= (uint8_t)~LAPIC_EVENT_NMI;
}

void fabric_take_init(struct fabric *fabric, uint32_t vcpu)
{
	struct lapic *lapic = &fabric->lapic[vcpu];

	if ((lapic->events & LAPIC_EVENT_INIT) != 0) {
		lapic_init_reset(lapic);
		routing_changed(fabric);
	}
}

int fabric_take_startup(struct fabric *fabric, uint32_t vcpu)
{
	struct lapic *lapic = &fabric->lapic[vcpu];

	if (!lapic->wait_for_startup ||
		(lapic->events & (LAPIC_EVENT_INIT | LAPIC_EVENT_STARTUP)) != LAPIC_EVENT_STARTUP) {
		return -1;
	}
	lapic->events &= (uint8_t)~LAPIC_EVENT_STARTUP;
	lapic->wait_for_startup = false;
	update_extint(fabric);
	return lapic->startup_vector;
}

void fabric_advance(struct fabric *fabric, uint32_t vcpu, uint64_t now)
{
	lapic_advance(&fabric->lapic[vcpu], now);
}

void fabric_set_tsc_offset(struct fabric *fabric, uint32_t vcpu, uint64_t offset, uint64_t now)
{
	lapic_set_tsc_offset(&fabric->lapic[vcpu], offset, now);
}
