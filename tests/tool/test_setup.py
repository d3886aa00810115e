# SPDX-License-Identifier: MIT
"""build/setup as root, through sudo, and where neither is to be had: with stand-ins for apt-get, sudo, id and dpkg-query in a search path of its own."""

import os
import pathlib
import pty
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDED = ("bash", "cat", "env", "grep", "mktemp", "rm", "sed", "sort", "tail")
LIMIT = 60  # seconds


class Machine:
    """A search path without anything but what the script needs; each stand-in writes its arguments into `calls`."""

    def __init__(self, folder):
        self.folder, self.log = folder / "bin", folder / "calls"
        self.folder.mkdir()
        self.log.write_text("")
        for name in NEEDED:
            (self.folder / name).symlink_to(shutil.which(name))

    def stand_in(self, name, body):
        path = self.folder / name
        path.write_text(f'#!{shutil.which("bash")}\n{body}\n')
        path.chmod(0o755)

    def user(self, number):
        self.stand_in("id", f"echo {number}")

    def packages(self, installed):
        self.stand_in("dpkg-query", "" if not installed else 'for word in "$@"; do case $word in -*|\'${*\') ;; *) echo "installed $word" ;; esac; done')

    def apt(self, update=0, install=0):
        self.stand_in("apt-get", f'echo "apt-get $*" >>{self.log}\n[ "$1" = update ] && exit {update}\n[ "$1" != install ] || {{ echo "E: no such package"; exit {install}; }}')

    def sudo(self, wants_password):
        self.stand_in("sudo", f'if [ "$1" = -n ]; then exit {int(wants_password)}; fi\necho "sudo $*" >>{self.log}\n"$@"')

    def run(self, *arguments, **options):
        return subprocess.run([self.folder / "bash", ROOT / "build/setup", *arguments], env={"PATH": str(self.folder), "TMPDIR": str(self.folder)}, capture_output=True, text=True,
                              timeout=LIMIT, check=False, **{"stdin": subprocess.DEVNULL, **options})

    def calls(self):
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path):
    one = Machine(tmp_path)
    one.packages(installed=False)
    one.apt()
    one.user(1000)
    return one


def test_nothing_is_done_where_nothing_is_missing(machine):
    machine.packages(installed=True)
    result = machine.run("run", "test", "lint")
    assert (result.returncode, result.stdout, result.stderr, machine.calls()) == (0, "", "", [])


def test_root_installs_at_once(machine):
    machine.user(0)
    result = machine.run("lint")
    assert result.returncode == 0, result.stderr
    assert machine.calls()[0] == "apt-get update"
    assert machine.calls()[1].startswith("apt-get install -y --no-install-recommends ")
    assert {"gcc", "clang-tidy", "shellcheck", "graphviz"} <= set(machine.calls()[1].split())
    assert "build/setup: done" in result.stdout


def test_sudo_without_a_password_is_used(machine):
    machine.sudo(wants_password=False)
    result = machine.run("bochs")
    assert result.returncode == 0, result.stderr
    assert machine.calls()[0] == "sudo env DEBIAN_FRONTEND=noninteractive apt-get update"
    assert any(call.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y ") and "bochsbios" in call for call in machine.calls())


@pytest.mark.parametrize("has_sudo", [False, True], ids=["no sudo", "sudo that asks for a password nobody can type"])
def test_otherwise_the_exact_command_is_printed(machine, has_sudo):
    if has_sudo:
        machine.sudo(wants_password=True)
    result = machine.run("bochs")
    assert result.returncode == 1
    assert machine.calls() == []
    assert result.stderr.splitlines()[-1] == "    apt-get update && apt-get install -y --no-install-recommends bochs bochs-term bochsbios vgabios"
    assert "Run as root, then start again" in result.stderr


def test_on_a_terminal_sudo_may_ask(machine):
    machine.sudo(wants_password=True)
    master, slave = pty.openpty()
    try:
        result = machine.run("bochs", stdin=slave)
    finally:
        os.close(master)
        os.close(slave)
    assert result.returncode == 0, result.stderr
    assert machine.calls()[0].startswith("sudo env ")


def test_lists_that_cannot_be_fetched_do_not_stop_it(machine):
    machine.user(0)
    machine.apt(update=100)
    result = machine.run("bochs")
    assert result.returncode == 0
    assert "apt-get update had errors" in result.stderr


def test_an_installation_that_fails_says_which_command(machine):
    machine.user(0)
    machine.apt(install=100)
    result = machine.run("bochs")
    assert result.returncode == 1
    assert "E: no such package" in result.stderr
    assert "the command was: apt-get install -y --no-install-recommends bochs" in result.stderr


def test_an_unknown_group_is_an_error(machine):
    result = machine.run("everything")
    assert (result.returncode, machine.calls()) == (2, [])
    assert result.stderr == "usage: build/setup [run] [test] [lint] [bochs] [debian]\n"
