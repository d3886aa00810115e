# SPDX-License-Identifier: MIT
# The audit log's task: no handler thread, a context of its own. The pure sources link into host tests and a fuzzer too, with lib/audit.
set(AUDIT_LOG_PURE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/log.c ${CMAKE_CURRENT_LIST_DIR}/recorder.c)
set(AUDIT_LOG_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
