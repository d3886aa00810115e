#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random system calls on the real kernel: boots the test's kernel (out/random/kernel.elf32) with the random-call root task, counts what
came of the calls, and says what is missing.

    tests/random/run.py                                     10 million calls by two machines side by side
    tests/random/run.py --calls 1000000000 --seed 7         a long run
    tests/random/run.py --patch tests/random/bugs/NAME.patch  a kernel with a bug in it: is it found, and how soon?

A run is determined by its seed and the kernel: time is counted in instructions."""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
OUT = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out"))
KERNEL = OUT / "random" / "kernel.elf32"
TASK = OUT / "random" / "random-calls"
REPORT = ROOT / "out" / "test" / "random-calls.json"
CALLS_EACH = 1000  # of every (object, invocation), in ten million
SUCCEED_PERCENT = 20
CALLS_BETWEEN_SWEEPS = 1000

spec = importlib.util.spec_from_file_location("conformance_run", ROOT / "tests" / "conformance" / "run.py")
conformance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conformance)

# Documented errors that no run can show, with the reason. A row that shows up all the same is a failure too.
NEVER = {
    "BH_ERROR_DEPTH": "2^48 levels of copies",
}
NEVER_IN = {
    ("BH_THREAD_SUSPEND", "BH_ERROR_CANCELLED"): "told to the thread that waited: counted at its own system call",
    ("BH_ENDPOINT_CANCEL_BADGED", "BH_ERROR_CANCELLED"): "told to the threads that waited: counted at their own system calls",
    ("BH_IRQ_CONTROL_CONFIGURE_MSI", "BH_ERROR_MEMORY"): "there are never 64 handlers",
}
# The machine has no IOMMU: what an IoSpace does is the matter of tests/conformance/io_space.c.
WITHOUT_IOMMU = "BH_IO_SPACE_"


# --- the reference: numbers from the headers, rows from docs/abi.md ---


def enumeration(header, name):
    """{name: value} of an enum of the ABI's headers, where each has its value or counts on."""
    text = (ROOT / "kernel" / "include" / "bulkhead" / header).read_text()
    body = re.search(r"enum " + name + r" \{(.*?)\n\};", text, re.DOTALL).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    values, value = {}, 0
    for entry, number in re.findall(r"\b(BH_\w+)\s*(?:=\s*(\w+))?\s*(?:,|$)", body):
        value = int(number, 0) if number else value
        values[entry] = value
        value += 1
    return values


def invocation_texts():
    """{invocation: its line or paragraph in docs/abi.md}"""
    texts = {}
    for section in re.split(r"^#+ ", (ROOT / "docs" / "abi.md").read_text(), flags=re.MULTILINE):
        parts = re.split(r"\*\*`(BH_[A-Z_]+)`\*\* 0x[0-9a-f]+", section)
        for index in range(1, len(parts), 2):
            ends = "\n" if parts[index - 1].endswith("| ") else "\n\n"
            texts[parts[index]] = parts[index + 1].split(ends)[0]
    return texts


def rows():
    """{invocation or system call: errors that it has to show}. What every call can return is in it, where it applies: TYPE where an
    argument is a capability, RIGHTS where the text does not say that none is needed."""
    wanted = {}
    texts = invocation_texts()
    for name, errors in conformance.documented().items():
        if name.startswith(WITHOUT_IOMMU):
            continue
        text = texts[name]
        wanted[name] = set(errors) | {"BH_ERROR_CAPABILITY", "BH_ERROR_INVOCATION"}
        if not re.search(r"[Nn]eeds? no right|no right is looked at|without RIGHTS", text) and not name.startswith("BH_PAGE_TABLE"):
            wanted[name].add("BH_ERROR_RIGHTS")
        if "cap a" in text:
            wanted[name].add("BH_ERROR_TYPE")
    return wanted | system_call_rows()


def system_call_rows():
    section = (ROOT / "docs" / "abi.md").read_text().split("\n## System calls")[1].split("\n## ")[0]
    calls = dict((text, name) for name, text in
                 ((name, re.sub("[^a-z]", "", name[len("BH_SYS_"):].lower())) for name in enumeration("abi.h", "bh_syscall")))
    calls.pop("count", None)
    wanted = {name: {"BH_ERROR_CAPABILITY", "BH_ERROR_TYPE", "BH_ERROR_RIGHTS"} for text, name in calls.items()
              if text not in ("yield", "invoke")}
    wanted["BH_SYS_YIELD"] = set()
    wanted["unknown number"] = {"BH_ERROR_SYSCALL"}
    for line in section.splitlines():
        match = re.match(r"\| ([A-Za-z, ()]+) \| `(BH_ERROR_\w+)` \|", line)
        for text in re.findall(r"[A-Za-z]+", match.group(1)) if match else []:
            if text != "any":
                wanted[calls[text.lower()]].add(match.group(2))
    return wanted


# --- running ---


class Run:
    """One machine's run."""

    def __init__(self, seed, calls, kernel=KERNEL, timeout=1200, echo=False):
        self.seed, self.wanted = seed, calls
        self.hits, self.misses, self.done, self.timed_out, self.console = {}, {}, None, False, []
        command = conformance.qemu(kernel, TASK, words=(f"seed={seed}", f"calls={calls}", "panic=reboot"), iommu=False)
        if echo:
            print(shlex.join(command), flush=True)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              errors="replace") as machine:
            alarm = threading.Timer(timeout, self._end, [machine])
            alarm.start()
            try:
                self._read(machine.stdout, echo)
            finally:
                alarm.cancel()
                machine.kill()

    def _end(self, machine):
        self.timed_out = True
        machine.kill()

    def _read(self, lines, echo):
        labels = {value: name for name, value in enumeration("invocation.h", "bh_invocation").items()}
        system_calls = enumeration("abi.h", "bh_syscall")
        names = labels | {256 + value: name for name, value in system_calls.items()}
        names[256 + system_calls["BH_SYS_COUNT"]] = "unknown number"
        errors = {value: name for name, value in enumeration("abi.h", "bh_error").items()}
        for line in lines:
            line = line.rstrip("\r\n")
            counted = re.match(r"(hit|miss) (\d+) (\d+) (\d+)$", line)
            done = re.match(r"RANDOM done: seed (\d+), (\d+) calls, (\d+) succeeded, (\d+) sweeps, hash ([0-9a-f]+)$", line)
            if counted:
                table = self.hits if counted[1] == "hit" else self.misses
                row = table.setdefault(names.get(int(counted[2]), "unknown label"), {})
                row[errors[int(counted[3])]] = int(counted[4])
            elif done:
                self.done = {"calls": int(done[2]), "succeeded": int(done[3]), "sweeps": int(done[4]), "hash": done[5]}
                return
            else:
                self.console.append(line)
                if echo and line.startswith("RANDOM"):
                    print(line, flush=True)

    def failure(self):
        """Why the run did not end well, or None."""
        if self.done is not None:
            return None
        said = [line for line in self.console if re.match(r"kernel panic|kernel assertion|sweep:|RANDOM can't", line)]
        progress = [line for line in self.console if line.startswith("RANDOM")][-1:]
        text = "out of time" if self.timed_out else "the machine ended early"
        return f"seed {self.seed}: " + " / ".join(said[:1] or [text] + self.console[-3:]) + " (last: " + "".join(progress) + ")"


class Runs:
    """Several machines side by side, added up."""

    def __init__(self, seed, calls, machines=2, timeout=1200, echo=False):
        self.seed, self.runs = seed, [None] * machines

        def one(index):
            self.runs[index] = Run(seed + index, -(-calls // machines), timeout=timeout, echo=echo)

        threads = [threading.Thread(target=one, args=[index]) for index in range(machines)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.failures = [run.failure() for run in self.runs if run.failure()]
        done = [run.done for run in self.runs if run.done]
        self.calls = sum(each["calls"] for each in done)
        self.succeeded = sum(each["succeeded"] for each in done)
        self.sweeps = sum(each["sweeps"] for each in done)
        self.hits = self._add([run.hits for run in self.runs])
        self.misses = self._add([run.misses for run in self.runs])

    @staticmethod
    def _add(tables):
        total = {}
        for table in tables:
            for name, row in table.items():
                for error, count in row.items():
                    total.setdefault(name, {}).setdefault(error, 0)
                    total[name][error] += count
        return total

    def counted(self, name, error):
        """How often the call returned that. Of a capability that is not there, and of one without such an invocation, the object's
        type is nobody's: those are counted wherever they came."""
        count = self.hits.get(name, {}).get(error, 0)
        if error in ("BH_ERROR_CAPABILITY", "BH_ERROR_INVOCATION", "BH_ERROR_TYPE"):
            count += self.misses.get(name, {}).get(error, 0)
        return count

    def too_rare(self, least=CALLS_EACH):
        return [f"{name}: {sum(self.hits.get(name, {}).values())} calls" for name in rows()
                if sum(self.hits.get(name, {}).values()) < least]

    def never_succeeded(self):
        return [name for name in rows() if self.hits.get(name, {}).get("BH_OK", 0) == 0 and name != "unknown number"]

    def never_seen(self):
        return [f"{name} {error}" for name, errors in rows().items() for error in sorted(errors)
                if error not in NEVER and (name, error) not in NEVER_IN and self.counted(name, error) == 0]

    def wrong_exceptions(self):
        """Rows of which this file says that they never come, and that came, or that are not documented."""
        came = [f"{name} {error}" for name in rows() for error in NEVER if self.counted(name, error)]
        came += [f"{name} {error}" for name, error in NEVER_IN if self.counted(name, error)]
        return came + [f"{name} {error} is not documented" for name, error in NEVER_IN if error not in rows().get(name, ())]

    def undocumented(self):
        """Errors that a call returned on the right type of object, and docs/abi.md does not say that it can."""
        general = {"BH_OK", "BH_ERROR_CAPABILITY", "BH_ERROR_TYPE", "BH_ERROR_RIGHTS", "BH_ERROR_INVOCATION"}
        return [f"{name} {error}: {count} times" for name, errors in rows().items()
                for error, count in self.hits.get(name, {}).items() if error not in errors | general]

    def problems(self, least=CALLS_EACH):
        found = list(self.failures)
        if found:
            return found
        if self.succeeded * 100 < self.calls * SUCCEED_PERCENT:
            found.append(f"only {self.succeeded} of {self.calls} calls succeeded")
        if self.sweeps < self.calls // CALLS_BETWEEN_SWEEPS - len(self.runs):
            found.append(f"only {self.sweeps} sweeps in {self.calls} calls")
        found += [f"{row}, fewer than {least}" for row in self.too_rare(least)]
        found += [f"{name}: never succeeded" for name in self.never_succeeded()]
        found += [f"{row}: documented, never seen" for row in self.never_seen()]
        found += [f"{row}: seen, not documented" for row in self.undocumented()]
        found += [f"{row}: said to be impossible" for row in self.wrong_exceptions()]
        return found

    def save(self, path=REPORT):
        path.parent.mkdir(parents=True, exist_ok=True)
        objects = {name: object_of(name) for name in rows()}
        path.write_text(json.dumps({
            "format": 1, "seed": self.seed, "calls": self.calls, "succeeded": self.succeeded, "sweeps": self.sweeps,
            "rows": [{"object": objects[name], "invocation": name, "calls": sum(self.hits.get(name, {}).values()),
                      "succeeded": self.hits.get(name, {}).get("BH_OK", 0),
                      "errors": {error: self.counted(name, error) for error in sorted(errors)}} for name, errors in rows().items()],
            "impossible": [{"error": error, "reason": reason} for error, reason in NEVER.items()] +
                          [{"invocation": name, "error": error, "reason": reason} for (name, error), reason in NEVER_IN.items()],
        }, indent=1) + "\n")

    def print(self):
        for name, errors in rows().items():
            row = self.hits.get(name, {})
            seen = " ".join(f"{error[len('BH_ERROR_'):]} {self.counted(name, error)}" for error in sorted(errors))
            print(f"{name:30} {sum(row.values()):9} calls {row.get('BH_OK', 0):9} good  {seen}")
        print(f"seed {self.seed}: {self.calls} calls, {self.succeeded} succeeded, {self.sweeps} sweeps")


def object_of(name):
    for prefix in ("UNTYPED", "CNODE", "THREAD", "SCHED_CONTEXT", "SCHED_CONTROL", "ENDPOINT", "TIMER", "FRAME", "PAGE_TABLE", "GUEST_SPACE",
                   "VCPU", "IRQ_CONTROL", "IRQ", "IO_PORT_CONTROL", "IO_PORTS"):
        if name.startswith(f"BH_{prefix}_"):
            return {"IRQ": "IRQ_HANDLER"}.get(prefix, prefix)
    return "system call"


# --- kernels with a bug ---


def bugs():
    """The patches, each with the first line that says what it breaks."""
    return sorted((FOLDER / "bugs").glob("*.patch"))


def build_with(patch):
    """The test's kernel with that patch: compiled by the commands of the build, from copies in out/random/NAME. Returns its ELF32."""
    place = OUT / "random" / patch.stem
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "kernel", place / "kernel")
    subprocess.run(["patch", "--quiet", "-p1", "-d", str(place), "-i", str(patch)], check=True)
    changed = re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.MULTILINE)
    commands = subprocess.run(["ninja", "-C", str(OUT), "-t", "commands", "kernel-swept"], check=True, capture_output=True,
                              text=True).stdout.splitlines()
    link = [command for command in commands if "--wrap=system_call" in command][-1]
    for file in changed:
        compile_command = [command for command in commands if f" -c {ROOT / file}" in command and "kernel-swept.dir" in command][0]
        words = shlex.split(compile_command)
        at = words.index("-o")
        built, words[at + 1] = words[at + 1], str(place / (file.replace("/", "_") + ".o"))
        words[words.index("-c") + 1] = str(place / file)
        for option in ("-MD", "-MT", "-MF"):
            if option in words:
                at = words.index(option)
                del words[at:at + (1 if option == "-MD" else 2)]
        words = [f"-I{place / 'kernel'}" if word == f"-I{ROOT / 'kernel'}" else word for word in words]
        subprocess.run(words, check=True, cwd=OUT)
        link = link.replace(built, words[words.index("-o") + 1])
    kernel = place / "kernel.elf64"
    words = shlex.split(link.split("&&")[1])
    words[words.index("-o") + 1] = str(kernel)
    subprocess.run(words, check=True, cwd=OUT)
    subprocess.run(["objcopy", "-O", "elf32-i386", str(kernel), str(kernel.with_suffix(".elf32"))], check=True)
    return kernel.with_suffix(".elf32")


def hunt(patch, seed=1, calls=300000, timeout=120):
    """What a run says of the kernel with that bug; None: nothing."""
    return Run(seed, calls, kernel=build_with(patch), timeout=timeout).failure()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10000000)
    parser.add_argument("--seed", type=int, default=1, help="of the first machine; the next has the next")
    parser.add_argument("--machines", type=int, default=2, help="how many share the calls")
    parser.add_argument("--timeout", type=float, default=None, help="seconds; otherwise by the number of calls")
    parser.add_argument("--patch", type=pathlib.Path, help="a kernel with that patch is to be caught")
    options = parser.parse_args()
    timeout = options.timeout or 120 + options.calls / 4000
    if options.patch:
        found = hunt(options.patch.resolve(), options.seed)
        print(found or "not found")
        return 0 if found else 1
    runs = Runs(options.seed, options.calls, options.machines, timeout, echo=True)
    runs.print()
    runs.save()
    problems = runs.problems(CALLS_EACH * options.calls // 10000000)
    for problem in problems:
        print(f"FAIL {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
