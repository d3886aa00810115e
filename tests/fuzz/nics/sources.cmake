# SPDX-License-Identifier: MIT
# The fuzzer of the network cards' drivers: switch and device are the fuzzer's. Needs also the drivers' pure sources and lib/net/offload.c.
set(FUZZ_NICS_SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_nics.c)
