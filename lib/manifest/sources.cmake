# SPDX-License-Identifier: MIT
# The manifest's reader: pure code, the same files for the root task, the host tool, unit tests, proofs and the fuzzer.
set(LIB_MANIFEST_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/reader.c
	${CMAKE_CURRENT_LIST_DIR}/lookup.c
	${CMAKE_CURRENT_LIST_DIR}/validate.c
	${CMAKE_CURRENT_LIST_DIR}/values.c
	${CMAKE_CURRENT_LIST_DIR}/authority.c
	${CMAKE_CURRENT_LIST_DIR}/check_tasks.c
	${CMAKE_CURRENT_LIST_DIR}/check_objects.c
	${CMAKE_CURRENT_LIST_DIR}/check_holdings.c
	${CMAKE_CURRENT_LIST_DIR}/check_routes.c
	${CMAKE_CURRENT_LIST_DIR}/text.c
)
