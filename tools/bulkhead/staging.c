/* SPDX-License-Identifier: MIT */
/* Temporary folders and files of the host tool. Touches the folder that it made, and the files that callers name. */
#include "staging.h"

#include "diagnostics.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BLOCK 65536u

char *staging_create(void)
{
	const char *base = getenv("TMPDIR");

	/* the path becomes part of QEMU's -initrd list, where blanks separate */
	if (base == NULL || base[0] != '/' || strpbrk(base, " \t,") != NULL || strlen(base) > 30) {
		base = "/tmp";
	}
	char *folder = format_text("%s/bulkhead-XXXXXX", base);

	if (mkdtemp(folder) == NULL) {
		complain("cannot make a temporary folder %s: %s", folder, strerror(errno));
		free(folder);
		return NULL;
	}
	return folder;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *position)
{
	(void)status;
	(void)kind;
	(void)position;
	return remove(path);
}

void staging_remove(char *folder)
{
	if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		complain("cannot remove %s: %s", folder, strerror(errno));
	}
	free(folder);
}

bool staging_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");
	bool is_written = file != NULL && fwrite(bytes, 1, size, file) == size;

	if (file != NULL && fclose(file) != 0) {
		is_written = false;
	}
	if (!is_written) {
		complain("cannot write %s: %s", path, strerror(errno));
	}
	return is_written;
}

bool staging_link(const char *source, const char *path)
{
	char *target = realpath(source, NULL);
	bool is_linked = target != NULL && symlink(target, path) == 0;

	if (!is_linked) {
		complain("cannot link %s to %s: %s", path, source, strerror(errno));
	}
	free(target);
	return is_linked;
}

static bool copy_bytes(FILE *from, FILE *to)
{
	static char block[COPY_BLOCK];
	size_t size;

	while ((size = fread(block, 1, sizeof block, from)) != 0) {
		if (fwrite(block, 1, size, to) != size) {
			return false;
		}
	}
	return !ferror(from);
}

bool staging_copy(const char *source, const char *path)
{
	FILE *from = fopen(source, "rb");
	FILE *to = fopen(path, "wb");
	bool is_copied = from != NULL && to != NULL && copy_bytes(from, to);

	if (to != NULL && fclose(to) != 0) {
		is_copied = false;
	}
	if (!is_copied) {
		complain("cannot copy %s to %s: %s", source, path, strerror(errno));
	}
	if (from != NULL) {
		fclose(from);
	}
	return is_copied;
}

char *find_program(const char *name)
{
	const char *paths = getenv("PATH");

	for (const char *start = paths != NULL ? paths : "/usr/bin:/bin"; *start != '\0';) {
		size_t length = strcspn(start, ":");
		char *path = format_text("%.*s/%s", (int)length, start, name);

		if (length != 0 && access(path, X_OK) == 0) {
			return path;
		}
		free(path);
		start += length + (start[length] == ':');
	}
	return NULL;
}
