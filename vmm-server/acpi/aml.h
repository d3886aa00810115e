/* SPDX-License-Identifier: MIT */
/* Writes AML byte code (ACPI 6.0 chapter 20) into a buffer, by nesting begin and end of packages. Just
 * what a DSDT of a VM needs. Touches its buffer only; running out of room sets a flag, and nothing is
 * written from then on. */
#ifndef VMM_ACPI_AML_H
#define VMM_ACPI_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *bytes;
	size_t size, used;
	bool overflow;
};

/* Names are one segment of four characters, padded with '_'; a leading '\' (root) is allowed. */
void aml_name(struct aml *aml, const char *name); /* NameOp, then the object must follow */
void aml_integer(struct aml *aml, uint64_t value);
void aml_eisa_id(struct aml *aml, const char *id); /* "PNP0A03" as a compressed integer */

/* What follows up to aml_end(start) is inside. */
size_t aml_begin_scope(struct aml *aml, const char *name);
size_t aml_begin_device(struct aml *aml, const char *name);
size_t aml_begin_package(struct aml *aml, uint8_t elements);
void aml_end(struct aml *aml, size_t start);

/* A resource template (section 6.4): a buffer of descriptors with an end tag. */
struct aml_resources {
	size_t package, size_at;
};
struct aml_resources aml_begin_resources(struct aml *aml);
void aml_end_resources(struct aml *aml, struct aml_resources resources);
void aml_resource_io(struct aml *aml, uint16_t base, uint8_t count); /* fixed ports, 16-bit decode */
/* ISA: edge, active high, exclusive */
void aml_resource_interrupt(struct aml *aml, unsigned interrupt);
void aml_resource_bus(struct aml *aml, uint16_t first, uint16_t last); /* produced */
void aml_resource_io_window(struct aml *aml, uint16_t first, uint16_t last);
void aml_resource_memory_window(struct aml *aml, uint32_t first, uint32_t last, bool cacheable);

#endif
