# SPDX-License-Identifier: MIT
"""A device model that was taken over (tests/hostile/taken_over.c) does its worst, on the kernel that sweeps its own invariants. Seen from outside,
nobody notices but its own VM: the VM beside it, the other tasks, what they hold, and how much memory there is."""

import re

import pytest

from conftest import BOOT_LIMIT, OUT, Missing, bare_vm, linux_vm, system_with

PARTS = ["memory that it shares", "capability numbers", "calls", "calls that block", "floods", "registers of its handler", "addresses",
         "instructions", "ports"]
BLOCKING = 5
LIMIT = BOOT_LIMIT


RESTART = 'on_crash = "restart 100 per 1s"'
# What is taken over: its image; the first lines of the file; what is in the sections of red and blue.
MODELS = {
    "uart0": ("uart16550", "", f"device uart0 {{ {RESTART} }}", ""),
    "virtio-console": ("virtio-console", "", f"devices = {{ uart0, pit, rtc, acpi-pm, i8042, virtio-console }}\n\tdevice virtio-console {{ {RESTART} }}", ""),
    "n0": ("virtio-net", 'flows = { "red/n0 <-> blue/n0" }\n', f"nic n0 {{ {RESTART} }}", "nic n0 { }"),
    "d0": ("virtio-blk", "".join(f"disk m{n} {{\n\tmemory = 1M\n}}\nvolume v{n} {{\n\tdisk = m{n}\n}}\n" for n in range(2)),
           f"disk d0 {{\n\t\tvolume = v0\n\t\t{RESTART}\n\t}}", "disk d0 { volume = v1 }"),
}


def appliance(name, guests):
    _, first, red, blue = MODELS[name]
    text = "name = taken\n" + first + bare_vm("red", "hello", "hang=1", more="share = 20%\n\t" + red)
    text += linux_vm("blue", more="share = 30%\n\t" + blue)
    return text + bare_vm("keeper", guests["keeper"], "hidden=0x1234567890abcdef", "16M", "share = 10%")


def holdings(one):
    """What each VM and task but the one that was taken over has, and what is free: {name: (bytes, slots ...)} from the administrator's list."""
    text = one.admin("list")
    found = dict(re.findall(r"^(VM \S+) +\S+ +(\d+ MiB \+ \d+ KiB)", text, re.MULTILINE))
    found.update(re.findall(r"^(task \S+) +running +(\d+ KiB)", text, re.MULTILINE))
    found["free"] = re.search(r"^free: .*$", text, re.MULTILINE).group(0)
    return found


def do_its_worst(one, name):
    """Until the task has done all; each call that blocks for ever is ended by the administrator."""
    for part in PARTS:
        if part == "calls that block":
            for _ in range(BLOCKING):
                one.transcript_has(rf"{name}: taken over: blocks now", LIMIT)
                one.admin(f"kill red/{name}", f"task red/{name} died")
        one.transcript_has(rf"{name}: taken over: {part}: done$", LIMIT)
    return one.transcript_has(rf"{name}: taken over: all is done: (\d+) lives, (\d+) calls, (\d+) succeeded, (\d+) sweeps, (\d+) times too far$", LIMIT)


@pytest.mark.parametrize("device", MODELS)
def test_nobody_else_notices(machine, own_guests, tmp_path, device):
    image = MODELS[device][0]
    system = system_with(tmp_path / "system", {image: OUT / "tests" / "hostile" / f"hostile-{image}"}, OUT / "random" / "kernel.elf32")
    consoles = ["red", *(["red-v"] if device == "virtio-console" else []), "blue", "keeper"]
    one = machine(appliance(device, own_guests), consoles, system=system)
    one.transcript_has(r"^keeper: keeper: round 1, intact$", BOOT_LIMIT, again=True)
    one.admin("pause keeper", "VM keeper paused by the administrator")
    one.wait_for_shells("blue")
    one.in_vm("blue", "dd if=/dev/urandom of=/tmp/kept bs=64k count=64 2>/dev/null")
    kept = one.in_vm("blue", "md5sum /tmp/kept")
    told = one.in_vm("blue", "dmesg")
    before = holdings(one)
    one.admin(f"kill red/{device}", f"task red/{device} died")
    lives, calls, succeeded, sweeps, reached = map(int, do_its_worst(one, device).groups())
    print(lives, calls, succeeded, sweeps)
    assert reached == 0, "\n".join(re.findall(r"^.*REACHED.*$", one.transcript(), re.MULTILINE))
    assert sweeps > len(PARTS), "the kernel was swept after each part"
    assert calls > 500000 and succeeded > 1000 and lives > 1000

    assert one.in_vm("blue", "md5sum /tmp/kept") == kept
    assert one.in_vm("blue", "hostname") == "blue\n"
    more = set(one.in_vm("blue", "dmesg").splitlines()) - set(told.splitlines())
    assert not more, more
    one.admin("resume keeper", "VM keeper resumed")
    one.transcript_has(r"^keeper[:+] keeper: round [2-9]\d*, intact$")
    assert "CHANGED" not in one.transcript()
    after = holdings(one)
    assert after == before, {name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)}
    for task in (name.split()[1] for name in before if name.startswith("task")):
        text = one.admin(f"caps {task}")
        assert re.search(rf"^caps {task}: \d+ capabilities, equal to the manifest$", text, re.MULTILINE), text
    others = {name for name in re.findall(r"task (\S+) died", one.transcript()) if name != f"red/{device}"}
    assert not others, others
    for vm in ("blue", "keeper"):
        assert re.search(rf"^VM {vm} .*crashes 0 +resets 0$", one.admin("list"), re.MULTILINE)
