# SPDX-License-Identifier: MIT
"""A disk driver that was taken over has its device write to the memory of another VM and of the kernel (tests/hostile/dma_driver.c). What
came of it is seen from outside, in the machine's physical memory. The emulator's IOMMU throws refused writes away and tells the device that they were
done: so the driver's report is not asserted for a refused write. Debian 12's writes no entry to its event log either: that what was refused is told is
seen on a newer QEMU (build/fetch-qemu.sh)."""

import hashlib
import itertools
import re
import struct

import pytest

from conftest import BOOT_LIMIT, OUT, ROOT, bare_vm, system_with
from outside import KernelImage, Monitor, monitor_arguments
from test_audit_log import expect_in_order, records

SECTOR = 512
PAGE = 0x1000
LARGE_PAGE = 0x200000
MAGIC = 0x524544524F414D44
SECRET = 0x5EC7E7000D15EA5E
KEEPER_MIB = 32
SCAN_STEP = 0x8000
LOG_ENTRIES = 256  # of the IOMMU's event log, as the kernel has it; each write of 4 bytes makes one
BURST = 4 * 2 * LOG_ENTRIES
NEWER_QEMU = ROOT / "out" / "qemu" / "bin"
POISON = b"".join(hashlib.sha256(b"poison %d" % n).digest() for n in range(SECTOR // 32))


class Attack:
    """The machine: the driver that was taken over, and a VM that keeps a pattern in its memory and stands still while the driver does what it is
    told to."""

    def __init__(self, machine, folder, keeper, iommu, more="", qemu=(), programs=None):
        self.folder = folder
        self.disk = folder / "disk.img"
        self.disk.write_bytes(bytes(2 * SECTOR) + POISON + bytes(2048 * SECTOR))
        self.sequence = 0
        text = "name = hostile\n" + ("iommu = true\n" if iommu else "") + more
        text += f'disk d0 {{\n\tpci = "virtio-blk"\n\tallow_dma = {"false" if iommu else "true"}\n}}\n'
        text += bare_vm("keeper", keeper, f"hidden={SECRET ^ (1 << 64) - 1:#x}", f"{KEEPER_MIB}M")
        system = system_with(folder / "system", {"virtio-disk": OUT / "tests" / "hostile" / "hostile-dma"})
        self.machine = machine(text, ["keeper"], ["--disk", self.disk], [*monitor_arguments(folder / "monitor"), *qemu], system, programs)

    def begin(self):
        """Until the driver waits for orders and the VM stands still. Returns the machine's memory."""
        self.machine.transcript_has(r"d0: taken over: waits for orders after 0$", BOOT_LIMIT)
        self.machine.transcript_has(r"^keeper[:+] keeper: round 1, intact$", BOOT_LIMIT, again=True)
        self.machine.admin("pause keeper", "VM keeper paused by the administrator")
        self.monitor = Monitor(self.folder / "monitor")
        return self.look()

    def look(self):
        return self.monitor.memory(self.folder / "memory")

    def order(self, *items):
        """Has the driver attack all addresses of `items`, (first, end, step); returns its report when it has done so."""
        self.sequence += 1
        words = struct.pack("<3Q", MAGIC, self.sequence, len(items)) + b"".join(struct.pack("<3Q", *item) for item in items)
        with open(self.disk, "r+b") as disk:
            disk.write(words.ljust(SECTOR, b"\0"))
        self.machine.until(lambda: struct.unpack("<2Q", self.report()[:16]) == (MAGIC, self.sequence), 4 * BOOT_LIMIT, "report")
        return dict(zip(("tried", "done", "refused", "broken", "silent"), struct.unpack("<5Q", self.report()[16:56])))

    def report(self):
        with open(self.disk, "rb") as disk:
            disk.seek(SECTOR)
            return disk.read(SECTOR)


def places_of_keeper(memory):
    """Where the VM's RAM is: its large pages but the first, which holds its program."""
    pattern = struct.pack("<Q", SECRET) * (PAGE // 8)
    places = [at for at in range(0, len(memory), LARGE_PAGE) if memory[at:at + PAGE] == pattern]
    assert len(places) == KEEPER_MIB * 0x100000 // LARGE_PAGE - 1, places
    return places


def kernel_parts():
    """The parts of the kernel that nobody ever writes: (address, size)."""
    image = KernelImage(OUT / "kernel" / "bulkhead.elf64")
    return [image.sections[name] for name in (".text", ".rodata")], image.symbols["font"]


def at_once(address):
    return (address, address + 1, 1)


def targets(memory):
    """What the test tells the driver: some of the VM's pages, and a part of the kernel that it does not use while it runs: the screen's
    characters."""
    places = places_of_keeper(memory)
    font, size = kernel_parts()[1]
    assert size >= SECTOR + 16
    return [places[0], places[len(places) // 2] + PAGE + 0x200, places[-1] + LARGE_PAGE - PAGE, font]


def nothing_has_changed(before, after):
    """What the driver wrote is nowhere in the machine; the VM's memory and what the kernel never writes are what they were."""
    found = after.find(POISON)
    assert found == -1, hex(found)
    for place in places_of_keeper(before):
        assert after[place:place + LARGE_PAGE] == before[place:place + LARGE_PAGE], hex(place)
    for start, size in kernel_parts()[0]:
        assert after[start:start + size] == before[start:start + size], hex(start)


def test_without_an_iommu_the_attack_is_real(machine, own_guests, tmp_path):
    """Where the file allows it, and there is no IOMMU, each address has what the driver wrote: as data, and as the ring behind them."""
    attack = Attack(machine, tmp_path, own_guests["keeper"], iommu=False)
    wanted = targets(attack.begin())
    report = attack.order(*map(at_once, wanted))
    after = attack.look()
    assert report["tried"] == len(wanted) and report["done"] == 2 * len(wanted), report
    for target in wanted:
        assert after[target:target + SECTOR] == POISON, hex(target)
        assert struct.unpack_from("<H", after, target + SECTOR + 2)[0] == 1, hex(target)
    attack.machine.admin("resume keeper", "resumed")
    attack.machine.transcript_has(r"^keeper[:+] keeper: round \d+, CHANGED \d+$")


def test_with_an_iommu_it_changes_nothing(machine, own_guests, tmp_path):
    """The same driver, the same addresses, then all of the machine's memory in steps, every page of the kernel, and where registers are: nowhere
    is what it wrote, the VM's memory and the kernel's code are what they were, and the system goes on."""
    attack = Attack(machine, tmp_path, own_guests["keeper"], iommu=True)
    before = attack.begin()
    wanted = targets(before)
    report = attack.order(*map(at_once, wanted))
    assert report["tried"] == len(wanted), report
    nothing_has_changed(before, attack.look())
    pages = [(start, start + size, PAGE) for start, size in kernel_parts()[0]]
    # Where registers are: I/O APIC, the messages of interrupts, other functions' BARs; and what no memory is.
    registers = [(0xFE000000, 0xFE100000, PAGE), (0xFEB00000, 0xFEF00000, PAGE), (1 << 32, 1 << 40, 1 << 34), (1 << 40, 1 << 62, 1 << 56)]
    scan = attack.order((0, len(before), SCAN_STEP), *pages, *registers)
    assert scan["tried"] >= len(before) // SCAN_STEP, scan
    nothing_has_changed(before, attack.look())
    attack.machine.admin("resume keeper", "resumed")
    attack.machine.transcript_has(r"^keeper[:+] keeper: round [1-9]\d*, intact$")
    assert "CHANGED" not in attack.machine.transcript()
    assert "equal to the manifest" in attack.machine.admin("caps disk/d0")


def faults_told(machine, device):
    """What the administrator was told of that device: (seconds since the start, how many there were) of each line."""
    text = re.compile(rf"disk/d0: the IOMMU refused its device {re.escape(device)} [a-z ]+ 0x[0-9a-f]+; so far (\d+) or more")
    return [(when, int(match.group(1))) for when, line in machine.stamps() if (match := text.fullmatch(line))]


@pytest.mark.skipif(not (NEWER_QEMU / "qemu-system-x86_64").exists(), reason="build/fetch-qemu.sh has not been run")
def test_what_the_iommu_refuses_is_told(machine, own_guests, tmp_path):
    """More writes at once than the IOMMU's log has room for, then thousands one after the other: the log goes on, the administrator and the audit log
    hear of it in few lines, memory is what it was, and the VM runs. (That QEMU takes each fault for one of an interrupt, and gives 0 for each
    address: tests/unit/kernel has both.)"""
    log = tmp_path / "log.img"
    log.write_bytes(bytes(1 << 20))
    more = "audit_log = log\ndisk main {\n\tpci = nvme\n}\nvolume log {\n\tdisk = main\n\tsize = 256K\n}\n"
    qemu = ["-global", "amd-iommu.dma-remap=on", "-drive", f"file={log},format=raw,if=none,id=log", "-device", "nvme,serial=log,drive=log"]
    attack = Attack(machine, tmp_path, own_guests["keeper"], True, more, qemu, NEWER_QEMU)
    before = attack.begin()
    device = attack.machine.transcript_has(r"disk/d0 drives PCI function (\S+), confined by the IOMMU", again=True).group(1)
    target = targets(before)[0]
    report = attack.order((target, target + BURST, 0))
    assert report["tried"] == 1, report
    attack.machine.until(lambda: faults_told(attack.machine, device), what="fault that is told")
    assert faults_told(attack.machine, device)[0][1] < BURST // 4  # some were lost: the log was full
    attack.order(*map(at_once, targets(before)), (0, len(before), SCAN_STEP))
    nothing_has_changed(before, attack.look())
    attack.machine.admin("resume keeper", "resumed")
    attack.machine.transcript_has(r"^keeper[:+] keeper: round [1-9]\d*, intact$")
    told = faults_told(attack.machine, device)
    assert told[-1][1] > 10 * LOG_ENTRIES, told
    for number, ((before_it, fewer), (when, count)) in enumerate(itertools.pairwise(told)):
        assert when - before_it > 2**number - 0.01, told
        # The kernel reads no more of them than the root task asks for, ten times a second: what waits, and what comes until it listens no more.
        assert count - fewer < 2 * LOG_ENTRIES * (10 * (when - before_it) + 2), told
    attack.machine.send("poweroff\r")
    assert attack.machine.wait_for_end() == 0
    found = records(log, "--volume", "log")
    expect_in_order(found, [("event", rf"^disk/d0: the IOMMU refused its device {re.escape(device)} .*; so far {count} or more$") for _, count in told])
    assert "lost" not in {kind for _, _, kind, _ in found}
