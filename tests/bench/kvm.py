# SPDX-License-Identifier: MIT
"""Linux KVM + QEMU on the same emulated machine: a Linux with Debian's QEMU in its initial file system boots there, and runs the bench's
guests one after the other (tests/bench/kvm-init)."""

import re
import shutil
import subprocess

import machine
import parsing

GUESTS = ("unpaged", "paged", "exitbench")


def host_image():
    """An initial file system with KVM's modules, QEMU and its libraries, and the guests."""
    host, image = machine.OUT / "kvm-host", machine.OUT / "kvm-host.cpio"
    shutil.rmtree(host, ignore_errors=True)
    for folder in ("bin", "proc", "sys", "dev", "tmp", "usr/bin", "usr/share/qemu", "usr/share/seabios"):
        (host / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", host / "bin")
    shutil.copy(machine.GUESTS / "mark", host / "bin")
    for applet in ("sh", "mount", "cat", "echo", "poweroff", "insmod"):
        (host / "bin" / applet).symlink_to("busybox")
    for module in ("irqbypass", "kvm", "kvm-amd"):
        shutil.copy(machine.GUESTS / "modules" / f"{module}.ko", host)
    qemu = shutil.which(machine.QEMU)
    shutil.copy(qemu, host / "usr/bin" / machine.QEMU)
    libraries = subprocess.run(["ldd", qemu], check=True, capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", libraries):
        target = host / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    for pattern, folder in (("seabios/bios*.bin", "seabios"), ("seabios/bios*.bin", "qemu"), ("qemu/linuxboot*.bin", "qemu"),
                            ("qemu/multiboot*.bin", "qemu"), ("qemu/kvmvapic.bin", "qemu")):
        for rom in machine.pathlib.Path("/usr/share").glob(pattern):
            shutil.copy(rom, host / "usr/share" / folder)
    shutil.copy(machine.GUESTS / "linux-cloud", host / "bzImage")
    shutil.copy(machine.GUESTS / "mark.cpio.gz", host / "guest.initrd")
    for mode in ("unpaged", "paged"):
        shutil.copy(machine.BARE_GUESTS / f"exits-{mode}.elf", host / f"{mode}.elf")
    shutil.copy(machine.BARE_GUESTS / "exitbench.elf", host)
    shutil.copy(machine.ROOT / "tests/bench/kvm-init", host / "init")
    with open(image, "wb") as out:
        subprocess.run("find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet", shell=True, cwd=host, stdout=out, check=True)
    return image


def measure():
    run = machine.emulated_pc("kvm", 2048, machine.GUESTS / "linux-cloud", host_image(), "console=ttyS0 quiet nokaslr")
    found = parsing.sections(run.text)
    start, end = parsing.first(run.counts, "MARK 1"), parsing.first(run.counts, "MARK 2")
    if start is None or end is None or any("EXIT-DONE" not in found.get(guest, "") for guest in GUESTS):
        machine.fail(f"not every guest of KVM came to its end; see {machine.OUT / 'kvm.log'}")
    # From the start of the inner machine on.
    return {"boot": parsing.difference(end, start), **{guest: parsing.operations(found[guest]) for guest in GUESTS}}
