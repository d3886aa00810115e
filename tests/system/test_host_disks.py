# SPDX-License-Identifier: MIT
"""Disks of the host: a driver writes and reads a file of QEMU's through its device, without the VMs, exercised by a task that compares all that
it reads. Drivers and the PCI server are killed meanwhile."""

import re
import struct

import pytest

from conftest import bare_vm, run_to_end, write_appliance

MEBIBYTE = 1 << 20
BLOCK = 4096


def appliance(*disks, iommu=False):
    return ("iommu = true\n" if iommu else "") + "name = disks\n" + "".join(disks) + bare_vm("idle", "hello", "hang=1")


def disk(name, rounds, pci="virtio-blk", allow_dma=True):
    allowed = "\tallow_dma = true\n" if allow_dma else ""
    return f'disk {name} {{\n\tpci = "{pci}"\n{allowed}\texercise = {rounds}\n}}\n'


def attach(kind, file):
    """How a machine gets a file as a disk of that kind: options of the tool, arguments for QEMU."""
    if kind == "virtio-blk":
        return ["--disk", file], []
    return [], ["-drive", f"file={file},format=raw,if=none,id=nvme0", "-device", "nvme,serial=1,drive=nvme0"]


def disk_file(folder, name, size=2 * MEBIBYTE):
    path = folder / name
    path.write_bytes(b"\xff" * size)
    return path


def expected(size, rounds):
    """What the exerciser leaves behind: docs of backends/disk-exerciser. The first quarter is zeroed."""
    blocks = size // BLOCK
    zeroed = blocks // 4
    words = (rounds << 48 | block << 16 | word for block in range(zeroed, blocks) for word in range(BLOCK // 8))
    return bytes(zeroed * BLOCK) + struct.pack(f"<{(blocks - zeroed) * BLOCK // 8}Q", *words)


@pytest.mark.parametrize("iommu", [False, True], ids=["free", "confined"])
@pytest.mark.parametrize("kind", ["virtio-blk", "nvme"])
def test_a_file_is_written_and_read(tmp_path, kind, iommu):
    file = disk_file(tmp_path, "disk.img")
    options, qemu = attach(kind, file)
    path = write_appliance(tmp_path, appliance(disk("d0", 2, kind, allow_dma=not iommu), iommu=iommu))
    run = run_to_end(path, tmp_path, [*options, "--until", "the exercise is over"], qemu)
    assert run.status == 0, run
    assert "WRONG" not in run.transcript
    assert "disk of 2 MiB" in run.transcript
    assert f", {'confined by the IOMMU' if iommu else 'not confined'}\n" in run.transcript
    assert file.read_bytes() == expected(2 * MEBIBYTE, 2)


def test_a_confined_driver_needs_an_iommu(tmp_path):
    """One without interrupt remapping is none: the kernel leaves it off, and the driver does not start."""
    path = write_appliance(tmp_path, appliance(disk("d0", 2, allow_dma=False), iommu=True))
    options = ["--disk", disk_file(tmp_path, "disk.img"), "--until", "may reach all of memory"]
    run = run_to_end(path, tmp_path, options, ["-global", "amd-iommu.intremap=off"])
    assert run.status == 0, run
    assert "disk/d0: this machine has no IOMMU that confines its device: write allow_dma = true for it if driver and device may reach" in run.transcript
    assert "drives PCI function" not in run.transcript


def test_two_disks_have_two_functions(tmp_path):
    """The second is named by its place, and the first takes what is left, though it comes first in the file."""
    files = [disk_file(tmp_path, "one.img"), disk_file(tmp_path, "two.img", MEBIBYTE)]
    path = write_appliance(tmp_path, appliance(disk("d0", 1), disk("d1", 2, "00:02.0")))
    run = run_to_end(path, tmp_path, ["--disk", files[0], "--disk", files[1], "--until", "d1/exercise: the exercise is over"])
    assert run.status == 0, run
    assert re.search(r"disk/d0 drives PCI function 00:03\.0", run.transcript), run
    assert re.search(r"disk/d1 drives PCI function 00:02\.0", run.transcript), run
    assert files[0].read_bytes() == expected(2 * MEBIBYTE, 2)


@pytest.mark.parametrize(("kind", "iommu"), [("virtio-blk", False), ("nvme", True)])
def test_killed_under_load(machine, tmp_path, kind, iommu):
    """The driver is killed while all slots are in use, and nothing is lost; the PCI server, and the driver does not notice."""
    file = disk_file(tmp_path, "disk.img")
    options, qemu = attach(kind, file)
    one = machine(appliance(disk("d0", 1000000, kind), iommu=iommu), ["idle"], options, qemu)
    one.transcript_has(r"d0/exercise: round 1: 512 blocks are right")
    for _ in range(3):
        one.admin("kill disk/d0", "killed by the administrator")
        one.transcript_has(r"task disk/d0 died \(killed by the administrator\), restarts when its device is quiet")
        one.transcript_has(r"disk/d0 drives PCI function 00:0[23]\.0")
        for _ in range(2):
            one.transcript_has(r"d0/exercise: round \d+: 512 blocks are right")
    one.admin("kill pci", "killed by the administrator")
    one.transcript_has(r"task pci died \(killed by the administrator\), restarted")
    for _ in range(2):
        one.transcript_has(r"d0/exercise: round \d+: 512 blocks are right")
    # Its driver needs the new server to become quiet.
    one.admin("kill disk/d0", "killed by the administrator")
    one.transcript_has(r"disk/d0 drives PCI function 00:0[23]\.0")
    one.transcript_has(r"d0/exercise: round \d+: 512 blocks are right")
    text = one.transcript()
    assert "WRONG" not in text
    assert text.count("PCI functions on this machine") == 1, "the survey is made once"
    assert text.count("drives PCI function") == 5
    for task in ("disk/d0", "pci"):
        assert "equal to the manifest" in one.admin(f"caps {task}")


def test_without_the_device(tmp_path):
    path = write_appliance(tmp_path, appliance(disk("d0", 1)))
    run = run_to_end(path, tmp_path, ["--until", "take it out of the appliance file"])
    assert run.status == 0, run
    assert "disk/d0: this machine has no such PCI device: add it, or take it out of the appliance file" in run.transcript


def test_what_is_no_disk_is_not_driven(tmp_path):
    """A place where something else is, which has no MSI-X."""
    path = write_appliance(tmp_path, appliance(disk("d0", 1, "00:1f.2")))
    run = run_to_end(path, tmp_path, ["--until", "use another device"])
    assert run.status == 0, run
    assert "disk/d0: its PCI device cannot be given to a driver: it has no usable MSI-X: use another device" in run.transcript
