# SPDX-License-Identifier: MIT
# The host tool. Needs libconfuse, LIB_MANIFEST_SOURCES, the folders lib/include and tools/bulkhead, and _GNU_SOURCE.
# TOOL_PURE_SOURCES are what unit tests link: all but main.c.
set(TOOL_PURE_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/audit.c
	${CMAKE_CURRENT_LIST_DIR}/audit_json.c
	${CMAKE_CURRENT_LIST_DIR}/audit_log.c
	${CMAKE_CURRENT_LIST_DIR}/audit_network.c
	${CMAKE_CURRENT_LIST_DIR}/audit_reach.c
	${CMAKE_CURRENT_LIST_DIR}/audit_volumes.c
	${CMAKE_CURRENT_LIST_DIR}/boot_image.c
	${CMAKE_CURRENT_LIST_DIR}/builder.c
	${CMAKE_CURRENT_LIST_DIR}/check.c
	${CMAKE_CURRENT_LIST_DIR}/check_disks.c
	${CMAKE_CURRENT_LIST_DIR}/check_functions.c
	${CMAKE_CURRENT_LIST_DIR}/check_network.c
	${CMAKE_CURRENT_LIST_DIR}/config.c
	${CMAKE_CURRENT_LIST_DIR}/config_disk.c
	${CMAKE_CURRENT_LIST_DIR}/config_function.c
	${CMAKE_CURRENT_LIST_DIR}/config_network.c
	${CMAKE_CURRENT_LIST_DIR}/config_uplink.c
	${CMAKE_CURRENT_LIST_DIR}/config_vm.c
	${CMAKE_CURRENT_LIST_DIR}/config_volume.c
	${CMAKE_CURRENT_LIST_DIR}/devices.c
	${CMAKE_CURRENT_LIST_DIR}/diagnostics.c
	${CMAKE_CURRENT_LIST_DIR}/expand.c
	${CMAKE_CURRENT_LIST_DIR}/expand_audit_log.c
	${CMAKE_CURRENT_LIST_DIR}/expand_console.c
	${CMAKE_CURRENT_LIST_DIR}/expand_disks.c
	${CMAKE_CURRENT_LIST_DIR}/expand_entropy.c
	${CMAKE_CURRENT_LIST_DIR}/expand_host.c
	${CMAKE_CURRENT_LIST_DIR}/expand_switch.c
	${CMAKE_CURRENT_LIST_DIR}/expand_uplink.c
	${CMAKE_CURRENT_LIST_DIR}/expand_vm.c
	${CMAKE_CURRENT_LIST_DIR}/expand_volumes.c
	${CMAKE_CURRENT_LIST_DIR}/expand_wall_clock.c
	${CMAKE_CURRENT_LIST_DIR}/guest_image.c
	${CMAKE_CURRENT_LIST_DIR}/manifest_writer.c
	${CMAKE_CURRENT_LIST_DIR}/qemu_command.c
	${CMAKE_CURRENT_LIST_DIR}/reach.c
	${CMAKE_CURRENT_LIST_DIR}/run.c
	${CMAKE_CURRENT_LIST_DIR}/source.c
	${CMAKE_CURRENT_LIST_DIR}/staging.c
	${CMAKE_CURRENT_LIST_DIR}/transcript.c
	${CMAKE_CURRENT_LIST_DIR}/values.c
)
set(TOOL_SOURCES ${TOOL_PURE_SOURCES} ${CMAKE_CURRENT_LIST_DIR}/main.c)
