# SPDX-License-Identifier: MIT
# What the virtio models share. VIRTIO_SOURCES: linked into each of their tasks, host tests and fuzzers.
set(VIRTIO_SOURCES ${CMAKE_CURRENT_LIST_DIR}/queue.c ${CMAKE_CURRENT_LIST_DIR}/virtio.c)
