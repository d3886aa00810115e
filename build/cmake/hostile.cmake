# SPDX-License-Identifier: MIT
# Tasks that were taken over, in out/tests/hostile: never in out/tasks, from where appliances are made.
include(tests/hostile/sources.cmake)

function(bulkhead_hostile name)
  bulkhead_task(${name} ${ARGN})
  set_target_properties(task-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/hostile)
endfunction()

bulkhead_hostile(hostile-dma
  SOURCES ${HOSTILE_DMA_SOURCES} ${DRIVER_PURE_SOURCES} ${DRIVER_TASK_SOURCES} ${VIRTIO_PURE_SOURCES}
  INCLUDES backends/driver backends/virtio)
