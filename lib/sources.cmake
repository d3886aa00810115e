# SPDX-License-Identifier: MIT
# Sources of lib/, relative to this folder. LIB_USER_*: what each task links (as an object library: the upcall note is
# referenced by nobody), built with musl-gcc and LIB_USER_OPTIONS. LIB_PURE_*: no system calls, also linked into host tests.
set(LIB_USER_SOURCES
  runtime/heap.c runtime/format.c runtime/log.c runtime/task.c runtime/linux_calls.c
  guest-memory/guest_memory.c net/mac.c net/offload.c net/switch_port.c)
set(LIB_USER_ASM runtime/upcall.S runtime/handler_entry.S)
set(LIB_USER_OPTIONS -mgeneral-regs-only -fno-stack-protector)
set(LIB_PURE_SOURCES elf/elf64.c runtime/heap.c runtime/format.c guest-memory/guest_memory.c net/mac.c net/offload.c net/switch_port.c)
# What the host tool links, besides lib/manifest.
set(LIB_TOOL_SOURCES runtime/format.c net/mac.c net/switch_port.c)
