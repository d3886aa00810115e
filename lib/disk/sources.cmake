# SPDX-License-Identifier: MIT
# What stands on disks: partition tables, tables of named volumes. Pure: for the volume server, the host tool, unit tests and fuzzers. They
# need the manifest's checksum (lib/manifest).
set(LIB_DISK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/gpt.c ${CMAKE_CURRENT_LIST_DIR}/volume_table.c)
# Transfers by the block protocol, for tasks: system calls.
set(LIB_DISK_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/transfer.c)
