# SPDX-License-Identifier: MIT
# The virtio-console model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(VIRTIO_CONSOLE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/virtio_console.c)
set(VIRTIO_CONSOLE_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
set(VIRTIO_CONSOLE_SHARED_SOURCES ${VIRTIO_SOURCES})
