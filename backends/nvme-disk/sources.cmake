# SPDX-License-Identifier: MIT
# The driver of an NVMe disk. The pure sources link into host tests too, with backends/driver.
set(NVME_DISK_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/commands.c
	${CMAKE_CURRENT_LIST_DIR}/nvme.c)
set(NVME_DISK_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/main.c)
