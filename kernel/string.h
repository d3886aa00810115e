/* SPDX-License-Identifier: MIT */
/* The memory functions that the kernel calls, and its compiler by itself. Arguments and results as in ISO C. */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t length);
void *memset(void *destination, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
