# SPDX-License-Identifier: MIT
# Unit tests: the project's own source files, built for the host with sanitizers, and CMocka. Each tests/unit/GROUP/test_NAME.c is a program
# out/unit/GROUP/test_NAME; the other .c files of its folder (fixtures) belong to each of them. build/test runs them.

# -DBULKHEAD_COVERAGE=ON: with gcc's counters, for build/evidence; a build folder of its own.
option(BULKHEAD_COVERAGE "Count which lines and branches the unit tests take" OFF)
if(BULKHEAD_COVERAGE)
  list(APPEND BULKHEAD_UNIT_FLAGS --coverage -fprofile-update=atomic)
endif()

function(bulkhead_host_library name)
  cmake_parse_arguments(host "" "" "SOURCES;INCLUDES;SYSTEM_INCLUDES;DEFINITIONS" ${ARGN})
  add_library(${name} STATIC ${host_SOURCES})
  target_include_directories(${name} PUBLIC ${host_INCLUDES} lib/include kernel/include)
  target_include_directories(${name} SYSTEM PUBLIC ${host_SYSTEM_INCLUDES})
  target_compile_definitions(${name} PUBLIC ${host_DEFINITIONS})
  target_compile_options(${name} PRIVATE ${BULKHEAD_UNIT_FLAGS})
endfunction()

bulkhead_host_library(host-lib SOURCES ${LIB_PURE_FILES} ${LIB_MANIFEST_FILES} INCLUDES lib)
bulkhead_host_library(host-models SOURCES ${BULKHEAD_MODEL_FILES} ${MODEL_FRAMEWORK_PURE_SOURCES} INCLUDES devmodels)
target_link_libraries(host-models PUBLIC host-lib)

add_library(host-zydis STATIC ${ZYDIS_SOURCES})
target_include_directories(host-zydis PRIVATE ${ZYDIS_INCLUDES})
target_compile_definitions(host-zydis PRIVATE ${ZYDIS_DEFINITIONS})
target_compile_options(host-zydis PRIVATE -O1 -g -w -fsanitize=address,undefined)

# All of the VMM but its system calls and its start: the tests bring a fake of the one.
set(files ${VMM_SERVER_SOURCES} ${VMM_SERVER_HANDLER_SOURCES} ${VMM_PURE_FILES})
list(FILTER files EXCLUDE REGEX "/vmm-server/(main|start|system|vcpu/handler)\\.c$")
bulkhead_host_library(host-vmm SOURCES ${files} INCLUDES vmm-server SYSTEM_INCLUDES ${ZYDIS_INCLUDES} DEFINITIONS ${ZYDIS_DEFINITIONS})
target_link_libraries(host-vmm PUBLIC host-zydis host-lib)

bulkhead_sources(files tools/bulkhead ${TOOL_PURE_SOURCES})
bulkhead_host_library(host-tool SOURCES ${files} ${LIB_DISK_SOURCES} ${LIB_AUDIT_SOURCES} INCLUDES tools/bulkhead lib DEFINITIONS _GNU_SOURCE)
target_link_libraries(host-tool PUBLIC host-lib confuse)

bulkhead_host_library(host-roottask SOURCES ${ROOTTASK_PURE_FILES} INCLUDES roottask lib)
target_link_libraries(host-roottask PUBLIC host-lib)

bulkhead_sources(files backends/console ${CONSOLE_PURE_SOURCES})
bulkhead_host_library(host-console SOURCES ${files} INCLUDES backends/console)

bulkhead_host_library(host-switch SOURCES ${SWITCH_PURE_SOURCES} INCLUDES backends/switch)
target_link_libraries(host-switch PUBLIC host-lib)
bulkhead_host_library(host-wall-clock SOURCES ${WALL_CLOCK_PURE_SOURCES} INCLUDES backends/wall-clock)
bulkhead_host_library(host-pci SOURCES ${PCI_PURE_SOURCES} INCLUDES backends/pci)
bulkhead_host_library(host-virtio-disk SOURCES ${DRIVER_PURE_SOURCES} ${VIRTIO_PURE_SOURCES} ${VIRTIO_DISK_PURE_SOURCES}
  INCLUDES backends/driver backends/virtio backends/virtio-disk)
bulkhead_host_library(host-nvme-disk SOURCES ${DRIVER_PURE_SOURCES} ${NVME_DISK_PURE_SOURCES}
  INCLUDES backends/driver backends/nvme-disk)
bulkhead_host_library(host-driver-frames SOURCES ${DRIVER_FRAMES_PURE_SOURCES} INCLUDES backends/driver)
target_link_libraries(host-driver-frames PUBLIC host-lib)
bulkhead_host_library(host-virtio-nic SOURCES ${VIRTIO_PURE_SOURCES} ${VIRTIO_NIC_PURE_SOURCES} INCLUDES backends/driver backends/virtio backends/virtio-nic)
target_link_libraries(host-virtio-nic PUBLIC host-driver-frames)
bulkhead_host_library(host-e1000e SOURCES ${E1000E_PURE_SOURCES} INCLUDES backends/driver backends/e1000e)
target_link_libraries(host-e1000e PUBLIC host-driver-frames)

bulkhead_host_library(host-volumes SOURCES ${VOLUMES_PURE_SOURCES} ${MEMDISK_PURE_SOURCES} INCLUDES backends/volumes backends/memdisk)
target_link_libraries(host-volumes PUBLIC host-lib)

bulkhead_host_library(host-audit SOURCES ${AUDIT_LOG_PURE_SOURCES} ${LIB_AUDIT_SOURCES} INCLUDES backends/audit-log)
target_link_libraries(host-audit PUBLIC host-lib)

# Which library the tests of a group are about.
bulkhead_host_library(host-kernel SOURCES ${CMAKE_SOURCE_DIR}/kernel/object/derivation.c ${CMAKE_SOURCE_DIR}/kernel/object/guest_space.c
  ${CMAKE_SOURCE_DIR}/kernel/sched/timeout.c
  INCLUDES kernel)
set(BULKHEAD_UNIT_LIBRARY_kernel host-kernel)
set(BULKHEAD_UNIT_LIBRARY_console host-console)
set(BULKHEAD_UNIT_LIBRARY_switch host-switch)
set(BULKHEAD_UNIT_LIBRARY_wall_clock host-wall-clock)
set(BULKHEAD_UNIT_LIBRARY_host_pci host-pci)
set(BULKHEAD_UNIT_LIBRARY_virtio_disk host-virtio-disk)
set(BULKHEAD_UNIT_LIBRARY_nvme_disk host-nvme-disk)
set(BULKHEAD_UNIT_LIBRARY_driver host-driver-frames)
set(BULKHEAD_UNIT_LIBRARY_virtio_nic host-virtio-nic)
set(BULKHEAD_UNIT_LIBRARY_e1000e host-e1000e)
set(BULKHEAD_UNIT_LIBRARY_models host-models)
set(BULKHEAD_UNIT_LIBRARY_volumes host-volumes)
set(BULKHEAD_UNIT_LIBRARY_audit host-audit)
set(BULKHEAD_UNIT_LIBRARY_tool host-tool)
set(BULKHEAD_UNIT_LIBRARY_lib host-lib)
set(BULKHEAD_UNIT_LIBRARY_manifest host-tool) # its samples are written by the tool's writer
set(BULKHEAD_UNIT_LIBRARY_roottask host-roottask)
foreach(group acpi cpu fabric instruction loaders memory mmio pci vmm)
  set(BULKHEAD_UNIT_LIBRARY_${group} host-vmm)
endforeach()

set(BULKHEAD_UNIT_TESTS)
file(GLOB tests CONFIGURE_DEPENDS tests/unit/*/test_*.c)
foreach(test IN LISTS tests)
  get_filename_component(folder ${test} DIRECTORY)
  get_filename_component(group ${folder} NAME)
  get_filename_component(name ${test} NAME_WE)
  if(NOT DEFINED BULKHEAD_UNIT_LIBRARY_${group})
    message(FATAL_ERROR "${test}: build/cmake/unit.cmake does not know which library the group ${group} tests")
  endif()
  file(GLOB fixtures CONFIGURE_DEPENDS ${folder}/*.c)
  list(FILTER fixtures EXCLUDE REGEX "/test_[^/]*\\.c$")
  add_executable(unit-${group}-${name} ${test} ${fixtures})
  target_include_directories(unit-${group}-${name} PRIVATE ${folder} tests/unit)
  target_compile_definitions(unit-${group}-${name} PRIVATE _GNU_SOURCE)
  target_compile_options(unit-${group}-${name} PRIVATE ${BULKHEAD_UNIT_FLAGS})
  target_link_options(unit-${group}-${name} PRIVATE -fsanitize=address,undefined $<$<BOOL:${BULKHEAD_COVERAGE}>:--coverage>)
  target_link_libraries(unit-${group}-${name} PRIVATE ${BULKHEAD_UNIT_LIBRARY_${group}} cmocka)
  set_target_properties(unit-${group}-${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit/${group})
  list(APPEND BULKHEAD_UNIT_TESTS unit-${group}-${name})
endforeach()
add_custom_target(unit-tests DEPENDS ${BULKHEAD_UNIT_TESTS})
