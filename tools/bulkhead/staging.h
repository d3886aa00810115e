/* SPDX-License-Identifier: MIT */
/* A temporary folder for what QEMU and GRUB are to read, and processes that outlive no error. Host files and processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A new folder under $TMPDIR or /tmp, without blanks in its path; the caller frees the path. NULL after a message. */
char *staging_create(void);

/* Removes a folder made by staging_create() with everything in it (symbolic links are not followed) and frees its path. */
void staging_remove(char *folder);

/* Writes a file of that content, or makes a symbolic link or a copy of `source` as `path`. False after a message. */
bool staging_write(const char *path, const void *bytes, size_t size);
bool staging_link(const char *source, const char *path);
bool staging_copy(const char *source, const char *path);

/* The path of a program that $PATH finds, for the caller to free; NULL if there is none. */
char *find_program(const char *name);
