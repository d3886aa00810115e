# SPDX-License-Identifier: MIT
"""The clocks of unmodified guests stay right without a time server: under load, and after a pause. What is right says the RTC, whose model goes by
the machine's clock and not by the guest's interrupts, and the other guest.
BULKHEAD_CLOCK_LOAD is for how many seconds of the machine's time the load lasts (600 are for a long run)."""

import os
import re

from conftest import BOOT_LIMIT, linux_vm

LOAD_SECONDS = int(os.environ.get("BULKHEAD_CLOCK_LOAD", "20"))
LOAD_LIMIT = BOOT_LIMIT + 20 * LOAD_SECONDS
RIGHT = 1  # seconds
PAUSE_SECONDS = 1500
COMPLAINTS = "I/O error|soft lockup|detected stall|blocked for more than"


def system_time(machine, vm):
    return int(machine.in_vm(vm, "date +%s", BOOT_LIMIT))


def check_clocks(machine):
    """Each guest's system time against its RTC, and one guest's against the other's, which is asked in between."""
    for vm in ("red", "blue"):
        rtc, system = machine.in_vm(vm, "cat /sys/class/rtc/rtc0/since_epoch; date +%s", BOOT_LIMIT).split()
        assert abs(int(rtc) - int(system)) <= RIGHT, (vm, rtc, system)
    before, other, after = (system_time(machine, vm) for vm in ("red", "blue", "red"))
    assert before - RIGHT <= other <= after + RIGHT, (before, other, after)


def test_clocks_are_right_under_load_and_after_a_pause(machine):
    one = machine(linux_vm("red") + linux_vm("blue"), ["red", "blue"])
    one.wait_for_shells("red", "blue")
    check_clocks(one)
    began = system_time(one, "red")
    load = f"end=$(($(date +%s)+{LOAD_SECONDS})); while [ $(date +%s) -lt $end ]; do dd if=/dev/urandom bs=64k count=8 2>/dev/null | sha256sum >/dev/null; done; echo loa''ded"
    for vm in ("red", "blue"):
        one.front(vm)
        one.send(load + "\r")
    for vm in ("red", "blue"):
        one.transcript_has(rf"^{vm}[:+] .*loaded$", LOAD_LIMIT, again=True)
    assert system_time(one, "red") - began >= LOAD_SECONDS
    check_clocks(one)

    one.admin("pause red", "VM red paused by the administrator")
    assert one.in_vm("blue", f"sleep {PAUSE_SECONDS}; echo slept", BOOT_LIMIT) == "slept\n"
    one.admin("resume red", "VM red resumed by the administrator")
    # Its time goes fifty times as fast until it is where it belongs.
    one.in_vm("red", f"sleep {PAUSE_SECONDS + 60}", BOOT_LIMIT)
    check_clocks(one)
    for vm in ("red", "blue"):
        assert not re.search(COMPLAINTS + "|clocksource.*unstable", one.in_vm(vm, "dmesg"))
