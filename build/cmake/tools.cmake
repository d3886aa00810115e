# SPDX-License-Identifier: MIT
# The host tool, out/tools/bulkhead: an ordinary program of this machine.
include(tools/bulkhead/sources.cmake)
bulkhead_sources(TOOL_FILES tools/bulkhead ${TOOL_SOURCES})

bulkhead_sources(LIB_TOOL_FILES lib ${LIB_TOOL_SOURCES})
add_executable(tool ${TOOL_FILES} ${LIB_MANIFEST_FILES} ${LIB_TOOL_FILES} ${LIB_DISK_SOURCES} ${LIB_AUDIT_SOURCES})
target_include_directories(tool PRIVATE tools/bulkhead lib/include lib kernel/include)
target_compile_definitions(tool PRIVATE _GNU_SOURCE)
target_compile_options(tool PRIVATE ${BULKHEAD_WARNINGS} -O2 -g)
target_link_libraries(tool PRIVATE confuse)
set_target_properties(tool PROPERTIES OUTPUT_NAME bulkhead RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tools)
