# SPDX-License-Identifier: MIT
# Unit tests of CPUID and MSR policy: VMM_CPU_TESTS names the tests, <name>_SOURCES what each links besides CMocka; paths are
# relative to the repository's root, the include directory is vmm-server.
set(VMM_CPU_TESTS test_cpuid test_msr)
set(test_cpuid_SOURCES tests/unit/cpu/test_cpuid.c vmm-server/cpu/cpuid.c vmm-server/cpu/cpuid_host.c)
set(test_msr_SOURCES tests/unit/cpu/test_msr.c vmm-server/cpu/msr.c)
