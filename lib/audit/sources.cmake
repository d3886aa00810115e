# SPDX-License-Identifier: MIT
# The audit log's records and their chain. Pure: for the task that writes them, the host tool that checks them, unit tests and the fuzzer.
set(LIB_AUDIT_SOURCES ${CMAKE_CURRENT_LIST_DIR}/audit_record.c ${CMAKE_CURRENT_LIST_DIR}/audit_scan.c ${CMAKE_CURRENT_LIST_DIR}/sha256.c)
