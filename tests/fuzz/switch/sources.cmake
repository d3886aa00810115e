# SPDX-License-Identifier: MIT
# The fuzzer of the switch: its ports' rings are written by the fuzzer. Needs also SWITCH_PURE_SOURCES.
set(FUZZ_SWITCH_SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_switch.c)
set(FUZZ_SWITCH_SHORT_RUN -max_total_time=10 -max_len=2048 -timeout=5 -print_final_stats=1)
