# SPDX-License-Identifier: MIT
# The random-call root task, and what the test's kernel has beside the kernel's own files; relative to this folder.
set(RANDOM_SOURCES
	actors.c
	calls.c
	main.c
	model.c
	outcome.c
	shapes.c
	world.c
	tests/conformance/harness.c)
set(RANDOM_ASM
	code.S
	tests/conformance/start.S)
set(SWEEP_SOURCES
	sweep/sweep.c
	sweep/sweep_capabilities.c
	sweep/sweep_executions.c
	sweep/sweep_mappings.c
	sweep/sweep_scheduler.c)
