/* SPDX-License-Identifier: MIT */
/* One vCPU's local APIC: xAPIC registers, x2APIC MSRs, the APIC base MSR and the APIC timer
 * (Intel SDM vol. 3 ch. 11, AMD APM vol. 2 ch. 16). Touches only the struct that it is given.
 *
 * Time is one 64-bit clock, passed in as `now`: the VM's guest clock in TSC ticks, which never goes back. The timer's
 * bus clock is that clock, so its counts need no conversion; the guest calibrates it as on hardware, or reads
 * the TSC's frequency.
 *
 * What is not there: SMI, the AMD extended register space, EOI-broadcast suppression, CMCI. The APIC ID is
 * read-only and equals the vCPU's number in both modes. */
#ifndef BULKHEAD_VMM_FABRIC_LAPIC_H
#define BULKHEAD_VMM_FABRIC_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "fabric/interrupt_message.h"
#include "fabric/vector_set.h"

#define LAPIC_DEFAULT_BASE UINT64_C(0xfee00000)
#define LAPIC_NEVER UINT64_MAX

/* Register offsets in the xAPIC page; the x2APIC MSR is 0x800 + offset / 16. */
enum lapic_register {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,
	LAPIC_APR = 0x090,
	LAPIC_PPR = 0x0a0,
	LAPIC_EOI = 0x0b0,
	LAPIC_REMOTE_READ = 0x0c0,
	LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100,
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_ICR_LOW = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERFORMANCE = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_INITIAL_COUNT = 0x380,
	LAPIC_CURRENT_COUNT = 0x390,
	LAPIC_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

enum lapic_lvt {
	LVT_TIMER = 0,
	LVT_THERMAL = 1,
	LVT_PERFORMANCE = 2,
	LVT_LINT0 = 3,
	LVT_LINT1 = 4,
	LVT_ERROR = 5,
	LVT_COUNT = 6,
};

#define LAPIC_LVT_MASKED UINT32_C(0x10000)
#define LAPIC_LVT_REMOTE_IRR UINT32_C(0x4000)
#define LAPIC_LVT_LEVEL UINT32_C(0x8000)
#define LAPIC_SVR_ENABLED UINT32_C(0x100)

/* Error status bits, Intel SDM vol. 3 §11.5.3. */
#define LAPIC_ESR_SEND_ILLEGAL_VECTOR UINT32_C(0x20)
#define LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR UINT32_C(0x40)
#define LAPIC_ESR_ILLEGAL_REGISTER UINT32_C(0x80)

/* APIC base MSR 0x1b, Intel SDM vol. 3 §11.4.4 and §11.12.1. */
#define MSR_APIC_BASE UINT32_C(0x1b)
#define MSR_TSC_DEADLINE UINT32_C(0x6e0)
#define MSR_X2APIC_FIRST UINT32_C(0x800)
#define MSR_X2APIC_LAST UINT32_C(0x8ff)
#define MSR_X2APIC_EOI UINT32_C(0x80b)
#define APIC_BASE_BSP UINT64_C(0x100)
#define APIC_BASE_X2APIC UINT64_C(0x400)
#define APIC_BASE_ENABLED UINT64_C(0x800)

enum lapic_mode { LAPIC_MODE_DISABLED, LAPIC_MODE_XAPIC, LAPIC_MODE_X2APIC };

/* What waits for the vCPU beside fixed interrupts: a set of these bits. */
enum lapic_event { LAPIC_EVENT_NMI = 1, LAPIC_EVENT_INIT = 2, LAPIC_EVENT_STARTUP = 4 };

/* An MSR access either happened or is a general-protection fault for the guest. */
enum lapic_msr_result { LAPIC_MSR_OK, LAPIC_MSR_GENERAL_PROTECTION };

/* What the owner of all local APICs has to do after a register write. */
enum lapic_action_kind {
	LAPIC_ACTION_NONE,
	LAPIC_ACTION_IPI,     /* deliver `message` as `shorthand` says */
	LAPIC_ACTION_EOI,     /* tell the I/O APICs that level-triggered `message.vector` has ended */
	LAPIC_ACTION_ROUTING, /* this APIC may now accept, or refuse, what it did not before */
};

enum lapic_shorthand { SHORTHAND_NONE = 0, SHORTHAND_SELF = 1, SHORTHAND_ALL = 2, SHORTHAND_OTHERS = 3 };

struct lapic_action {
	enum lapic_action_kind kind;
	enum lapic_shorthand shorthand;
	struct interrupt_message message;
};

struct lapic {
	/* Looked at before each entry. */
	uint8_t irr_highest; /* highest vector in irr, 0 = none */
	uint8_t events;      /* enum lapic_event */
	uint8_t isr_highest;
	uint8_t mode; /* enum lapic_mode */
	bool software_enabled;
	bool wait_for_startup; /* an application processor between INIT and SIPI */
	uint8_t startup_vector;
	uint8_t id;
	uint8_t divide_shift; /* bus clock divider as a power of two, 0..7 */
	uint8_t lint_level;   /* bit n: input LINTn is high */
	bool bootstrap;
	bool tsc_deadline_allowed;
	/* Registers that lapic_places[] names are 32 bits wide, as the xAPIC page shows them. */
	uint32_t tpr, ppr;
	uint32_t identification, version;

	struct vector_set irr, isr, tmr;
	uint64_t deadline;     /* `now` at which the timer expires, LAPIC_NEVER = stopped */
	uint64_t tsc_deadline; /* the MSR's value, in the vCPU's own TSC */
	uint64_t tsc_offset;   /* the vCPU's own TSC less `now` */
	uint64_t base;         /* the MSR's page address */
	uint32_t initial_count;
	uint32_t divide;
	uint32_t lvt[LVT_COUNT];
	uint32_t spurious;
	uint32_t logical_destination;
	uint32_t destination_format;
	uint32_t icr_low, icr_high;
	uint32_t error_status;  /* as the guest reads it */
	uint32_t errors_so_far; /* since the last write of ESR */
	uint32_t reserved;
	/* Who may withdraw the request in IRR (0 = nobody): the I/O APIC pin + 1 whose line asked for it alone. */
	uint8_t source[256];
};

/* Power-up state (Intel SDM vol. 3 §11.4.7.1): xAPIC mode, software-disabled, LVTs masked. `id`: vCPU number, 0..7. Only the
 * bootstrap processor runs; others wait for SIPI. `tsc_deadline`: CPUID offers the TSC-deadline mode. Called once per VM start. */
void lapic_init(struct lapic *lapic, uint8_t id, bool bootstrap, bool tsc_deadline);

/* State after an INIT: as power-up, but base MSR, mode and ID stay (§11.4.7.3). An application processor then waits for SIPI. The
 * caller resets the vCPU's other state. A SIPI that is pending stays. */
void lapic_init_reset(struct lapic *lapic);

/* What firmware leaves behind on a PC: software-enabled, LINT0 ExtINT and LINT1 NMI on the bootstrap processor (virtual wire). For
 * loaders that start a kernel without firmware. */
void lapic_firmware_state(struct lapic *lapic);

/* The 32-bit register at `offset` (0..0xfff) of the xAPIC page. Offsets inside a register's 16 bytes but not at their start read 0;
 * a register that there is not reads 0 and sets ESR. In x2APIC or disabled mode the page is not there: all ones. */
uint32_t lapic_read(struct lapic *lapic, uint32_t offset, uint64_t now);

/* Where in struct lapic the registers of the xAPIC page stand that are just a word of it, and reading them does nothing;
 * by offset / 16; 0 for the others. */
extern const uint16_t lapic_places[256];

/* The word at such a place: what lapic_read() gives in xAPIC mode. */
static inline uint32_t lapic_word(const struct lapic *lapic, uint32_t place)
{
	uint32_t word;

	__builtin_memcpy(&word, (const uint8_t *)lapic + place, sizeof(word));
	return word;
}

/* Writes it; `action` always gets a value. Read-only and reserved bits are ignored. In x2APIC or disabled mode: no effect. */
void lapic_write(
	struct lapic *lapic, uint32_t offset, uint32_t value, uint64_t now, struct lapic_action *action);

/* RDMSR and WRMSR of MSR_APIC_BASE, MSR_TSC_DEADLINE, MSR_X2APIC_FIRST..LAST; every other MSR is a general-protection fault.
 * `value` and `action` always get a value. */
__attribute__((warn_unused_result)) enum lapic_msr_result lapic_msr_read(
	struct lapic *lapic, uint32_t msr, uint64_t now, uint64_t *value);
__attribute__((warn_unused_result)) enum lapic_msr_result lapic_msr_write(
	struct lapic *lapic, uint32_t msr, uint64_t value, uint64_t now, struct lapic_action *action);

/* The value of MSR_APIC_BASE. The register page is at `base`, wherever the guest has put it. */
uint64_t lapic_base_msr(const struct lapic *lapic);

/* A fixed interrupt arrives. `source` names who may withdraw it, 0 for nobody. A request that is already in IRR is coalesced, as on
 * hardware. Returns whether this APIC accepted it: not if it is disabled or the vector is below 16 (which sets ESR). */
bool lapic_accept(struct lapic *lapic, uint8_t vector, bool level, uint8_t source);

/* Takes `vector` out of IRR if `source` alone has put it there. Returns whether it did. */
bool lapic_withdraw(struct lapic *lapic, uint8_t vector, uint8_t source);

/* Whether the message's destination names this APIC (§11.6.2; shorthands aside). Never, if it is disabled. */
bool lapic_matches(const struct lapic *lapic, const struct interrupt_message *message);

/* INIT, NMI and SIPI arrive. SIPI counts only while the processor waits for it or has an INIT before it. */
void lapic_raise_nmi(struct lapic *lapic);
void lapic_raise_init(struct lapic *lapic);
void lapic_raise_startup(struct lapic *lapic, uint8_t vector);

/* A LINT input (0 or 1) changes to `level`: does what its LVT says, except for ExtINT, which is a matter of lapic_accepts_extint(). */
void lapic_set_lint(struct lapic *lapic, uint32_t input, bool level);

/* Whether an 8259's INTR on LINT0 reaches the processor as ExtINT: the LVT says so, or the APIC is disabled. */
bool lapic_accepts_extint(const struct lapic *lapic);

/* The vector that the processor would get now, 0 for none: highest of IRR if its class is above PPR's. */
static inline uint8_t lapic_deliverable(const struct lapic *lapic)
{
	return (lapic->irr_highest >> 4) > (lapic->ppr >> 4) ? lapic->irr_highest : 0;
}

/* The processor takes the interrupt: moves it from IRR to ISR and returns its vector; 0, and no effect, if there is none. Timer ticks
 * up to `now` are counted first, so that one that fell onto the pending request coalesces with it. */
uint8_t lapic_acknowledge(struct lapic *lapic, uint64_t now);

/* End of the interrupt in service. Returns its vector if it was level-triggered, so that the I/O APICs must be told; else 0. */
uint8_t lapic_eoi(struct lapic *lapic);

/* CR8: bits 7..4 of TPR. The caller has refused values above 15. */
static inline uint8_t lapic_cr8(const struct lapic *lapic) { return (uint8_t)(lapic->tpr >> 4); }
void lapic_set_cr8(struct lapic *lapic, uint8_t cr8);

/* Write of the initial count, in one-shot or periodic mode. */
void lapic_timer_write_initial_count(struct lapic *lapic, uint32_t value, uint64_t now);

/* lapic_advance() and lapic_acknowledge() in one: the timer has expired, its interrupt is the only one and goes straight into
 * service. Returns its vector; 0, and no effect, if it is not so. */
uint8_t lapic_take_timer(struct lapic *lapic, uint64_t now);

/* Counts the timer up to `now`: at most one interrupt becomes pending, however many periods have passed. */
void lapic_advance(struct lapic *lapic, uint64_t now);

/* The `now` at which lapic_advance() has something to do that the guest can notice without asking; LAPIC_NEVER if nothing: stopped,
 * masked, or its interrupt is pending already. Ask again after each call of this module. May be in the past. */
static inline uint64_t lapic_next_deadline(const struct lapic *lapic)
{
	uint32_t timer = lapic->lvt[LVT_TIMER];

	if ((timer & LAPIC_LVT_MASKED) != 0 || vector_set_has(&lapic->irr, (uint8_t)timer)) {
		return LAPIC_NEVER;
	}
	return lapic->deadline;
}

/* The vCPU's own TSC is now `offset` ahead of `now` (modulo 2^64): after the guest wrote TSC or TSC_ADJUST. */
void lapic_set_tsc_offset(struct lapic *lapic, uint64_t offset, uint64_t now);

#endif
