# SPDX-License-Identifier: MIT
"""Kills every process that may be killed, at random moments, in a machine under load, and looks whether anybody noticed. build/soak runs it;
tests/system/test_crash.py uses its parts."""

import argparse
import calendar
import collections
import contextlib
import json
import pathlib
import random
import re
import statistics
import sys
import time

import pexpect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import audited  # noqa: E402 pylint: disable=wrong-import-position
import machine as machines  # noqa: E402 pylint: disable=wrong-import-position
from machine import BOOT_LIMIT, KINDS, PATIENCE, ROOT, Missing  # noqa: E402 pylint: disable=wrong-import-position

ROUND_LIMIT = 600 * PATIENCE
POLICY_KILLS, POLICY_MS = 99, 60000
CUT_WITH = ["disk/d0", "volumes/d0", "green/vda"]  # die shortly before the power goes
KEPT = ("free_memory", "free_slots", "system_memory", "system_slots")
ALPHABET = "abcdefghijklmnopqrstuvwxyz"  # behind each number, as tests/soak/load.c writes it
CONSOLES = ["red", "red-v", "blue", "date"]
LEG = 50  # kills of each kind in one machine: its audit log has room for no more


class Lost(AssertionError):
    """Something was lost: what a guest or the system says."""


class Figures:
    """What was killed, and how long it took until each served again (microseconds of the machine's clock)."""

    def __init__(self, kinds):
        self.times = {kind: [] for kind in kinds}
        self.losses = []
        self.cuts = 0  # power cuts after which all that was flushed was there

    def table(self):
        return {
            kind: {"kills": len(times), "median_us": round(statistics.median(times)), "worst_us": max(times)} if times else {"kills": 0}
            for kind, times in self.times.items()
        }


class Killer:
    """Kills tasks of one machine through its control port, one at a time, and waits until each serves again."""

    def __init__(self, machine, control, chance, figures, clock=None):
        self.machine, self.control, self.chance, self.figures, self.clock = machine, control, chance, figures, clock
        self.ends = {}  # of each task, so far
        self.deaths = {}  # of each task: when, in milliseconds of the machine's clock, or a little later
        self.uptime = 0  # the same clock
        self.typed = 0  # numbered lines, to red
        self.orders = []  # all that the audit log has to hold
        self.killed = collections.Counter()  # how often each task was

    def ask(self, command):
        """A command's answer. A console that was just killed may have lost a byte of it (docs/console.md): then it is asked again."""
        for _ in range(3):
            try:
                return self.control.ask(command)
            except ValueError:
                continue
        raise Missing(f"no answer to {command}")

    def row(self, task):
        fields = self.ask("list")
        self.uptime = fields["uptime_ms"]
        return next(row for row in fields["tasks"] if row["name"] == task)

    def keep_to_policy(self, task):
        """Waits until the policy (100 restarts in 60 s, machines.POLICY) surely permits one more."""
        deaths = self.deaths.setdefault(task, [])
        while len(deaths) >= POLICY_KILLS and self.uptime - deaths[-POLICY_KILLS] < POLICY_MS:
            self.rest(1)
            self.row(task)

    def rest(self, seconds):
        """Takes what the terminal shows meanwhile: a terminal that takes nothing holds the console in front back."""
        self.machine.child.expect([pexpect.TIMEOUT], timeout=seconds)

    def order(self, tasks, more=()):
        """Orders the death of tasks, and more, one behind the other without a wait; those tasks that were running then."""
        orders = [f"kill {task}" for task in tasks] + list(more)
        numbers = [str(next(self.control.numbers)) for _ in orders]
        self.orders += orders
        self.control.send("".join(f"@{number} {order}\n" for number, order in zip(numbers, orders)).encode())
        killed = []
        for number, order in zip(numbers, orders):
            try:
                answer = self.control.answer(number)
            except ValueError:
                raise Missing(f"the answer to {order} is no JSON") from None
            task = order.removeprefix("kill ")
            if answer["ok"]:
                killed += [task] if task in tasks else []
            elif not (task in killed and re.search("is not running", answer["error"])):
                raise Lost(f"{order}: {answer['error']}")
        self.killed.update(killed)
        return killed

    def kill(self, kind, task, again=None):
        """Kills a task, and perhaps it or another one before it is back; takes down how long it was away."""
        tasks = [task] if again is None else [task, again]
        for one in tasks:
            self.keep_to_policy(one)
        with self.dates_are_right() if kind == "wall-clock" else contextlib.nullcontext([]) as more:
            killed = self.order(tasks, more)
            for one in dict.fromkeys(tasks):
                row = self.wait_for(one, self.ends[one] + killed.count(one))
                self.ends[one] = row["ends"]
                self.deaths[one] += [self.uptime] * killed.count(one)
                if one == task:
                    self.figures.times[kind].append(row["restart_us"])

    def type_line(self):
        self.machine.send(f"t{self.typed}\r")
        self.typed += 1

    @contextlib.contextmanager
    def dates_are_right(self):
        """What is ordered besides starts a VM anew, which asks for the date while the task that knows it is away. Afterwards that VM's clock, and the one of red,
        which runs all the time, show what the machine's own shows, give or take a second."""
        first, mark = self.clock(), len(self.machine.transcript())
        yield ["restart date"]
        self.type_line()
        seen = {}
        for vm, pattern in (("date", r"^date: date (.*)$"), ("red", rf"^red: got t{self.typed - 1}$(?:.|\n)*?^red: LOAD date (.*)$")):
            self.machine.searched = mark
            seen[vm] = self.machine.transcript_has(pattern, BOOT_LIMIT).group(1)
        last = self.clock()
        seen = {"date": calendar.timegm(time.strptime(seen["date"], "%Y-%m-%d %H:%M:%S")), "red": int(seen["red"])}
        for vm, seconds in seen.items():
            if not first - 1 <= seconds <= last + 1:
                raise Lost(f"the clock of {vm} shows {seconds}, and {first} to {last} is right")

    def started(self):
        """When the root task started, by the machine's clock chip: least and most, in seconds since 1970."""
        first = self.clock()
        self.uptime = self.ask("list")["uptime_ms"]
        return first - self.uptime / 1000, self.clock() + 1 - self.uptime / 1000

    def end_log(self, disk):
        """Until the audit log has all. Not by power-off, for which records have half a minute of the machine's time: that leaps while nothing but a disk is at work."""
        self.order([], [audited.LAST_ORDER])
        self.machine.until(lambda: audited.is_complete(disk), ROUND_LIMIT, "last record in the audit log")

    def wait_for(self, task, ends):
        """Until the task serves again, having ended so often."""
        end = time.monotonic() + BOOT_LIMIT
        row = self.row(task)
        while row["ends"] < ends or row["state"] == "off" or (row["state"] == "running" and row["restart_us"] == 0):
            if time.monotonic() > end:
                raise Lost(f"{task} does not come back: {row}")
            row = self.row(task)
        if row["state"] != "running" or row["ends"] != ends:
            raise Lost(f"{task} died more often than it was killed, or for good: {ends} ends were ordered, {row}")
        return row

    def run(self, kinds, kills, longest, deadline=None):
        """`kills` of each kind, in random order, with random pauses of at most `longest` seconds."""
        order = []
        for kind in kinds:
            first = self.chance.randrange(len(KINDS[kind]))  # so that a few kills are not always of the same tasks
            order += [(kind, KINDS[kind][(first + number) % len(KINDS[kind])]) for number in range(kills)]
        self.chance.shuffle(order)
        self.ends = {row["name"]: row["ends"] for row in self.ask("list")["tasks"]}
        self.machine.front("red")
        for count, (kind, task) in enumerate(order):
            self.type_line()
            if deadline is not None and time.monotonic() > deadline:
                return
            again = self.chance.choice([None, None, task, self.chance.choice(order)[1]])
            self.kill(kind, task, again)
            self.rest(self.chance.uniform(0, longest))
            if count % 100 == 99:
                print(f"soak: {count + 1} of {len(order)} kills", flush=True)


def rounds(text):
    """The last round of each load that says its number."""
    return {name: int(number) for name, number in re.findall(r"^red: LOAD ([\w-]+) (\d+)$", text, re.MULTILINE)}


def wait_for_rounds(machine, names, more, limit=ROUND_LIMIT):
    """Until each load has done that many rounds more."""
    before = rounds(machine.transcript())
    for name in names:
        machine.transcript_has(rf"^red: LOAD {name} {before.get(name, 0) + more}$", limit, again=True)


def complaints(text, typed=0):
    """What guests say is wrong, and lines that are not as they were written or typed."""
    found = re.findall(r"^\w+: (LOAD-(?:FAIL|DMESG).*)$", text, re.MULTILINE)
    for console, prefix in (("red", "u"), ("red-v", "v")):
        numbers = []
        for line in re.findall(rf"^{console}: (.*)$", text, re.MULTILINE):
            match = re.fullmatch(rf"{prefix} (\d{{6}}) {ALPHABET}", line)
            if match:
                numbers.append(int(match.group(1)))
            elif not re.match(r"LOAD|got |PING|\d+ bytes", line):
                found.append(f"{console}: a line is broken: {line!r}")
        for one, other in zip(numbers, numbers[1:]):
            if other != one + 1:
                found.append(f"{console}: line {other} follows line {one}")
        if not numbers:
            found.append(f"{console}: no line came")
    answers = re.findall(r"^red: got (.*)$", text, re.MULTILINE)
    if answers != [f"t{number}" for number in range(typed)] + ["stop"]:
        found.append(f"{typed} lines were typed and then stop, and these came: {answers}")
    found += re.findall(r"^admin: (.*(?:crashed|died \((?!killed by the administrator)|given up|lost|cannot|could not|failed|not recorded).*)$", text, re.MULTILINE)
    found += re.findall(r".*(?:NEEDS_RESET|restarts when its device is quiet, and).*", text)
    return found


def kept(fields):
    """What has to be the same before and after: what is free, and what each task and VM has."""
    tasks = {row["name"]: (row["memory"], row["slots"], row["state"]) for row in fields["tasks"]}
    vms = {row["name"]: (row["beyond_ram"], row["slots"], row["state"], row["crashes"]) for row in fields["vms"]}
    return {"tasks": tasks, "vms": vms, **{key: fields[key] for key in KEPT}}


def differences(before, after):
    found = [f"{key}: {before[key]} before, {after[key]} after" for key in KEPT if before[key] != after[key]]
    for what in ("tasks", "vms"):
        found += [f"{name}: {one} before, {after[what][name]} after" for name, one in before[what].items() if after[what][name] != one]
    return found


def under_load(folder, kinds, kills, seed, longest, figures, deadline=None):
    """One machine under all loads; `kills` of each kind. What was lost is in figures.losses."""
    names = [f"fio-{name}" for name in machines.DISKS] + [f"client-{number}" for number in machines.NETWORKS]
    loaded = machines.Loaded(folder, CONSOLES)
    machine, control = loaded.machine, loaded.control
    killer = Killer(machine, control, random.Random(seed), figures, loaded.clock)
    start = None
    try:
        wait_for_rounds(machine, names, 1, 3 * BOOT_LIMIT)
        control.send(b"\n")
        before = kept(killer.ask("list"))
        killer.run(kinds, kills, longest, deadline)
        # Everything goes on afterwards: a whole round of each load began after the last kill.
        wait_for_rounds(machine, names, 2)
        machine.send("stop\r")
        machine.transcript_has(r"^red: LOAD over$", ROUND_LIMIT)
        figures.losses += differences(before, kept(killer.ask("list")))
        for kind in kinds:
            for task in KINDS[kind]:
                fields = killer.ask(f"caps {task}")
                if fields["differences"] != 0:
                    figures.losses.append(f"{task} has {fields['differences']} capabilities other than the manifest says")
        start = killer.started()
        killer.end_log(loaded.log_disk)
    except (Lost, Missing, AssertionError) as reason:
        figures.losses.append(str(reason)[:2000])
    finally:
        figures.losses += complaints(machine.transcript(), killer.typed) + loaded.wire.faults
        loaded.close()
    if start is not None:
        figures.losses += audited.complaints(loaded.log_disk, killer.orders, killer.killed, start)
    return figures


def last_number(word, text):
    return max((int(number) for number in re.findall(rf"^green: {word} (\d+)$", text, re.MULTILINE)), default=0)


def power_cuts(folder, cuts, seed, figures, kill_on_the_way=()):
    """A VM writes records, flushes, and says so; it is killed, and finds all that it had flushed when it comes back. Tasks of `kill_on_the_way` are killed
    shortly before."""
    chance = random.Random(seed)
    machine, control = machines.start(machines.cut(), folder, ["green"])
    killer = Killer(machine, control, chance, figures)
    try:
        machine.transcript_has(r"^green: found \d+$", BOOT_LIMIT)
        control.send(b"\n")
        killer.ask("list")
        for _ in range(cuts):
            for _ in range(chance.randint(1, 30)):
                machine.transcript_has(r"^green: flushed \d+$")
            for task in kill_on_the_way:
                killer.ask(f"kill {task}")
            start = machine.searched
            if not killer.ask("kill green/vmm")["ok"]:
                raise Lost("the VMM cannot be killed")
            found = machine.transcript_has(r"^green: found (\d+)$", BOOT_LIMIT)
            # What came before its end is what the VM had said: nothing of its successor is before "found".
            flushed = last_number("flushed", machine.transcript()[: found.start()])
            if start == 0 or int(found.group(1)) < flushed:
                raise Lost(f"{flushed} was flushed before the power was cut, and {found.group(1)} is there afterwards")
            figures.cuts += 1
    except (Lost, Missing, AssertionError) as reason:
        figures.losses.append(str(reason)[:2000])
    finally:
        figures.losses += re.findall(r"^green: (LOAD-FAIL.*)$", machine.transcript(), re.MULTILINE)
        machine.close()
    return figures


def main():
    parser = argparse.ArgumentParser(prog="build/soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of each kind (200)")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), help="only this kind; may be given more than once")
    parser.add_argument("--seed", type=int, default=None, help="of the order and of the pauses (a random one, which is printed)")
    parser.add_argument("--pause", type=float, default=0.1, help="longest pause between two kills, seconds (0.1)")
    parser.add_argument("--cuts", type=int, default=10, help="power cuts of a VM that flushes (10)")
    parser.add_argument("--minutes", type=float, default=None, help="no kill after that many minutes")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "out" / "soak.json")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    kinds = options.kind or list(KINDS)
    folder = ROOT / "out" / "soak"
    figures = Figures(kinds)
    print(f"soak: {options.kills} kills of each of {len(kinds)} kinds, seed {seed}; the consoles are in {folder}", flush=True)
    deadline = time.monotonic() + 60 * options.minutes if options.minutes else None
    for leg, done in enumerate(range(0, options.kills, LEG)):
        if not figures.losses and (deadline is None or time.monotonic() < deadline):
            under_load(folder / f"{leg}", kinds, min(LEG, options.kills - done), seed + leg, options.pause, figures, deadline)
    power_cuts(folder / "cut", options.cuts, seed, figures, CUT_WITH)
    table = figures.table()
    options.output.write_text(json.dumps({"seed": seed, "kinds": table, "power_cuts": figures.cuts, "losses": figures.losses, "times_us": figures.times}) + "\n")
    for kind, row in table.items():
        print(f"{kind:16} {row['kills']:5} kills" + (f"  median {row['median_us']:8} us  worst {row['worst_us']:8} us" if row["kills"] else ""))
    for loss in figures.losses:
        print(f"soak: LOST: {loss}")
    print(f"{'power cuts':16} {figures.cuts:5}")
    complete = figures.cuts >= options.cuts and all(row["kills"] >= options.kills for row in table.values())
    print(f"soak: {'nothing' if not figures.losses else len(figures.losses)} lost, {'all' if complete else 'not all'} kills done")
    return 0 if complete and not figures.losses else 1


if __name__ == "__main__":
    sys.exit(main())
