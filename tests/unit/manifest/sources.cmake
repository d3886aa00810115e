# SPDX-License-Identifier: MIT
# Unit tests of the manifest's reader: MANIFEST_TESTS names the tests, <name>_SOURCES what each links besides CMocka; paths are
# relative to the repository's root, include directories are lib/include, lib/manifest and tools/bulkhead; _GNU_SOURCE.
set(MANIFEST_TESTS test_manifest)
set(test_manifest_SOURCES
	tests/unit/manifest/test_manifest.c
	tests/unit/manifest/sample.c
	lib/manifest/reader.c
	lib/manifest/validate.c
	lib/manifest/text.c
	tools/bulkhead/manifest_writer.c
	tools/bulkhead/diagnostics.c)
