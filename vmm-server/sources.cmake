# SPDX-License-Identifier: MIT
# Sources of the VMM server outside of the folders that have a list of their own.
# VMM_SERVER_HANDLER_SOURCES run in handler threads: compiled with -mgeneral-regs-only.
list(APPEND VMM_SERVER_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/arguments.c
	${CMAKE_CURRENT_LIST_DIR}/main.c
	${CMAKE_CURRENT_LIST_DIR}/start.c
)
list(APPEND VMM_SERVER_HANDLER_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/clock/time.c
	${CMAKE_CURRENT_LIST_DIR}/lifecycle/lifecycle.c
	${CMAKE_CURRENT_LIST_DIR}/system.c
	${CMAKE_CURRENT_LIST_DIR}/unowned.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/control.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/exit.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/functions.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/handler.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/inject.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/lines.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/memory_exit.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/model.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/msr_exit.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/paravirtual.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/port.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/site.c
	${CMAKE_CURRENT_LIST_DIR}/vcpu/vcpu.c
)
