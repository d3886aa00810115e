# SPDX-License-Identifier: MIT
# Sources of the root task, relative to this folder; with LIB_MANIFEST_SOURCES. Built with musl-gcc and
# ROOTTASK_OPTIONS, linked with ROOTTASK_LINK_OPTIONS: its own entry, and of musl only memcpy and its like.
set(ROOTTASK_SOURCES
  main.c report.c audit.c host_functions.c host_check.c slots.c pool.c memory.c space.c modules.c objects.c describe.c tasks.c vm.c policy.c supervise.c
  task_log.c console.c control.c channel.c output.c answer.c command.c request.c execute.c show.c dump.c network.c power.c acpi_power.c isa_line.c)
set(ROOTTASK_ASM start.S)
set(ROOTTASK_LIB_SOURCES elf/elf64.c runtime/format.c net/mac.c)
set(ROOTTASK_OPTIONS -mgeneral-regs-only -fno-stack-protector -ffreestanding)
set(ROOTTASK_LINK_OPTIONS -static -no-pie -nostartfiles -Wl,--build-id=none)
# Without system calls: also linked into host tests.
set(ROOTTASK_PURE_SOURCES host_check.c slots.c pool.c policy.c command.c describe.c acpi_power.c isa_line.c output.c answer.c request.c)
