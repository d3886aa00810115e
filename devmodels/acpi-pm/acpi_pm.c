/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware: PM1a event and control registers and the power-management timer: ACPI 6.4 sections
 * 4.8.3.1 (PM1 event), 4.8.3.2 (PM1 control), 4.8.3.3 (timer). Touches its registers and the guest's
 * clock.
 *
 * region 0, 8 bytes (0x600; 6 and 7 are reserved), any width:
 *   0  PM1a status   write 1 to clear: 0 TMR_STS, 8 PWRBTN_STS; never set: 4 BM, 5 GBL, 9 SLPBTN, 10 RTC,
 *                    15 WAK
 *   2  PM1a enable   0 TMR_EN, 5 GBL_EN, 8 PWRBTN_EN, 9 SLPBTN_EN, 10 RTC_EN
 *   4  PM1a control  0 SCI_EN (set from the start: there is no SMI command), 1 BM_RLD, 10..12 SLP_TYP,
 *                    13 SLP_EN (w, reads 0)
 * region 1, 4 bytes (0x608): the timer, 3.579545 MHz, read only line 0: SCI, level. line 1: power off,
 * when SLP_EN is written with SLP_TYP = 5 (S5). Other sleep types don't exist and are ignored. argument
 * timer-bits=24 or 32: width of the timer (24 if not given); TMR_STS is set whenever its top bit changes.
 * event POWER_BUTTON sets PWRBTN_STS. */

#include "acpi-pm/acpi_pm.h"

#include <stddef.h>

#include "framework/arguments.h"
#include "framework/ticks.h"

#define REGION_BLOCK 0u
#define BLOCK_USED 6u

#define STATUS_TIMER 0x0001u
#define STATUS_POWER_BUTTON 0x0100u
#define ENABLE_BITS 0x0721u
#define CONTROL_SCI_ENABLE 0x0001u
#define CONTROL_KEPT 0x1c03u /* SLP_TYP, BM_RLD, SCI_EN */
#define CONTROL_SLEEP_TYPE(control) (((control) >> 10) & 7u)
#define CONTROL_SLEEP_ENABLE 0x2000u

struct pm_registers {
	struct model_outputs outputs;
	uint64_t checked_halves; /* changes of the timer's top bit that TMR_STS knows of */
	uint16_t status;
	uint16_t enable;
	uint16_t control;
	uint8_t timer_bits; /* 24 or 32 */
};

static uint64_t timer_bits(const struct pm_registers *pm) { return pm->timer_bits == 32 ? 32 : 24; }

/* Brings TMR_STS up to date. Returns the timer's ticks. */
static uint64_t begin(struct pm_registers *pm, const struct model_context *context)
{
	uint64_t ticks = ticks_at_ns(environment_clock_ns(context->environment), ACPI_PM_HERTZ);
	uint64_t halves = ticks >> (timer_bits(pm) - 1);

	if (halves != pm->checked_halves) {
		pm->status |= STATUS_TIMER;
	}
	pm->checked_halves = halves;
	return ticks;
}

static void set_outputs(struct pm_registers *pm)
{
	bool routed = (pm->control & CONTROL_SCI_ENABLE) != 0;
	bool timer_wanted = routed && (pm->enable & STATUS_TIMER) != 0 && (pm->status & STATUS_TIMER) == 0;

	model_line_set(&pm->outputs, ACPI_PM_LINE_SCI, routed && (pm->status & pm->enable) != 0);
	pm->outputs.deadline =
		timer_wanted ? ticks_to_ns((pm->checked_halves + 1) << (timer_bits(pm) - 1), ACPI_PM_HERTZ)
			     : 0;
}

static uint64_t pm_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct pm_registers *pm = registers;
	uint64_t ticks = begin(pm, context);
	uint64_t block;

	set_outputs(pm);
	if (access->region != REGION_BLOCK) {
		return (ticks & ((UINT64_C(1) << timer_bits(pm)) - 1)) >> (8 * access->offset);
	}
	block = (uint64_t)pm->status | (uint64_t)pm->enable << 16 | (uint64_t)pm->control << 32;
	return block >> (8 * access->offset);
}

/* Byte accesses are all there is: ACPI lets a guest use any width. */
static void write_block_byte(struct pm_registers *pm, uint32_t offset, uint32_t value)
{
	uint32_t shift = 8 * (offset & 1);
	uint32_t mask = 0xffu << shift;
	uint32_t word = value << shift;

	switch (offset / 2) {
	case 0:
		pm->status &= (uint16_t)~word;
		break;
	case 1:
		pm->enable = (uint16_t)(((pm->enable & ~mask) | word) & ENABLE_BITS);
		break;
	default:
		pm->control = (uint16_t)(((pm->control & ~mask) | word) & CONTROL_KEPT);
		if ((word & CONTROL_SLEEP_ENABLE) != 0 &&
			CONTROL_SLEEP_TYPE(pm->control) == ACPI_PM_SLEEP_TYPE_S5) {
			model_line_pulse(&pm->outputs, ACPI_PM_LINE_POWER_OFF);
		}
		break;
	}
}

static void pm_write(void *registers, const struct model_context *context, const struct model_access *access)
{
	struct pm_registers *pm = registers;

	(void)begin(pm, context);
	for (uint32_t i = 0; access->region == REGION_BLOCK && i < access->width; i++) {
		if (access->offset + i < BLOCK_USED) {
			write_block_byte(pm, access->offset + i, (uint32_t)(access->value >> (8 * i)) & 0xff);
		}
	}
	set_outputs(pm);
}

static void pm_event(void *registers, const struct model_context *context, uint64_t bits)
{
	struct pm_registers *pm = registers;

	(void)begin(pm, context);
	if ((bits & MODEL_EVENT_POWER_BUTTON) != 0) {
		pm->status |= STATUS_POWER_BUTTON;
	}
	set_outputs(pm);
}

static const char *pm_reset(void *registers, const struct model_context *context)
{
	struct pm_registers *pm = registers;
	const char *argument = environment_argument(context->environment, "timer-bits");
	uint64_t bits = 24;

	if (argument != NULL && (!argument_number(argument, 32, &bits) || (bits != 24 && bits != 32))) {
		return "timer-bits is neither 24 nor 32";
	}
	pm->timer_bits = (uint8_t)bits;
	pm->control = CONTROL_SCI_ENABLE;
	return NULL;
}

const struct model acpi_pm_model = {
	.name = "acpi-pm",
	.identity = 0x314d5041, /* "APM1" */
	.register_bytes = sizeof(struct pm_registers),
	.line_count = 2,
	.region_count = 2,
	.regions = { { .size = 8, .width = 4 }, { .size = 4, .width = 4 } },
	.reset = pm_reset,
	.read = pm_read,
	.write = pm_write,
	.event = pm_event,
};
