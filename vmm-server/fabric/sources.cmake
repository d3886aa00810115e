# SPDX-License-Identifier: MIT
# The interrupt fabric: paths are relative to the repository's root, include directories are vmm-server and lib/include.
set(VMM_FABRIC_SOURCES
	vmm-server/fabric/fabric.c
	vmm-server/fabric/ioapic.c
	vmm-server/fabric/lapic.c
	vmm-server/fabric/lapic_registers.c
	vmm-server/fabric/lapic_timer.c
	vmm-server/fabric/pic.c)
