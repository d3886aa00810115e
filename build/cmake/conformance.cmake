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

# The kernel once more, with counters of the branches that were taken (tests/conformance/branches.py): not optimized, so that each
# branch of the source is one of the program. The counters need nothing from the kernel; the merge function is never called.
add_executable(kernel-counted ${KERNEL_FILES})
target_include_directories(kernel-counted PRIVATE kernel kernel/include)
# Functions that are always inlined are none here: their branches would count once for each place.
target_compile_options(kernel-counted PRIVATE ${BULKHEAD_KERNEL_FLAGS} -O0 -Dalways_inline=
  $<$<COMPILE_LANGUAGE:C>:--coverage> $<$<COMPILE_LANGUAGE:C>:-fprofile-info-section>)
target_link_options(kernel-counted PRIVATE -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack
  -Wl,--defsym=__gcov_merge_add=0 -T ${CMAKE_SOURCE_DIR}/build/kernel.ld)
set_target_properties(kernel-counted PROPERTIES
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/build/kernel.ld
  OUTPUT_NAME kernel.elf
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/coverage)
add_custom_command(TARGET kernel-counted POST_BUILD
  COMMAND ${CMAKE_OBJCOPY} -O elf32-i386 $<TARGET_FILE:kernel-counted> ${CMAKE_BINARY_DIR}/coverage/kernel.elf32
  BYPRODUCTS ${CMAKE_BINARY_DIR}/coverage/kernel.elf32)
