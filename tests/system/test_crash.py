# SPDX-License-Identifier: MIT
"""Crash-only, in short: each kind of process that may be killed is killed three times at random moments, while two Linux guests run fio with checksums,
iperf3, a file transfer, numbered lines on their consoles and comparisons of their clocks; and a VM whose power is cut finds what it had flushed.
build/soak does the same for long (docs/crash-only.md). All kills are in one machine, so one test starts it and the others look at what came of it."""

import os
import random
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "soak"))

import soak  # noqa: E402 pylint: disable=wrong-import-position

KILLS = 3
SEED = int(os.environ.get("BULKHEAD_SOAK_SEED", random.SystemRandom().randrange(1 << 32)))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    print(f"seed {SEED}: BULKHEAD_SOAK_SEED={SEED} does the same again")
    return soak.under_load(tmp_path_factory.mktemp("crash"), list(soak.KINDS), KILLS, SEED, 0.3, soak.Figures(soak.KINDS))


def test_crash_nothing_is_lost(one_emulator, killed):  # pylint: disable=unused-argument
    assert killed.losses == []


@pytest.mark.parametrize("kind", soak.KINDS)
def test_crash_and_service_again(killed, kind):
    assert len(killed.times[kind]) == KILLS and min(killed.times[kind]) > 0


def test_crash_of_a_vm_after_a_flush(tmp_path):
    figures = soak.power_cuts(tmp_path, KILLS, SEED, soak.Figures([]), soak.CUT_WITH)
    assert figures.losses == []
    assert figures.cuts == KILLS


def test_crash_complaints_are_found():
    """The judge itself: each kind of loss in a transcript is noticed."""
    good = "".join(f"red: u {n:06} {soak.ALPHABET}\nred-v: v {n:06} {soak.ALPHABET}\n" for n in range(3))
    good += "red: got t0\nred: got t1\nred: got stop\n"
    assert soak.complaints(good, 2) == []
    for bad in (
        good.replace(f"red: u 000001 {soak.ALPHABET}\n", ""),  # a line is lost
        good.replace("red: u 000001", "red: u 0000001"),  # a byte is doubled
        good.replace("klm", "km", 1),  # a byte is lost
        good + f"red-v: v 000002 {soak.ALPHABET}\n",  # a line comes twice
        good.replace("red-v: v", "red-v: w"),
        good + "red: LOAD-FAIL fio-vda: round 3\n",
        good + "red: LOAD-DMESG I/O error, dev vda\n",
        good + "admin: task red/vda died (thread 1: exception 13, code 0x0), restarted\n",
        good + "admin: VM red crashed: triple fault\n",
        good.replace("got t1", "got tt1"),  # a key is doubled
        good.replace("red: got t1\n", ""),
    ):
        assert soak.complaints(bad, 2) != [], bad
    before = {"vms": [], "tasks": [{"name": "pci", "memory": 4096, "slots": 9, "state": "running"}], **dict.fromkeys(soak.KEPT, 7)}
    after = {**before, "free_slots": 6, "tasks": [{**before["tasks"][0], "slots": 10}]}
    assert soak.differences(soak.kept(before), soak.kept(before)) == []
    assert len(soak.differences(soak.kept(before), soak.kept(after))) == 2
