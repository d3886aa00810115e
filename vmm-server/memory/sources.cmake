# SPDX-License-Identifier: MIT
# Guest memory of the VMM. Sets VMM_MEMORY_SOURCES.
set(VMM_MEMORY_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/guest_paging.c
)
