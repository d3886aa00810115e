# SPDX-License-Identifier: MIT
# The fuzzer over all device models: built by clang with -fsanitize=fuzzer,address,undefined. Needs also MODEL_FRAMEWORK_PURE_SOURCES and
# each model's sources.
set(FUZZ_MODEL_SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_model.c)
