/* SPDX-License-Identifier: MIT */
/* The acpi-pm task: this model on the framework's main(). */

#include "framework/task.h"
#include "acpi-pm/acpi_pm.h"

const struct model *const task_model = &acpi_pm_model;
