/* SPDX-License-Identifier: MIT */
/* The ACPI fixed-hardware model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

#define ACPI_PM_LINE_SCI 0u
#define ACPI_PM_LINE_POWER_OFF 1u
#define ACPI_PM_HERTZ UINT64_C(3579545)
#define ACPI_PM_SLEEP_TYPE_S5 5u /* SLP_TYP that the VMM's DSDT gives for \_S5 */

extern const struct model acpi_pm_model;
