# SPDX-License-Identifier: MIT
# What drivers of the host's devices share: for disks, for network cards, for both. The pure sources link into host tests too, which bring registers of
# their own.
set(DRIVER_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/slots.c)
set(DRIVER_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/environment.c
	${CMAKE_CURRENT_LIST_DIR}/mmio.c
	${CMAKE_CURRENT_LIST_DIR}/work.c)
set(DRIVER_FRAMES_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/frames.c)
set(DRIVER_FRAMES_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/environment.c
	${CMAKE_CURRENT_LIST_DIR}/mmio.c
	${CMAKE_CURRENT_LIST_DIR}/frames_work.c)
