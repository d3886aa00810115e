# SPDX-License-Identifier: MIT
"""GRUB images on BIOS and on UEFI, and what ends a VM: power off, kernel panic, a killed VMM. Each machine is booted once and ends here."""

import subprocess

import pytest
from conftest import BOOT_LIMIT, OUT, STATUS_HALTED, STATUS_TIMEOUT, STEP_LIMIT, TOOL, Machine, bare_vm, linux_vm, write_appliance

# The firmware waits by polling a clock: with a nanosecond for each instruction it takes minutes. Eight are still exact.
UEFI = ["-bios", "/usr/share/ovmf/OVMF.fd", "-icount", "shift=3,sleep=off"]
APPLIANCE = "name = images\n" + linux_vm("red") + linux_vm("blue")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The appliance file and its image."""
    folder = tmp_path_factory.mktemp("image")
    appliance = write_appliance(folder, APPLIANCE)
    target = folder / "appliance.iso"
    subprocess.run([TOOL, "build", appliance, "-o", target], check=True, timeout=BOOT_LIMIT)
    return appliance, target


@pytest.fixture
def boot(image, tmp_path):
    machines = []

    def start(*qemu):
        machine = Machine(image[0], tmp_path / "machine", ["red", "blue"], ["--image", image[1]], qemu)
        machines.append(machine)
        machine.wait_for_shells("red", "blue")
        return machine

    yield start
    for machine in machines:
        machine.close()


def test_bios_shells_and_power_off(boot):
    machine = boot()
    machine.front("red")
    machine.send("poweroff -f\r")
    machine.transcript_has(r"^admin[:+] .*VM red powered off$")
    machine.transcript_has(r"^admin[:+] .*VM red is off$")
    assert machine.in_vm("blue", "hostname") == "blue\n"
    assert "VM red " in machine.admin("list")
    # started again from the same image, beside the other
    machine.admin("start red")
    machine.wait_for_shells("red")
    assert machine.in_vm("red", "ls /tmp | wc -l") == "0\n"
    assert machine.in_vm("blue", "hostname") == "blue\n"
    for vm in ("red", "blue"):
        machine.front(vm)
        machine.send("poweroff -f\r")
        machine.transcript_has(rf"^admin[:+] .*VM {vm} powered off$")
    machine.transcript_has(r"^admin[:+] .*all VMs are off: the machine powers off$")
    assert machine.wait_for_end() == 0
    assert "do it by hand" not in machine.transcript()


def test_uefi_shells_kernel_panic_and_killed_vmm(boot):
    machine = boot(*UEFI)
    machine.front("red")
    machine.send("echo c >/proc/sysrq-trigger\r")
    machine.transcript_has(r"^red[:+] .*Kernel panic - not syncing")
    assert machine.in_vm("blue", "hostname") == "blue\n"
    machine.admin("restart red")
    machine.wait_for_shells("red")
    machine.admin("kill red/vmm")
    machine.transcript_has(r"^admin[:+] .*VM red crashed: task red/vmm died \(killed by the administrator\)$")
    machine.transcript_has(r"^admin[:+] .*VM red is off$")
    assert machine.in_vm("blue", "hostname; date >/dev/null; sleep 1; echo alive").endswith("alive\n")
    machine.admin("stop blue", r"stopped by the administrator", STEP_LIMIT)
    machine.transcript_has(r"^admin[:+] .*all VMs are off: the machine powers off$")
    assert machine.wait_for_end() == 0
    assert "do it by hand" not in machine.transcript()


def test_timeout_status(finished):
    result = finished("name = sleeper\n" + bare_vm("sleeper", "sleep", "forever=1"), ["--timeout", "4"])
    assert result.status == STATUS_TIMEOUT, result
    assert "time is up after 4 seconds" in result.messages


def test_halted_status(finished):
    """A processor without nested paging: the kernel says what is missing, and the tool that it halted."""
    result = finished("name = refused\n" + bare_vm("hello", "hello"), qemu=["-cpu", "qemu64,svm=on"])
    assert result.status == STATUS_HALTED, result
    assert "nested paging" in result.terminal.lower(), result
    assert "KERNEL HALTED" in result.terminal


def test_until_text_and_without_it(finished, tmp_path):
    appliance = "name = texts\n" + bare_vm("hello", "hello")
    result = finished(appliance, ["--until", "hello from a bare guest", "--timeout", "200"])
    assert result.status == 0, result
    assert "hello: hello from a bare guest" in result.terminal  # with --until the transcript is printed
    result = finished(appliance, ["--until", "a text that never comes"])
    assert result.status == 205, result


def test_the_tool_needs_its_parts(tmp_path):
    result = subprocess.run([TOOL, "run", tmp_path / "missing.conf"], capture_output=True, timeout=STEP_LIMIT, check=False)
    assert result.returncode == 201
    assert OUT.exists()
