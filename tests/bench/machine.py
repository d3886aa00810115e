# SPDX-License-Identifier: MIT
"""Runs the measuring programs: as VMs of Bulkhead, as its root task, and directly on the emulated machine. All on QEMU's instruction
counter, so that a run gives the same figures on every host as long as packages and build are the same."""

import dataclasses
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out")).resolve()
OUT = BUILD / "bench"
GUESTS = ROOT / "out" / "guests"
BARE_GUESTS = BUILD / "tests" / "guests"
KERNEL = BUILD / "kernel" / "bulkhead.elf32"
TOOL = BUILD / "tools" / "bulkhead"
PLUGIN = OUT / "insnmark.so"

LIMIT = 900  # seconds of this machine's time for one run
QEMU = "qemu-system-x86_64"
COUNTING = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
BARE_MACHINE = ["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"]


@dataclasses.dataclass
class Run:
    """What a run printed, and what the plugin counted in it."""

    text: str
    counts: str


def fail(message):
    sys.exit(f"build/bench: {message}")


def prepare():
    """The folder and the plugin."""
    OUT.mkdir(parents=True, exist_ok=True)
    source = ROOT / "tests/bench/insnmark.c"
    if not PLUGIN.exists() or PLUGIN.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden", "-o", PLUGIN, source], check=True)


def execute(name, command, plugin=""):
    """Runs it with the plugin, keeps what both say in out/bench/NAME.log and NAME.counts, and returns that. `%PLUGIN%` is the
    plugin's argument for QEMU."""
    counts = OUT / f"{name}.counts"
    counts.unlink(missing_ok=True)
    words = [str(word).replace("%PLUGIN%", f"{PLUGIN},out={counts}{plugin}") for word in command]
    try:
        result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        fail(f"{name} did not end within {LIMIT} s; see {OUT / name}.log")
    text = result.stdout.decode(errors="replace")
    (OUT / f"{name}.log").write_text(text)
    return Run(text, counts.read_text() if counts.exists() else "")


def appliance(name, text, until, machine=(), plugin="", limit=LIMIT):
    """Boots an appliance file made of that text until a line appears."""
    file = OUT / f"{name}.conf"
    file.write_text(text)
    return execute(name, [TOOL, "run", file, "--icount", "--until", until, "--timeout", limit - 20, "--", *machine, "-plugin", "%PLUGIN%"], plugin)


def bare_vm(name, guest, command_line="", memory="64M", more="share = 80%"):
    """A VM section with a bare guest of tests/guests."""
    return (f'vm {name} {{\n\tmemory = {memory}\n\tprotocol = multiboot\n\tkernel = "{BARE_GUESTS / guest}.elf"\n'
            f'\tcommand_line = "{command_line}"\n\tdebug_exit = true\n\t{more}\n}}\n')


def root_task(name, task, plugin="", arguments=()):
    """Boots the kernel with another root task, as the conformance suite does."""
    command = [QEMU, "-M", "q35", "-cpu", "EPYC", "-m", "512", "-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio",
               "-device", "isa-debug-exit,iobase=0xf4", *COUNTING, "-kernel", KERNEL, "-initrd", f"{task} roottask {' '.join(arguments)}",
               "-plugin", "%PLUGIN%"]
    return execute(name, command, plugin)


def emulated_pc(name, memory, kernel, initrd, command_line, plugin="", cpu="max"):
    """Boots Linux directly on QEMU's emulated PC."""
    return execute(name, [QEMU, "-M", "pc", "-cpu", cpu, "-m", memory, "-smp", "1", *BARE_MACHINE, *COUNTING, "-kernel", kernel,
                          "-initrd", initrd, "-append", command_line, "-plugin", "%PLUGIN%"], plugin)
