# SPDX-License-Identifier: MIT
"""bulkhead run, on a stand-in kernel in QEMU: what it prints, when it ends, with which status."""

import os
import pty
import select
import signal
import subprocess
import time

import pytest

from conftest import TOOL

STATUS_INTERRUPTED = 130
STATUS_TERMINATED = 143
STATUS_BAD_FILE = 201
STATUS_MISSING = 202
STATUS_TIMEOUT = 203
STATUS_HALTED = 204
STATUS_ENDED = 205


def no_qemu_of(tool):
    """True if no process of this test's folder is left."""
    found = subprocess.run(["pgrep", "-f", str(tool.folder)], capture_output=True, text=True, check=False)
    return found.stdout == ""


def test_the_machine_ends(tool):
    tool.kernel(com1="on the terminal\n", com2="red: in the transcript\n")
    result = tool.with_system("run", "good.conf")
    assert result.returncode == 0
    assert "on the terminal" in result.stdout
    assert "in the transcript" not in result.stdout


def test_until_prints_the_transcript(tool):
    tool.kernel(com1="on the terminal\n", com2="blue: blue is up\n", end="HANG")
    result = tool.with_system("run", "good.conf", "--until", "blue is up", "--timeout", "30")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("blue: blue is up")
    assert "on the terminal" not in result.stdout
    assert no_qemu_of(tool)


UPLINKS = """
uplink lan {
\tpci = virtio-net
\tallow_dma = true
}
uplink wan {
\tpci = "00:1D.0"
\tdriver = e1000e
\tallow_dma = true
}
uplink dmz {
\tpci = "03:00.0"
\tallow_dma = true
}
"""


def qemu_arguments(tool, *options):
    """Those that the tool would start QEMU with."""
    programs = tool.folder / "programs"
    programs.mkdir(exist_ok=True)
    stand_in = programs / "qemu-system-x86_64"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$ARGUMENTS"\n')
    stand_in.chmod(0o755)
    arguments = tool.folder / "arguments"
    environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", ARGUMENTS=str(arguments))
    result = tool.with_system("run", "uplinks.conf", *options, "--timeout", "30", env=environment)
    assert result.returncode == 0, result.stderr
    return arguments.read_text().splitlines()


def test_uplinks_are_cards_of_the_machine(tool):
    tool.write("uplinks.conf", (tool.folder / "good.conf").read_text() + UPLINKS)
    arguments = qemu_arguments(tool)
    cards = [(arguments[i], arguments[i + 1]) for i in range(len(arguments) - 1) if arguments[i] in ("-netdev", "-device")]
    assert cards == [
        ("-netdev", "user,id=uplink0"),
        ("-device", "virtio-net-pci,disable-legacy=on,iommu_platform=on,netdev=uplink0,romfile="),
        ("-netdev", "user,id=uplink1"),
        ("-device", "e1000e,netdev=uplink1,romfile=,addr=1d.0"),
    ]
    assert "tap,ifname=tap0,id=uplink0" in qemu_arguments(tool, "--uplink", "tap,ifname=tap0")
    result = tool.with_system("run", "good.conf", "--uplink", "user")
    assert "--uplink user needs an uplink, and good.conf has 0: add a section uplink NAME { }" in result.stderr


def test_transcript_goes_to_a_file(tool):
    tool.kernel(com1="on the terminal\n", com2="blue: blue is up\n")
    result = tool.with_system("run", "good.conf", "--transcript", "lines.txt", "--timeout", "30")
    assert result.returncode == 0, result.stderr
    assert (tool.folder / "lines.txt").read_text() == "blue: blue is up\n"
    assert "on the terminal" in result.stdout and "blue is up" not in result.stdout


def test_transcript_that_cannot_be_written(tool):
    tool.kernel(com2="blue: blue is up\n")
    result = tool.with_system("run", "good.conf", "--transcript", "no/such/folder.txt")
    assert "no/such/folder.txt: No such file or directory: choose another file for --transcript" in result.stderr
    assert result.returncode not in (0, None)
    assert no_qemu_of(tool)


def test_until_in_vain(tool):
    tool.kernel(com2="blue: blue is dow\n")
    result = tool.with_system("run", "good.conf", "--until", "blue is up")
    assert result.returncode == STATUS_ENDED
    assert result.stderr.endswith('bulkhead: the machine ended, and "blue is up" has not appeared\n')


def test_timeout(tool):
    tool.kernel(end="HANG")
    result = tool.with_system("run", "good.conf", "--timeout", "2")
    assert result.returncode == STATUS_TIMEOUT
    assert result.stderr == "bulkhead: time is up after 2 seconds\n"
    assert no_qemu_of(tool)


@pytest.mark.parametrize("options", [[], ["--until", "never"]])
def test_halted_kernel(tool, options):
    tool.kernel(com1="panic: a reason\nKERNEL HALTED\n", end="HANG")
    result = tool.with_system("run", "good.conf", "--timeout", "30", *options)
    assert result.returncode == STATUS_HALTED
    assert "panic: a reason" in (result.stderr if options else result.stdout)
    assert result.stderr.endswith("bulkhead: the kernel halted\n")


def test_halted_kernel_that_ends_the_machine(tool):
    tool.kernel(com1="KERNEL HALTED\n")
    assert tool.with_system("run", "good.conf").returncode == STATUS_HALTED


def test_a_guest_cannot_pretend_that_the_kernel_halted(tool):
    tool.kernel(com1="KERNEL HALTED\n", com2="red: KERNEL HALTED\n", end="HANG")
    assert tool.with_system("run", "good.conf", "--timeout", "5").returncode == STATUS_TIMEOUT


@pytest.mark.parametrize(
    "transcript, status",
    [
        ("admin: VM red exited with code 3\n", 3),
        ("admin: VM red exited with code 130\n", 2),
        ("admin: VM red exited with code 0\n", 0),
        ("admin: VM red exited with code 3\nadmin: VM blue exited with code 0\n", 0),
        ("red: VM red exited with code 3\n", 0),
    ],
)
def test_exit_code(tool, transcript, status):
    tool.kernel(com2=transcript)
    assert tool.with_system("run", "good.conf").returncode == status


def test_without_qemu(tool):
    programs = tool.folder / "programs"
    programs.mkdir()
    result = tool.with_system("run", "good.conf", env={**os.environ, "PATH": str(programs)})
    assert result.stderr == "bulkhead: qemu-system-x86_64 is missing: install it by apt-get install qemu-system-x86\n"
    assert result.returncode == STATUS_MISSING


def test_qemu_that_fails(tool):
    tool.kernel()
    result = tool.with_system("run", "good.conf", "--", "-device", "no-such-device")
    assert "no-such-device" in result.stderr
    assert result.stderr.endswith("bulkhead: QEMU failed; its messages stand above\n")
    assert result.returncode == STATUS_ENDED


def test_bad_file(tool):
    tool.write("bad.conf", "vm red {\n}\n")
    assert tool.with_system("run", "bad.conf").returncode == STATUS_BAD_FILE


@pytest.mark.parametrize("option", ["--until", "--transcript"])
def test_what_needs_a_transcript(tool, option):
    tool.write("mute.conf", "transcript = false\n" + (tool.folder / "good.conf").read_text())
    result = tool.with_system("run", "mute.conf", option, "x")
    assert f"{option} needs the transcript" in result.stderr and "remove transcript = false" in result.stderr
    assert result.returncode == STATUS_BAD_FILE


def test_input_reaches_the_machine(tool):
    tool.kernel(com1="ready\n", end="ECHO_UNTIL_Q")
    result = tool.with_system("run", "good.conf", input="hello, q")
    assert result.returncode == 0
    assert "hello, q" in result.stdout


def test_qemu_arguments_and_instruction_counting(tool):
    tool.kernel(com2="done\n", end="HANG")
    result = tool.with_system(
        "run", "good.conf", "--icount", "--until", "done", "--timeout", "30", "--", "-cpu", "max", "-name", "of,the=test"
    )
    assert result.returncode == STATUS_ENDED  # QEMU refuses that name, which shows that it got it
    result = tool.with_system("run", "good.conf", "--icount", "--until", "done", "--timeout", "30", "--", "-cpu", "max")
    assert result.returncode == 0, result.stderr


def test_paths_with_commas_and_blanks(tool):
    tool.kernel(com2="done\n", end="HANG")
    strange = tool.folder / "a, b"
    strange.mkdir()
    tool.system.rename(strange / "system")
    tool.write("strange.conf", 'vm red {\n\tmemory = 64M\n\tkernel = linux\n\tinitrd = "a, b/init rd,2"\n}\n')
    (strange / "init rd,2").write_text("an initial file system")
    result = tool(
        "--system", "a, b/system", "run", "strange.conf", "--until", "done", "--timeout", "30", "--", "-d", "guest_errors"
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("number, status", [(signal.SIGINT, STATUS_INTERRUPTED), (signal.SIGTERM, STATUS_TERMINATED)])
def test_signals(tool, number, status):
    tool.kernel(com1="ready\n", end="HANG")
    command = [TOOL, "--system", tool.system, "run", "good.conf"]
    with subprocess.Popen(command, cwd=tool.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() != b""
        process.send_signal(number)
        assert process.wait(timeout=10) == status
    assert no_qemu_of(tool)


def test_terminal_is_raw_and_has_a_way_out(tool):
    """Ctrl-C goes to the machine; Ctrl-\\ three times in a row ends it; the terminal is as before then."""
    tool.kernel(com1="ready\n", end="ECHO_UNTIL_Q")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tool.folder)
        os.execv(TOOL, [str(TOOL), "--system", "system", "run", "good.conf"])
    seen = b""

    def read_until(text):
        nonlocal seen
        deadline = time.monotonic() + 30
        while text not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096)

    read_until(b"ready")
    os.write(terminal, b"\x03\x1c\x1cx")
    read_until(b"\x03\x1c\x1cx")
    os.write(terminal, b"\x1c\x1c\x1c")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == STATUS_INTERRUPTED
