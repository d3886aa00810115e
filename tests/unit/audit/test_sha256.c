/* SPDX-License-Identifier: MIT */
/* SHA-256 against NIST's examples, and around the ends of blocks against what sha256sum(1) says. */
#include "fake_volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bulkhead/sha256.h>

static void expect(const void *bytes, size_t size, const char *expected)
{
	uint8_t digest[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];

	sha256(bytes, size, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	}
	assert_string_equal(text, expected);
}

/* NIST's "Examples with Intermediate Values" for FIPS 180-4; nothing and a million letters from its older FIPS 180-2, appendix B. */
static void examples(void **state)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	char *million = malloc(1000000);

	(void)state;
	expect("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect(two_blocks, sizeof(two_blocks) - 1,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	expect(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void ends_of_blocks(void **state)
{
	static const struct {
		size_t size;
		const char *digest;
	} lengths[] = {
		{ 1, "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a" },
		{ 55, "16fa57a0a3423a715d594516339f36189d6b5f93754a9714fef202616a9fabfe" },
		{ 56, "c37b44e5f1b18554b36966f4f8e08bfbf3164c4b6c10374d12d89850892073c5" },
		{ 57, "12b234922502022f755ab8550a3d4e202ad39c81d961a4f59ec39d5fd83d15a7" },
		{ 63, "bbba992d2c85af960fb2987a1fd05e0aa82a3db3c740dd8982a9e273b75e36a3" },
		{ 64, "66bd4633ed6f71c4ecfa4763bf7ba1c8ec7612de9aa6c0578a7b675207c71e0b" },
		{ 65, "9f7dc47107b750a1f3d35db5d9547f24ef40da5b731b9540d4f43710a154f6c9" },
		{ 119, "a3ed307b730fa77c07531300c6e4a282330011d4d4caf6bb7b63ae05950f4b66" },
		{ 120, "8e3b15d9fea7472655aa069620b7f8c2e55ee1499f763200a7515fe826e99d20" },
		{ 128, "e462c130fef8c97e34f7dc3ff3ad2f8b3533ab849af21c10531552a2852387a4" },
		{ 480, "31d5d3176651745509ee4dd094e092738767f695e5f26b874d1772b6e23e91f2" },
	};
	uint8_t bytes[480];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(7 * i + 1);
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t *exact = malloc(lengths[i].size); /* so that a read beyond is noticed */

		memcpy(exact, bytes, lengths[i].size);
		expect(exact, lengths[i].size, lengths[i].digest);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(examples), cmocka_unit_test(ends_of_blocks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
