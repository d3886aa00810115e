# SPDX-License-Identifier: MIT
"""Debian as build/debian makes it: that the image is a whole Debian, on QEMU's own machine with the devices that our device models are made after."""

import re

import pytest
from conftest import BOOT_LIMIT, ROOT, Terminal

DEBIAN = ROOT / "out" / "debian"
LONG_LIMIT = 4 * BOOT_LIMIT

pytestmark = pytest.mark.skipif(not (DEBIAN / "disk.img").exists(), reason="build/debian has not been run")


def log_in(terminal):
    terminal.expect("debian login: ", LONG_LIMIT)
    terminal.send("root\r")
    terminal.expect("Password: ", BOOT_LIMIT)
    terminal.send("root\r")
    terminal.expect(r"root@debian:~# ", BOOT_LIMIT)
    terminal.send("export TERM=dumb PAGER=cat SYSTEMD_COLORS=0; stty -echo\r")
    terminal.wait_for_shell(BOOT_LIMIT)


def test_the_image_is_a_whole_debian(tmp_path):
    """Instructions are counted: systemd gives up on a device after 90 s, which is not long for an emulator on a busy host."""
    command = "qemu-system-x86_64 -M pc -cpu max -accel tcg,thread=single -icount shift=0,sleep=off -m 512 -display none -monitor none -nic none -no-reboot -serial stdio".split()
    command += ["-kernel", DEBIAN / "vmlinuz", "-initrd", DEBIAN / "initrd.img", "-append", "root=LABEL=debian-root console=ttyS0"]
    command += ["-drive", f"file={DEBIAN / 'disk.img'},format=raw,if=none,id=disk,snapshot=on"]
    command += ["-device", "virtio-blk-pci,drive=disk,disable-legacy=on"]
    command += ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,disable-legacy=on"]
    debian = Terminal(command, tmp_path / "debian.txt")
    try:
        log_in(debian)
        assert debian.shell("systemctl is-system-running --wait", LONG_LIMIT) == "running\n", debian.shell("systemctl --failed")
        assert re.match(r"/dev/vda1 +ext4 +rw", debian.shell("findmnt -no SOURCE,FSTYPE,OPTIONS /"))
        assert re.search(r"^en\w+ +UP +10\.0\.2\.15/24 ", debian.shell("ip -br addr"), re.MULTILINE)
        assert debian.shell("systemctl is-active ssh systemd-networkd") == "active\nactive\n"
        # Every file of every package is as the package has it, but for configuration files.
        changed = [line for line in debian.shell("dpkg --verify", BOOT_LIMIT).splitlines() if " c /" not in line]
        assert not changed, changed
        debian.send("poweroff\r")
        assert debian.wait_for_end(BOOT_LIMIT) == 0
    finally:
        debian.close()
