# SPDX-License-Identifier: MIT
# The mc146818 model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(MC146818_SOURCES ${CMAKE_CURRENT_LIST_DIR}/mc146818.c)
set(MC146818_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
