# SPDX-License-Identifier: MIT
"""Guests that do to their devices whatever they can: a million random accesses, each a real VM exit, and rings of virtio devices that make no sense. FUZZ_ACCESSES and FUZZ_SEED choose another run
(docs/device-models.md)."""

import os
import re

from conftest import BOOT_LIMIT, PATIENCE, bare_vm

ACCESSES = int(os.environ.get("FUZZ_ACCESSES", "1000000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SIDES = 2  # VMs that do them side by side
LIMIT = BOOT_LIMIT + ACCESSES / 2000 * PATIENCE
DEVICES = "devices = { uart0, pit, rtc, acpi-pm, i8042, test-device, virtio-rng, virtio-console }\n\tnic n0 { }\n\tdisk d0 { volume = v%s }"
FUNCTIONS = 4  # of virtio, in each VM
TOLD = r"^fuzz{}[:+] fuzz-devices: seed {}: (\d+) ports, (\d+) strings, (\d+) configurations, (\d+) places, (\d+) MSRs, (\d+) CPUID, (\d+) instructions, (\d+) of virtio, "
VIRTIO = r"^fuzz{}[:+] fuzz-devices: virtio: (\d+) functions, (\d+) resets, (\d+) times broken, (\d+) chains came back$"


def test_random_accesses_harm_nobody(machine, own_guests):
    """Two VMs that make random accesses of all kinds reach their ends with their RAM as it was; no device model and no VMM dies, hangs or is
    restarted; a third VM keeps what is in its memory."""
    text = 'name = fuzz\nflows = { "fuzz0/n0 <-> fuzz1/n0" }\n' + bare_vm("keeper", own_guests["keeper"], "hidden=0x1234567890abcdef", "32M")
    for side in range(SIDES):
        text += f"disk m{side} {{\n\tmemory = 1M\n}}\nvolume v{side} {{\n\tdisk = m{side}\n}}\n"
        text += bare_vm(f"fuzz{side}", "fuzz-devices", f"seed={SEED + side} count={ACCESSES // SIDES}", more=DEVICES % side)
    print(f"seeds {SEED} to {SEED + SIDES - 1}")
    one = machine(text, ["keeper", *(f"fuzz{side}{more}" for side in range(SIDES) for more in ("", "-v"))])
    one.transcript_has(r"^keeper: keeper: round 1, intact$", BOOT_LIMIT, again=True)
    for side in range(SIDES):
        end = one.transcript_has(rf"^admin[:+] .*(VM fuzz{side} exited with code \d+|VM fuzz{side} crashed|task fuzz\d/\S+ died).*$", LIMIT, again=True)
        assert end.group(0).endswith(f"VM fuzz{side} exited with code 0"), end.group(0) + one.transcript()[-3000:]
    transcript = one.transcript()
    done = 0
    for side in range(SIDES):
        assert re.search(rf"^fuzz{side}[:+] fuzz-devices: 4 checks, 0 failed$", transcript, re.MULTILINE), transcript[-3000:]
        counts = [int(n) for n in re.search(TOLD.format(side, SEED + side), transcript, re.MULTILINE).groups()]
        assert all(count >= ACCESSES / SIDES / 100 for count in counts), counts
        done += sum(counts)
        functions, resets, broken, came_back = map(int, re.search(VIRTIO.format(side), transcript, re.MULTILINE).groups())
        assert functions == FUNCTIONS and came_back == FUNCTIONS, "each of them works behind all that"
        assert resets > counts[-1] / 1000 and broken > counts[-1] / 1000, (resets, broken)
    assert done >= ACCESSES // SIDES * SIDES
    one.transcript_has(r"^keeper[:+] keeper: round \d+, intact$")
    told = "\n".join(line for line in one.transcript().splitlines() if line.startswith("admin"))
    assert not re.search(r"died|restarted|crashed|given up|hang", told), told[-3000:]
    assert "CHANGED" not in one.transcript()
    for vm in ("keeper", *(f"fuzz{side}" for side in range(SIDES))):
        assert re.search(rf"^VM {vm} .*crashes 0 +resets 0$", one.admin("list"), re.MULTILINE), one.admin("list")
