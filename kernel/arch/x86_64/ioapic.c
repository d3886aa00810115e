/* SPDX-License-Identifier: MIT */
/* I/O APIC registers: Intel 82093AA data sheet §3. Index and data registers, so one user at a time: the kernel, with
 * interrupts off. With more CPUs, calls belong under the capability lock. */

#include "arch/x86_64/ioapic.h"

#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/vectors.h"
#include "log.h"

#define REGISTER_SELECT 0x00
#define REGISTER_WINDOW 0x10

#define INDEX_VERSION 0x01
#define INDEX_REDIRECTION 0x10 /* two registers a line */

#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)
#define ENTRY_DESTINATION_SHIFT 24 /* of the high register */

/* The window onto the register of that index. */
static volatile uint32_t *select_register(const struct platform_io_apic *io_apic, uint32_t index)
{
	*(volatile uint32_t *)phys_to_virt(io_apic->physical + REGISTER_SELECT) = index;
	return phys_to_virt(io_apic->physical + REGISTER_WINDOW);
}

/* The I/O APIC of a line, or 0. */
static const struct platform_io_apic *io_apic_of(uint32_t gsi)
{
	for (unsigned int i = 0; i < platform_information.io_apic_count; i++) {
		const struct platform_io_apic *io_apic = &platform_information.io_apics[i];

		if (gsi >= io_apic->first_line && gsi - io_apic->first_line < io_apic->lines) {
			return gsi < INTERRUPT_LINES ? io_apic : 0;
		}
	}
	return 0;
}

void ioapic_initialise(struct platform_information *platform)
{
	for (unsigned int i = 0; i < platform->io_apic_count; i++) {
		struct platform_io_apic *io_apic = &platform->io_apics[i];

		if (io_apic->physical % 16 != 0 || !direct_map_covers(io_apic->physical, PAGE_SIZE)) {
			log_line("I/O APIC %u: address 0x%lx is out of reach, left out", io_apic->id,
				io_apic->physical);
			continue;
		}
		io_apic->lines = (*select_register(io_apic, INDEX_VERSION) >> 16 & 0xff) + 1;
		for (uint32_t line = 0; line < io_apic->lines; line++) {
			*select_register(io_apic, INDEX_REDIRECTION + 2 * line) = ENTRY_MASKED;
		}
		log_line("I/O APIC %u: lines %u to %u", io_apic->id, io_apic->first_line,
			io_apic->first_line + io_apic->lines - 1);
	}
}

bool interrupt_line_exists(uint32_t gsi) { return io_apic_of(gsi) != 0; }

static uint32_t redirection_of(const struct platform_io_apic *io_apic, uint32_t gsi)
{
	return INDEX_REDIRECTION + 2 * (gsi - io_apic->first_line);
}

void interrupt_line_route(uint32_t gsi, bool level, bool active_low, uint8_t apic_id)
{
	const struct platform_io_apic *io_apic = io_apic_of(gsi);

	if (io_apic != 0) {
		uint32_t index = redirection_of(io_apic, gsi);

		/* Masked before the destination changes, so that no half-made entry delivers. */
		*select_register(io_apic, index) = ENTRY_MASKED;
		*select_register(io_apic, index + 1) = (uint32_t)apic_id << ENTRY_DESTINATION_SHIFT;
		*select_register(io_apic, index) = ENTRY_MASKED | (level ? ENTRY_LEVEL : 0) |
						   (active_low ? ENTRY_ACTIVE_LOW : 0) |
						   (VECTOR_INTERRUPT_FIRST + gsi);
	}
}

static void set_masked(uint32_t gsi, bool masked)
{
	const struct platform_io_apic *io_apic = io_apic_of(gsi);

	if (io_apic != 0) {
		volatile uint32_t *entry = select_register(io_apic, redirection_of(io_apic, gsi));

		*entry = (*entry & ~ENTRY_MASKED) | (masked ? ENTRY_MASKED : 0);
	}
}

void interrupt_line_mask(uint32_t gsi) { set_masked(gsi, true); }

void interrupt_line_unmask(uint32_t gsi) { set_masked(gsi, false); }
