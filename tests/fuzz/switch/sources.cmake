# SPDX-License-Identifier: MIT
# The fuzzer of the switch: its ports' rings are written by the fuzzer. Needs also SWITCH_PURE_SOURCES.
set(FUZZ_SWITCH_SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_switch.c)
