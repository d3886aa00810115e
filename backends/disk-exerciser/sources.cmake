# SPDX-License-Identifier: MIT
# A task that exercises a disk's driver, for tests.
set(DISK_EXERCISER_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/main.c)
