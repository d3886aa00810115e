# SPDX-License-Identifier: MIT
# Unit tests of the device models and their framework: one program for each test_*.c, each with MODEL_TEST_SUPPORT_SOURCES,
# MODEL_FRAMEWORK_PURE_SOURCES and the sources of all models; include folders devmodels, lib/include and this one; libcmocka.
set(MODEL_TEST_SUPPORT_SOURCES ${CMAKE_CURRENT_LIST_DIR}/machine.c)
set(MODEL_TESTS framework ring clock uart16550 pit8254 mc146818 acpi_pm i8042 debug_exit)
