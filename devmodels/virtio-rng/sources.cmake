# SPDX-License-Identifier: MIT
# The virtio-rng model: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(VIRTIO_RNG_SOURCES ${CMAKE_CURRENT_LIST_DIR}/virtio_rng.c)
set(VIRTIO_RNG_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
set(VIRTIO_RNG_SHARED_SOURCES ${VIRTIO_SOURCES})
