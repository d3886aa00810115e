# SPDX-License-Identifier: MIT
# The manifest's reader: pure code, the same files for the root task, the host tool, unit tests, proofs and the fuzzer.
set(LIB_MANIFEST_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/reader.c
	${CMAKE_CURRENT_LIST_DIR}/validate.c
	${CMAKE_CURRENT_LIST_DIR}/text.c
)
