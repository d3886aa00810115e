/* SPDX-License-Identifier: MIT */
/* A device for tests and measurements: see test_device.c. */
#pragma once

#include "framework/model.h"

#define TEST_DEVICE_IDENTITY UINT32_C(0x54534554) /* "TEST" in memory order */
#define TEST_DEVICE_LINE_INTERRUPT 0u

extern const struct model test_device_model;
