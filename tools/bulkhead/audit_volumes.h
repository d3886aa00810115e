/* SPDX-License-Identifier: MIT */
/* What a manifest says of volumes: which there are on each disk, who reads and who writes them. From the volume servers' arguments, which are all that they go by, and from
 * who has each client's page. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdio.h>

/* Calls `tell` for each client of a volume server: the server's name, the volume as its argument describes it, the client's task, its rights ("r", "rw"). */
void audit_each_volume_client(const struct manifest *manifest,
	void (*tell)(void *context, const char *server, const char *volume, const char *client,
		const char *rights),
	void *context);

/* Prints them; nothing if there are no volumes. */
void audit_print_volumes(const struct manifest *manifest, FILE *output);
