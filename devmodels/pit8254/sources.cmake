# SPDX-License-Identifier: MIT
# The pit8254 model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(PIT8254_SOURCES ${CMAKE_CURRENT_LIST_DIR}/pit8254.c)
set(PIT8254_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
