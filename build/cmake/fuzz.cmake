# SPDX-License-Identifier: MIT
# Fuzzers: the project's own source files with clang's libFuzzer, in out/fuzz. gcc has none, so each file is compiled by a command of its own.
find_program(BULKHEAD_CLANG clang REQUIRED)

set(BULKHEAD_FUZZ_FLAGS
  -std=c17 -O1 -g -D_GNU_SOURCE -DBULKHEAD_CHECKED_COPIES -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fno-strict-aliasing
  -Wall -Wextra -Werror -pthread)

# bulkhead_fuzzer(NAME SOURCES ... INCLUDES ...)
function(bulkhead_fuzzer name)
  cmake_parse_arguments(fuzzer "" "" "SOURCES;INCLUDES" ${ARGN})
  set(includes)
  foreach(folder IN LISTS fuzzer_INCLUDES ITEMS tests/fuzz lib/include kernel/include)
    list(APPEND includes -I${CMAKE_SOURCE_DIR}/${folder})
  endforeach()
  set(objects)
  foreach(source IN LISTS fuzzer_SOURCES)
    file(RELATIVE_PATH object_name ${CMAKE_SOURCE_DIR} ${source})
    string(REPLACE "/" "_" object_name ${object_name})
    set(object fuzz/objects/${name}/${object_name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory fuzz/objects/${name}
      COMMAND ${BULKHEAD_CLANG} ${BULKHEAD_FUZZ_FLAGS} ${includes} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${CMAKE_BINARY_DIR}/${object}.d
      WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
      COMMENT "Building fuzzer object ${object_name}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(OUTPUT fuzz/${name}
    COMMAND ${BULKHEAD_CLANG} -fsanitize=fuzzer,address,undefined -pthread ${objects} -o fuzz/${name}
    DEPENDS ${objects}
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
    COMMENT "Linking fuzzer ${name}"
    VERBATIM)
  add_custom_target(${name}-fuzzer ALL DEPENDS fuzz/${name})
endfunction()

include(tests/fuzz/models/sources.cmake)
bulkhead_fuzzer(fuzz_model
  SOURCES ${FUZZ_MODEL_SOURCES} ${MODEL_FRAMEWORK_PURE_SOURCES} ${BULKHEAD_MODEL_FILES}
    ${CMAKE_SOURCE_DIR}/lib/guest-memory/guest_memory.c ${CMAKE_SOURCE_DIR}/lib/net/mac.c
    ${CMAKE_SOURCE_DIR}/lib/net/offload.c
  INCLUDES devmodels)

include(tests/fuzz/manifest/sources.cmake)
bulkhead_sources(files tests/fuzz/manifest ${FUZZ_MANIFEST_SOURCES})
bulkhead_fuzzer(fuzz_manifest SOURCES ${files} ${LIB_MANIFEST_FILES} INCLUDES lib/manifest tools/bulkhead tests/unit/manifest)

include(tests/fuzz/switch/sources.cmake)
bulkhead_fuzzer(fuzz_switch
  SOURCES ${FUZZ_SWITCH_SOURCES} ${SWITCH_PURE_SOURCES}
  INCLUDES backends/switch)

include(tests/fuzz/nics/sources.cmake)
bulkhead_fuzzer(fuzz_nics
  SOURCES ${FUZZ_NICS_SOURCES} ${DRIVER_FRAMES_PURE_SOURCES} ${VIRTIO_PURE_SOURCES} ${VIRTIO_NIC_PURE_SOURCES} ${E1000E_PURE_SOURCES}
    ${CMAKE_SOURCE_DIR}/lib/net/offload.c
  INCLUDES backends/driver backends/virtio backends/virtio-nic backends/e1000e)

bulkhead_fuzzer(fuzz_volumes
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/volumes/fuzz_volumes.c ${VOLUMES_PURE_SOURCES} ${LIB_MANIFEST_FILES}
  INCLUDES backends/volumes lib)

bulkhead_fuzzer(fuzz_audit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/audit/fuzz_audit.c ${AUDIT_LOG_PURE_SOURCES} ${LIB_AUDIT_SOURCES} ${CMAKE_SOURCE_DIR}/lib/runtime/format.c
  INCLUDES backends/audit-log)
