# SPDX-License-Identifier: MIT
"""Disks of VMs: unmodified Linux guests with virtio-blk on volumes of disks in memory and of QEMU's disks."""

import hashlib
import random
import re
import struct
import uuid
import zlib

import pytest
from conftest import BOOT_LIMIT, linux_vm

MEBIBYTE = 1 << 20
SECTOR = 512


def vm_disk(name, volume, read_only=False):
    return f"\tdisk {name} {{\n\t\tvolume = {volume}\n{chr(9) * 2 + 'read_only = true' + chr(10) if read_only else ''}\t}}\n"


def vm(name, *disks):
    return linux_vm(name, more="share = 30%\n" + "".join(disks))


def host_disk(kind="virtio-blk", allow_dma=True):
    return f"disk main {{\n\tpci = {kind}\n" + ("\tallow_dma = true\n" if allow_dma else "") + "}\n"


def volume(name, disk="main", **keys):
    return f"volume {name} {{\n\tdisk = {disk}\n" + "".join(f"\t{key} = {value}\n" for key, value in keys.items()) + "}\n"


def attach(kind, file):
    if kind == "virtio-blk":
        return ["--disk", file], []
    return [], ["-drive", f"file={file},format=raw,if=none,id=nvme0", "-device", "nvme,serial=1,drive=nvme0"]


def noise(size, seed):
    return random.Random(seed).randbytes(size)


def sum_of(machine, name, device, mebibytes, skip=0):
    """MD5 of a part of a disk as the guest reads it from the device, not from its cache."""
    command = f"echo 3 >/proc/sys/vm/drop_caches; dd if={device} bs=1M count={mebibytes} skip={skip} 2>/dev/null | md5sum"
    return machine.in_vm(name, command, BOOT_LIMIT).split()[0]


def write_noise(machine, name, device, mebibytes, seek=0):
    """Fills a part of a disk with random bytes, flushed; returns their MD5."""
    command = f"dd if=/dev/urandom of=/tmp/noise bs=1M count={mebibytes} 2>/dev/null; md5sum /tmp/noise; dd if=/tmp/noise of={device} bs=1M seek={seek} conv=fsync"
    answer = machine.in_vm(name, command, BOOT_LIMIT)
    assert f"{mebibytes}+0 records out" in answer, answer
    return answer.split()[0]


def test_a_disk_in_memory(machine, tmp_path):
    """It begins as its image, the rest is zero; what was written is there whoever is killed, and after the VM has begun again."""
    image = noise(3 * MEBIBYTE, 1)
    (tmp_path / "image").write_bytes(image)
    text = f'disk mem {{\n\tmemory = 8M\n\timage = "{tmp_path}/image"\n}}\n' + volume("v", "mem") + vm("red", vm_disk("vda", "v"))
    one = machine(text, ["red"])
    one.wait_for_shells("red")
    assert sum_of(one, "red", "/dev/vda", 8) == hashlib.md5(image + bytes(5 * MEBIBYTE)).hexdigest()
    written = write_noise(one, "red", "/dev/vda", 4, seek=2)
    for task in ("red/vda", "volumes/mem", "disk/mem"):
        one.admin(f"kill {task}", f"task {task} died")
        assert sum_of(one, "red", "/dev/vda", 4, skip=2) == written
    one.front("red")
    one.send("reboot -f\r")
    one.transcript_has("VM red .*restarted")
    one.transcript_has("^red: red is up$", BOOT_LIMIT)
    one.front("red")
    one.wait_for_shell(BOOT_LIMIT)
    assert sum_of(one, "red", "/dev/vda", 2) == hashlib.md5(image[: 2 * MEBIBYTE]).hexdigest()
    assert sum_of(one, "red", "/dev/vda", 4, skip=2) == written
    assert "I/O error" not in one.in_vm("red", "dmesg")
    for task in ("red/vda", "volumes/mem", "disk/mem"):
        assert "equal to the manifest" in one.admin(f"caps {task}")


def gpt(sectors, *partitions):
    """A disk image with a GUID partition table (UEFI 2.10 section 5.3) for partitions of (first sector, sectors)."""
    entries = b"".join(
        uuid.UUID(int=0x0FC63DAF84834772 << 64 | 1).bytes_le + uuid.UUID(int=index + 1).bytes_le + struct.pack("<QQQ72x", first, first + count - 1, 0)
        for index, (first, count) in enumerate(partitions)
    ).ljust(128 * 128, b"\0")

    def header(here, other, array):
        fields = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, sectors - 34, uuid.UUID(int=9).bytes_le, array, 128, 128, zlib.crc32(entries))
        return (fields[:16] + struct.pack("<I", zlib.crc32(fields)) + fields[20:]).ljust(SECTOR, b"\0")

    image = bytearray(b"\xee" * (sectors * SECTOR))
    image[SECTOR : 2 * SECTOR] = header(1, sectors - 1, 2)
    image[2 * SECTOR : 34 * SECTOR] = entries
    image[-33 * SECTOR : -SECTOR] = entries
    image[-SECTOR:] = header(sectors - 1, 1, sectors - 33)
    return bytes(image)


@pytest.mark.parametrize("kind", ["virtio-blk", "nvme"])
def test_partitions_keep_apart(machine, tmp_path, kind):
    """Two VMs fill their partitions to the end and beyond. Nothing else of the disk changes, each reads what it wrote."""
    sectors = 16 * MEBIBYTE // SECTOR
    first, second = (2048, 4 * MEBIBYTE // SECTOR), (16384, 6 * MEBIBYTE // SECTOR)
    before = gpt(sectors, first, second)
    file = tmp_path / "disk.img"
    file.write_bytes(before)
    options, qemu = attach(kind, file)
    text = "iommu = true\n" + host_disk(kind, allow_dma=False) + volume("one", partition=1) + volume("two", partition=2)
    text += vm("red", vm_disk("vda", "one")) + vm("blue", vm_disk("vda", "two"))
    one = machine(text, ["red", "blue"], options, qemu)
    one.wait_for_shells("red", "blue")
    sums = {}
    for name, mebibytes in (("red", 4), ("blue", 6)):
        sums[name] = write_noise(one, name, "/dev/vda", mebibytes)
        assert "No space left" in one.in_vm(name, f"dd if=/dev/zero of=/dev/vda bs=1M count=1 seek={mebibytes}")
    for name, mebibytes in (("red", 4), ("blue", 6)):
        assert sum_of(one, name, "/dev/vda", mebibytes) == sums[name]
    one.close()
    after = file.read_bytes()
    spans = {}
    for name, (start, count) in (("red", first), ("blue", second)):
        spans[name] = after[start * SECTOR : (start + count) * SECTOR]
        assert hashlib.md5(spans[name]).hexdigest() == sums[name]
    rest = bytearray(before)
    for name, (start, count) in (("red", first), ("blue", second)):
        rest[start * SECTOR : (start + count) * SECTOR] = spans[name]
    assert after == bytes(rest), "what is no VM's has changed"


def test_snapshots_and_read_only(machine, tmp_path):
    """A volume is written once; then two VMs have snapshots of it, one of them the volume itself as well, to read."""
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(24 * MEBIBYTE))
    base = host_disk() + volume("base", size="4M")
    one = machine(base + vm("red", vm_disk("vda", "base")), ["red"], ["--disk", file])
    one.wait_for_shells("red")
    original = write_noise(one, "red", "/dev/vda", 4)
    one.close()

    text = base + volume("s1", snapshot_of="base") + volume("s2", snapshot_of="base")
    text += vm("red", vm_disk("vda", "s1")) + vm("blue", vm_disk("vda", "s2"), vm_disk("vdb", "base", read_only=True))
    one = machine(text, ["red", "blue"], ["--disk", file])
    one.wait_for_shells("red", "blue")
    assert sum_of(one, "red", "/dev/vda", 4) == original
    changed = write_noise(one, "red", "/dev/vda", 1, seek=1)
    # In the middle of copying: nothing of it is lost.
    one.front("red")
    one.send("dd if=/tmp/noise of=/dev/vda bs=64k seek=40 conv=fsync; echo do''ne\r")
    one.admin("kill volumes/main", "task volumes/main died")
    one.front("red")
    one.expect(r"done\r+\n", BOOT_LIMIT)
    assert sum_of(one, "red", "/dev/vda", 1, skip=1) == changed
    assert one.in_vm("red", "dd if=/dev/vda bs=64k skip=40 count=16 2>/dev/null | md5sum").split()[0] == changed
    for device in ("/dev/vda", "/dev/vdb"):
        assert sum_of(one, "blue", device, 4) == original
    assert one.in_vm("blue", "cat /sys/block/vdb/ro") == "1\n"
    answer = one.in_vm("blue", "dd if=/dev/zero of=/dev/vdb bs=4k count=1; echo status-$?")
    assert re.search(r"status-[^0]", answer), answer
    assert sum_of(one, "blue", "/dev/vdb", 4) == original
    whole = sum_of(one, "red", "/dev/vda", 4)
    one.close()

    one = machine(text, ["red", "blue"], ["--disk", file])
    one.wait_for_shells("red", "blue")
    assert sum_of(one, "red", "/dev/vda", 4) == whole
    assert sum_of(one, "blue", "/dev/vda", 4) == original


def test_a_volume_that_is_not_there(machine, tmp_path):
    """Its VM runs, with an empty disk, and the log says what is missing."""
    file = tmp_path / "disk.img"
    file.write_bytes(b"\xff" * MEBIBYTE)
    one = machine(host_disk() + volume("v", partition=3) + vm("red", vm_disk("vda", "v")), ["red"], ["--disk", file])
    one.wait_for_shells("red")
    assert one.in_vm("red", "cat /sys/block/vda/size") == "0\n"
    assert "volumes/main: volume 0 (partition 3, name \"\"): the disk has no GUID partition table" in one.admin("log")
