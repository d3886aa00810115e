# SPDX-License-Identifier: MIT
# The flags of each kind of program: kernel, tasks, host programs with sanitizers, bare guests. One compiler builds them all; a
# task is compiled by the same gcc with musl's specs file, which is what the musl-gcc wrapper does.

# The same bytes wherever the tree stands, and whenever it is built.
add_compile_options(
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
  -ffile-prefix-map=${CMAKE_BINARY_DIR}=out
  -fdebug-prefix-map=${CMAKE_BINARY_DIR}=out
  -Wdate-time)

set(BULKHEAD_WARNINGS -Wall -Wextra -Wconversion -Werror -Wvla)

set(BULKHEAD_KERNEL_FLAGS
  ${BULKHEAD_WARNINGS} -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only
  -fno-stack-protector -fcf-protection=none -fno-strict-aliasing -fno-asynchronous-unwind-tables)

set(BULKHEAD_MUSL_SPECS /usr/lib/x86_64-linux-musl/musl-gcc.specs)
set(BULKHEAD_TASK_FLAGS
  -O2 -g -specs=${BULKHEAD_MUSL_SPECS} -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-strict-aliasing
  -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections)
set(BULKHEAD_TASK_LINK_FLAGS
  -specs=${BULKHEAD_MUSL_SPECS} -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,separate-code)

# What runs on handler threads touches general registers only: the guest's floating-point state stays loaded.
set(BULKHEAD_HOT_FLAGS -mgeneral-regs-only)

set(BULKHEAD_UNIT_FLAGS
  ${BULKHEAD_WARNINGS} -O1 -g -DBULKHEAD_CHECKED_COPIES -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -fno-strict-aliasing)

set(BULKHEAD_GUEST_FLAGS
  ${BULKHEAD_WARNINGS} -O2 -g -ffreestanding -fno-pic -fno-pie -mgeneral-regs-only -mno-red-zone -fno-stack-protector
  -fno-delete-null-pointer-checks -fcf-protection=none -fno-strict-aliasing -fno-asynchronous-unwind-tables)
