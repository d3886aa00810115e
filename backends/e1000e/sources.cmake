# SPDX-License-Identifier: MIT
# The driver of Intel's 82574L. The pure source links into host tests too.
set(E1000E_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/e1000e.c)
set(E1000E_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/main.c)
