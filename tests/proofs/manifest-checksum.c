/* SPDX-License-Identifier: MIT */
/* Proof: manifest-checksum
 * Property: the checksum reads exactly the bytes that it was told to, and its table never beside its end; of up to two bytes it is CRC-32 (so its table is right).
 * Bound: any contents of 1 to 12 bytes.
 * Assumes: the buffer is memory of the length that is told
 * Functions: lib/manifest/reader.c: manifest_checksum
 * Replaces: manifest_validate proof_manifest_validate
 * Options: --unwind 14
 */
#include "proof.h"

#include <bulkhead/manifest.h>

#include "manifest/reader.c"

enum manifest_error proof_manifest_validate(const struct manifest *manifest, struct manifest_fault *fault)
{
	return MANIFEST_OK;
}

/* CRC-32 bit by bit, as IEEE 802.3 defines it (reflected, polynomial EDB88320h). */
static uint32_t reference(const uint8_t *bytes, size_t size)
{
	uint32_t remainder = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		remainder ^= bytes[i];
		for (int bit = 0; bit < 8; bit++) {
			remainder = (remainder & 1) != 0 ? remainder >> 1 ^ 0xedb88320 : remainder >> 1;
		}
	}
	return ~remainder;
}

void *malloc(size_t size);

int main(void)
{
	size_t length = any_u64();

	ASSUME(length <= 12, "the buffer is memory of the length that is told");

	uint8_t *bytes = malloc(length);
	uint32_t checksum = manifest_checksum(bytes, length);

	PROVE(length > 2 || checksum == reference(bytes, length > 2 ? 2 : length), "the checksum is CRC-32");
	COVER_IF(length == 12, "the longest");
	return 0;
}
