# SPDX-License-Identifier: MIT
# The device-model framework. Pure sources link into host tests and fuzzers too; task sources need the user runtime.
set(MODEL_FRAMEWORK_PURE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/run.c)
set(MODEL_FRAMEWORK_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/run.c
	${CMAKE_CURRENT_LIST_DIR}/task.c
	${CMAKE_CURRENT_LIST_DIR}/task_environment.c)
# What runs on a handler thread leaves the guest's floating-point state alone and makes no calls that the compiler invents.
set(MODEL_HANDLER_OPTIONS -mgeneral-regs-only -fno-tree-loop-distribute-patterns)
