/* SPDX-License-Identifier: MIT */
/* Events for the audit log: see audit.h. The ring's other side is believed nothing but its index, which ring.h checks. */
#include "audit.h"

#include "objects.h"
#include "report.h"
#include "root.h"

#include <bulkhead/audit_ring.h>

#include <string.h>

static struct ring_producer ring;
static uint32_t reader; /* slot of the capability that wakes it */
static uint64_t count;  /* of events */
static bool is_open;

void audit_open(void)
{
	const struct manifest_mapping *mapping =
		manifest_find_mapping(&root.manifest, MANIFEST_ROOT, AUDIT_RING_NAME);
	struct ring transmit;
	struct ring receive;

	if (mapping == NULL) {
		return;
	}
	is_open = ring_region_attach(root.mapping[mapping - root.manifest.mappings], mapping->length,
			  AUDIT_RING_MAGIC, AUDIT_RING_VERSION, &transmit, &receive) == 0;
	if (is_open) {
		ring = ring_producer_start(transmit);
		reader = root_capability(AUDIT_SIGNAL_NAME);
	}
}

void audit_event(uint32_t kind, const char *text, size_t length)
{
	static uint8_t piece[sizeof(struct audit_ring_header) + REPORT_LINE_MAX];
	struct audit_ring_header header = { .length = (uint32_t)(length < REPORT_LINE_MAX ? length
											  : REPORT_LINE_MAX),
		.kind = kind,
		.event = ++count,
		.tsc = bh_tsc() };
	uint32_t size = (uint32_t)sizeof(header) + header.length;
	int signal = 0;

	if (!is_open || ring_space(&ring.ring, ring.head) < size) {
		return;
	}
	memcpy(piece, &header, sizeof(header));
	memcpy(piece + sizeof(header), text, header.length);
	(void)ring_write(&ring, piece, size, &signal);
	if (signal != 0 && reader != 0) {
		/* The notification is the system's and outlives the reader, which looks at the ring first when it starts again. */
		enum bh_error error = bh_signal(reader);

		(void)error;
	}
}

bool audit_is_drained(void) { return !is_open || ring_space(&ring.ring, ring.head) == ring.ring.capacity; }
