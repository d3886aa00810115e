# SPDX-License-Identifier: MIT
# The bare guests, and the width of the mode they run in. Each NAME is NAME.c with the library in common/.
set(BULKHEAD_GUESTS_32
	cpuid-msr date hello io-storm lmsw long-handler mmio-device mmio-forms power-off ram-end reset-8042 reset-cf9 sleep string-io timer-storm triple-fault
	uart-interrupts vmmcall-user)
set(BULKHEAD_GUESTS_64 fuzz-devices scan-all string-io64)
