# SPDX-License-Identifier: MIT
# The kernel: out/kernel/bulkhead.elf64 for GRUB, and the same program as ELF32 for loaders that know multiboot1 only (QEMU's -kernel).
include(kernel/sources.cmake)
bulkhead_sources(KERNEL_FILES kernel ${KERNEL_SOURCES} ${KERNEL_ASM})

add_executable(kernel ${KERNEL_FILES})
target_include_directories(kernel PRIVATE kernel kernel/include)
target_compile_options(kernel PRIVATE ${BULKHEAD_KERNEL_FLAGS} $<$<COMPILE_LANGUAGE:C>:-fcallgraph-info=su>)
target_link_options(kernel PRIVATE -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack
  -T ${CMAKE_SOURCE_DIR}/build/kernel.ld)
# Their functions never return, and what a function has to keep is in the thread or the state page already: nothing to push.
set_source_files_properties(kernel/ipc/fastpath.c kernel/virt/svm_exit.c PROPERTIES COMPILE_OPTIONS
  "-fcall-used-rbx;-fcall-used-r12;-fcall-used-r13;-fcall-used-r14;-fcall-used-r15")
set_target_properties(kernel PROPERTIES
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/build/kernel.ld
  OUTPUT_NAME bulkhead.elf64
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/kernel)
add_custom_command(TARGET kernel POST_BUILD
  COMMAND ${CMAKE_OBJCOPY} -O elf32-i386 $<TARGET_FILE:kernel> ${CMAKE_BINARY_DIR}/kernel/bulkhead.elf32
  BYPRODUCTS ${CMAKE_BINARY_DIR}/kernel/bulkhead.elf32)
