/* SPDX-License-Identifier: MIT */
/* Where things stand in a guest's physical address space: a PC. Constants only. */
#ifndef VMM_MEMORY_GUEST_LAYOUT_H
#define VMM_MEMORY_GUEST_LAYOUT_H

#include <stdint.h>

/* extended BIOS data area: end of conventional memory, 639 KiB */
#define GUEST_EBDA_BASE UINT64_C(0x9fc00)
#define GUEST_VGA_BASE UINT64_C(0xa0000) /* RAM behind it, but not reported as such */
/* ACPI tables; the RSDP is found here by the BIOS area scan */
#define GUEST_ACPI_BASE UINT64_C(0xe0000)
#define GUEST_ACPI_SIZE UINT64_C(0x20000)
#define GUEST_HIGH_MEMORY UINT64_C(0x100000) /* 1 MiB */
#define GUEST_HOLE_BASE UINT64_C(0xc0000000) /* low RAM ends here at the latest */
#define GUEST_IO_APIC_BASE UINT64_C(0xfec00000)
#define GUEST_LOCAL_APIC_BASE UINT64_C(0xfee00000)

#endif
