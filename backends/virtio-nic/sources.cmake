# SPDX-License-Identifier: MIT
# The driver of a virtio network card. The pure sources link into host tests too, with backends/virtio.
set(VIRTIO_NIC_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/nic.c)
set(VIRTIO_NIC_TASK_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/main.c)
