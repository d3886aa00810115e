# SPDX-License-Identifier: MIT
# The bench's root task, out/tests/bench-kernel: measures the kernel without any VMM (tests/bench).
include(tests/bench/kernel/sources.cmake)
bulkhead_sources(files tests/bench/kernel ${BENCH_KERNEL_SOURCES} ${BENCH_KERNEL_ASM})

add_executable(bench-kernel ${files})
target_include_directories(bench-kernel PRIVATE tests/bench/kernel tests/conformance lib/include kernel/include)
target_compile_options(bench-kernel PRIVATE
  ${BULKHEAD_TASK_FLAGS} $<$<COMPILE_LANGUAGE:C>:${BULKHEAD_WARNINGS}> -mgeneral-regs-only -ffreestanding)
target_link_options(bench-kernel PRIVATE -specs=${BULKHEAD_MUSL_SPECS} -static -no-pie -nostartfiles -Wl,--build-id=none
  -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,separate-code)
set_target_properties(bench-kernel PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
