/* SPDX-License-Identifier: MIT */
/* The host's PCI configuration space. config_ports.c reaches it through ports; the tests bring functions of their own. */
#pragma once

#include <stdint.h>

/* A function's place: bus << 8 | device << 3 | function, which is also its requester id (PCI Express 5.0 section 2.2.6.2). */
#define REQUESTER(bus, device, function) \
	((uint32_t)(bus) << 8 | (uint32_t)(device) << 3 | (uint32_t)(function))

/* Registers that every function has (PCI 3.0 section 6.1); all below 256. */
#define CONFIG_ID 0x00u      /* device << 16 | vendor; all ones: there is no function */
#define CONFIG_COMMAND 0x04u /* status << 16 | command */
#define CONFIG_CLASS 0x08u   /* class << 8 | revision */
#define CONFIG_HEADER 0x0cu  /* header type in bits 16..22, bit 23: several functions */
#define CONFIG_BAR 0x10u     /* six of them, in a header of type 0 */
#define CONFIG_BUSES 0x18u   /* of a bridge: secondary bus in bits 8..15 */
#define CONFIG_CAPABILITIES 0x34u

#define COMMAND_IO (1u << 0)
#define COMMAND_MEMORY (1u << 1)
#define COMMAND_BUS_MASTER (1u << 2)
#define COMMAND_NO_INTX (1u << 10)
#define COMMAND_MASK 0xffffu /* the other half is status, whose bits are cleared by writing ones */
#define STATUS_CAPABILITIES (1u << 20)

#define CAPABILITY_MSIX 0x11u
#define MSIX_ENABLE (1u << 31) /* of the capability's first word */
#define MSIX_MASK_ALL (1u << 30)

/* Reads and writes 32 bits at `offset`, a multiple of 4 below 256, of the function at `requester`. Only the PCI server can. */
uint32_t config_read(uint32_t requester, uint32_t offset);
void config_write(uint32_t requester, uint32_t offset, uint32_t value);

/* The place of the capability `id` in the function's list; 0 if it has none. At most 48 are looked at, as many as there is room for, so a list
 * that goes round ends, too. */
uint32_t config_capability(uint32_t requester, uint32_t id);
