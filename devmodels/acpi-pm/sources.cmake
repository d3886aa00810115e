# SPDX-License-Identifier: MIT
# The acpi-pm model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(ACPI_PM_SOURCES ${CMAKE_CURRENT_LIST_DIR}/acpi_pm.c)
set(ACPI_PM_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
