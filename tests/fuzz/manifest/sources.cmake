# SPDX-License-Identifier: MIT
# The fuzzer of the manifest's reader: clang -fsanitize=fuzzer,address,undefined; paths are relative to the repository's root, include
# directories are lib/include, lib/manifest, tools/bulkhead and tests/unit/manifest; _GNU_SOURCE.
set(FUZZ_MANIFEST_SOURCES
	tests/fuzz/manifest/fuzz_manifest.c
	tests/unit/manifest/sample.c
	tools/bulkhead/manifest_writer.c
	tools/bulkhead/diagnostics.c)
