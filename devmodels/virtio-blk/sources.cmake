# SPDX-License-Identifier: MIT
# The virtio-blk model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(VIRTIO_BLK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/virtio_blk.c)
set(VIRTIO_BLK_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
set(VIRTIO_BLK_SHARED_SOURCES ${VIRTIO_SOURCES})
