# SPDX-License-Identifier: MIT
# The entropy task: no handler thread, a context of its own.
set(ENTROPY_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
