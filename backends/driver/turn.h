/* SPDX-License-Identifier: MIT */
/* What a driver's turn, in which it does what can be done, comes to. */
#pragma once

enum driver_turn {
	DRIVER_IDLE,
	DRIVER_MOVED,    /* look again */
	DRIVER_NONSENSE, /* the device says what cannot be: it is to be reset */
};
