# SPDX-License-Identifier: MIT
# The conformance root task: CONFORMANCE_SOURCES and CONFORMANCE_ASM, relative to this folder.
set(CONFORMANCE_SOURCES
	harness.c
	guest_tools.c
	boot.c
	cnode.c
	device.c
	donation.c
	fault.c
	guest.c
	guest_end.c
	guest_route.c
	guest_signal.c
	guest_space.c
	guest_state.c
	ipc.c
	notification.c
	sched.c
	space.c
	thread.c
	timer.c
	transfer.c
	untyped.c)
set(CONFORMANCE_ASM
	start.S
	guest_code.S)
