# SPDX-License-Identifier: MIT
"""Helpers of the system tests: appliances from small files, the host tool on a pseudo-terminal, shells and consoles behind it.

Every wait is for a text. The limits below only say when a text that does not come counts as missing. One emulator runs at a time.
Machines count instructions (--icount): their clock is virtual, so neither a busy host nor QEMU's threads change what happens.
BULKHEAD_OUT names another build folder than out/, BULKHEAD_TEST_PATIENCE multiplies all limits (for slow machines)."""

import itertools
import os
import pathlib
import re
import subprocess
import time

import pexpect
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out")).resolve()
TOOL = OUT / "tools" / "bulkhead"
BARE_GUESTS = OUT / "tests" / "guests"
LINUX = ROOT / "out" / "guests"
PATIENCE = float(os.environ.get("BULKHEAD_TEST_PATIENCE", "1"))

BOOT_LIMIT = 150 * PATIENCE
ASK_AGAIN = 10  # seconds
STEP_LIMIT = 40 * PATIENCE

ESCAPE = "\x1d"  # Ctrl-]

STATUS_TIMEOUT = 203
STATUS_HALTED = 204


class Missing(AssertionError):
    """A text that did not come."""


class Terminal:
    """A program on a pseudo-terminal that is a serial console, and shells on it."""

    marks = itertools.count(1)

    def __init__(self, command, log, programs=None):
        self.log_path = log
        self.child = pexpect.spawn(
            str(command[0]),
            [str(word) for word in command[1:]],
            encoding="utf-8",
            codec_errors="replace",
            timeout=STEP_LIMIT,
            maxread=65536,
            dimensions=(50, 200),
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"} if programs else None,
        )
        self.child.delaybeforesend = None
        self.child.delayafterclose = 0.1
        self.child.logfile_read = open(log, "w", encoding="utf-8")

    def expect(self, pattern, limit=STEP_LIMIT):
        """Waits for a regular expression; returns its match."""
        try:
            self.child.expect(pattern, timeout=limit)
        except (pexpect.TIMEOUT, pexpect.EOF) as reason:
            end = type(reason).__name__
            raise Missing(f"{end} while waiting for {pattern!r}; the end of {self.log_path}:\n{self.last_words()}") from None
        return self.child.match

    def last_words(self):
        self.child.logfile_read.flush()
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-2000:]

    def send(self, text):
        self.child.send(text)

    def shell(self, command, limit=STEP_LIMIT):
        """Runs a command in the shell that is in front; returns its output. The marks are not in what is typed, so no echo and no
        backlog holds them."""
        mark = next(self.marks)
        self.send(f"echo B''{mark}-; {command}; echo E''{mark}-$?\r")
        match = self.expect(rf"B{mark}-\r+\n(.*?)E{mark}-(\d+)\r+\n", limit)
        return re.sub(r"\r+\n", "\n", match.group(1))

    def wait_for_shell(self, limit):
        """Until the shell in front answers. A shell throws away what was typed before it began: so it is asked again, on a new line."""
        for _ in range(int(limit // ASK_AGAIN)):
            mark = next(self.marks)
            self.send(f"\x15echo rea''dy-{mark}\r")
            try:
                self.child.expect(rf"ready-{mark}\r+\n", timeout=ASK_AGAIN)
                return
            except pexpect.TIMEOUT:
                continue
        raise Missing(f"no shell answers; the end of {self.log_path}:\n{self.last_words()}")

    def wait_for_end(self, limit=STEP_LIMIT):
        """The program ends by itself; returns its exit status."""
        self.expect(pexpect.EOF, limit)
        self.child.close()
        self.child.logfile_read.close()
        assert self.child.signalstatus is None
        return self.child.exitstatus

    def close(self):
        if not self.child.closed:
            self.child.close(force=True)
            self.child.logfile_read.close()


class Machine(Terminal):
    """An appliance that runs under `bulkhead run`: COM1 on the pseudo-terminal, COM2 (the transcript) in a file besides. Where the machine talks to the
    world outside, whose time is the clock's, `pace` must not be --icount: there the machine's time leaps over each pause. `programs`: a folder that has
    another QEMU."""

    def __init__(self, appliance, folder, consoles, options=(), qemu=(), pace=("--icount",), system=None, programs=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.consoles = consoles  # names in the order of their numbers
        self.transcript_path = folder / "transcript.txt"
        self.transcript_path.write_bytes(b"")
        self.searched = 0  # where the next search of the transcript begins
        super().__init__(
            [TOOL, *(["--system", system] if system else []), "run", appliance, *pace, *options, "--"]
            # To the file instead of the tool: QEMU's own log of a character device doubles a byte where the reader was slow.
            + ["-set", "chardev.com2.backend=file", "-set", f"chardev.com2.path={self.transcript_path}", *qemu],
            folder / "terminal.txt",
            programs,
        )

    def transcript(self):
        return self.transcript_path.read_text(encoding="utf-8", errors="replace")

    def transcript_has(self, pattern, limit=STEP_LIMIT, again=False):
        """Waits until the transcript, behind what was found last (or from its beginning, `again`), matches; returns the match."""
        end = time.monotonic() + limit
        while True:
            text = self.transcript()
            match = re.compile(pattern, re.MULTILINE).search(text, 0 if again else self.searched)
            if match:
                self.searched = max(self.searched, match.end())
                return match
            # Takes what the terminal shows meanwhile: a terminal that takes nothing holds the console in front back.
            if self.child.closed or self.child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.1) == 1:
                text = self.transcript()
                if re.compile(pattern, re.MULTILINE).search(text, 0 if again else self.searched):
                    continue
                raise Missing(f"the machine ended without {pattern!r}; the transcript's end:\n{text[-2000:]}")
            if time.monotonic() > end:
                raise Missing(f"{pattern!r} is not in the transcript; its end:\n{text[-3000:]}")

    def until(self, condition, limit=STEP_LIMIT, what="what was waited for"):
        """Waits until `condition()`, something outside of the machine, holds; takes what the terminal shows meanwhile."""
        end = time.monotonic() + limit
        while not condition():
            if self.child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.1) == 1 or time.monotonic() > end:
                raise Missing(f"no {what}; the transcript's end:\n{self.transcript()[-3000:]}")

    def front(self, console):
        """Brings a console to the front and waits for its name. Returns nothing; its backlog follows on the terminal."""
        number = 0 if console == "admin" else self.consoles.index(console) + 1
        self.send(f"{ESCAPE}{number}")
        self.expect(re.escape(f"[{console}]"))

    def in_vm(self, vm, command, limit=STEP_LIMIT):
        """Runs a command in the shell of a VM; returns its output."""
        self.front(vm)
        return self.shell(command, limit)

    def admin(self, command, answer=None, limit=STEP_LIMIT):
        """Gives a command to the administrator's console. `answer`: what to wait for behind the command's echo; without it what the
        command printed is returned. A word that is no command marks the end."""
        self.front("admin")
        before, after = f"mark{next(self.marks)}", f"mark{next(self.marks)}"
        # From here on nothing comes from the backlog, which may hold the same command and its answer.
        self.send(f"{before}\r")
        self.expect(rf"\n{before}: no such command[^\r\n]*\r\n")
        self.send(f"{command}\r")
        if answer is not None:
            return self.expect(answer, limit)
        self.send(f"{after}\r")
        match = self.expect(rf"bulkhead> {re.escape(command)}\r\n(.*?)bulkhead> {after}\r\n{after}: no such command[^\r\n]*\r\n", limit)
        return match.group(1).replace("\r\n", "\n")

    def wait_for_shells(self, *vms, limit=BOOT_LIMIT):
        for vm in vms:
            self.transcript_has(rf"^{vm}: {vm} is up$", limit, again=True)
        for vm in vms:
            self.front(vm)
            self.wait_for_shell(limit)
            assert self.in_vm(vm, "hostname", limit) == f"{vm}\n"

    def stamps(self):
        """The root task's log: (seconds since its start, text) of each line."""
        return [(float(time_), text) for time_, text in re.findall(r"^\[ *(\d+\.\d+)\] (.*)$", self.admin("log"), re.MULTILINE)]


def write_appliance(folder, text):
    """An appliance file in `folder`; @LINUX@ and @BARE@ stand for the folders of the guests."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "appliance.conf"
    path.write_text(text.replace("@LINUX@", str(LINUX)).replace("@BARE@", str(BARE_GUESTS)))
    return path


def bare_vm(name, guest, command_line="", memory="16M", more=""):
    """The section of a VM with a bare guest; `guest` is a name in tests/guests or a path."""
    path = guest if "/" in str(guest) else f"@BARE@/{guest}.elf"
    return f"""
vm {name} {{
	memory = {memory}
	protocol = multiboot
	kernel = "{path}"
	command_line = "{command_line}"
	debug_exit = true
	{more}
}}
"""


def linux_vm(name, command_line="console=ttyS0 nokaslr quiet", more="share = 40%"):
    return f"""
vm {name} {{
	memory = 256M
	kernel = "@LINUX@/linux-cloud"
	initrd = "@LINUX@/{name}.cpio.gz"
	command_line = "{command_line}"
	{more}
}}
"""


def system_with(folder, images, kernel=None):
    """A folder for the tool's --system that is the build's, but for some images of tasks (name: file) and perhaps the kernel (ELF32)."""
    (folder / "tasks").mkdir(parents=True)
    for image in (OUT / "tasks").iterdir():
        (folder / "tasks" / image.name).symlink_to(images.get(image.name, image))
    assert all((folder / "tasks" / name).exists() for name in images), images
    (folder / "kernel").mkdir()
    (folder / "kernel" / "bulkhead.elf64").symlink_to(OUT / "kernel" / "bulkhead.elf64")
    (folder / "kernel" / "bulkhead.elf32").symlink_to(kernel or OUT / "kernel" / "bulkhead.elf32")
    return folder


class Finished:
    """A run of the tool that has ended: status, what COM1 showed, the transcript, the tool's own messages."""

    def __init__(self, result, transcript):
        self.status = result.returncode
        self.terminal = result.stdout.decode(errors="replace").replace("\r\n", "\n")
        self.messages = result.stderr.decode(errors="replace")
        self.transcript = transcript

    def __str__(self):
        return f"status {self.status}\n{self.messages}\n{self.transcript[-3000:]}\nterminal:\n{self.terminal[-1000:]}"


def run_to_end(appliance, folder, options=(), qemu=(), limit=BOOT_LIMIT):
    """Runs an appliance until the tool ends by itself."""
    transcript = folder / "transcript.txt"
    transcript.write_bytes(b"")
    result = subprocess.run(
        [TOOL, "run", appliance, "--icount", "--transcript", transcript, *options, "--", *qemu],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=limit,
        check=False,
    )
    return Finished(result, transcript.read_text(errors="replace"))


@pytest.fixture
def machine(tmp_path):
    """Starts machines: machine(appliance text, [console names], ...). What still runs at the test's end is ended."""
    started = []

    def start(text, consoles, options=(), qemu=(), system=None, programs=None):
        folder = tmp_path / f"machine{len(started)}"
        started.append(Machine(write_appliance(folder, text), folder, consoles, options, qemu, system=system, programs=programs))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def finished(tmp_path):
    """Runs machines to their end: finished(appliance text, ...)."""

    def run(text, options=(), qemu=(), limit=BOOT_LIMIT):
        return run_to_end(write_appliance(tmp_path, text), tmp_path, options, qemu, limit)

    return run


@pytest.fixture(scope="session")
def own_guests(tmp_path_factory):
    """Bare guests of these tests alone (guests/*.c), built with the library of tests/guests: own_guests["count"] is a path."""
    folder = tmp_path_factory.mktemp("guests")
    library = ROOT / "tests" / "guests" / "common"
    built = {}
    for source in sorted((ROOT / "tests" / "system" / "guests").glob("*.c")):
        target = folder / f"{source.stem}.elf"
        flags = ["-m32", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2", "-ffreestanding", "-fno-pic", "-fno-pie", "-no-pie"]
        flags += ["-mgeneral-regs-only", "-fno-stack-protector", "-fcf-protection=none", "-fno-strict-aliasing"]
        flags += ["-fno-asynchronous-unwind-tables", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"]
        files = [source, library / "guest.c", library / "interrupts.c", library / "start32.S"]
        subprocess.run(["gcc", *flags, f"-I{library}", "-T", library / "guest.ld", "-o", target, *files], check=True)
        built[source.stem] = target
    return built


class SharedMachine:
    """The machine that several tests use; `get` starts it when it is first needed, `end` ends it to make room for another one."""

    def __init__(self, folder):
        self.folder = folder
        self.machine = None
        self.starts = 0

    def get(self):
        if self.machine is None or not self.machine.child.isalive():
            self.end()
            self.starts += 1
            self.machine = Machine(ROOT / "examples" / "two-linux.conf", self.folder / f"{self.starts}", ["red", "blue"])
            self.machine.wait_for_shells("red", "blue")
        return self.machine

    def end(self):
        if self.machine is not None:
            self.machine.close()
            self.machine = None


@pytest.fixture(scope="session")
def shared_machine(tmp_path_factory):
    shared = SharedMachine(tmp_path_factory.mktemp("two-linux"))
    yield shared
    shared.end()


@pytest.fixture
def two_linux(shared_machine, request):
    """examples/two-linux.conf, both shells up; shared by all tests that leave both running. After a failure the next test gets a new one."""
    yield shared_machine.get()
    if getattr(request.node, "has_failed", False):
        shared_machine.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.has_failed = True


@pytest.fixture(autouse=True)
def one_emulator(request, shared_machine):
    """Tests that start a machine of their own end the shared one first."""
    if "two_linux" not in request.fixturenames:
        shared_machine.end()


def pytest_collection_modifyitems(items):
    """Tests that share a machine come first, so that it is started once."""
    items.sort(key=lambda item: 0 if "two_linux" in item.fixturenames else 1)


def pytest_configure():
    for needed in (TOOL, LINUX / "linux-cloud", BARE_GUESTS / "hello.elf"):
        if not needed.exists():
            pytest.exit(f"{needed} is missing: run build/all first", returncode=3)
