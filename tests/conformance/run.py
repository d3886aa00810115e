#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boots the kernel with the conformance root task in QEMU, prints one line for each case, and `N passed, N failed`.

Time is counted in instructions (icount), so that the load of this machine changes nothing. Cases are named in the sources of this
folder; a case that did not run, or a last line that did not come, is a failure. --coverage prints which case covers which
(invocation, error) of docs/abi.md."""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
OUT = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out"))
KERNEL = OUT / "kernel" / "bulkhead.elf32"
TASK = OUT / "tests" / "conformance"
QEMU = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "EPYC", "-m", "512", "-display", "none", "-monitor", "none",
        "-no-reboot", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4", "-device", "edu,addr=4,dma_mask=0xffffffff",
        "-device", "edu,addr=5,dma_mask=0xffffffff"]
IOMMU = ["-device", "amd-iommu"]
COUNTED = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
SUMMARY = re.compile(r"CONFORMANCE (\d+) passed, (\d+) failed")


def groups():
    """{group: what it is about}, as harness.h lists them. A group is a file of that name."""
    return dict(re.findall(r'^\tX\((\w+), "([^"]+)"\)', (FOLDER / "harness.h").read_text(), re.MULTILINE))


def sources(only=None):
    return [source for source in sorted(FOLDER.glob("*.c")) if only is None or source.stem in only]


def case_names(only=None):
    """The cases of these groups, or all, in the order of the sources."""
    names = []
    for source in sources(only):
        text = source.read_text()
        names += re.findall(r'\b(?:case_begin|exception|gate|no_fpu)\(\s*"([a-z_0-9.]+)"', text)
        names += re.findall(r'^\s+\{ "([a-z_0-9.]+)",\s*"', text, re.MULTILINE)
        for table in re.findall(r"const \w*names\[\] = \{(.*?)\}", text, re.DOTALL):
            names += re.findall(r'"([a-z_0-9.]+)"', table)
    return names


class Case:
    def __init__(self, name, proves):
        self.name, self.proves, self.passed, self.elsewhere, self.details = name, proves, None, None, []


def qemu(kernel=KERNEL, task=TASK, words=(), real_time=False, arguments=(), iommu=True):
    """The command that boots them; words: the kernel's command line."""
    for file in (kernel, task):
        if not pathlib.Path(file).exists():
            raise FileNotFoundError(f"{file} is not there: build it first (build/all tests)")
    return [*QEMU, *(IOMMU if iommu else []), *([] if real_time else COUNTED), "-kernel", str(kernel), "-append", " ".join(words),
            "-initrd", f"{task} roottask", *arguments]


class Run:
    """What came out of one boot. command: of a machine whose first serial port is its standard output, or None, and serial: a file
    that such a machine has written. only: the groups that were asked for; None: all. wait: the machine ends by itself, let it."""

    def __init__(self, command=None, serial=None, timeout=900, only=None, wait=False, report=lambda case: None):
        self.cases, self.summary, self.timed_out, self.console, self.only = {}, None, False, [], only
        if serial is not None:
            with open(serial, encoding="utf-8", errors="replace") as lines:
                self._read(lines, report)
            return
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace") as machine:
            # QEMU warns of what its emulator lacks
            warnings = threading.Thread(target=machine.stderr.read, daemon=True)
            warnings.start()
            alarm = threading.Timer(timeout, self._end, [machine])
            alarm.start()
            try:
                self._read(machine.stdout, report)
                if wait:
                    machine.wait(60)
            finally:
                alarm.cancel()
                machine.kill()

    def _end(self, machine):
        self.timed_out = True
        machine.kill()

    def _read(self, lines, report):
        case = None
        for line in lines:
            line = line.rstrip("\r\n")
            self.console.append(line)
            if line.startswith("case "):
                name, _, proves = line[5:].partition(": ")
                case = self.cases[name] = Case(name, proves)
            elif line.startswith(("ok   ", "FAIL ")) and case is not None and line[5:] == case.name:
                case.passed = line.startswith("ok")
                report(case)
                case = None
            elif line.startswith("elsewhere ") and case is not None:
                case.elsewhere = line[10:]
            elif SUMMARY.match(line):
                self.summary = tuple(map(int, SUMMARY.match(line).groups()))
                return
            elif case is not None:
                case.details.append(line)
        if case is not None:
            case.passed = False
            case.details.append("the machine ended here" if not self.timed_out else "this took too long")
            report(case)

    def problems(self):
        """What is wrong beside cases that failed."""
        found = []
        if self.summary is None:
            found.append("no last line: " + ("out of time" if self.timed_out else "the machine ended early"))
            found += self.console[-5:]
        names = case_names(self.only)
        found += [f"two cases are called {name}" for name in sorted({name for name in names if names.count(name) > 1})]
        found += [f"{name} did not run" for name in names if name not in self.cases]
        found += [f"{name} ran, but run.py does not find it in the sources" for name in self.cases if name not in names]
        return found


# --- coverage: the rows of the ABI reference, and the lines of the cases ---

GENERAL = {"BH_ERROR_CAPABILITY", "BH_ERROR_TYPE", "BH_ERROR_RIGHTS", "BH_ERROR_INVOCATION"}
UNREACHABLE = {"BH_ERROR_DEPTH": "cannot be reached from user mode: it takes 2^48 levels of copies"}
OTHER_NAMES = {"BH_IRQ_ACKNOWLEDGE": "BH_IRQ_ACK", "BH_RECEIVE": "BH_SYS_RECV", "BH_RECEIVE_IF_WAITING": "BH_SYS_NB_RECV",
               "BH_SEND_IF_WAITING": "BH_SYS_NB_SEND", "BH_REPLY_RECEIVE": "BH_SYS_REPLY_RECV"}
SYSTEM_CALLS = {"BH_CALL", "BH_SEND", "BH_REPLY", "BH_SIGNAL", "BH_WAIT", "BH_POLL"}


def documented():
    """{invocation: errors} as docs/abi.md has them, without the general ones."""
    rows, before = {}, set()
    text = (ROOT / "docs" / "abi.md").read_text()
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE):
        parts = re.split(r"\*\*`(BH_[A-Z_]+)`\*\* 0x[0-9a-f]+", section)
        for index in range(1, len(parts), 2):
            name, body = parts[index], parts[index + 1]
            in_table = parts[index - 1].endswith("| ")
            errors = set(re.findall(r"BH_ERROR_\w+", body.split("\n")[0] if in_table else body))
            if in_table and re.search(r"\| below", body.split("\n")[0]):
                errors |= set(re.findall(r"BH_ERROR_\w+", parts[-1]))
            if "as Copy" in body.split("\n")[0] or "| the same" in body.split("\n")[0]:
                errors |= before
            rows[name] = before = errors
    return rows


def invocation_of(function):
    name = function.upper()
    if name in SYSTEM_CALLS:
        return "BH_SYS_" + name[3:]
    return OTHER_NAMES.get(name, name)


def covered():
    """{(invocation, error): [file:line]} by REFUSED lines, and by comments `covers INVOCATION ERROR`."""
    rows = {}
    pattern = re.compile(r"REFUSED\((BH_ERROR_\w+),\s*(?:INVOKE\([^;]*?\b(BH_(?!OBJECT|BOOT|RIGHT)[A-Z]\w+)\s*,|(bh_\w+)\()|covers (BH_\w+) (BH_ERROR_\w+)")
    for source in sources():
        text = source.read_text()
        for match in pattern.finditer(text):
            error, label, function, other, other_error = match.groups()
            row = (other, other_error) if other else (label or invocation_of(function), error)
            rows.setdefault(row, []).append(f"{source.name}:{text.count(chr(10), 0, match.start()) + 1}")
    return rows


def coverage_problems():
    """Rows without a case, and cases without a row."""
    rows, cases, found = documented(), covered(), []
    for name, errors in rows.items():
        for error in sorted(errors - UNREACHABLE.keys()):
            if (name, error) not in cases:
                found.append(f"{name} {error}: no case")
    for name, error in sorted(cases):
        if name in rows and error not in GENERAL and error not in rows[name]:
            found.append(f"{name} {error}: {', '.join(cases[name, error])}, but docs/abi.md does not say so")
    return found


def print_coverage():
    cases = covered()
    for name, errors in documented().items():
        for error in sorted(errors | GENERAL - {"BH_ERROR_INVOCATION"}):
            where = cases.get((name, error), [])
            if where or error in errors:
                print(f"{name:32} {error:26} {' '.join(where) or ('cannot be reached' if error in UNREACHABLE else 'NO CASE')}")
    for problem in coverage_problems():
        print(problem)


def write_result(name, value):
    """A file of results for build/evidence."""
    folder = OUT / "test"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value, indent=1) + "\n")


def write_results(boot, kernel=KERNEL):
    """Of a run of all groups: each case, and the matrix of the reference's rows."""
    group_of = {name: group for group in groups() for name in case_names([group])}
    cases, matrix = [], []
    for name, group in group_of.items():
        case = boot.cases.get(name)
        result = "not run" if case is None else "passed" if case.passed else "failed"
        cases.append({"name": name, "group": group, "proves": case.proves if case else "", "result": result,
                      **({"elsewhere": case.elsewhere} if case and case.elsewhere else {})})
    where = covered()
    for invocation, errors in documented().items():
        for error in sorted(errors | GENERAL):
            row = {"invocation": invocation, "error": error, "where": where.get((invocation, error), [])}
            if row["where"]:
                row["status"] = "tested"
            elif error in UNREACHABLE:
                row |= {"status": "unreachable", "reason": UNREACHABLE[error]}
            elif error in errors:
                row["status"] = "missing"
            else:
                continue  # a general error that this invocation has no argument for
            matrix.append(row)
    table = (ROOT / "docs" / "conformance.md").read_text().partition("## Not testable yet")[2].partition("##")[0]
    for number, (what, why) in enumerate(re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)[1:], 1):
        cases.append({"name": f"later.{number}", "group": "later", "proves": f"{what} ({why})", "result": "not testable yet"})
    write_result("conformance.json", {"format": 1, "kernel_sha256": hashlib.sha256(pathlib.Path(kernel).read_bytes()).hexdigest(),
                                      "cases": cases, "matrix": matrix})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kernel", default=KERNEL)
    parser.add_argument("--task", default=TASK)
    parser.add_argument("--timeout", type=float, default=900, help="seconds of this machine's time")
    parser.add_argument("--groups", default="", help="these only, with commas between: " + " ".join(groups()))
    parser.add_argument("--trace", action="store_true", help="with the kernel's trace ring, which bars its short ways")
    parser.add_argument("--real-time", action="store_true", help="without instruction counting")
    parser.add_argument("--no-iommu", action="store_true", help="on a machine without an IOMMU")
    parser.add_argument("--coverage", action="store_true", help="print the rows of docs/abi.md with their cases; runs nothing")
    parser.add_argument("arguments", nargs="*", help="further arguments of QEMU, after --")
    options = parser.parse_args()
    if options.coverage:
        print_coverage()
        return 0

    def report(case):
        print(f"{'ok  ' if case.passed else 'FAIL'} {case.name}: {case.proves}", flush=True)
        if not case.passed:
            print("".join(f"       {line}\n" for line in case.details), end="", flush=True)

    words = (["trace"] if options.trace else []) + ([f"groups={options.groups}"] if options.groups else [])
    run = Run(qemu(options.kernel, options.task, words, options.real_time, options.arguments, not options.no_iommu), timeout=options.timeout,
              only=options.groups.split(",") if options.groups else None, report=report)
    if not options.groups:
        write_results(run, options.kernel)
    problems = run.problems() + coverage_problems()
    for problem in problems:
        print(f"FAIL {problem}")
    passed = sum(case.passed is True for case in run.cases.values())
    failed = len(run.cases) - passed + len(problems)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
