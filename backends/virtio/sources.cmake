# SPDX-License-Identifier: MIT
# virtio from the driver's side, for the drivers of the host's devices. The pure sources link into host tests too, which bring registers.
set(VIRTIO_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/queue.c
	${CMAKE_CURRENT_LIST_DIR}/transport.c)
