# SPDX-License-Identifier: MIT
# The uart16550 model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(UART16550_SOURCES ${CMAKE_CURRENT_LIST_DIR}/uart16550.c)
set(UART16550_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
