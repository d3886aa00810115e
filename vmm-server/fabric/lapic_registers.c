/* SPDX-License-Identifier: MIT */
/* The local APIC's registers as the guest reads and writes them: the xAPIC page (Intel SDM vol. 3 §11.4.1), the x2APIC MSRs
 * (§11.12.1.2), the APIC base MSR (§11.12.5). */

#include <stddef.h>

#include "fabric/lapic_internal.h"

#define SVR_WRITABLE UINT32_C(0x3ff)
#define DIVIDE_WRITABLE UINT32_C(0xb)
#define ICR_STATUS UINT32_C(0x1000)
#define ICR_LEVEL_ASSERT UINT32_C(0x4000)
#define ICR_WRITABLE UINT32_C(0xccfff)
#define LVT_READ_ONLY UINT32_C(0x5000) /* delivery status, remote IRR */
#define BASE_ADDRESS UINT64_C(0xffffffffff000)

/* Bits that the guest can write in each LVT entry, §11.5.1. */
static const uint32_t lvt_writable[LVT_COUNT] = {
	[LVT_TIMER] = 0x700ff,
	[LVT_THERMAL] = 0x107ff,
	[LVT_PERFORMANCE] = 0x107ff,
	[LVT_LINT0] = 0x1a7ff,
	[LVT_LINT1] = 0x1a7ff,
	[LVT_ERROR] = 0x100ff,
};

#define PLACE(offset, member) [(offset) >> 4] = offsetof(struct lapic, member)
#define PLACES(offset, member)                                                                      \
	PLACE(offset, member.word[0]), PLACE((offset) + 0x10, member.word[0]) + 4,                  \
		PLACE((offset) + 0x20, member.word[1]), PLACE((offset) + 0x30, member.word[1]) + 4, \
		PLACE((offset) + 0x40, member.word[2]), PLACE((offset) + 0x50, member.word[2]) + 4, \
		PLACE((offset) + 0x60, member.word[3]), PLACE((offset) + 0x70, member.word[3]) + 4
const uint16_t lapic_places[256] = {
	PLACE(LAPIC_ID, identification),
	PLACE(LAPIC_VERSION, version),
	PLACE(LAPIC_TPR, tpr),
	PLACE(LAPIC_PPR, ppr),
	PLACE(LAPIC_LDR, logical_destination),
	PLACE(LAPIC_DFR, destination_format),
	PLACE(LAPIC_SVR, spurious),
	PLACES(LAPIC_ISR, isr),
	PLACES(LAPIC_TMR, tmr),
	PLACES(LAPIC_IRR, irr),
	PLACE(LAPIC_ESR, error_status),
	PLACE(LAPIC_ICR_LOW, icr_low),
	PLACE(LAPIC_ICR_HIGH, icr_high),
	PLACE(LAPIC_LVT_TIMER, lvt[LVT_TIMER]),
	PLACE(LAPIC_LVT_THERMAL, lvt[LVT_THERMAL]),
	PLACE(LAPIC_LVT_PERFORMANCE, lvt[LVT_PERFORMANCE]),
	PLACE(LAPIC_LVT_LINT0, lvt[LVT_LINT0]),
	PLACE(LAPIC_LVT_LINT1, lvt[LVT_LINT1]),
	PLACE(LAPIC_LVT_ERROR, lvt[LVT_ERROR]),
	PLACE(LAPIC_INITIAL_COUNT, initial_count),
	PLACE(LAPIC_DIVIDE, divide),
};
#undef PLACES
#undef PLACE
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "halves of 64-bit words");

static uint32_t lvt_writable_bits(const struct lapic *lapic, uint32_t index)
{
	uint32_t bits = lvt_writable[index];

	return index == LVT_TIMER && !lapic->tsc_deadline_allowed ? bits & ~UINT32_C(0x40000) : bits;
}

static bool is_lvt(uint32_t offset) { return offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR; }

static uint32_t lvt_index(uint32_t offset) { return (offset - LAPIC_LVT_TIMER) >> 4; }

static uint32_t logical_destination(const struct lapic *lapic)
{
	if (lapic->mode == LAPIC_MODE_X2APIC) {
		return (uint32_t)lapic->id >> 4 << 16 | 1u << (lapic->id & 15);
	}
	return lapic->logical_destination;
}

/* Arbitration priority, §11.7 of the P6 family: the highest of TPR, ISR and IRR. */
static uint32_t arbitration_priority(const struct lapic *lapic)
{
	uint32_t request = lapic->irr_highest & 0xf0;

	return (lapic->ppr & 0xf0) >= request ? lapic->ppr : request;
}

/* The registers that are many of a kind. Returns false for what neither mode has. */
static bool read_array(const struct lapic *lapic, uint32_t offset, uint32_t *value)
{
	*value = 0;
	if (is_lvt(offset)) {
		*value = lapic->lvt[lvt_index(offset)];
		return true;
	}
	if (offset >= LAPIC_ISR && offset < LAPIC_ESR) {
		const struct vector_set *set = offset < LAPIC_TMR   ? &lapic->isr
					       : offset < LAPIC_IRR ? &lapic->tmr
								    : &lapic->irr;

		*value = vector_set_register(set, offset >> 4 & 7);
		return true;
	}
	return false;
}

/* A register by its offset. Returns false for what neither mode has. */
static inline bool read_register(const struct lapic *lapic, uint32_t offset, uint64_t now, uint32_t *value)
{
	bool x2apic = lapic->mode == LAPIC_MODE_X2APIC;

	/* The registers stand 16 bytes apart: so the cases have no gaps. */
	switch (offset >> 4) {
	case LAPIC_ID >> 4:
		*value = x2apic ? lapic->id : lapic->identification;
		return true;
	case LAPIC_VERSION >> 4:
		*value = lapic->version;
		return true;
	case LAPIC_TPR >> 4:
		*value = lapic->tpr;
		return true;
	case LAPIC_PPR >> 4:
		*value = lapic->ppr;
		return true;
	case LAPIC_LDR >> 4:
		*value = logical_destination(lapic);
		return true;
	case LAPIC_SVR >> 4:
		*value = lapic->spurious;
		return true;
	case LAPIC_ESR >> 4:
		*value = lapic->error_status;
		return true;
	case LAPIC_ICR_LOW >> 4:
		*value = lapic->icr_low;
		return true;
	case LAPIC_INITIAL_COUNT >> 4:
		*value = lapic->initial_count;
		return true;
	case LAPIC_CURRENT_COUNT >> 4:
		*value = lapic_timer_current_count(lapic, now);
		return true;
	case LAPIC_DIVIDE >> 4:
		*value = lapic->divide;
		return true;
	/* These four are xAPIC's only. */
	case LAPIC_APR >> 4:
		*value = arbitration_priority(lapic);
		return !x2apic;
	case LAPIC_REMOTE_READ >> 4:
	case LAPIC_EOI >> 4: /* write-only */
		*value = 0;
		return !x2apic;
	case LAPIC_DFR >> 4:
		*value = lapic->destination_format;
		return !x2apic;
	case LAPIC_ICR_HIGH >> 4:
		*value = lapic->icr_high;
		return !x2apic;
	default:
		return read_array(lapic, offset, value);
	}
}

static void write_lvt(
	struct lapic *lapic, uint32_t index, uint32_t value, uint64_t now, struct lapic_action *action)
{
	uint32_t remote_irr = lapic->lvt[index] & LAPIC_LVT_REMOTE_IRR;

	value &= lvt_writable_bits(lapic, index);
	if (!lapic->software_enabled) {
		value |= LAPIC_LVT_MASKED;
	}
	if (index == LVT_TIMER) {
		lapic_timer_write_lvt(lapic, value, now);
		return;
	}
	if (index == LVT_LINT0 || index == LVT_LINT1) {
		if (LVT_DELIVERY_MODE(value) == DELIVERY_FIXED && (value & LAPIC_LVT_LEVEL) != 0) {
			value |= remote_irr;
		}
		lapic->lvt[index] = value;
		lapic_service_lint(lapic, index - LVT_LINT0);
		action->kind = LAPIC_ACTION_ROUTING;
		return;
	}
	lapic->lvt[index] = value;
}

static void write_spurious(struct lapic *lapic, uint32_t value, uint64_t now, struct lapic_action *action)
{
	lapic->spurious = value & SVR_WRITABLE;
	if ((value & LAPIC_SVR_ENABLED) == 0) {
		/* What the timer owes up to here counts still. */
		lapic_advance(lapic, now);
		for (uint32_t i = 0; i < LVT_COUNT; i++) {
			lapic->lvt[i] |= LAPIC_LVT_MASKED;
		}
	}
	lapic->software_enabled = (value & LAPIC_SVR_ENABLED) != 0;
	action->kind = LAPIC_ACTION_ROUTING;
}

/* A write of the lower half of the ICR sends (§11.6.1). */
static void send(
	struct lapic *lapic, uint32_t low, uint32_t destination, bool broadcast, struct lapic_action *action)
{
	uint8_t vector = (uint8_t)low;
	uint8_t mode = low >> 8 & 7;

	lapic->icr_low = low & ICR_WRITABLE;
	switch (mode) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST_PRIORITY:
		if (vector < 16) {
			lapic_note_error(lapic, LAPIC_ESR_SEND_ILLEGAL_VECTOR);
			return;
		}
		break;
	case DELIVERY_INIT:
		/* INIT level de-assert only set arbitration IDs, on processors that had them. */
		if ((low & LAPIC_LVT_LEVEL) != 0 && (low & ICR_LEVEL_ASSERT) == 0) {
			return;
		}
		break;
	case DELIVERY_NMI:
	case DELIVERY_STARTUP:
		break;
	default:
		return;
	}
	action->kind = LAPIC_ACTION_IPI;
	action->shorthand = (enum lapic_shorthand)(low >> 18 & 3);
	action->message = (struct interrupt_message){
		.destination = destination,
		.vector = vector,
		.delivery_mode = mode,
		.logical = (low & 0x800) != 0,
		.broadcast = broadcast,
		.level = false, /* the trigger mode means something for INIT only */
	};
}

static void end_of_interrupt(struct lapic *lapic, struct lapic_action *action)
{
	uint8_t vector = lapic_eoi(lapic);

	if (vector != 0) {
		action->kind = LAPIC_ACTION_EOI;
		action->message.vector = vector;
	}
}

/* Registers that both modes write alike. Returns false for the others. */
static bool write_register(
	struct lapic *lapic, uint32_t offset, uint32_t value, uint64_t now, struct lapic_action *action)
{
	if (is_lvt(offset)) {
		write_lvt(lapic, lvt_index(offset), value, now, action);
		return true;
	}
	switch (offset) {
	case LAPIC_EOI:
		end_of_interrupt(lapic, action);
		return true;
	case LAPIC_TPR:
		lapic->tpr = (uint8_t)value;
		lapic_update_ppr(lapic);
		return true;
	case LAPIC_SVR:
		write_spurious(lapic, value, now, action);
		return true;
	case LAPIC_ESR:
		/* The write shows what was collected since the last one (§11.5.3). */
		lapic->error_status = lapic->errors_so_far;
		lapic->errors_so_far = 0;
		return true;
	case LAPIC_INITIAL_COUNT:
		lapic_timer_write_initial_count(lapic, value, now);
		return true;
	case LAPIC_DIVIDE:
		lapic_timer_write_divide(lapic, value & DIVIDE_WRITABLE, now);
		return true;
	default:
		return false;
	}
}

uint32_t lapic_read(struct lapic *lapic, uint32_t offset, uint64_t now)
{
	uint32_t value = 0;

	if (lapic->mode != LAPIC_MODE_XAPIC) {
		return UINT32_MAX;
	}
	if ((offset & 0xf) == 0 && !read_register(lapic, offset, now, &value)) {
		lapic_note_error(lapic, LAPIC_ESR_ILLEGAL_REGISTER);
	}
	return value;
}

void lapic_write(
	struct lapic *lapic, uint32_t offset, uint32_t value, uint64_t now, struct lapic_action *action)
{
	*action = (struct lapic_action){ .kind = LAPIC_ACTION_NONE };
	if (lapic->mode != LAPIC_MODE_XAPIC || (offset & 0xf) != 0) {
		return;
	}
	if (write_register(lapic, offset, value, now, action)) {
		return;
	}
	switch (offset) {
	case LAPIC_ICR_LOW:
		send(lapic, value, lapic->icr_high >> 24, lapic->icr_high >> 24 == 0xff, action);
		break;
	case LAPIC_ICR_HIGH:
		lapic->icr_high = value & UINT32_C(0xff000000);
		break;
	case LAPIC_LDR:
		lapic->logical_destination = value & UINT32_C(0xff000000);
		action->kind = LAPIC_ACTION_ROUTING;
		break;
	case LAPIC_DFR:
		lapic->destination_format = value | UINT32_C(0x0fffffff);
		action->kind = LAPIC_ACTION_ROUTING;
		break;
	default:
		/* Read-only ones ignore it; those that are not there are an error. */
		if (!read_register(lapic, offset, now, &value)) {
			lapic_note_error(lapic, LAPIC_ESR_ILLEGAL_REGISTER);
		}
		break;
	}
}

uint64_t lapic_base_msr(const struct lapic *lapic)
{
	uint64_t value = lapic->base;

	if (lapic->bootstrap) {
		value |= APIC_BASE_BSP;
	}
	if (lapic->mode != LAPIC_MODE_DISABLED) {
		value |= APIC_BASE_ENABLED;
	}
	if (lapic->mode == LAPIC_MODE_X2APIC) {
		value |= APIC_BASE_X2APIC;
	}
	return value;
}

/* §11.12.5: the legal transitions. The BSP flag is read-only here. */
static enum lapic_msr_result write_base(struct lapic *lapic, uint64_t value, struct lapic_action *action)
{
	bool enabled = (value & APIC_BASE_ENABLED) != 0;
	bool x2apic = (value & APIC_BASE_X2APIC) != 0;

	if ((value & ~(BASE_ADDRESS | APIC_BASE_ENABLED | APIC_BASE_X2APIC | APIC_BASE_BSP)) != 0 ||
		(x2apic && !enabled) || (x2apic && lapic->mode == LAPIC_MODE_DISABLED) ||
		(enabled && !x2apic && lapic->mode == LAPIC_MODE_X2APIC)) {
		return LAPIC_MSR_GENERAL_PROTECTION;
	}
	if (!enabled) {
		if (lapic->mode != LAPIC_MODE_DISABLED) {
			lapic_clear_registers(lapic);
		}
		lapic->mode = LAPIC_MODE_DISABLED;
	} else if (!x2apic) {
		lapic->mode = LAPIC_MODE_XAPIC;
	} else if (lapic->mode == LAPIC_MODE_XAPIC) {
		lapic->mode = LAPIC_MODE_X2APIC;
		lapic->icr_high = 0;
		lapic->logical_destination = 0;
	}
	lapic->base = value & BASE_ADDRESS;
	action->kind = LAPIC_ACTION_ROUTING;
	return LAPIC_MSR_OK;
}

/* Bits that may be set in a write of an x2APIC register's lower half; 0 for a register that takes zero only, or none at all. */
static uint32_t x2apic_writable_bits(const struct lapic *lapic, uint32_t offset)
{
	if (is_lvt(offset)) {
		return lvt_writable_bits(lapic, lvt_index(offset)) | LVT_READ_ONLY;
	}
	switch (offset) {
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		return 0xff;
	case LAPIC_SVR:
		return SVR_WRITABLE;
	case LAPIC_ICR_LOW:
		return ICR_WRITABLE | ICR_STATUS;
	case LAPIC_INITIAL_COUNT:
		return UINT32_MAX;
	case LAPIC_DIVIDE:
		return DIVIDE_WRITABLE;
	default:
		return 0;
	}
}

static enum lapic_msr_result x2apic_read(struct lapic *lapic, uint32_t offset, uint64_t now, uint64_t *value)
{
	uint32_t low;

	if (lapic->mode != LAPIC_MODE_X2APIC || !read_register(lapic, offset, now, &low)) {
		return LAPIC_MSR_GENERAL_PROTECTION;
	}
	*value = offset == LAPIC_ICR_LOW ? (uint64_t)lapic->icr_high << 32 | low : low;
	return LAPIC_MSR_OK;
}

static enum lapic_msr_result x2apic_write(
	struct lapic *lapic, uint32_t offset, uint64_t value, uint64_t now, struct lapic_action *action)
{
	uint32_t low = (uint32_t)value;
	uint32_t high = (uint32_t)(value >> 32);

	if (lapic->mode != LAPIC_MODE_X2APIC || (low & ~x2apic_writable_bits(lapic, offset)) != 0 ||
		(high != 0 && offset != LAPIC_ICR_LOW)) {
		return LAPIC_MSR_GENERAL_PROTECTION;
	}
	if (offset == LAPIC_ICR_LOW) {
		lapic->icr_high = high;
		send(lapic, low, high, high == UINT32_MAX, action);
		return LAPIC_MSR_OK;
	}
	if (offset == LAPIC_SELF_IPI) {
		/* A self IPI: fixed, edge, this vector (§11.12.11). The ICR does not change. */
		if (low < 16) {
			lapic_note_error(lapic, LAPIC_ESR_SEND_ILLEGAL_VECTOR);
		} else {
			(void)lapic_accept(lapic, (uint8_t)low, false, 0);
		}
		return LAPIC_MSR_OK;
	}
	return write_register(lapic, offset, low, now, action) ? LAPIC_MSR_OK : LAPIC_MSR_GENERAL_PROTECTION;
}

enum lapic_msr_result lapic_msr_read(struct lapic *lapic, uint32_t msr, uint64_t now, uint64_t *value)
{
	*value = 0;
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) {
		return x2apic_read(lapic, (msr - MSR_X2APIC_FIRST) << 4, now, value);
	}
	if (msr == MSR_TSC_DEADLINE && lapic->tsc_deadline_allowed) {
		lapic_advance(lapic, now);
		*value = lapic->tsc_deadline;
		return LAPIC_MSR_OK;
	}
	if (msr == MSR_APIC_BASE) {
		*value = lapic_base_msr(lapic);
		return LAPIC_MSR_OK;
	}
	return LAPIC_MSR_GENERAL_PROTECTION;
}

enum lapic_msr_result lapic_msr_write(
	struct lapic *lapic, uint32_t msr, uint64_t value, uint64_t now, struct lapic_action *action)
{
	*action = (struct lapic_action){ .kind = LAPIC_ACTION_NONE };
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) {
		return x2apic_write(lapic, (msr - MSR_X2APIC_FIRST) << 4, value, now, action);
	}
	if (msr == MSR_TSC_DEADLINE && lapic->tsc_deadline_allowed) {
		lapic_timer_write_tsc_deadline(lapic, value, now);
		return LAPIC_MSR_OK;
	}
	if (msr == MSR_APIC_BASE) {
		return write_base(lapic, value, action);
	}
	return LAPIC_MSR_GENERAL_PROTECTION;
}
