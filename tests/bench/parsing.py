# SPDX-License-Identifier: MIT
"""What the bench reads: lines of the measuring programs, of the plugin insnmark.c, and its profiles. No machine is run here."""

import bisect
import collections
import re
import struct
import subprocess

EXIT_LINE = re.compile(r"EXIT (\S+) (?:id (\d+) )?min (\d+) median (\d+) max (\d+)")
COUNTS_LINE = re.compile(r"^(MARK \d+|FIRST-VMRUN|FIRST-AT|TOTAL)((?: \w+=\d+)+)$", re.MULTILINE)

# Beside each path: what costs more than its one instruction tells. `insns` is the plugin's own count of the round.
EXPENSIVE = ("cr3", "tlb_flush", "invlpg", "xsave", "xrstor", "wrmsr", "vmload", "vmsave", "vmrun", "iret", "atomic")


def operations(text):
    """{name: {id, min, median, max}} of a program's EXIT lines."""
    found = {}
    for name, number, low, median, high in EXIT_LINE.findall(text):
        if name in found:
            raise ValueError(f"{name} was measured twice")
        found[name] = {"id": int(number or 0), "min": int(low), "median": int(median), "max": int(high)}
    return found


def counts(text):
    """[(what, {counter: value})] of a plugin's output, in its order."""
    return [(what, {name: int(value) for name, value in (pair.split("=") for pair in rest.split())})
            for what, rest in COUNTS_LINE.findall(text)]


def first(text, what):
    """The counters at the first line of that kind, or None."""
    return next((values for name, values in counts(text) if name == what), None)


def sections(text):
    """{name: text behind its line `GUEST name`}"""
    parts = re.split(r"^GUEST (\S+)\s*$", text.replace("\r", ""), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def difference(after, before):
    return {name: after[name] - before[name] for name in after}


def rounds(text):
    """[(id, {counter: value})]: what ran between each two markers id and id + 1, in their order."""
    found, started = [], None
    for what, values in counts(text):
        if not what.startswith("MARK "):
            continue
        number = int(what[5:])
        if number % 2 == 0:
            started = number, values
        elif started is not None and started[0] == number - 1:
            found.append((started[0], difference(values, started[1])))
            started = None
    return found


def rounds_of(found, measured):
    """{name: [indices of its rounds]}. The operations that share an id have the same number of rounds each, in the order of their lines."""
    indices = collections.defaultdict(list)
    for index, (number, _) in enumerate(found):
        indices[number].append(index)
    sharing = collections.defaultdict(list)
    for name, values in measured.items():
        sharing[values["id"]].append(name)
    of_name = {}
    for number, names in sharing.items():
        each = len(indices[number]) // len(names)
        if each * len(names) != len(indices[number]):
            raise ValueError(f"{len(indices[number])} rounds of {', '.join(names)} (id {number})")
        for i, name in enumerate(names):
            of_name[name] = indices[number][i * each:(i + 1) * each]
    return of_name


def typical(measured):
    """Of several rounds the one in the middle, by instructions: a round that an interrupt fell into is not it."""
    ordered = sorted(measured, key=lambda values: values["insns"])
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def boot_over(virtual, direct):
    """What a boot costs in a VM over the same boot without one, in per cent. Zeroing memory before the kernel's first instruction is left
    out, here and there: REP counts once per iteration."""
    def whole(run):
        return run["marker"]["insns"] - run["entry"]["rep_stos"]
    return round(100 * (whole(virtual) / whole(direct) - 1), 2)


class Image:
    """An ELF program: its bytes by address, its functions."""

    def __init__(self, path):
        self.name = path.name.removesuffix(".elf64").removesuffix(".elf")
        data = path.read_bytes()
        wide = data[4] == 2
        offset, = struct.unpack_from("<Q" if wide else "<I", data, 0x20 if wide else 0x1C)
        size, count = struct.unpack_from("<HH", data, 0x36 if wide else 0x2A)
        self.segments = []
        for i in range(count):
            header = struct.unpack_from("<IIQQQQQQ" if wide else "<IIIIIIII", data, offset + i * size)
            kind, start, address, length = (header[0], header[2], header[3], header[5]) if wide else (header[0], header[1], header[2], header[4])
            if kind == 1:
                self.segments.append((address, data[start:start + length]))
        listing = subprocess.run(["nm", "-n", "--defined-only", path], capture_output=True, text=True, check=True).stdout
        words = [line.split() for line in listing.splitlines()]
        functions = [(int(word[0], 16), word[2]) for word in words if len(word) == 3 and word[1] in "tTwW"]
        self.starts = [start for start, _ in functions]
        self.names = [name for _, name in functions]

    def has(self, address, code):
        return any(start <= address and data[address - start:address - start + len(code)] == code for start, data in self.segments)

    def function(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        return self.names[index] if index >= 0 else f"{address:#x}"


def profile_lines(text):
    """[(address, host page, count, bytes)] of a profile."""
    found = []
    for line in text.splitlines():
        address, page, count, code = line.split()
        found.append((int(address, 16), page, int(count), bytes.fromhex(code)))
    return found


def by_function(lines, images):
    """{(program, function): instructions}. All tasks stand at the same addresses: a page belongs to the program that has its bytes."""
    pages = collections.defaultdict(list)
    for address, page, count, code in lines:
        pages[address >> 12, page].append((address, count, code))
    totals = collections.Counter()
    for instructions in pages.values():
        owner = max(images, key=lambda image: sum(image.has(address, code) for address, _, code in instructions), default=None)
        if owner is not None and not any(owner.has(address, code) for address, _, code in instructions):
            owner = None
        for address, count, _ in instructions:
            totals[(owner.name, owner.function(address)) if owner else ("?", f"{address >> 12:#x}000")] += count
    return totals
