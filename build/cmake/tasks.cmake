# SPDX-License-Identifier: MIT
# User tasks: static ELF64 programs of Debian's musl and our runtime, in out/tasks. What handler threads run is compiled for general registers only.

set(BULKHEAD_MODELS uart16550 pit8254 mc146818 acpi-pm i8042 debug-exit test-device
  virtio-rng virtio-console virtio-net virtio-blk)

include(lib/sources.cmake)
include(lib/manifest/sources.cmake)
include(lib/disk/sources.cmake)
include(lib/audit/sources.cmake)
bulkhead_sources(LIB_USER_FILES lib ${LIB_USER_SOURCES} ${LIB_USER_ASM})
bulkhead_sources(LIB_PURE_FILES lib ${LIB_PURE_SOURCES})
bulkhead_sources(LIB_MANIFEST_FILES lib/manifest ${LIB_MANIFEST_SOURCES})

# An object library, and not an archive: nobody refers to the note by which the loader finds the upcall entry.
add_library(bulkhead-user OBJECT ${LIB_USER_FILES})
target_include_directories(bulkhead-user PRIVATE lib/include lib kernel/include)
target_compile_options(bulkhead-user PRIVATE
  ${BULKHEAD_TASK_FLAGS} $<$<COMPILE_LANGUAGE:C>:${BULKHEAD_WARNINGS}> ${LIB_USER_OPTIONS})

# bulkhead_task(NAME [GENERAL_REGISTERS] [SOURCES ...] [HANDLER_SOURCES ...] [INCLUDES ...] [DEFINITIONS ...] [OBJECTS ...])
# HANDLER_SOURCES run on handler threads; OBJECTS are object libraries that are linked too. GENERAL_REGISTERS: the manifest gives the task no
# FPU, so that who it serves keeps its registers there.
function(bulkhead_task name)
  cmake_parse_arguments(task "GENERAL_REGISTERS" "" "SOURCES;HANDLER_SOURCES;INCLUDES;SYSTEM_INCLUDES;DEFINITIONS;OBJECTS" ${ARGN})
  set(objects $<TARGET_OBJECTS:bulkhead-user>)
  foreach(library IN LISTS task_OBJECTS)
    list(APPEND objects $<TARGET_OBJECTS:${library}>)
  endforeach()
  if(task_HANDLER_SOURCES)
    add_library(${name}-handler OBJECT ${task_HANDLER_SOURCES})
    target_include_directories(${name}-handler PRIVATE ${task_INCLUDES} lib/include kernel/include)
    target_include_directories(${name}-handler SYSTEM PRIVATE ${task_SYSTEM_INCLUDES})
    target_compile_definitions(${name}-handler PRIVATE ${task_DEFINITIONS})
    target_compile_options(${name}-handler PRIVATE ${BULKHEAD_TASK_FLAGS} ${BULKHEAD_WARNINGS} ${BULKHEAD_HOT_FLAGS})
    list(APPEND objects $<TARGET_OBJECTS:${name}-handler>)
  endif()
  add_executable(task-${name} ${task_SOURCES} ${objects})
  target_include_directories(task-${name} PRIVATE ${task_INCLUDES} lib/include kernel/include)
  target_include_directories(task-${name} SYSTEM PRIVATE ${task_SYSTEM_INCLUDES})
  target_compile_definitions(task-${name} PRIVATE ${task_DEFINITIONS})
  target_compile_options(task-${name} PRIVATE ${BULKHEAD_TASK_FLAGS} $<$<COMPILE_LANGUAGE:C>:${BULKHEAD_WARNINGS}>)
  if(task_GENERAL_REGISTERS)
    target_compile_options(task-${name} PRIVATE ${BULKHEAD_HOT_FLAGS})
    file(APPEND ${BULKHEAD_GENERAL_TASKS} "${name}\n")
  endif()
  target_link_options(task-${name} PRIVATE ${BULKHEAD_TASK_LINK_FLAGS})
  set_target_properties(task-${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tasks)
endfunction()

# The names of those without an FPU: build/check-budgets general-registers.
set(BULKHEAD_GENERAL_TASKS ${CMAKE_BINARY_DIR}/general-tasks.txt)
file(WRITE ${BULKHEAD_GENERAL_TASKS} "")

# The device models: model code and framework both run on the handler thread.
include(devmodels/framework/sources.cmake)
include(devmodels/virtio/sources.cmake)
set(BULKHEAD_MODEL_FILES ${VIRTIO_SOURCES})
foreach(model IN LISTS BULKHEAD_MODELS)
  include(devmodels/${model}/sources.cmake)
  string(TOUPPER ${model} prefix)
  string(REPLACE "-" "_" prefix ${prefix})
  bulkhead_task(${model} GENERAL_REGISTERS
    HANDLER_SOURCES ${${prefix}_SOURCES} ${${prefix}_SHARED_SOURCES} ${${prefix}_TASK_SOURCES} ${MODEL_FRAMEWORK_TASK_SOURCES}
    INCLUDES devmodels)
  list(APPEND BULKHEAD_MODEL_FILES ${${prefix}_SOURCES})
endforeach()

# The VMM. Its pure modules are listed one by one: host tests link the same files.
set(VMM_SERVER_SOURCES)
set(VMM_SERVER_HANDLER_SOURCES)
include(vmm-server/sources.cmake)
set(VMM_PURE_FILES)
foreach(module acpi cpu fabric instruction loaders memory mmio pci)
  include(vmm-server/${module}/sources.cmake)
  string(TOUPPER ${module} prefix)
  bulkhead_sources(files vmm-server/${module} ${VMM_${prefix}_SOURCES})
  list(APPEND VMM_PURE_FILES ${files})
endforeach()

foreach(file IN LISTS ZYDIS_SOURCES)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "The sources of the Zydis decoder are missing: run build/fetch-zydis.sh")
  endif()
endforeach()
add_library(zydis OBJECT ${ZYDIS_SOURCES})
target_include_directories(zydis PRIVATE ${ZYDIS_INCLUDES})
target_compile_definitions(zydis PRIVATE ${ZYDIS_DEFINITIONS})
target_compile_options(zydis PRIVATE ${BULKHEAD_TASK_FLAGS} ${BULKHEAD_HOT_FLAGS} -w)

bulkhead_task(vmm-server
  SOURCES ${VMM_SERVER_SOURCES}
  HANDLER_SOURCES ${VMM_SERVER_HANDLER_SOURCES} ${VMM_PURE_FILES}
  INCLUDES vmm-server
  SYSTEM_INCLUDES ${ZYDIS_INCLUDES}
  DEFINITIONS ${ZYDIS_DEFINITIONS}
  OBJECTS zydis)

# The root task has its own entry, and of musl only memcpy and its like: nobody serves its Linux calls.
include(roottask/sources.cmake)
bulkhead_sources(ROOTTASK_FILES roottask ${ROOTTASK_SOURCES} ${ROOTTASK_ASM})
bulkhead_sources(ROOTTASK_LIB_FILES lib ${ROOTTASK_LIB_SOURCES})
bulkhead_sources(ROOTTASK_PURE_FILES roottask ${ROOTTASK_PURE_SOURCES})
add_executable(task-roottask ${ROOTTASK_FILES} ${ROOTTASK_LIB_FILES} ${LIB_MANIFEST_FILES})
target_include_directories(task-roottask PRIVATE roottask lib lib/include kernel/include)
target_compile_options(task-roottask PRIVATE
  ${BULKHEAD_TASK_FLAGS} $<$<COMPILE_LANGUAGE:C>:${BULKHEAD_WARNINGS}> ${ROOTTASK_OPTIONS})
target_link_options(task-roottask PRIVATE -specs=${BULKHEAD_MUSL_SPECS} ${ROOTTASK_LINK_OPTIONS} -Wl,--gc-sections
  -Wl,-z,noexecstack -Wl,-z,separate-code)
set_target_properties(task-roottask PROPERTIES OUTPUT_NAME roottask RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tasks)

# The console backend: no handler thread, a context of its own.
include(backends/console/sources.cmake)
bulkhead_sources(CONSOLE_FILES backends/console ${CONSOLE_SOURCES} ${CONSOLE_TASK_SOURCES})
bulkhead_task(console SOURCES ${CONSOLE_FILES} INCLUDES backends/console)

include(backends/entropy/sources.cmake)
bulkhead_task(entropy SOURCES ${ENTROPY_SOURCES})
# The wall clock: likewise.
include(backends/wall-clock/sources.cmake)
bulkhead_task(wall-clock SOURCES ${WALL_CLOCK_PURE_SOURCES} ${WALL_CLOCK_TASK_SOURCES} INCLUDES backends/wall-clock)
# The switch between the VMs' network cards: likewise.
include(backends/switch/sources.cmake)
bulkhead_task(switch GENERAL_REGISTERS SOURCES ${SWITCH_PURE_SOURCES} ${SWITCH_TASK_SOURCES} INCLUDES backends/switch)
# The PCI server: likewise.
include(backends/pci/sources.cmake)
bulkhead_task(pci SOURCES ${PCI_PURE_SOURCES} ${PCI_TASK_SOURCES} INCLUDES backends/pci)

# Drivers of the host's devices.
include(backends/driver/sources.cmake)
include(backends/virtio/sources.cmake)
include(backends/virtio-disk/sources.cmake)
bulkhead_task(virtio-disk GENERAL_REGISTERS
  SOURCES ${DRIVER_PURE_SOURCES} ${DRIVER_TASK_SOURCES} ${VIRTIO_PURE_SOURCES} ${VIRTIO_DISK_PURE_SOURCES} ${VIRTIO_DISK_TASK_SOURCES}
  INCLUDES backends/driver backends/virtio backends/virtio-disk)
include(backends/nvme-disk/sources.cmake)
bulkhead_task(nvme-disk GENERAL_REGISTERS
  SOURCES ${DRIVER_PURE_SOURCES} ${DRIVER_TASK_SOURCES} ${NVME_DISK_PURE_SOURCES} ${NVME_DISK_TASK_SOURCES}
  INCLUDES backends/driver backends/nvme-disk)
include(backends/virtio-nic/sources.cmake)
bulkhead_task(virtio-nic GENERAL_REGISTERS
  SOURCES ${DRIVER_FRAMES_PURE_SOURCES} ${DRIVER_FRAMES_TASK_SOURCES} ${VIRTIO_PURE_SOURCES} ${VIRTIO_NIC_PURE_SOURCES} ${VIRTIO_NIC_TASK_SOURCES}
  INCLUDES backends/driver backends/virtio backends/virtio-nic)
include(backends/e1000e/sources.cmake)
bulkhead_task(e1000e GENERAL_REGISTERS
  SOURCES ${DRIVER_FRAMES_PURE_SOURCES} ${DRIVER_FRAMES_TASK_SOURCES} ${E1000E_PURE_SOURCES} ${E1000E_TASK_SOURCES}
  INCLUDES backends/driver backends/e1000e)
include(backends/disk-exerciser/sources.cmake)
bulkhead_task(disk-exerciser SOURCES ${DISK_EXERCISER_TASK_SOURCES})

# Disks: the volume server, and a disk in memory.
include(backends/volumes/sources.cmake)
bulkhead_sources(VOLUMES_FILES backends/volumes ${VOLUMES_PURE_SOURCES})
bulkhead_task(volumes GENERAL_REGISTERS SOURCES ${VOLUMES_FILES} ${VOLUMES_TASK_SOURCES} ${LIB_DISK_TASK_SOURCES} ${LIB_MANIFEST_FILES} INCLUDES backends/volumes lib)
# The audit log: a client of a volume server.
include(backends/audit-log/sources.cmake)
bulkhead_task(audit-log SOURCES ${AUDIT_LOG_PURE_SOURCES} ${AUDIT_LOG_TASK_SOURCES} ${LIB_DISK_TASK_SOURCES} ${LIB_AUDIT_SOURCES} INCLUDES backends/audit-log)
include(backends/memdisk/sources.cmake)
bulkhead_task(memdisk GENERAL_REGISTERS SOURCES ${MEMDISK_PURE_SOURCES} ${MEMDISK_TASK_SOURCES} INCLUDES backends/memdisk)
