# SPDX-License-Identifier: MIT
# The debug-exit model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(DEBUG_EXIT_SOURCES ${CMAKE_CURRENT_LIST_DIR}/debug_exit.c)
set(DEBUG_EXIT_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
