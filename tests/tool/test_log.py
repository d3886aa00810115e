# SPDX-License-Identifier: MIT
"""bulkhead log: logs are made here by the format's description (docs/audit-log.md) alone, and changed in each way."""

import hashlib
import json
import re
import struct
import uuid
import zlib

import pytest

SECTOR = 512
STATUS_USAGE = 200
STATUS_INPUT_OUTPUT = 206
STATUS_NOT_WHOLE = 207
KINDS = {"boot": 1, "event": 2, "order": 3, "lost": 4, "damaged": 5, "full": 6}
DATE = 1767225600  # 2026-01-01


def seal(sequence, previous, kind, text, unix_ns=0, event=0):
    body = struct.pack("<8sIIQQQQII", b"BKHAUDIT", 1, KINDS.get(kind, kind), sequence, unix_ns, 0, event, len(text), 0)
    body += previous + text.encode().ljust(392, b"\0")
    return body + hashlib.sha256(body).digest()


def chain(*records):
    """Records (kind, text) as a log, a second apart."""
    previous = bytes(32)
    sectors = []
    for sequence, (kind, text) in enumerate(records):
        sectors.append(seal(sequence, previous, kind, text, (DATE + sequence) * 10**9 + 5 * 10**6, sequence))
        previous = sectors[-1][-32:]
    return sectors


EVENTS = [("boot", "the machine was started")] + [("event", f"event {number}") for number in range(1, 100)] + [("order", "console: kill red/uart0")]


def volume_of(sectors, size=128):
    return b"".join(sectors).ljust(size * SECTOR, b"\0")


def write(tool, contents, name="log.img"):
    (tool.folder / name).write_bytes(contents)
    return name


def test_a_whole_log(tool):
    sectors = chain(*EVENTS)
    name = write(tool, volume_of(sectors))
    head = sectors[-1][-32:].hex()
    result = tool("log", "verify", name)
    assert result.stdout == f"{name}: whole: 101 records, the last one of 2026-01-01 00:01:40.005 has the hash {head}\n"
    assert (result.returncode, result.stderr) == (0, "")
    lines = tool("log", "show", name).stdout.splitlines()
    assert len(lines) == 101
    assert lines[0] == "       0  2026-01-01 00:00:00.005  boot     the machine was started"
    assert lines[100] == "     100  2026-01-01 00:01:40.005  order    console: kill red/uart0"


def test_a_log_that_fills_its_volume(tool):
    sectors = chain(("boot", "the machine was started"), ("event", "one"), ("full", "the volume is full"))
    name = write(tool, b"".join(sectors))
    assert tool("log", "verify", name).stdout.endswith("; the log is full\n")


def test_what_an_earlier_verify_has_printed(tool):
    sectors = chain(*EVENTS)
    name = write(tool, volume_of(sectors))
    for number in (0, 50, 100):
        assert tool("log", "verify", name, "--expect", sectors[number][-32:].hex().upper()).returncode == 0
    write(tool, volume_of(sectors[:60]))
    assert tool("log", "verify", name).returncode == 0
    missing = sectors[100][-32:].hex()
    result = tool("log", "verify", name, "--expect", missing)
    assert result.stderr == f"bulkhead: {name}: none of its 60 records has the hash {missing}: records are missing at its end, or it is another log\n"
    assert (result.returncode, result.stdout) == (STATUS_NOT_WHOLE, "")


def flipped(sectors, number, bit):
    changed = bytearray(b"".join(sectors))
    changed[number * SECTOR + bit // 8] ^= 1 << bit % 8
    return bytes(changed).ljust(128 * SECTOR, b"\0")


def changes():
    sectors = chain(*EVENTS)
    for number in (0, 41, 100):
        for byte in (12, 16, 24, 33, 48, 60, 90, 479, 480, 511):
            yield f"record {number} was changed: its contents have another hash", flipped(sectors, number, 8 * byte + byte % 8)
        yield (f"record {number} is no record" if number else "there is no audit log: record 0 is no record"), flipped(sectors, number, 0)
    yield "record 41 is missing: its sector is zero, but sector 42 behind it is not", volume_of([*sectors[:41], bytes(SECTOR), *sectors[42:]])
    yield "record 41 has the sequence number of another", volume_of(sectors[:41] + sectors[42:])
    yield "record 41 has the sequence number of another", volume_of([*sectors[:41], sectors[42], sectors[41], *sectors[43:]])
    again = seal(41, sectors[40][-32:], "event", "nothing happened")
    yield "record 42 does not follow the one before, whose hash is another", volume_of([*sectors[:41], again, *sectors[42:]])
    yield "record 0 does not follow the one before, whose hash is another", volume_of([seal(0, bytes([1] * 32), "boot", "x")])
    yield "record 1 has fields that no record has", volume_of([sectors[0], seal(1, sectors[0][-32:], 7, "x")])
    yield "record 1 has fields that no record has", volume_of([sectors[0], seal(1, sectors[0][-32:], "event", "a\x1b[2Jb")])
    yield "record 101 is no record", volume_of([*sectors, b"x".ljust(SECTOR, b"\0")])
    yield "record 101 is missing: its sector is zero, but sector 127 behind it is not", volume_of(sectors, 127) + b"x" * SECTOR
    yield "there is no audit log: all is zero", bytes(128 * SECTOR)
    yield "there is no audit log: not even a sector", b"x" * 511
    yield "there is no audit log: record 0 is no record", b"\x7fELF" * 1000


@pytest.mark.parametrize("message, contents", [pytest.param(*change, id=str(number)) for number, change in enumerate(changes())])
def test_a_log_that_is_not_whole(tool, message, contents):
    name = write(tool, contents)
    for verb in ("verify", "show"):
        result = tool("log", verb, name)
        assert (result.returncode, result.stderr) == (STATUS_NOT_WHOLE, f"bulkhead: {name}: {message}\n")
        assert verb == "show" or result.stdout == ""


def test_show_prints_what_is_right_before_it_complains(tool):
    name = write(tool, flipped(chain(*EVENTS), 41, 800))
    assert tool("log", "show", name).stdout.count("\n") == 41


def test_a_date_that_is_not_known(tool):
    name = write(tool, volume_of([seal(0, bytes(32), "boot", "x"), seal(1, seal(0, bytes(32), "boot", "x")[-32:], "event", "y", 2**64 - 1)]))
    assert tool("log", "show", name).stdout.splitlines() == [
        "       0  (date not known)         boot     x",
        "       1  2554-07-21 23:34:33.709  event    y",
    ]


def partition_table(sectors, *partitions):
    """A protective MBR's place, primary and backup GUID partition table (UEFI 2.10, section 5.3) of a disk of zeroes."""
    entries = b"".join(
        uuid.uuid4().bytes_le + uuid.uuid4().bytes_le + struct.pack("<QQQ72s", first, last, 0, b"") for first, last in partitions
    ).ljust(128 * 128, b"\0")

    def header(place, other, array):
        fields = (b"EFI PART", 0x10000, 92, 0, 0, place, other, 34, sectors - 34, uuid.uuid4().bytes_le, array, 128, 128, zlib.crc32(entries))
        text = struct.pack("<8sIIIIQQQQ16sQIII", *fields)
        return (text[:16] + struct.pack("<I", zlib.crc32(text)) + text[20:]).ljust(SECTOR, b"\0")

    disk = bytearray(sectors * SECTOR)
    disk[SECTOR : 2 * SECTOR] = header(1, sectors - 1, 2)
    disk[2 * SECTOR : 34 * SECTOR] = entries
    disk[(sectors - 33) * SECTOR : (sectors - 1) * SECTOR] = entries
    disk[(sectors - 1) * SECTOR :] = header(sectors - 1, 1, sectors - 33)
    return disk


def volume_table(sectors, *volumes):
    """The table of named volumes, both copies (docs/volumes.md); volumes: (name, first, sectors) or a snapshot's with (origin, map) behind."""
    entries = b""
    for name, first, count, *snapshot in volumes:
        origin, where = snapshot or (0xFFFFFFFF, 0)
        kind = 2 if snapshot else 1
        entries += struct.pack("<32sIIQQQQ24s", name.encode(), kind, origin, first, count, where, 8 if snapshot else 0, b"")
    table = struct.pack("<8sIIQQII24s", b"BKHDVOLS", 1, 0, 1, sectors, len(volumes), 0, b"") + entries
    table = table.ljust(8 * SECTOR, b"\0")
    table = table[:12] + struct.pack("<I", zlib.crc32(table)) + table[16:]
    return table * 2


def test_on_the_image_of_a_disk(tool):
    """A log in a partition of its own, and one on a named volume beside others."""
    sectors = 2048
    disk = partition_table(sectors, (40, 167), (256, 1279))
    disk[40 * SECTOR : 168 * SECTOR] = volume_of(chain(*EVENTS))
    table = volume_table(1024, ("other", 16, 64), ("log", 80, 128), ("copy", 512, 64, 0, 600))
    disk[256 * SECTOR : 256 * SECTOR + len(table)] = table
    disk[(256 + 80) * SECTOR : (256 + 208) * SECTOR] = volume_of(chain(*EVENTS[:7]))
    disk[(256 + 208) * SECTOR] = 1  # of something else
    name = write(tool, bytes(disk), "disk.img")
    assert ": whole: 101 records" in tool("log", "verify", name, "--partition", "1").stdout
    assert ": whole: 7 records" in tool("log", "verify", name, "--partition", "2", "--volume", "log").stdout
    assert tool("log", "show", name, "--volume", "log", "--partition", "2").stdout.count("\n") == 7
    for place, message in (
        ([], "there is no audit log: sector 0 is zero, and something else is behind it"),
        (["--partition", "3"], "the disk has no such partition"),
        (["--partition", "2", "--volume", "logs"], "no volume of that name is there"),
        (["--partition", "2", "--volume", "copy"], "that volume is a snapshot, and no audit log is on one"),
        (["--partition", "1", "--volume", "log"], "there is no table of named volumes"),
    ):
        result = tool("log", "verify", name, *place)
        assert result.stderr == f"bulkhead: {name}: {message}\n"
        assert result.returncode == (STATUS_INPUT_OUTPUT if place else STATUS_NOT_WHOLE)
    name = write(tool, bytes(64 * SECTOR))
    result = tool("log", "verify", name, "--partition", "1")
    assert (result.returncode, result.stderr) == (STATUS_INPUT_OUTPUT, f"bulkhead: {name}: the disk has no GUID partition table\n")
    result = tool("log", "verify", name, "--volume", "log")
    assert (result.returncode, result.stderr) == (STATUS_INPUT_OUTPUT, f"bulkhead: {name}: no volume of that name is there\n")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say log show or log verify, not log alone"),
        (["print"], "say log show or log verify, not log print"),
        (["show"], "a disk's or a volume's file is missing after log show"),
        (["verify", "a", "b"], "one file at a time, not also b"),
        (["verify", "a", "--partition", "0"], "--partition takes a number from 1 to 256, not 0"),
        (["verify", "a", "--partition", "257"], "--partition takes a number from 1 to 256, not 257"),
        (["verify", "a", "--partition", "1x"], "--partition takes a number from 1 to 256, not 1x"),
        (["verify", "a", "--volume"], "a value is missing after --volume"),
        (["verify", "a", "--expect", "12"], "--expect takes a hash as log verify prints it, not 12"),
        (["show", "a", "--expect", "0" * 64], "unknown option --expect"),
        (["show", "a", "--json"], "unknown option --json"),
    ],
)
def test_usage(tool, arguments, message):
    result = tool("log", *arguments)
    assert (result.returncode, result.stderr) == (STATUS_USAGE, f"bulkhead: {message}; see bulkhead help\n")


def test_a_file_that_is_not_there(tool):
    result = tool("log", "verify", "nothing.img")
    assert (result.returncode, result.stderr) == (STATUS_INPUT_OUTPUT, "bulkhead: cannot read nothing.img: No such file or directory\n")
    (tool.folder / "folder").mkdir()
    result = tool("log", "verify", "folder")
    assert (result.returncode, result.stderr) == (STATUS_INPUT_OUTPUT, "bulkhead: folder: it cannot be read behind record 0\n")


def test_who_has_what_of_the_log(tool):
    """The task has its end of the ring, the date read only and a client's share of the volume server; no VM's task has any of it, and the clock chip
    is the wall-clock task's alone."""
    vm = "vm red {\n\tmemory = 64M\n\tkernel = linux\n\tdisk vda { volume = other }\n}\n"
    volumes = "".join(f"volume {name} {{\n\tdisk = d\n\tsize = 1M\n}}\n" for name in ("log", "other"))
    tool.write("log.conf", f"audit_log = log\ndisk d {{ memory = 16M }}\n{volumes}{vm}")
    facts = json.loads(tool.with_system("audit", "log.conf", "--json").stdout)

    def holders(kind, name, **wanted):
        return {one["task"] for one in facts[kind] if one["object"] == name and all(one[key] == value for key, value in wanted.items())}

    assert holders("regions", "audit-log/ring") == {"audit-log", "roottask"}
    assert holders("regions", "audit-log/journal") == {"audit-log"}
    assert holders("regions", "audit-log/page") == {"audit-log", "volumes/d"}
    assert holders("regions", "audit-log/data") == {"audit-log", "volumes/d", "disk/d"}
    assert holders("regions", "wall-clock/page") == {"audit-log", "red/vmm", "wall-clock"}
    assert holders("regions", "wall-clock/page", rights="rw-") == {"wall-clock"}
    assert holders("capabilities", "host/port:clock") == {"wall-clock"}
    assert [way for way in facts["reach"] if way["from"].startswith("red/") and way["to"] in ("audit-log", "wall-clock")] == []
    # the volume server knows both clients, by the order in which they are introduced
    assert tool.with_system("manifest", "log.conf", "-o", "table").returncode == 0
    arguments = re.findall(rb"(?:volume|client)=[^\0]*", (tool.folder / "table").read_bytes())
    assert arguments == [b"volume=0,2048,log,", b"volume=0,2048,other,", b"client=1,rw", b"client=0,rw"]
