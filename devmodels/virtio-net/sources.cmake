# SPDX-License-Identifier: MIT
# The virtio-net model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(VIRTIO_NET_SOURCES ${CMAKE_CURRENT_LIST_DIR}/virtio_net.c)
set(VIRTIO_NET_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
set(VIRTIO_NET_SHARED_SOURCES ${VIRTIO_SOURCES})
