/* SPDX-License-Identifier: MIT */
/* A VM's interrupt fabric: up to 8 local APICs, the I/O APIC, the two 8259s, and the lines and messages between them.
 * No system calls, no allocation, no libc; touches only the struct that it is given. The caller serialises calls for one VM.
 *
 * How an exit handler uses it, for its vCPU:
 *   1. what the exit was: a register access, CR8, MSR, or NOTIFY: then fabric_update_line() for the lines of each model that rang, and
 *      fabric_advance() if the timer did;
 *   2. for (lines = fabric_lines_wanted(); lines != 0; lines &= lines - 1) read that line's word again and fabric_update_line():
 *      so a line that fell in the meantime raises nothing;
 *   3. fabric_pending(): INIT and SIPI at once; an NMI or interrupt if the guest can take it (then fabric_take_nmi() or
 *      fabric_acknowledge() and inject what that returned), else an interrupt window;
 *   4. fabric_take_kicks(): signal the other vCPUs named there;
 *   5. fabric_next_deadline(): arm or cancel this vCPU's Timer if it changed.
 *
 * Wiring: GSI n is I/O APIC pin n. ISA interrupt n is 8259 input n and GSI n, but for ISA interrupt 0, which is GSI 2 (the MADT says so).
 * Time `now` is the VM's guest clock in TSC ticks, see fabric/lapic.h. */
#ifndef BULKHEAD_VMM_FABRIC_FABRIC_H
#define BULKHEAD_VMM_FABRIC_FABRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "fabric/ioapic.h"
#include "fabric/lapic.h"
#include "fabric/pic.h"

#define FABRIC_VCPUS_MAXIMUM 8u
#define FABRIC_LINES_MAXIMUM 32u
#define FABRIC_NEVER LAPIC_NEVER

enum fabric_status {
	FABRIC_OK,
	FABRIC_BAD_VCPU_COUNT, /* 0, or above FABRIC_VCPUS_MAXIMUM */
	FABRIC_BAD_GSI,        /* above 23; or 0, to which nothing can be wired */
	FABRIC_TOO_MANY_LINES,
};

/* What waits for a vCPU: a set of these bits. */
enum fabric_event {
	FABRIC_EVENT_INTERRUPT = 1,
	FABRIC_EVENT_NMI = 2,
	FABRIC_EVENT_INIT = 4,
	FABRIC_EVENT_STARTUP = 8,
};

struct fabric_pending {
	uint8_t events;         /* enum fabric_event; 0 = nothing */
	uint8_t vector;         /* with INTERRUPT: what fabric_acknowledge() would return now */
	uint8_t startup_vector; /* with STARTUP: the vCPU starts at real-mode address vector * 4096 */
};

struct fabric_line {
	uint64_t word; /* as last read, see bulkhead/lines.h */
	uint8_t pin;   /* of the I/O APIC */
	uint8_t input; /* of the 8259s, FABRIC_NO_INPUT = none */
};
#define FABRIC_NO_INPUT 0xffu

struct fabric {
	struct lapic lapic[FABRIC_VCPUS_MAXIMUM];
	struct pic pic;
	struct ioapic ioapic;
	uint32_t vcpu_count;
	uint8_t extint_vcpu; /* the vCPU that the 8259s' INTR reaches, or FABRIC_VCPUS_MAXIMUM */
	uint8_t kicks;       /* vCPUs for which something became deliverable */
	uint8_t lowest_last; /* who got the last lowest-priority message */
	bool pic_output;     /* as last driven onto LINT0 */
	uint32_t line_count;
	uint32_t asserted;               /* bit n: line n was high when it was read last */
	uint32_t pin_lines[IOAPIC_PINS]; /* lines wired to each pin */
	struct fabric_line line[FABRIC_LINES_MAXIMUM];
};

/* Power-up state with `vcpu_count` (1..8) vCPUs, of which vCPU 0 runs and the others wait for SIPI, and no lines.
 * `tsc_deadline`: the guest's CPUID offers the timer's TSC-deadline mode. */
__attribute__((warn_unused_result)) enum fabric_status fabric_init(
	struct fabric *fabric, uint32_t vcpu_count, bool tsc_deadline);

/* Then, for a guest that starts without firmware: what firmware would leave behind (8259s masked with vectors 0x08 and 0x70, local APICs
 * enabled, virtual wire on vCPU 0). */
void fabric_firmware_state(struct fabric *fabric);

/* Wires a new line to `gsi`; `word` is its word now: edges before that are past. Gives the line's number (0, 1, 2...). Several lines
 * may share a GSI: then their levels are OR-ed, and each one's edges count. */
__attribute__((warn_unused_result)) enum fabric_status fabric_attach_line(
	struct fabric *fabric, uint32_t gsi, uint64_t word, uint32_t *line);

/* The line's word as just read from its line page. Any value is legal; a line that there is not is ignored. */
void fabric_update_line(struct fabric *fabric, uint32_t line, uint64_t word);

/* Accesses of vCPU `vcpu` (below vcpu_count) to its local APIC's page, see lapic_read() and lapic_write(). */
uint32_t fabric_apic_read(struct fabric *fabric, uint32_t vcpu, uint32_t offset, uint64_t now);
void fabric_apic_write(struct fabric *fabric, uint32_t vcpu, uint32_t offset, uint32_t value, uint64_t now);

/* RDMSR and WRMSR of 0x1b, 0x6e0 and 0x800..0x8ff, see lapic_msr_read() and lapic_msr_write(). */
__attribute__((warn_unused_result)) enum lapic_msr_result fabric_msr_read(
	struct fabric *fabric, uint32_t vcpu, uint32_t msr, uint64_t now, uint64_t *value);
__attribute__((warn_unused_result)) enum lapic_msr_result fabric_msr_write(
	struct fabric *fabric, uint32_t vcpu, uint32_t msr, uint64_t value, uint64_t now);

/* Where the vCPU's local APIC page is (guest-physical); LAPIC_NEVER while it has none: disabled, or in x2APIC mode. */
uint64_t fabric_apic_page(const struct fabric *fabric, uint32_t vcpu);

/* The vCPU ends the interrupt in service: what a write of the EOI register does. */
void fabric_eoi(struct fabric *fabric, uint32_t vcpu);

/* The level-triggered interrupt `vector`, which lapic_eoi() has just ended, has ended for the I/O APIC too. */
void fabric_level_ended(struct fabric *fabric, uint8_t vector);

/* The I/O APIC's page and the ports of the 8259s, see fabric/ioapic.h and fabric/pic.h. */
uint32_t fabric_ioapic_read(const struct fabric *fabric, uint32_t offset);
void fabric_ioapic_write(struct fabric *fabric, uint32_t offset, uint32_t value);
uint8_t fabric_pic_read(struct fabric *fabric, uint16_t port);
void fabric_pic_write(struct fabric *fabric, uint16_t port, uint8_t value);

/* A message-signalled interrupt: 32-bit write of `data` to `address` in 0xfee00000..0xfeefffff (Intel SDM vol. 3 §11.11). Other
 * addresses are ignored. */
void fabric_msi(struct fabric *fabric, uint64_t address, uint32_t data);

/* CR8. Values above 15 are ignored: the caller has raised #GP. */
uint8_t fabric_cr8(const struct fabric *fabric, uint32_t vcpu);
void fabric_set_cr8(struct fabric *fabric, uint32_t vcpu, uint8_t cr8);

/* The slow half of fabric_pending(). */
struct fabric_pending fabric_pending_events(const struct fabric *fabric, uint32_t vcpu);

/* What waits for the vCPU. While it waits for SIPI, that is INIT and SIPI only. Has no effect. */
static inline struct fabric_pending fabric_pending(const struct fabric *fabric, uint32_t vcpu)
{
	const struct lapic *lapic = &fabric->lapic[vcpu];

	if (lapic_deliverable(lapic) == 0 && lapic->events == 0 &&
		(!fabric->pic_output || fabric->extint_vcpu != vcpu)) {
		return (struct fabric_pending){ 0 };
	}
	return fabric_pending_events(fabric, vcpu);
}

/* Only the kinds of what waits, fabric_pending().events, for the vCPU whose local APIC that is, of those of `fabric`. */
static inline uint8_t fabric_events_at(const struct fabric *fabric, const struct lapic *lapic)
{
	if (lapic->events != 0 || lapic->wait_for_startup) {
		return fabric_pending_events(fabric, lapic->id).events;
	}
	return lapic_deliverable(lapic) != 0 || (fabric->pic_output && fabric->extint_vcpu == lapic->id)
		       ? FABRIC_EVENT_INTERRUPT
		       : 0;
}

/* The same by its number. */
static inline uint8_t fabric_events(const struct fabric *fabric, uint32_t vcpu)
{
	return fabric_events_at(fabric, &fabric->lapic[vcpu]);
}

/* The lines (bits) to be read again before fabric_pending() is acted upon; 0 if no interrupt is pending. */
static inline uint32_t fabric_lines_wanted(const struct fabric *fabric, uint32_t vcpu)
{
	return (fabric_pending(fabric, vcpu).events & FABRIC_EVENT_INTERRUPT) != 0 ? fabric->asserted : 0;
}

/* The vCPU takes its interrupt. Returns the vector to inject, or -1 if there is none any more. */
int fabric_acknowledge(struct fabric *fabric, uint32_t vcpu, uint64_t now);

/* The vCPU takes its NMI, its INIT (the local APIC is reset here, the caller resets the rest; an application processor then waits
 * for SIPI), its SIPI (returns the vector, or -1). Without one pending: no effect. */
void fabric_take_nmi(struct fabric *fabric, uint32_t vcpu);
void fabric_take_init(struct fabric *fabric, uint32_t vcpu);
int fabric_take_startup(struct fabric *fabric, uint32_t vcpu);

/* Whether the vCPU may run at all: not while it waits for SIPI. */
static inline bool fabric_runs(const struct fabric *fabric, uint32_t vcpu)
{
	return !fabric->lapic[vcpu].wait_for_startup;
}

/* The vCPU's APIC timer: see lapic_advance(), lapic_next_deadline() and lapic_set_tsc_offset(). */
void fabric_advance(struct fabric *fabric, uint32_t vcpu, uint64_t now);
static inline uint64_t fabric_next_deadline(const struct fabric *fabric, uint32_t vcpu)
{
	return lapic_next_deadline(&fabric->lapic[vcpu]);
}
void fabric_set_tsc_offset(struct fabric *fabric, uint32_t vcpu, uint64_t offset, uint64_t now);

/* The vCPUs (bits) for which something became deliverable since the last call; clears them. The caller leaves its own out. */
static inline uint8_t fabric_take_kicks(struct fabric *fabric)
{
	uint8_t kicks = fabric->kicks;

	fabric->kicks = 0;
	return kicks;
}

#endif
