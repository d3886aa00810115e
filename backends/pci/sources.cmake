# SPDX-License-Identifier: MIT
# The PCI server. The pure sources link into host tests too; the task adds the system calls and the host's ports.
set(PCI_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/orders.c
	${CMAKE_CURRENT_LIST_DIR}/selector.c
	${CMAKE_CURRENT_LIST_DIR}/survey.c)
set(PCI_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/config_ports.c
	${CMAKE_CURRENT_LIST_DIR}/main.c)
