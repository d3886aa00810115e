# SPDX-License-Identifier: MIT
# The bench's root task: BENCH_KERNEL_SOURCES and BENCH_KERNEL_ASM, relative to this folder, with the conformance suite's harness.
set(BENCH_KERNEL_SOURCES
	main.c
	calls.c
	ports.c
	tests/conformance/harness.c
	tests/conformance/guest_tools.c)
set(BENCH_KERNEL_ASM
	code.S
	tests/conformance/start.S)
