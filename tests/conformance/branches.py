#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which branches of kernel/ the conformance cases take. Prints a line for each file, those not taken with --missing, and fails below 90 %.

Nothing in the kernel knows of it. out/coverage/kernel.elf is the kernel's own files without optimization (so that each branch of the
source is one of the program), with gcc's counters of arcs; the machine's memory is a file, in which the counters are found when the
cases have ended (gcc/libgcov.h: struct gcov_info), and gcov makes branches of them. What no task can reach stands in
branches-excluded with its reason; such a line that is reached after all, or that is not there any more, is an error."""

import argparse
import itertools
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import run

ROOT = run.ROOT
BUILT = run.OUT / "coverage"
KERNEL = BUILT / "kernel.elf"
EXCLUDED = run.FOLDER / "branches-excluded"
IMAGE_BASE = 0xffffffff80000000
LEAST = 90.0
MEMORY = "512M"

# gcc/gcov-io.h
GCDA_MAGIC, TAG_FUNCTION, TAG_COUNTER_ARCS = 0x67636461, 0x01000000, 0x01a10000
COUNTER_KINDS = 8
# What each boot is for: words of the kernel's command line.
BOOTS = (("trace",), ())


class Image:
    """The kernel's memory as it was when the machine ended: physical memory is a file, the kernel stands at IMAGE_BASE + physical."""

    def __init__(self, elf, memory):
        self.memory = memory
        data = elf.read_bytes()
        offset, size, count, names = struct.unpack_from("<Q", data, 0x28)[0], *struct.unpack_from("<3H", data, 0x3a)
        headers = [struct.unpack_from("<2I4Q", data, offset + index * size) for index in range(count)]
        for name, _, _, address, _, length in headers:
            start = headers[names][4] + name
            if data[start:data.index(b"\0", start)] == b".gcov_info":
                self.units = struct.unpack(f"<{length // 8}Q", self.read(address, length))
                return
        raise ValueError(f"{elf} has no counters")

    def read(self, address, length):
        self.memory.seek(address - IMAGE_BASE)
        return self.memory.read(length)

    def words(self, address, layout):
        return struct.unpack(layout, self.read(address, struct.calcsize(layout)))

    def text(self, address):
        return self.read(address, 512).split(b"\0")[0].decode()


def counters(image):
    """(path of the .gcda file, its bytes) of each translation unit."""
    for unit in image.units:
        version, _, stamp, checksum, name = image.words(unit, "<I4xQ2IQ")
        count, functions = image.words(unit + 32 + 8 * COUNTER_KINDS, "<I4xQ")
        out = struct.pack("<4I", GCDA_MAGIC, version, stamp, checksum)
        for index in range(count):
            (function,) = image.words(functions + 8 * index, "<Q")
            _, ident, lines, graph, arcs, values = image.words(function, "<Q3I4xI4xQ")
            out += struct.pack("<5I", TAG_FUNCTION, 12, ident, lines, graph)
            out += struct.pack("<2I", TAG_COUNTER_ARCS, 8 * arcs) + image.read(values, 8 * arcs)
        yield pathlib.Path(image.text(name)), out


class Counts:
    """branches: {(file, function, line): [times each branch of the line was taken]}; lines: {(file, line): times it was reached}."""

    def __init__(self):
        self.branches, self.lines = {}, {}

    def add(self, file, function, line, count, branches):
        self.lines[file, line] = self.lines.get((file, line), 0) + count
        if branches:
            # A function may be compiled more than once, and not the same each time.
            before = self.branches.get((file, function, line), [])
            self.branches[file, function, line] = [a + b for a, b in itertools.zip_longest(before, branches, fillvalue=0)]


def count(elf, memory, counts):
    """Adds what all units together counted."""
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder, memory.open("rb") as pages:
        for number, (path, data) in enumerate(counters(Image(elf, pages))):
            here = pathlib.Path(folder) / str(number)
            here.mkdir()
            (here / "unit.gcda").write_bytes(data)
            (here / "unit.gcno").write_bytes(path.with_suffix(".gcno").read_bytes())
            text = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", "unit.gcda"], cwd=here, check=True,
                                  capture_output=True, text=True).stdout
            for file in json.loads(text)["files"]:
                name = file["file"].removeprefix(f"{ROOT}/").removeprefix("./")
                for line in file["lines"] if name.startswith("kernel/") else ():
                    counts.add(name, line.get("function_name", ""), line["line_number"], line["count"],
                               [branch["count"] for branch in line["branches"]])


class Excluded:
    """One line of branches-excluded: FILE | all, or FUNCTION(), or a line's text | REASON."""

    def __init__(self, line):
        self.file, self.what, self.reason = (part.strip() for part in line.split(" | "))
        self.used = False

    def fits(self, file, function, text):
        return self.file == file and self.what in ("all", f"{function}()", text)


def exclusions():
    return [Excluded(line) for line in EXCLUDED.read_text().splitlines() if line and not line.startswith("#")]


class Coverage:
    def __init__(self, counted):
        branches = counted.branches
        self.lines = counted.lines
        self.files, self.missing, self.problems = {}, [], []
        self.taken = self.total = self.all_taken = self.all_total = 0
        excluded, sources = exclusions(), {}
        for (file, function, line), counts in sorted(branches.items()):
            text = sources.setdefault(file, (ROOT / file).read_text().splitlines())[line - 1].strip()
            hits = sum(count > 0 for count in counts)
            self.all_taken, self.all_total = self.all_taken + hits, self.all_total + len(counts)
            rule = next((rule for rule in excluded if rule.fits(file, function, text)), None)
            left = len(counts)
            if rule is not None:
                whole = rule.what == "all" or rule.what.endswith("()")
                if hits < len(counts):
                    rule.used = True
                left = 0 if whole else hits
                hits = 0 if whole else hits
            counted = self.files.setdefault(file, [0, 0])
            counted[0], counted[1] = counted[0] + hits, counted[1] + left
            self.taken, self.total = self.taken + hits, self.total + left
            if hits < left:
                self.missing.append((file, line, function, text, [index for index, count in enumerate(counts) if count == 0]))
        self.problems = [f"{EXCLUDED.name}: no such branch is left untaken: {rule.file} | {rule.what}" for rule in excluded if not rule.used]
        self.excluded = excluded

    @property
    def percent(self):
        return 100 * self.taken / self.total if self.total else 0.0

    def write(self):
        files = []
        for file, (taken, total) in sorted(self.files.items()):
            lines = [count for (name, _), count in self.lines.items() if name == file]
            files.append({"file": file, "lines": len(lines), "lines_hit": sum(count > 0 for count in lines), "branches": total,
                          "branches_hit": taken})
        run.write_result("kernel-coverage.json", {
            "format": 1, "by": "conformance", "percent": round(self.percent, 2), "least": LEAST, "files": files,
            "branches_with_excluded": self.all_total, "branches_hit_with_excluded": self.all_taken,
            "missing": [{"file": file, "line": line, "function": function, "text": text, "branches": branches}
                        for file, line, function, text, branches in self.missing],
            "excluded": [{"file": rule.file, "what": rule.what, "reason": rule.reason} for rule in self.excluded]})


def fast_folder():
    """Where files are in memory, if there is such a place."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def memory_in_file(path):
    """QEMU's arguments for that."""
    return ["-M", "q35,memory-backend=ram", "-object", f"memory-backend-file,id=ram,size={MEMORY},mem-path={path},share=on"]


def boot(elf, task, words, memory, report=lambda case: None):
    return run.Run(run.qemu(elf.with_suffix(".elf32"), task, words, arguments=memory_in_file(memory)), report=report)


def measure(elf=KERNEL, task=run.TASK, report=lambda case: None):
    """Boots, and adds up what the boots took. Problems: cases that failed there."""
    counts, problems = Counts(), []
    for words in BOOTS:
        with tempfile.TemporaryDirectory(prefix="coverage-", dir=fast_folder()) as folder:
            memory = pathlib.Path(folder) / "memory"
            result = boot(elf, task, words, memory, report)
            problems += result.problems() + [f"{case.name} failed" for case in result.cases.values() if not case.passed]
            count(elf, memory, counts)
    coverage = Coverage(counts)
    coverage.problems += problems
    coverage.write()
    return coverage


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--missing", action="store_true", help="print the branches that no case takes")
    options = parser.parse_args()
    coverage = measure()
    if options.missing:
        for file, line, function, text, branches in coverage.missing:
            print(f"{file}:{line}: {function}: branch {','.join(map(str, branches))}: {text}")
    for file, (taken, total) in coverage.files.items():
        if total:
            print(f"{file:40} {taken:5} of {total:5}  {100 * taken / total:5.1f} %")
    for problem in coverage.problems:
        print(f"FAIL {problem}")
    print(f"with what no task can reach: {coverage.all_taken} of {coverage.all_total}")
    print(f"branches of kernel/ taken by conformance: {coverage.taken} of {coverage.total}, {coverage.percent:.1f} %, at least {LEAST:.0f} %")
    return 0 if coverage.percent >= LEAST and not coverage.problems else 1


if __name__ == "__main__":
    sys.exit(main())
