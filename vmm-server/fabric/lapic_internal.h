/* SPDX-License-Identifier: MIT */
/* What the files of the local APIC share among themselves: for lapic*.c only. */
#ifndef BULKHEAD_VMM_FABRIC_LAPIC_INTERNAL_H
#define BULKHEAD_VMM_FABRIC_LAPIC_INTERNAL_H

#include "fabric/lapic.h"

#define LVT_VECTOR(lvt) ((uint8_t)(lvt))
#define LVT_DELIVERY_MODE(lvt) ((lvt) >> 8 & 7)

/* Version 0x14, and the number of LVT entries. */
#define LAPIC_VERSION_VALUE (UINT32_C(0x14) | (uint32_t)(LVT_COUNT - 1) << 16)

/* Registers as after power-up, the identity (ID, base, mode) and what comes from outside (LINT levels, TSC offset) excepted. */
void lapic_clear_registers(struct lapic *lapic);

/* PPR from TPR and ISR (Intel SDM vol. 3 §11.8.3.1). To be called when either changed. */
void lapic_update_ppr(struct lapic *lapic);

/* Notes errors (LAPIC_ESR_*) and raises the error interrupt. */
void lapic_note_error(struct lapic *lapic, uint32_t errors);

/* A local source fires: does what its LVT says. */
void lapic_local_interrupt(struct lapic *lapic, enum lapic_lvt source);

/* A level-triggered LINT input (0, 1) that is high and not in service asks again. */
void lapic_service_lint(struct lapic *lapic, uint32_t input);

/* The timer's registers; values are already reduced to the writable bits. */
void lapic_timer_write_lvt(struct lapic *lapic, uint32_t value, uint64_t now);
void lapic_timer_write_divide(struct lapic *lapic, uint32_t value, uint64_t now);
void lapic_timer_write_tsc_deadline(struct lapic *lapic, uint64_t value, uint64_t now);
uint32_t lapic_timer_current_count(const struct lapic *lapic, uint64_t now);

#endif
