# SPDX-License-Identifier: MIT
# PCI configuration space of the VMM. Sets VMM_PCI_SOURCES.
set(VMM_PCI_SOURCES ${CMAKE_CURRENT_LIST_DIR}/pci.c ${CMAKE_CURRENT_LIST_DIR}/msix.c ${CMAKE_CURRENT_LIST_DIR}/virtio_function.c)
