# SPDX-License-Identifier: MIT
"""What the audit log of a machine has to hold after processes were killed in it: each order and each death once, in order, with the right time. The records are
read as docs/audit-log.md says; that their chain is whole says `bulkhead log verify`."""

import collections
import re
import struct
import subprocess

from machine import STEP_LIMIT, TOOL

SECTOR = 512
MAGIC = b"BKHAUDIT"
KINDS = {1: "boot", 2: "event", 3: "order", 4: "lost", 5: "damaged", 6: "full"}
NS = 10**9
LAST_ORDER = "pause date"  # and what it causes; a VM that has nothing to do
LAST_WORDS = "VM date paused by the administrator"

Record = collections.namedtuple("Record", "kind unix_ns uptime_ns event text")


def read(image):
    """The records of a disk with one log."""
    records = []
    for at in range(max(image.find(MAGIC), 0), len(image), SECTOR):
        if image[at : at + len(MAGIC)] != MAGIC:
            break
        kind, _, unix_ns, uptime_ns, event, length = struct.unpack_from("<IQQQQI", image, at + 12)
        records.append(Record(KINDS.get(kind, str(kind)), unix_ns, uptime_ns, event, image[at + 88 : at + 88 + length].decode("ascii", "replace")))
    return records


def is_complete(disk):
    """Whether the last record is on the disk of a running machine."""
    records = read(disk.read_bytes())
    return bool(records) and records[-1].text == LAST_WORDS


def differing(what, found, wanted):
    """In words, where two lists differ first; nothing if they do not."""
    if found == wanted:
        return []
    at = next((number for number, (one, other) in enumerate(zip(found, wanted)) if one != other), min(len(found), len(wanted)))
    return [f"audit log: {what}: {len(wanted)} are right, {len(found)} are there; from number {at} on: right {wanted[at:at + 3]}, there {found[at:at + 3]}"]


def missing_or_doubled(records, orders, deaths):
    """`orders`: what was ordered, in order. `deaths`: how often each task was killed."""
    found = []
    kinds = collections.Counter(record.kind for record in records)
    if kinds["boot"] != 1 or not kinds.keys() <= {"boot", "event", "order"}:
        found.append(f"audit log: kinds of records: {dict(kinds)}")
    if not records or records[-1].text != LAST_WORDS:
        found.append(f"audit log: the last record is {records[-1:]}")
    found += differing("numbers", [record.event for record in records], list(range(len(records))))
    found += differing("orders", [record.text for record in records if record.kind == "order"], [f"control port: {order}" for order in orders])
    died = (re.match(r"task (\S+) died \(killed by the administrator\)", record.text) for record in records if record.kind == "event")
    recorded = collections.Counter(match.group(1) for match in died if match)
    found += differing("deaths", sorted(recorded.items()), sorted(deaths.items()))
    return found


def wrong_times(records, least, most):
    """The time of each record, less the time since the start of the machine's root task, is the moment of that start: between `least` and `most`, in seconds since
    1970, and the same for all but for the second that the clock chip leaves open."""
    moments = [record.unix_ns - record.uptime_ns for record in records] or [0]
    uptimes = [record.uptime_ns for record in records]
    found = differing("times", uptimes, sorted(uptimes))
    if max(moments) - min(moments) >= NS:
        found.append(f"audit log: its times are {(max(moments) - min(moments)) / NS} s apart from each other")
    if min(moments) < (least - 1) * NS or max(moments) > (most + 1) * NS:
        found.append(f"audit log: by its times the start was at {min(moments) / NS} to {max(moments) / NS}, and {least} to {most} is right")
    return found


def complaints(disk, orders, deaths, start):
    """Of the file of a disk, when its machine is off. `start`: least and most of when its root task started."""
    verified = subprocess.run([TOOL, "log", "verify", disk, "--volume", "log"], capture_output=True, text=True, timeout=STEP_LIMIT, check=False)
    found = [] if verified.returncode == 0 else [f"audit log: {verified.stderr.strip()}"]
    records = read(disk.read_bytes())
    return found + missing_or_doubled(records, orders, deaths) + wrong_times(records, *start)
