# SPDX-License-Identifier: MIT
# The switch. The pure source links into host tests and a fuzzer too; the task adds the system calls.
set(SWITCH_PURE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/switch.c)
set(SWITCH_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
