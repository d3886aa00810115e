/* SPDX-License-Identifier: MIT */
/* Makes a bootable image of an expanded appliance. */
#pragma once

#include "expand.h"
#include "status.h"

/*
 * Writes a GRUB image for BIOS and UEFI, good for a CD and for a USB stick, to `path`; the file appears there whole or not at all.
 * The same input gives the same bytes. STATUS_OK, STATUS_MISSING or STATUS_INPUT_OUTPUT, the latter two after a message.
 */
enum exit_status boot_image_build(const struct system_image *image, const char *path);
