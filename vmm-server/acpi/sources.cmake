# SPDX-License-Identifier: MIT
# ACPI tables of the VMM. Sets VMM_ACPI_SOURCES.
set(VMM_ACPI_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/acpi.c
  ${CMAKE_CURRENT_LIST_DIR}/aml.c
  ${CMAKE_CURRENT_LIST_DIR}/dsdt.c
)
