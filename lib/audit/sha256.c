/* SPDX-License-Identifier: MIT */
/* SHA-256 as FIPS 180-4 describes it, in its words: sections 4.1.2 (functions), 4.2.2 (constants), 5.1.1 (padding), 6.2.2 (computation). */
#include <bulkhead/sha256.h>

#include <string.h>

#define BLOCK_BYTES 64u
#define BLOCK_WORDS 16u
#define ROUNDS 64u
#define STATE_WORDS 8u
#define LENGTH_BYTES 8u /* of the message's length in bits, at the end of the last block */

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes, and of the square roots of the first 8. */
static const uint32_t round_constant[ROUNDS] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};
static const uint32_t initial_state[STATE_WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static uint32_t rotate(uint32_t word, unsigned int count) { return word >> count | word << (32 - count); }

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (~x & z); }

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (x & z) ^ (y & z); }

static uint32_t upper_sigma_0(uint32_t x) { return rotate(x, 2) ^ rotate(x, 13) ^ rotate(x, 22); }

static uint32_t upper_sigma_1(uint32_t x) { return rotate(x, 6) ^ rotate(x, 11) ^ rotate(x, 25); }

static uint32_t lower_sigma_0(uint32_t x) { return rotate(x, 7) ^ rotate(x, 18) ^ x >> 3; }

static uint32_t lower_sigma_1(uint32_t x) { return rotate(x, 17) ^ rotate(x, 19) ^ x >> 10; }

/* Words are big-endian. */
static uint32_t get_word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_word(uint8_t *bytes, uint32_t word)
{
	for (unsigned int i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(word >> (24 - 8 * i));
	}
}

static void expand(uint32_t schedule[ROUNDS], const uint8_t block[BLOCK_BYTES])
{
	for (unsigned int i = 0; i < BLOCK_WORDS; i++) {
		schedule[i] = get_word(block + 4 * (size_t)i);
	}
	for (unsigned int i = BLOCK_WORDS; i < ROUNDS; i++) {
		schedule[i] = lower_sigma_1(schedule[i - 2]) + schedule[i - 7] +
			      lower_sigma_0(schedule[i - 15]) + schedule[i - 16];
	}
}

static void take_block(uint32_t state[STATE_WORDS], const uint8_t block[BLOCK_BYTES])
{
	uint32_t schedule[ROUNDS];
	uint32_t v[STATE_WORDS]; /* the standard's a to h */

	expand(schedule, block);
	memcpy(v, state, sizeof(v));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t t1 = v[7] + upper_sigma_1(v[4]) + choose(v[4], v[5], v[6]) + round_constant[i] +
			      schedule[i];
		uint32_t t2 = upper_sigma_0(v[0]) + majority(v[0], v[1], v[2]);

		memmove(&v[1], &v[0], 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned int i = 0; i < STATE_WORDS; i++) {
		state[i] += v[i];
	}
}

void sha256(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE])
{
	const uint8_t *rest = bytes;
	size_t left = size;
	uint32_t state[STATE_WORDS];
	uint8_t last[2 * BLOCK_BYTES] = { 0 };
	size_t last_size;

	memcpy(state, initial_state, sizeof(state));
	for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, rest += BLOCK_BYTES) {
		take_block(state, rest);
	}
	/* A bit 1, zeroes up to the end of a block, there the length. */
	if (left != 0) {
		memcpy(last, rest, left);
	}
	last[left] = 0x80;
	last_size = left + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
	put_word(last + last_size - 8, (uint32_t)((uint64_t)size >> 29));
	put_word(last + last_size - 4, (uint32_t)(size << 3));
	for (size_t done = 0; done < last_size; done += BLOCK_BYTES) {
		take_block(state, last + done);
	}
	for (unsigned int i = 0; i < STATE_WORDS; i++) {
		put_word(digest + 4 * (size_t)i, state[i]);
	}
}
