/* SPDX-License-Identifier: MIT */
/* One transfer after the other: see block_transfer.h. Touches the page, the caller's part of the data area, two capabilities. */
#include <bulkhead/block_transfer.h>

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <string.h>

/* These can fail only if the manifest gave the wrong object: then nothing works. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

static void wait_for_signal(const struct block_transfer *transfer)
{
	uint64_t word;

	demand(bh_wait(transfer->notification, &word), "waiting");
}

static bool make(struct block_transfer *transfer, const struct block_slot *what)
{
	struct block_page *page = transfer->disk.page;
	bool signal = false;

	block_client_post(&transfer->disk, 0, what, &signal);
	if (signal) {
		demand(bh_signal(transfer->signal), "signalling the disk");
	}
	for (;;) {
		block_ask_for_answers(page);
		if (block_client_is_idle(&transfer->disk)) {
			return block_status_of(page, 0) == BLOCK_OK;
		}
		wait_for_signal(transfer);
	}
}

static uint32_t piece_of(const struct block_transfer *transfer, uint32_t rest)
{
	uint32_t most = transfer->geometry.max_sectors < transfer->most ? transfer->geometry.max_sectors
									: transfer->most;

	return rest < most ? rest : most;
}

static bool read_sectors(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	struct block_transfer *transfer = context;

	for (uint32_t done = 0; done < count;) {
		struct block_slot what = { .operation = BLOCK_READ,
			.sector = sector + done,
			.offset = transfer->offset,
			.count = piece_of(transfer, count - done) };

		if (!make(transfer, &what)) {
			return false;
		}
		memcpy((uint8_t *)bytes + (size_t)done * BLOCK_SECTOR_SIZE, transfer->memory,
			(size_t)what.count * BLOCK_SECTOR_SIZE);
		done += what.count;
	}
	return true;
}

static bool write_sectors(void *context, uint64_t sector, uint32_t count, const void *bytes)
{
	struct block_transfer *transfer = context;

	for (uint32_t done = 0; done < count;) {
		struct block_slot what = { .operation = BLOCK_WRITE,
			.sector = sector + done,
			.offset = transfer->offset,
			.count = piece_of(transfer, count - done) };

		memcpy(transfer->memory, (const uint8_t *)bytes + (size_t)done * BLOCK_SECTOR_SIZE,
			(size_t)what.count * BLOCK_SECTOR_SIZE);
		if (!make(transfer, &what)) {
			return false;
		}
		done += what.count;
	}
	return true;
}

static bool flush(void *context)
{
	static const struct block_slot what = { .operation = BLOCK_FLUSH };
	struct block_transfer *transfer = context;

	return (transfer->geometry.flags & BLOCK_CAN_FLUSH) == 0 || make(transfer, &what);
}

void block_transfer_open(struct block_transfer *transfer)
{
	struct block_page *page =
		block_attach(bh_region_required(BLOCK_NAME_PAGE, BLOCK_PAGE_SIZE, NULL), BLOCK_PAGE_SIZE);

	transfer->notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	transfer->signal = bh_capability_required(BLOCK_NAME_SIGNAL);
	if (page == NULL) {
		bh_log("the page of requests was written by another version");
		bh_exit(BH_EXIT_MISSING);
	}
	transfer->disk = block_client_start(page);
	demand(bh_signal(transfer->signal), "signalling the disk");
	for (;;) {
		block_ask_for_answers(page);
		if (block_client_is_idle(&transfer->disk) && block_read_geometry(page, &transfer->geometry)) {
			break;
		}
		wait_for_signal(transfer);
	}
	if (transfer->geometry.max_sectors == 0) {
		bh_log("the disk takes no transfers");
		bh_exit(BH_EXIT_ABORT);
	}
}

struct disk_io block_transfer_io(struct block_transfer *transfer)
{
	return (struct disk_io){ read_sectors, write_sectors, flush, transfer, transfer->geometry.sectors,
		(transfer->geometry.flags & BLOCK_CAN_WRITE) != 0 };
}
