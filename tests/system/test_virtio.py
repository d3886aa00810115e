# SPDX-License-Identifier: MIT
"""virtio devices with an unmodified Linux's own drivers: entropy and console, by MSI-X and by INTx, their models killed in between."""

import re

import pytest
from conftest import BOOT_LIMIT, linux_vm

DEVICES = "share = 40%\n\tdevices = { uart0, pit, rtc, acpi-pm, i8042, virtio-rng, virtio-console }"


@pytest.mark.parametrize("interrupts", ["msi-x", "intx"])
def test_linux_drives_virtio_devices(machine, interrupts):
    more = "" if interrupts == "msi-x" else " pci=nomsi"
    one = machine(linux_vm("red", "console=ttyS0 nokaslr quiet" + more, DEVICES), ["red", "red-v"])
    one.wait_for_shells("red")
    counts = one.in_vm("red", "cat /proc/interrupts")
    assert ("PCI-MSI" in counts) == (interrupts == "msi-x"), counts
    assert (re.search(r"IO-APIC .*virtio", counts) is not None) == (interrupts == "intx"), counts

    # entropy: bytes come, they differ, and they come through the device
    assert "virtio_rng" in one.in_vm("red", "cat /sys/class/misc/hw_random/rng_current")
    draw = "dd if=/dev/hwrng bs=32 count=4 2>/dev/null | md5sum"
    drawn = {one.in_vm("red", draw)}
    for task in ("red/virtio-rng", "entropy", "red/virtio-rng"):
        one.admin(f"kill {task}", f"task {task} died")
        drawn.add(one.in_vm("red", draw, BOOT_LIMIT))
    assert len(drawn) == 4
    assert one.in_vm("red", "dd if=/dev/hwrng bs=32 count=4 2>/dev/null | wc -c") == "128\n"

    # console, out: every line, also around a kill
    for number in range(3):
        one.in_vm("red", f"for i in 1 2 3; do echo line-{number}-$i >/dev/hvc0; done")
        if number < 2:
            one.admin("kill red/virtio-console", "task red/virtio-console died")
    text = one.transcript_has(r"^red-v[:+] line-2-3$", again=True) and one.transcript()
    assert re.findall(r"^red-v[:+] (line-\d-\d)$", text, re.MULTILINE) == [f"line-{n}-{i}" for n in range(3) for i in (1, 2, 3)]

    # console, in
    one.in_vm("red", "(sh -c 'read line </dev/hvc0; echo got-$line >/tmp/got' &)")
    one.front("red-v")
    one.send("typed\r")
    assert one.in_vm("red", "while ! grep got /tmp/got 2>/dev/null; do sleep 1; done", BOOT_LIMIT) == "got-typed\n"
    assert "NEEDS_RESET" not in one.in_vm("red", "dmesg")
