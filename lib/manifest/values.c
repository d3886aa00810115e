/* SPDX-License-Identifier: MIT */
/* What records of several kinds are made of: texts, shares of the CPU, priorities, sizes of pages. Pure. */
#include "records.h"

#define MAX_PERIOD_US UINT64_C(10000000) /* the kernel's limit for a scheduling context's period */
#define MIN_BUDGET_US UINT64_C(10)
#define MAX_PRIORITY 255u

enum manifest_error manifest_check_text(const struct manifest *manifest, uint32_t offset, uint32_t limit)
{
	if (offset >= manifest->string_size) {
		return MANIFEST_ERROR_STRING;
	}
	const char *text = manifest->strings + offset;
	uint32_t room = manifest->string_size - offset; /* at least 1, and a NUL is in it */
	uint32_t length = 0;

	while (length < limit && length < room && text[length] != '\0') {
		length++;
	}
	if (length == limit || length == 0) {
		return MANIFEST_ERROR_STRING;
	}
	return MANIFEST_OK;
}

enum manifest_error manifest_check_name(const struct manifest *manifest, uint32_t offset)
{
	return manifest_check_text(manifest, offset, MANIFEST_NAME_SIZE);
}

int manifest_same_name(const struct manifest *manifest, uint32_t left, uint32_t right)
{
	return left == right ||
	       manifest_same_text(manifest_string(manifest, left), manifest_string(manifest, right));
}

int manifest_is_share(uint64_t budget_us, uint64_t period_us)
{
	return budget_us >= MIN_BUDGET_US && budget_us <= period_us && period_us <= MAX_PERIOD_US;
}

int manifest_is_priority(uint32_t priority) { return priority >= 1 && priority <= MAX_PRIORITY; }

int manifest_is_paged(const struct manifest_object *object, uint64_t value)
{
	return (object->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0 ? value % MANIFEST_LARGE_PAGE_SIZE == 0
								  : value % MANIFEST_PAGE_SIZE == 0;
}
