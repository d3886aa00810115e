# SPDX-License-Identifier: MIT
# The disk in memory. The pure source links into host tests too.
set(MEMDISK_PURE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/memdisk.c)
set(MEMDISK_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
