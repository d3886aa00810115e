# SPDX-License-Identifier: MIT
# The volume server. The pure sources link into host tests and fuzzers too; the task adds the system calls. It reads its tables with the
# manifest's checksum.
set(VOLUMES_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/catalog.c
	${CMAKE_CURRENT_LIST_DIR}/copy.c
	${CMAKE_CURRENT_LIST_DIR}/server.c
	${LIB_DISK_SOURCES})
set(VOLUMES_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
