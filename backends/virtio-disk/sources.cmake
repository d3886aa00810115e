# SPDX-License-Identifier: MIT
# The driver of a virtio disk. The pure sources link into host tests too, with backends/virtio.
set(VIRTIO_DISK_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/disk.c)
set(VIRTIO_DISK_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/main.c)
