/* SPDX-License-Identifier: MIT */
/* Task information and start frames: see describe.h. Pure; writes only into the buffers it was given. */
#include "describe.h"

#include <string.h>

#define AUXILIARY_NULL 0
#define AUXILIARY_PHDR 3
#define AUXILIARY_PHENT 4
#define AUXILIARY_PHNUM 5
#define AUXILIARY_PAGESZ 6
#define AUXILIARY_ENTRY 9
#define AUXILIARY_SECURE 23
#define AUXILIARY_RANDOM 25

struct task_info *describe_header(const struct description *description)
{
	return (struct task_info *)(void *)description->buffer;
}

static void *take(struct description *description, size_t size)
{
	uint8_t *place = description->buffer + description->used;

	if (size > TASK_INFO_MAX_SIZE - description->used) {
		return NULL;
	}
	description->used += (uint32_t)size;
	return place;
}

static void copy_name(char *to, const char *name)
{
	size_t length = strlen(name);

	length = length < TASK_INFO_NAME_SIZE ? length : TASK_INFO_NAME_SIZE - 1;
	memset(to, 0, TASK_INFO_NAME_SIZE);
	memcpy(to, name, length);
}

void describe_begin(struct description *description, uint8_t *buffer, const char *name, uint32_t incarnation)
{
	struct task_info *info = (struct task_info *)(void *)buffer;

	description->buffer = buffer;
	description->used = sizeof(*info);
	memset(info, 0, sizeof(*info));
	info->magic = TASK_INFO_MAGIC;
	info->version = TASK_INFO_VERSION;
	copy_name(info->name, name);
	info->incarnation = incarnation;
}

bool describe_capability(struct description *description, const char *name, uint32_t slot, uint32_t rights)
{
	struct task_info *info = describe_header(description);
	uint32_t offset = description->used;
	struct task_info_capability *capability = take(description, sizeof(*capability));

	if (capability == NULL) {
		return false;
	}
	copy_name(capability->name, name);
	capability->slot = slot;
	capability->rights = rights;
	info->capability_offset = info->capability_count == 0 ? offset : info->capability_offset;
	info->capability_count++;
	return true;
}

bool describe_region(struct description *description, const char *name, uint64_t address, uint64_t size,
	uint32_t rights, uint64_t device_address)
{
	struct task_info *info = describe_header(description);
	uint32_t offset = description->used;
	struct task_info_region *region = take(description, sizeof(*region));

	if (region == NULL) {
		return false;
	}
	copy_name(region->name, name);
	region->address = address;
	region->size = size;
	region->rights = rights;
	region->reserved = 0;
	region->device_address = device_address;
	info->region_offset = info->region_count == 0 ? offset : info->region_offset;
	info->region_count++;
	return true;
}

bool describe_argument(struct description *description, const char *argument)
{
	struct task_info *info = describe_header(description);
	uint32_t offset = description->used;
	size_t size = strlen(argument) + 1;
	char *text = take(description, size);

	if (text == NULL) {
		return false;
	}
	memcpy(text, argument, size);
	info->argument_offset = info->argument_count == 0 ? offset : info->argument_offset;
	info->argument_count++;
	return true;
}

void describe_end(struct description *description) { describe_header(description)->size = description->used; }

uint64_t describe_start_frame(
	uint8_t *frame, uint64_t top, const char *name, const struct elf_image *image, const uint64_t seed[2])
{
	/* From the top down: the name, the random bytes, then the words. */
	char *text = (char *)frame + START_FRAME_MAX - TASK_INFO_NAME_SIZE;
	uint64_t text_address = top - TASK_INFO_NAME_SIZE;
	uint64_t seed_address = text_address - 16;
	uint64_t words[] = {
		1,
		text_address,
		0, /* argc, argv */
		0, /* envp */
		AUXILIARY_PHDR,
		image->program_headers,
		AUXILIARY_PHENT,
		image->program_header_size,
		AUXILIARY_PHNUM,
		image->program_header_count,
		AUXILIARY_PAGESZ,
		4096,
		AUXILIARY_ENTRY,
		image->entry,
		AUXILIARY_RANDOM,
		seed_address,
		AUXILIARY_SECURE,
		0,
		AUXILIARY_NULL,
		0,
	};
	uint64_t pointer = (seed_address - sizeof(words)) & ~UINT64_C(15);

	memset(frame, 0, START_FRAME_MAX);
	copy_name(text, name);
	memcpy(frame + (START_FRAME_MAX - (top - seed_address)), seed, 16);
	memcpy(frame + (START_FRAME_MAX - (top - pointer)), words, sizeof(words));
	return pointer;
}
