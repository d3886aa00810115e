/* SPDX-License-Identifier: MIT */
/* The date that the machine's clock chip shows, as Unix time. Pure; no system calls. */
#pragma once

#include <stdint.h>

/* What a date is made of, as the chip has it: in BCD or binary, hours of 12 or 24. */
enum date_part { DATE_SECOND, DATE_MINUTE, DATE_HOUR, DATE_DAY, DATE_MONTH, DATE_YEAR, DATE_PARTS };

#define DATE_NO_CENTURY 0xffu

/* Seconds since 1970 of that date; mode: the chip's register B. `century`: its register for that, which is believed from 20 to 99; with
 * anything else (DATE_NO_CENTURY: the chip has none) the year is one of 2000 to 2099. 0: no such date. */
uint64_t date_seconds(const uint8_t part[DATE_PARTS], uint8_t century, uint8_t mode);
