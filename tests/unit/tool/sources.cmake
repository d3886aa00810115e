# SPDX-License-Identifier: MIT
# Unit tests of the host tool: TOOL_TESTS names the tests, <name>_SOURCES what each links besides CMocka and libconfuse; paths are
# relative to the repository's root, include directories are lib/include and tools/bulkhead; _GNU_SOURCE.
set(TOOL_TESTS test_tool_values test_tool_transcript test_tool_expand)
set(test_tool_values_SOURCES
	tests/unit/tool/test_tool_values.c
	tools/bulkhead/values.c
	tools/bulkhead/source.c
	tools/bulkhead/guest_image.c
	tools/bulkhead/diagnostics.c)
set(test_tool_transcript_SOURCES tests/unit/tool/test_tool_transcript.c tools/bulkhead/transcript.c)
set(test_tool_expand_SOURCES
	tests/unit/tool/test_tool_expand.c
	tools/bulkhead/builder.c
	tools/bulkhead/devices.c
	tools/bulkhead/diagnostics.c
	tools/bulkhead/expand.c
	tools/bulkhead/expand_console.c
	tools/bulkhead/expand_vm.c
	tools/bulkhead/manifest_writer.c
	lib/manifest/reader.c
	lib/manifest/validate.c
	lib/manifest/text.c)
