/* SPDX-License-Identifier: MIT */
/* A volume in memory: see fake_volume.h. */
#include "fake_volume.h"

#include <string.h>

static void perhaps_kill(struct fake_volume *volume, bool behind)
{
	if (volume->killed != NULL && volume->kill_at == 2 * volume->transfers + (behind ? 1 : 0)) {
		longjmp(*volume->killed, 1);
	}
}

/* False: the transfer fails. */
static bool begin(struct fake_volume *volume, uint64_t sector, uint32_t count)
{
	assert_true(sector < volume->io.sectors && count <= volume->io.sectors - sector);
	perhaps_kill(volume, false);
	return volume->transfers != volume->fail_at;
}

static bool end(struct fake_volume *volume, bool done)
{
	perhaps_kill(volume, true);
	volume->transfers++;
	return done;
}

static bool io_read(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	struct fake_volume *volume = context;
	bool good = begin(volume, sector, count);

	if (good) {
		memcpy(bytes, volume->cache[sector], (size_t)count * AUDIT_RECORD_SIZE);
	}
	return end(volume, good);
}

static bool io_write(void *context, uint64_t sector, uint32_t count, const void *bytes)
{
	struct fake_volume *volume = context;
	bool good = begin(volume, sector, count);

	if (good) {
		memcpy(volume->cache[sector], bytes, (size_t)count * AUDIT_RECORD_SIZE);
	}
	return end(volume, good);
}

static bool io_flush(void *context)
{
	struct fake_volume *volume = context;
	bool good = begin(volume, 0, 0);

	if (good) {
		memcpy(volume->medium, volume->cache, sizeof(volume->medium));
	}
	return end(volume, good);
}

void volume_make(struct fake_volume *volume, uint64_t sectors)
{
	memset(volume, 0, sizeof(*volume));
	volume->io = (struct disk_io){ io_read, io_write, io_flush, volume, sectors, true };
	volume->kill_at = VOLUME_NEVER;
	volume->fail_at = VOLUME_NEVER;
}

void volume_cut_power(struct fake_volume *volume, uint64_t kept)
{
	for (uint32_t i = 0; i < VOLUME_SECTORS; i++) {
		if (memcmp(volume->medium[i], volume->cache[i], AUDIT_RECORD_SIZE) == 0) {
			continue;
		}
		if ((kept & 1) != 0) {
			memcpy(volume->medium[i], volume->cache[i], AUDIT_RECORD_SIZE);
		} else {
			memcpy(volume->cache[i], volume->medium[i], AUDIT_RECORD_SIZE);
		}
		kept >>= 1;
	}
}
