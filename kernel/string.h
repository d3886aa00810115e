/* SPDX-License-Identifier: MIT */
/* The four memory functions that a freestanding compiler may call by itself. Arguments and results as in ISO C. */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t length);
void *memmove(void *destination, const void *source, size_t length);
void *memset(void *destination, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
