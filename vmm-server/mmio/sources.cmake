# SPDX-License-Identifier: MIT
# MMIO emulation of the VMM. Sets VMM_MMIO_SOURCES; decode.c needs the settings of instruction/sources.cmake.
set(VMM_MMIO_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/access.c
  ${CMAKE_CURRENT_LIST_DIR}/arithmetic.c
  ${CMAKE_CURRENT_LIST_DIR}/decode.c
)
