# SPDX-License-Identifier: MIT
# The wall-clock task: no handler thread, a context of its own. The pure sources link into host tests too.
set(WALL_CLOCK_PURE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/date.c ${CMAKE_CURRENT_LIST_DIR}/follow.c)
set(WALL_CLOCK_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
