# SPDX-License-Identifier: MIT
# The fuzzer over all device models: built by clang with -fsanitize=fuzzer,address,undefined. Needs also MODEL_FRAMEWORK_PURE_SOURCES and
# each model's sources.
set(FUZZ_MODEL_SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_model.c)
set(FUZZ_MODEL_SHORT_RUN -max_total_time=10 -max_len=1024 -timeout=5 -print_final_stats=1)
