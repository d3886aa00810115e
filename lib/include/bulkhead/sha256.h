/* SPDX-License-Identifier: MIT */
/* SHA-256, FIPS 180-4. Pure; no allocation. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32u

/* The digest of `size` bytes. */
void sha256(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE]);
