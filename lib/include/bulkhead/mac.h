/* SPDX-License-Identifier: MIT */
/* MAC addresses as numbers, the first byte in bits 40..47, and as text. Pure; no libc. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MAC_GROUP (UINT64_C(1) << 40) /* the address is that of a group: IEEE 802.3 clause 3.2.3 */
#define MAC_LOCAL (UINT64_C(1) << 41) /* the address was given by who runs the network */
#define MAC_MAX ((UINT64_C(1) << 48) - 1)
#define MAC_TEXT_SIZE 18u

/* Reads "52:54:00:00:00:01", in either case. False if it is no such address. */
__attribute__((warn_unused_result)) bool mac_parse(const char *text, uint64_t *mac);

/* Writes the 17 characters of an address, and a NUL. */
void mac_print(uint64_t mac, char text[MAC_TEXT_SIZE]);
