# SPDX-License-Identifier: MIT
# Sources of the kernel, relative to this folder: a folder, a paragraph.
set(KERNEL_SOURCES
  arch/x86_64/acpi.c arch/x86_64/boot.c arch/x86_64/boot_information.c arch/x86_64/cpu_check.c arch/x86_64/entry.c
  arch/x86_64/fpu.c arch/x86_64/gdt.c arch/x86_64/idt.c arch/x86_64/ioapic.c arch/x86_64/iommu.c
  arch/x86_64/kernel_space.c arch/x86_64/lapic.c arch/x86_64/multiboot1.c arch/x86_64/multiboot2.c arch/x86_64/pic.c
  arch/x86_64/power.c arch/x86_64/screen.c arch/x86_64/serial.c arch/x86_64/string.c arch/x86_64/tsc.c
  arch/x86_64/user_ports.c
  boot/image.c boot/memory.c boot/root_task.c
  ipc/endpoint.c ipc/open_call.c ipc/fastpath.c ipc/fault.c ipc/notification.c ipc/reply.c ipc/transfer.c
  log.c main.c panic.c syscall.c trace.c
  object/cnode.c object/derivation.c object/guest_space.c object/invoke.c object/io_ports.c object/io_space.c
  object/irq_handler.c object/sched_context.c object/space.c object/teardown.c object/thread.c object/timer.c
  object/untyped.c
  sched/context.c sched/scheduler.c sched/time.c sched/timeout.c
  virt/backend.c virt/svm.c virt/svm_exit.c virt/svm_run.c virt/svm_state.c virt/vcpu.c)
set(KERNEL_ASM
  arch/x86_64/boot.S arch/x86_64/entry.S
  virt/svm_entry.S)
