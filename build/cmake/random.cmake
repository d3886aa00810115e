# SPDX-License-Identifier: MIT
# Random system calls: a root task of its own, and the kernel with one file group more, the sweep of its invariants. The sweep's door is
# a system call that only this program has: the linker puts it in front of system_call (--wrap), so that no file of the kernel knows of it.
include(tests/random/sources.cmake)
bulkhead_sources(sweep_files tests/random ${SWEEP_SOURCES})
bulkhead_sources(random_files tests/random ${RANDOM_SOURCES} ${RANDOM_ASM})

add_executable(kernel-swept ${KERNEL_FILES} ${sweep_files})
target_include_directories(kernel-swept PRIVATE kernel kernel/include)
target_compile_options(kernel-swept PRIVATE ${BULKHEAD_KERNEL_FLAGS})
target_link_options(kernel-swept PRIVATE -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack
  -Wl,--wrap=system_call -T ${CMAKE_SOURCE_DIR}/build/kernel.ld)
set_target_properties(kernel-swept PROPERTIES
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/build/kernel.ld
  OUTPUT_NAME kernel.elf64
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/random)
add_custom_command(TARGET kernel-swept POST_BUILD
  COMMAND ${CMAKE_OBJCOPY} -O elf32-i386 $<TARGET_FILE:kernel-swept> ${CMAKE_BINARY_DIR}/random/kernel.elf32
  BYPRODUCTS ${CMAKE_BINARY_DIR}/random/kernel.elf32)

add_executable(random-calls ${random_files})
target_include_directories(random-calls PRIVATE tests/random tests/conformance lib/include kernel/include)
target_compile_options(random-calls PRIVATE
  ${BULKHEAD_TASK_FLAGS} $<$<COMPILE_LANGUAGE:C>:${BULKHEAD_WARNINGS}> -mgeneral-regs-only -ffreestanding)
target_link_options(random-calls PRIVATE -specs=${BULKHEAD_MUSL_SPECS} -static -no-pie -nostartfiles -Wl,--build-id=none
  -Wl,-z,noexecstack -Wl,-z,separate-code)
set_target_properties(random-calls PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/random)
