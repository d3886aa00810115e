# SPDX-License-Identifier: MIT
"""examples/two-debians.conf: two whole Debian systems, as build/debian makes them, on disks and networks of ours. Up to the login prompt, with all services
running; packages from a server on this host, ssh from one to the other, and file systems that are whole afterwards. One boot for all tests."""

import contextlib
import functools
import hashlib
import http.server
import re
import shutil
import subprocess
import threading

import pytest
from conftest import BOOT_LIMIT, ROOT, Machine
from test_clocks import COMPLAINTS, check_clocks

DEBIAN = ROOT / "out" / "debian"
LONG_LIMIT = 4 * BOOT_LIMIT
HOST = "10.0.2.2"  # this one, as QEMU's network shows it
VMS = ("red", "blue")

pytestmark = pytest.mark.skipif(not (DEBIAN / "disk.img").exists(), reason="build/debian has not been run (it needs root)")


def log_in(machine, vm):
    machine.front(vm)
    machine.expect(f"{vm} login: ", LONG_LIMIT)
    machine.send("root\r")
    machine.expect("Password: ", BOOT_LIMIT)
    machine.send("root\r")
    machine.expect(rf"root@{vm}:~# ", BOOT_LIMIT)
    machine.send("export TERM=dumb PAGER=cat SYSTEMD_COLORS=0 DEBIAN_FRONTEND=noninteractive; bind 'set enable-bracketed-paste off'; stty -echo\r")
    machine.wait_for_shell(BOOT_LIMIT)


@pytest.fixture(scope="module")
def debians(tmp_path_factory):
    """The machine, both logged in; its disks are copies."""
    folder = tmp_path_factory.mktemp("debians")
    options = []
    for vm in VMS:
        subprocess.run(["cp", "--sparse=always", DEBIAN / "disk.img", folder / f"{vm}.img"], check=True)
        options += ["--disk", folder / f"{vm}.img"]
    # It talks to a server outside, whose time is the clock's: the machine's time goes by that while it idles. So on a busy host it is not steady, and the
    # guests' watchdogs of clocks may say so; where it is steady, test_clocks.py asks that they don't.
    machine = Machine(ROOT / "examples" / "two-debians.conf", folder / "machine", list(VMS), options, pace=())
    machine.disks = folder
    try:
        for vm in VMS:
            log_in(machine, vm)
        yield machine
    finally:
        machine.close()
        shutil.rmtree(folder)


def test_all_services_run(debians):
    for vm, names in (("red", ("enp0s3", "enp0s4")), ("blue", ("enp0s3",))):
        assert debians.in_vm(vm, "systemctl is-system-running --wait", LONG_LIMIT) == "running\n", debians.in_vm(vm, "systemctl --failed")
        assert re.match(r"/dev/vda1 +ext4 +rw", debians.in_vm(vm, "findmnt -no SOURCE,FSTYPE,OPTIONS /"))
        for name in names:
            assert re.search(rf"^{name} +UP +10\.0\.", debians.in_vm(vm, "ip -br addr"), re.MULTILINE)
        assert debians.in_vm(vm, "systemctl is-active ssh systemd-networkd") == "active\nactive\n"
        assert not re.search(COMPLAINTS, debians.in_vm(vm, "dmesg"))


def test_it_is_debian(debians):
    """Every file of every package, read from the disk, is as the package has it, but for configuration files."""
    changed = [line for line in debians.in_vm("blue", "dpkg --verify", LONG_LIMIT).splitlines() if " c /" not in line]
    assert not changed, changed


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def repository(folder):
    """A server on this host with a package `greeting`; yields its port."""
    package = folder / "greeting"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "usr" / "bin").mkdir(parents=True)
    (package / "usr" / "bin" / "greeting").write_text("#!/bin/sh\necho greetings\n")
    (package / "usr" / "bin" / "greeting").chmod(0o755)
    fields = "Package: greeting\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: greets\n"
    (package / "DEBIAN" / "control").write_text(fields)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", package, folder / "greeting.deb"], check=True, stdout=subprocess.DEVNULL)
    archive = (folder / "greeting.deb").read_bytes()
    more = f"Filename: ./greeting.deb\nSize: {len(archive)}\nSHA256: {hashlib.sha256(archive).hexdigest()}\n"
    (folder / "Packages").write_text(fields + more)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_packages_come_from_a_server(debians, tmp_path):
    with repository(tmp_path) as port:
        debians.in_vm("red", f"echo 'deb [trusted=yes] http://{HOST}:{port} ./' >/etc/apt/sources.list")
        answer = debians.in_vm("red", "apt-get -q update && apt-get -qy install greeting", LONG_LIMIT)
        assert "Setting up greeting" in answer, answer
        assert debians.in_vm("red", "greeting") == "greetings\n"
        assert debians.in_vm("blue", f"ping -c 1 -W 5 {HOST} >/dev/null 2>&1; echo $?") != "0\n", "blue reaches red only"


def test_ssh_from_one_to_the_other(debians):
    key = debians.in_vm("red", "ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519 && cat .ssh/id_ed25519.pub", BOOT_LIMIT).strip()
    assert key.startswith("ssh-ed25519 ")
    debians.in_vm("blue", f"mkdir -p -m 700 .ssh; echo {key} >.ssh/authorized_keys")
    ssh = "ssh -o StrictHostKeyChecking=no -o BatchMode=yes -o LogLevel=ERROR root@10.0.0.2"
    assert debians.in_vm("red", f"{ssh} hostname", LONG_LIMIT) == "blue\n"
    there = debians.in_vm("red", f"dd if=/dev/urandom of=file bs=1M count=4 2>/dev/null; {ssh} 'cat >file; sync; md5sum <file' <file", LONG_LIMIT)
    assert there == debians.in_vm("red", "md5sum <file", BOOT_LIMIT)


def test_clocks_agree(debians):
    check_clocks(debians)


def test_it_is_switched_off_and_its_disks_are_whole(debians):
    for vm in VMS:
        debians.front(vm)
        debians.send("poweroff\r")
    assert debians.wait_for_end(LONG_LIMIT) == 0
    for vm in VMS:
        # the one partition; e2fsck changes nothing and says with its status whether there is anything to change
        result = subprocess.run(["e2fsck", "-fn", f"{debians.disks}/{vm}.img?offset=1048576"], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
