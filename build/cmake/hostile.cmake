# SPDX-License-Identifier: MIT
# Tasks that were taken over, in out/tests/hostile: never in out/tasks, from where appliances are made.
include(tests/hostile/sources.cmake)

function(bulkhead_hostile name)
  bulkhead_task(${name} ${ARGN})
  set_target_properties(task-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/hostile)
endfunction()

bulkhead_hostile(hostile-dma GENERAL_REGISTERS
  SOURCES ${HOSTILE_DMA_SOURCES} ${DRIVER_PURE_SOURCES} ${DRIVER_TASK_SOURCES} ${VIRTIO_PURE_SOURCES}
  INCLUDES backends/driver backends/virtio)

# A device model that is honest but in the VM "red": the whole honest program, whose main() has another name, and the one that decides.
function(bulkhead_taken_over model prefix)
  add_library(hostile-${model}-honest OBJECT ${${prefix}_SOURCES} ${${prefix}_SHARED_SOURCES} ${${prefix}_TASK_SOURCES}
    ${MODEL_FRAMEWORK_TASK_SOURCES})
  target_include_directories(hostile-${model}-honest PRIVATE devmodels lib/include kernel/include)
  target_compile_definitions(hostile-${model}-honest PRIVATE main=honest_main)
  target_compile_options(hostile-${model}-honest PRIVATE ${BULKHEAD_TASK_FLAGS} ${BULKHEAD_WARNINGS} ${BULKHEAD_HOT_FLAGS})
  bulkhead_hostile(hostile-${model} GENERAL_REGISTERS
    SOURCES ${HOSTILE_MODEL_SOURCES}
    INCLUDES tests/hostile tests/random
    OBJECTS hostile-${model}-honest)
endfunction()
bulkhead_taken_over(uart16550 UART16550)
bulkhead_taken_over(virtio-blk VIRTIO_BLK)
bulkhead_taken_over(virtio-console VIRTIO_CONSOLE)
bulkhead_taken_over(virtio-net VIRTIO_NET)
