/* SPDX-License-Identifier: MIT */
/* Registers that are mapped into the task, uncached: see mmio.h. */
#include "mmio.h"

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)address;
	case 2:
		return *(const volatile uint16_t *)address;
	default:
		return *(const volatile uint32_t *)address;
	}
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)address = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)address = (uint16_t)value;
		break;
	default:
		*(volatile uint32_t *)address = value;
		break;
	}
}
