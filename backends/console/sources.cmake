# SPDX-License-Identifier: MIT
# The console backend. The pure sources link into host tests too; the task adds the system calls and the host's ports.
set(CONSOLE_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/multiplexer.c
	${CMAKE_CURRENT_LIST_DIR}/relay.c
	${CMAKE_CURRENT_LIST_DIR}/saved.c
	${CMAKE_CURRENT_LIST_DIR}/terminal.c
	${CMAKE_CURRENT_LIST_DIR}/transcript.c
	${CMAKE_CURRENT_LIST_DIR}/uart.c)
set(CONSOLE_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/main.c
	${CMAKE_CURRENT_LIST_DIR}/ports.c)
set(CONSOLE_SOURCES ${CONSOLE_PURE_SOURCES})
