# SPDX-License-Identifier: MIT
"""Linux KVM + QEMU on the same emulated machine: a Linux with Debian's QEMU in its initial file system boots there, and runs the bench's
guests one after the other (tests/bench/kvm-init), or two at once with a disk and a network (tests/bench/kvm-load-init)."""

import re
import shutil
import subprocess

import io_load
import machine
import parsing

GUESTS = ("unpaged", "paged", "exitbench")
MODULES = ("irqbypass", "kvm", "kvm-amd", "llc", "stp", "bridge", "tun", "tap", "vhost_iotlb", "vhost", "vhost_net")


COMMAND_LINE = "console=ttyS0 quiet nokaslr"


def host_image(init):
    """An initial file system with KVM's modules, QEMU and its libraries, and the guests; `init` is its process 1."""
    host, image = machine.OUT / "kvm-host", machine.OUT / "kvm-host.cpio"
    shutil.rmtree(host, ignore_errors=True)
    for folder in ("bin", "proc", "sys", "dev", "tmp", "usr/bin", "usr/share/qemu", "usr/share/seabios"):
        (host / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", host / "bin")
    shutil.copy(machine.GUESTS / "mark", host / "bin")
    for applet in ("sh", "mount", "cat", "echo", "poweroff", "insmod", "dd", "grep", "sleep", "ip", "brctl", "tunctl", "mknod"):
        (host / "bin" / applet).symlink_to("busybox")
    for module in MODULES:
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
    shutil.copy(machine.GUESTS / "measured.cpio.gz", host / "load.initrd")
    for mode in ("unpaged", "paged"):
        shutil.copy(machine.BARE_GUESTS / f"exits-{mode}.elf", host / f"{mode}.elf")
    shutil.copy(machine.BARE_GUESTS / "exitbench.elf", host)
    shutil.copy(machine.ROOT / "tests/bench" / init, host / "init")
    with open(image, "wb") as out:
        subprocess.run("find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet", shell=True, cwd=host, stdout=out, check=True)
    return image


def measure():
    run = machine.emulated_pc("kvm", 2048, machine.GUESTS / "linux-cloud", host_image("kvm-init"), COMMAND_LINE)
    found = parsing.sections(run.text)
    start, end = parsing.first(run.counts, "MARK 1"), parsing.first(run.counts, "MARK 2")
    if start is None or end is None or any("EXIT-DONE" not in found.get(guest, "") for guest in GUESTS):
        machine.fail(f"not every guest of KVM came to its end; see {machine.OUT / 'kvm.log'}")
    # From the start of the inner machine on; and from power-on to the first VM entry.
    return {"boot": parsing.difference(end, start), "entry": parsing.first(run.counts, "FIRST-VMRUN"),
            **{guest: parsing.operations(found[guest]) for guest in GUESTS}}


def measure_load():
    """A disk and a network: tests/bench/io_load.py."""
    run = machine.emulated_pc("kvm-load", 2048, machine.GUESTS / "linux-cloud", host_image("kvm-load-init"), COMMAND_LINE, cpu=io_load.CPU)
    if io_load.DONE not in run.text:
        machine.fail(f"the guests of KVM did not come to their end; see {machine.OUT / 'kvm-load.log'}")
    return io_load.operations(run.text, run.counts)
