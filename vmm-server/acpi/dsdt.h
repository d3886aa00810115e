/* SPDX-License-Identifier: MIT */
/* The AML of a VM's DSDT: sleep state S5, the PCI root, and the ISA devices behind it. */
#ifndef VMM_ACPI_DSDT_H
#define VMM_ACPI_DSDT_H

#include "acpi/acpi.h"
#include "acpi/aml.h"

/* Emits the definition block's contents (without the table header). */
void dsdt_emit(struct aml *aml, const struct acpi_configuration *configuration);

#endif
