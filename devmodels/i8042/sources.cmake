# SPDX-License-Identifier: MIT
# The i8042 model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(I8042_SOURCES ${CMAKE_CURRENT_LIST_DIR}/i8042.c)
set(I8042_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
