# SPDX-License-Identifier: MIT
# Unit tests of the interrupt fabric: VMM_FABRIC_TESTS names the tests, <name>_SOURCES what each links besides CMocka; paths are
# relative to the repository's root, include directories are vmm-server and lib/include.
set(VMM_FABRIC_TESTS test_lapic test_lapic_timer test_ioapic test_pic test_fabric test_fabric_random)
set(fabric_lapic_sources
	vmm-server/fabric/lapic.c
	vmm-server/fabric/lapic_registers.c
	vmm-server/fabric/lapic_timer.c)
set(test_lapic_SOURCES tests/unit/fabric/test_lapic.c ${fabric_lapic_sources})
set(test_lapic_timer_SOURCES tests/unit/fabric/test_lapic_timer.c ${fabric_lapic_sources})
set(test_ioapic_SOURCES tests/unit/fabric/test_ioapic.c vmm-server/fabric/ioapic.c)
set(test_pic_SOURCES tests/unit/fabric/test_pic.c vmm-server/fabric/pic.c)
set(fabric_all_sources
	vmm-server/fabric/fabric.c
	vmm-server/fabric/ioapic.c
	vmm-server/fabric/pic.c
	${fabric_lapic_sources})
set(test_fabric_SOURCES tests/unit/fabric/test_fabric.c ${fabric_all_sources})
set(test_fabric_random_SOURCES tests/unit/fabric/test_fabric_random.c ${fabric_all_sources})
