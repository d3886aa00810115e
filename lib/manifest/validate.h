/* SPDX-License-Identifier: MIT */
/* Between the two halves of the manifest's reader: reader.c has found the sections, validate.c has their records judged. */
#pragma once

#include <bulkhead/manifest.h>

/*
 * Checks every record of `manifest`, whose section pointers and counts already lie inside the buffer and whose strings end
 * with a NUL. The first fault ends the walk and is described in `fault`. Called by manifest_open() only.
 */
__attribute__((warn_unused_result)) enum manifest_error manifest_validate(
	const struct manifest *manifest, struct manifest_fault *fault);
