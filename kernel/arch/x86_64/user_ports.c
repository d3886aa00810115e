/* SPDX-License-Identifier: MIT */
/* Fills the TSS's I/O permission bitmap (AMD APM vol. 2 section 12.2.4) from a space's IoPorts. */
#include "arch/x86_64/user_ports.h"

#include "sched/cpu.h"
#include "string.h"

/* In bytes as far as it goes: all 65536 ports are 8 KiB, less than what is done between two preemption points elsewhere. */
static void open_ports(uint8_t *bitmap, const struct io_ports *ports)
{
	uint32_t port = ports->first, end = ports->first + ports->count;

	while (port < end) {
		if (port % 8 == 0 && end - port >= 8) {
			memset(&bitmap[port / 8], 0, (end - port) / 8);
			port += (end - port) & ~7u;
		} else {
			bitmap[port / 8] = (uint8_t)(bitmap[port / 8] & ~(1u << (port % 8)));
			port++;
		}
	}
}

void io_bitmap_show(struct cpu *cpu, bool open)
{
	cpu->io_open = open;
	if (open) {
		io_bitmap_enable(&cpu->tables);
	} else {
		io_bitmap_disable(&cpu->tables);
	}
}

bool io_bitmap_load(struct space *space)
{
	struct cpu *cpu = this_cpu();
	bool any = false;

	if (cpu->io_open) {
		return false;
	}
	if (cpu->io_space == space) {
		io_bitmap_show(cpu, true);
		return true;
	}
	for (unsigned int i = 0; i < IO_RANGES_PER_SPACE; i++) {
		any = any || space->io_ranges[i] != NULL;
	}
	if (!any) {
		return false;
	}
	memset(cpu->tables.tss.io_bitmap, 0xff, IO_BITMAP_BYTES);
	for (unsigned int i = 0; i < IO_RANGES_PER_SPACE; i++) {
		if (space->io_ranges[i] != NULL) {
			open_ports(cpu->tables.tss.io_bitmap, space->io_ranges[i]);
		}
	}
	cpu->io_space = space;
	io_bitmap_show(cpu, true);
	return true;
}

void io_bitmap_forget(struct space *space)
{
	struct cpu *cpu = this_cpu();

	if (cpu->io_space == space) {
		cpu->io_space = NULL;
		io_bitmap_show(cpu, false);
	}
}
