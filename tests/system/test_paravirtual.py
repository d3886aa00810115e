# SPDX-License-Identifier: MIT
"""KVM's paravirtual interfaces: Linux uses exactly what the appliance file switches on, its clock goes, interrupts arrive and end."""

import re

import pytest
from conftest import BOOT_LIMIT, linux_vm

CLOCKSOURCE = "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"


@pytest.mark.parametrize("keys,clock", [("", "tsc"), ("kvm-clock", "kvm-clock"), ("pv-eoi", "tsc"), ("kvm-clock, pv-eoi", "kvm-clock")])
def test_linux_uses_what_is_on(machine, keys, clock):
    more = f"paravirtual = {{ {keys} }}" if keys else ""
    one = machine("name = pv\n" + linux_vm("red", "console=ttyS0 nokaslr", more="share = 80%\n\t" + more), ["red"])
    one.wait_for_shells("red")
    assert one.in_vm("red", CLOCKSOURCE).strip() in (clock, f"{clock}-early")
    messages = one.in_vm("red", "dmesg", BOOT_LIMIT)
    assert ("Booting paravirtualized kernel on KVM" in messages) == bool(keys)
    assert ("kvm-clock: Using msrs 4b564d01 and 4b564d00" in messages) == ("kvm-clock" in keys)
    assert one.in_vm("red", "date -u +%Y-%m-%d") == "2026-01-01\n", "the year with which counted machines begin"
    before = int(one.in_vm("red", "date +%s").strip())
    one.in_vm("red", "sleep 2")
    assert 2 <= int(one.in_vm("red", "date +%s").strip()) - before < 60
    # Interrupts of timer and serial port come, and end: neither stands still after thousands of them.
    for _ in range(2):
        text = one.in_vm("red", "seq 1 500; cat /proc/interrupts", BOOT_LIMIT)
        counts = [int(n) for n in re.findall(r"^ *(?:LOC|4): +(\d+)", text, re.MULTILINE)]
        assert len(counts) >= 1 and all(count > 0 for count in counts), counts
