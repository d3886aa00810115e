/* SPDX-License-Identifier: MIT */
/* What all guest loaders share: the request, the errors, the result. A loader writes guest RAM and the
 * initial state of vCPU 0, nothing else. Every byte of a boot file is untrusted. */
#ifndef VMM_LOADERS_LOADER_H
#define VMM_LOADERS_LOADER_H

#include "loaders/e820.h"

#include <bulkhead/guest_memory.h>
#include <bulkhead/vcpu.h>

enum loader_error {
	LOADER_OK,
	LOADER_NO_LOW_RAM,
	LOADER_FILE_TRUNCATED,
	LOADER_COMMAND_LINE_TOO_LONG,
	LOADER_INITRD_TOO_LARGE,
	LOADER_KERNEL_TOO_LARGE,
	/* Linux */
	LOADER_LINUX_NO_MAGIC,
	LOADER_LINUX_TOO_OLD,
	LOADER_LINUX_NOT_64_BIT,
	LOADER_LINUX_NOT_LOADED_HIGH,
	LOADER_LINUX_BAD_HEADER_SIZE,
	LOADER_LINUX_BAD_ALIGNMENT,
	LOADER_LINUX_BAD_ADDRESS,
	LOADER_LINUX_BAD_INIT_SIZE,
	LOADER_LINUX_MODULES_GIVEN,
	/* Multiboot 1 */
	LOADER_MULTIBOOT_NO_HEADER,
	LOADER_MULTIBOOT_UNKNOWN_FLAGS,
	LOADER_MULTIBOOT_WANTS_GRAPHICS,
	LOADER_MULTIBOOT_BAD_ADDRESSES,
	LOADER_MULTIBOOT_BAD_ENTRY,
	LOADER_MULTIBOOT_TOO_MANY_MODULES,
	LOADER_MULTIBOOT_STRINGS_TOO_LONG,
	LOADER_MULTIBOOT_INITRD_GIVEN,
	LOADER_ELF_NOT_ELF,
	LOADER_ELF_IS_64_BIT,
	LOADER_ELF_NOT_X86,
	LOADER_ELF_NOT_EXECUTABLE,
	LOADER_ELF_BAD_PROGRAM_HEADERS,
	LOADER_ELF_BAD_SEGMENT,
	LOADER_ELF_SEGMENT_OUTSIDE,
	LOADER_ELF_SEGMENTS_OVERLAP,
	LOADER_ELF_NO_SEGMENT,
	LOADER_MODULES_TOO_LARGE,
	LOADER_ERRORS
};

struct loader_file {
	const uint8_t *bytes; /* null if size is 0 */
	uint64_t size;
	const char *text; /* a module's string; null: empty */
};

struct loader_request {
	const struct guest_memory *memory; /* zeroed, but for the ACPI tables */
	struct loader_file kernel;
	struct loader_file initrd;         /* Linux; size 0: none */
	const struct loader_file *modules; /* Multiboot */
	uint32_t module_count;
	const char *command_line; /* null: empty */
	uint64_t acpi_rsdp;       /* guest-physical; 0: no ACPI */
	uint16_t serial_port[2];  /* for the BIOS data area; 0: none */
};

/* More about a failure: what was found and what would be right; 0 and 0 where numbers say nothing. */
struct loader_failure {
	uint64_t found, limit;
};

/* Loads, fills e820 map, boot information and low memory, and sets *state (which is cleared first, apart
 * from abi_version and size) to start vCPU 0: general registers, rip, rflags, control registers, segments,
 * gdtr, idtr; MSRs get their reset values (pat). *failure is filled in on errors. Start-up; not in an exit
 * handler. */
__attribute__((warn_unused_result)) enum loader_error linux_load(
	const struct loader_request *request, struct bh_vcpu_state *state, struct loader_failure *failure);
__attribute__((warn_unused_result)) enum loader_error multiboot1_load(
	const struct loader_request *request, struct bh_vcpu_state *state, struct loader_failure *failure);

/* What is wrong and how to mend it, as one line without a full stop; log it with the numbers of struct
 * loader_failure where `numbers` says so. */
const char *loader_error_text(enum loader_error error, bool *numbers);

#endif
