/* SPDX-License-Identifier: MIT */
/* The values that an appliance file is written with: sizes, durations, shares, restart policies, names. Pure functions. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdbool.h>
#include <stdint.h>

/* "256M", "1G", "64K", "4096"; "MiB" and "MB" mean the same as "M". False if malformed or above 2^63. */
__attribute__((warn_unused_result)) bool parse_size(const char *text, uint64_t *bytes);

/* "100M", "1G", "9600": bits per second, in powers of 1000. False if malformed or above 2^63. */
__attribute__((warn_unused_result)) bool parse_rate(const char *text, uint64_t *bits_per_second);

/* "10ms", "250us", "2s". False if malformed, zero or above 10^12 us. */
__attribute__((warn_unused_result)) bool parse_duration(const char *text, uint64_t *microseconds);

/* "40%" or "12.5%", in thousandths: 400, 125. False if malformed, zero or above 100 %. */
__attribute__((warn_unused_result)) bool parse_share(const char *text, uint32_t *per_mille);

/* "true", "yes", "on", "false", "no", "off". */
__attribute__((warn_unused_result)) bool parse_boolean(const char *text, bool *value);

/* "stop" or "restart N per DURATION" with N 1..1000 and whole seconds, at most a day. */
__attribute__((warn_unused_result)) bool parse_restart(const char *text, struct manifest_restart *restart);

/* A letter, then letters, digits and '-', at most `max_length`; lower case only. */
bool is_plain_name(const char *text, unsigned max_length);

/* "BB:DD.F", the place of a PCI function in hexadecimal, with a device below 32 and a function below 8; in lower case, as the PCI server takes it. */
#define FUNCTION_PLACE_SIZE 8u
__attribute__((warn_unused_result)) bool parse_function_place(
	const char *text, char place[FUNCTION_PLACE_SIZE]);

/* "3M", "512K" or "1000": the shortest exact way to write a size. Writes at most 24 bytes to `text`. */
void print_size(uint64_t bytes, char text[24]);
