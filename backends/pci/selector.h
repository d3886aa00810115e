/* SPDX-License-Identifier: MIT */
/* How a function is named: by its place, by who made it, or by what it is. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum selector_kind {
	SELECTOR_PLACE, /* "00:04.0": bus, device, function, in hexadecimal */
	SELECTOR_ID,    /* "1af4:1042": vendor and device, in hexadecimal */
	SELECTOR_CLASS, /* "class:010802": class, subclass and programming interface, in hexadecimal */
};

struct selector {
	enum selector_kind kind;
	uint32_t value; /* requester id; device << 16 | vendor; class code */
};

/* Reads `text`; false if it is none of the three forms. */
bool selector_parse(const char *text, struct selector *selector);
