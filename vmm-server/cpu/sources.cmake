# SPDX-License-Identifier: MIT
# CPUID and MSR policy: paths are relative to the repository's root, the include directory is vmm-server.
set(VMM_CPU_SOURCES
	vmm-server/cpu/cpuid.c
	vmm-server/cpu/cpuid_host.c
	vmm-server/cpu/msr.c)
