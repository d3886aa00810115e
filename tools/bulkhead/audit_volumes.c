/* SPDX-License-Identifier: MIT */
/* The volumes' part of the audit: see audit_volumes.h. Writes to the stream it is given. */
#include "audit_volumes.h"

#include "audit_reach.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VOLUMES_IMAGE "volumes"
#define VOLUME_KEY "volume="
#define CLIENT_KEY "client="
#define LABEL_LENGTH 31 /* bulkhead/volume_table.h: names of 32 bytes with their end */

/* The text behind `key` in the argument that is number `index` of those with that key; NULL if there are not so many. */
static const char *nth_argument(
	const struct manifest *manifest, const struct manifest_task *task, const char *key, unsigned index)
{
	for (uint32_t i = 0; i < task->argument_count; i++) {
		const char *argument = manifest_argument(manifest, task, i);

		if (strncmp(argument, key, strlen(key)) == 0 && index-- == 0) {
			return argument + strlen(key);
		}
	}
	return NULL;
}

/* The other task that has the page of client `index`. */
static const char *client_name(const struct manifest *manifest, uint32_t server, unsigned index)
{
	char page[MANIFEST_NAME_SIZE];
	uint32_t object = MANIFEST_NONE;

	snprintf(page, sizeof page, "page%u", index);
	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		if (manifest->mappings[i].task == server &&
			strcmp(NAME_OF(manifest, &manifest->mappings[i]), page) == 0) {
			object = manifest->mappings[i].object;
		}
	}
	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		if (manifest->mappings[i].object == object && manifest->mappings[i].task != server) {
			return audit_task_name(manifest, manifest->mappings[i].task);
		}
	}
	return "?";
}

/* What stands behind the next comma; the end of the text where there is none. */
static const char *next_field(const char *text)
{
	text += strcspn(text, ",");
	return *text == ',' ? text + 1 : text;
}

/* "PARTITION,SECTORS,LABEL,ORIGIN" in words. */
static void describe_volume(const char *argument, char *text, size_t size)
{
	const char *label = next_field(next_field(argument));
	const char *origin = next_field(label);
	size_t label_length = strcspn(label, ",");
	unsigned partition = (unsigned)strtoul(argument, NULL, 10);
	size_t length = 0;

	if (partition == 0) {
		length += (size_t)snprintf(text, size, "the whole disk");
	} else {
		length += (size_t)snprintf(text, size, "partition %u", partition);
	}
	if (label_length != 0) {
		length += (size_t)snprintf(text + length, size - length, ", volume %.*s",
			label_length < LABEL_LENGTH ? (int)label_length : LABEL_LENGTH, label);
	}
	if (*origin != '\0') {
		snprintf(text + length, size - length, ", a snapshot of %.*s", LABEL_LENGTH, origin);
	}
}

void audit_each_volume_client(const struct manifest *manifest,
	void (*tell)(void *context, const char *server, const char *volume, const char *client,
		const char *rights),
	void *context)
{
	for (uint32_t index = 0; index < manifest->task_count; index++) {
		const struct manifest_task *task = &manifest->tasks[index];
		const char *client;

		if (strcmp(NAME_OF(manifest, &manifest->modules[task->module]), VOLUMES_IMAGE) != 0) {
			continue;
		}
		for (unsigned i = 0; (client = nth_argument(manifest, task, CLIENT_KEY, i)) != NULL; i++) {
			const char *volume =
				nth_argument(manifest, task, VOLUME_KEY, (unsigned)strtoul(client, NULL, 10));
			char text[4 * MANIFEST_NAME_SIZE] = "?";

			if (volume != NULL) {
				describe_volume(volume, text, sizeof text);
			}
			tell(context, NAME_OF(manifest, task), text, client_name(manifest, index, i),
				next_field(client));
		}
	}
}

struct printing {
	FILE *output;
	bool has_begun;
};

static void print_client(
	void *context, const char *server, const char *volume, const char *client, const char *rights)
{
	struct printing *printing = context;

	if (!printing->has_begun) {
		fputs("\nWHO HAS WHICH VOLUME\n", printing->output);
		printing->has_begun = true;
	}
	fprintf(printing->output, "  %s %s by %s: %s\n", client,
		strcmp(rights, "rw") == 0 ? "reads and writes" : "reads", server, volume);
}

void audit_print_volumes(const struct manifest *manifest, FILE *output)
{
	struct printing printing = { output, false };

	audit_each_volume_client(manifest, print_client, &printing);
}
