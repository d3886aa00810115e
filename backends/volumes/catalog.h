/* SPDX-License-Identifier: MIT */
/* From what the appliance file says of a volume to the sectors that it has: partition tables, tables of named volumes, maps. Pure. */
#pragma once

#include <bulkhead/disk_io.h>

#include <stddef.h>
#include <stdint.h>

#include "server.h"

#define CATALOG_WORK_BYTES 32768u

struct catalog_wish {
	uint32_t partition; /* 1..; 0: the whole disk */
	const char *name;   /* of a named volume in there; NULL: all of it */
	uint64_t sectors;   /* of a named volume that is to be made if it is not there; 0: it is not made */
	const char *snapshot_of; /* the named volume there as which a new one begins; NULL: none */
};

/* Adds the volume to the server (before its channels), and makes it first if the wish says so. `maps` is private memory, as long as
 * what area 0 has from SERVER_MAPS_OFFSET on; `work` CATALOG_WORK_BYTES. Returns NULL, or in English why it can't be had; then
 * nothing was added. */
__attribute__((warn_unused_result)) const char *catalog_add(struct volume_server *server,
	const struct disk_io *io, const struct catalog_wish *wish, uint8_t *maps, uint8_t *work);
