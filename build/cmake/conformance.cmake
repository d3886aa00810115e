# SPDX-License-Identifier: MIT
# The conformance suite: a root task of its own that tries the kernel from user mode, out/tests/conformance.
include(tests/conformance/sources.cmake)
bulkhead_sources(files tests/conformance ${CONFORMANCE_SOURCES} ${CONFORMANCE_ASM})

add_executable(conformance ${files})
target_include_directories(conformance PRIVATE tests/conformance lib/include kernel/include)
target_compile_options(conformance PRIVATE
  ${BULKHEAD_TASK_FLAGS} $<$<COMPILE_LANGUAGE:C>:${BULKHEAD_WARNINGS}> -mgeneral-regs-only -ffreestanding)
target_link_options(conformance PRIVATE -specs=${BULKHEAD_MUSL_SPECS} -static -no-pie -nostartfiles -Wl,--build-id=none
  -Wl,-z,noexecstack -Wl,-z,separate-code)
set_target_properties(conformance PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
