# SPDX-License-Identifier: MIT
"""Crash-only, in short: each kind of process that may be killed is killed three times at random moments, while two Linux guests run fio with checksums,
iperf3 and file transfers (by the switch alone, and by the host's network cards), numbered lines on their consoles and comparisons of their clocks; the audit log has
to hold each kill; and a VM whose power is cut finds what it had flushed.
build/soak does the same for long (docs/crash-only.md). All kills are in one machine, so one test starts it and the others look at what came of it."""

import os
import random
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "soak"))

import audited  # noqa: E402 pylint: disable=wrong-import-position
import soak  # noqa: E402 pylint: disable=wrong-import-position
import wire  # noqa: E402 pylint: disable=wrong-import-position
from machine import joined  # noqa: E402 pylint: disable=wrong-import-position

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


def test_crash_lines_are_put_together():
    """As the console cuts them: docs/console.md."""
    cut = "red: ab\nblue: x\nred+ cd\nblue: y\nred+ ef\nred: next\nblue+ \nred: z\nblue+ un"
    assert joined(cut, ["red", "blue"]) == "red: abcdef\nblue: x\nblue: yun\nred: next\nred: z"
    assert joined("red: a+ b\nred: c\n", ["red"]) == "red: a+ b\nred: c\n"


def test_crash_faults_of_the_audit_log_are_found():
    """The judge of records: each that is lost, doubled, changed or of a wrong time is noticed."""
    date = 1767225600
    texts = ["the machine was started", "VM red is running", "control port: kill pci", "task pci died (killed by the administrator), restarted"]
    texts += [f"control port: {audited.LAST_ORDER}", audited.LAST_WORDS]
    kinds = ["boot", "event", "order", "event", "order", "event"]
    good = [
        audited.Record(kind, date * audited.NS + number * 10**7, number * 10**7, number, text)
        for number, (kind, text) in enumerate(zip(kinds, texts))
    ]
    orders, deaths = ["kill pci", audited.LAST_ORDER], {"pci": 1}
    assert audited.missing_or_doubled(good, orders, deaths) == audited.wrong_times(good, date - 0.5, date + 0.5) == []
    for bad in (
        good[:1] + good[2:],  # an event is lost
        good[:2] + good[3:],  # an order is
        good[:-1],  # the last one is
        good[:3] + good[2:],  # one is doubled
        good[:2] + [good[3], good[2]] + good[4:],  # two have changed places
        good[:2] + [good[2]._replace(text="control port: kill pit")] + good[3:],
        good[:3] + [good[3]._replace(text="task pit died (killed by the administrator), restarted")] + good[4:],
        good[:1] + [good[1]._replace(kind="lost")] + good[2:],
        [],
    ):
        assert audited.missing_or_doubled(bad, orders, deaths) != [], bad
    for bad in (
        good[:3] + [good[3]._replace(unix_ns=good[3].unix_ns + audited.NS)] + good[4:],
        good[:3] + [good[3]._replace(uptime_ns=0)] + good[4:],
        [record._replace(unix_ns=record.unix_ns + 2 * audited.NS) for record in good],
        [record._replace(unix_ns=0) for record in good],
    ):
        assert audited.wrong_times(bad, date - 0.5, date + 0.5) != [], bad


def test_crash_faults_of_frames_are_found():
    """The judge on the cable: whatever bit of a packet is changed behind the addresses of the frame, it is noticed; and each card's address is another one outside."""
    ip = bytes.fromhex("450000320001400040060000") + bytes([10, 0, 1, 1, 10, 0, 1, 2])
    ip = ip[:10] + wire.checksum(ip).to_bytes(2, sys.byteorder) + ip[12:]
    tcp = bytes.fromhex("1388c0000000000100000002501800ff00000000") + b"0123456789"
    total = wire.checksum(ip[12:20] + bytes([0, wire.TCP]) + len(tcp).to_bytes(2, "big") + tcp)
    tcp = tcp[:16] + total.to_bytes(2, sys.byteorder) + tcp[18:]
    frame = bytes.fromhex("525400000101565400000100") + wire.IPV4 + ip + tcp
    assert wire.fault(frame) is None
    for bit in range(14 * 8, len(frame) * 8):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        assert wire.fault(bytes(changed)) is not None, bit
    assert wire.fault(frame[:59]) is not None
    assert wire.translate(frame)[:12].hex() == "565400000101525400000100" and wire.translate(wire.translate(frame)) == frame
    request = bytes.fromhex("ffffffffffff525400000100") + wire.ARP + bytes(8) + bytes.fromhex("525400000100") + bytes(4 + 6 + 4 + 18)
    assert wire.translate(request).hex().count("565400000100") == 2
