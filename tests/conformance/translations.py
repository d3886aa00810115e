#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Asks of each entry into a guest: could the CPU still hold a translation that is not so any more? tests/conformance/translations.py [--mutants]

Neither QEMU 7.2 nor Bochs 2.7 shows a missing flush of a guest's translations: both forget everything at VMRUN and #VMEXIT. So this
is a TLB that forgets nothing by itself: QEMU stops at each VMRUN (its debugger stub; the machine's memory is a file), and the nested
page tables that this entry can use are added to what the ASID has seen. What was seen under an ASID, was not flushed since (TLB_CONTROL,
AMD APM vol. 2 section 15.16) and is not in the tables any more, or gives less now, is a stale translation: an error of the kernel.
--mutants breaks the kernel's flushes in a private copy (mutants/asid-*.patch); each must be found."""

import argparse
import mmap
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile

import bochs
import coverage
import run

KERNEL = run.OUT / "kernel" / "bulkhead.elf32"
GROUPS = ["guest", "guest_state", "guest_signal", "guest_route", "guest_end", "flush"]
MUTANTS = sorted((run.FOLDER / "mutants").glob("asid-*.patch"))
# Control block (APM vol. 2 table B-1) and nested page tables (section 5.3).
ASID, TLB_CONTROL, NESTED_CR3 = 0x58, 0x5c, 0xb0
FLUSH_ALL, FLUSH_ASID, FLUSH_NON_GLOBAL = 1, 3, 7
PRESENT, LARGE, ADDRESS, NO_EXECUTE = 1, 1 << 7, 0x000ffffffffff000, 1 << 63
PERMISSIONS = PRESENT | 1 << 1 | 1 << 2


class Stub:
    """QEMU's debugger stub (GDB remote serial protocol)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(path))
        self.buffer = b""

    def close(self):
        self.socket.close()

    def _byte(self):
        if not self.buffer:
            self.buffer = self.socket.recv(4096)
            if not self.buffer:
                raise EOFError
        first, self.buffer = self.buffer[:1], self.buffer[1:]
        return first

    def send(self, text):
        self.socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 0xff))

    def receive(self):
        while self._byte() != b"$":
            pass
        packet = b""
        while (byte := self._byte()) != b"#":
            packet += byte
        self._byte()
        self._byte()
        self.socket.sendall(b"+")
        return packet.decode()

    def ask(self, text):
        self.send(text)
        return self.receive()


def entry_addresses(elf):
    """Where the kernel has VMRUN."""
    text = subprocess.run(["objdump", "-d", elf.with_suffix(".elf64") if elf.suffix == ".elf32" else elf], check=True,
                          capture_output=True, text=True).stdout
    return re.findall(r"^\s*([0-9a-f]+):.*\bvmrun\b", text, re.MULTILINE)


class Model:
    """A TLB that forgets nothing but what it is told to."""

    def __init__(self, memory):
        self.words = memoryview(memory).cast("Q")
        self.memory = memory
        self.seen, self.entries, self.flushes, self.stale = {}, 0, 0, []

    def _table(self, physical, level, base, found):
        words = self.words[physical // 8:physical // 8 + 512]
        for index, entry in enumerate(words):
            if entry & PRESENT:
                address = base + (index << 12 + 9 * (level - 1))
                if level == 1 or entry & LARGE:
                    found[address] = entry & (ADDRESS | PERMISSIONS | NO_EXECUTE)
                else:
                    self._table(entry & ADDRESS, level - 1, address, found)

    def enter(self, control_block):
        (asid,) = struct.unpack_from("<I", self.memory, control_block + ASID)
        control = self.memory[control_block + TLB_CONTROL]
        (root,) = struct.unpack_from("<Q", self.memory, control_block + NESTED_CR3)
        self.entries += 1
        if control == FLUSH_ALL:
            self.seen.clear()
            self.flushes += 1
        elif control in (FLUSH_ASID, FLUSH_NON_GLOBAL):
            self.seen.pop(asid, None)
            self.flushes += 1
        now = {}
        self._table(root & ADDRESS, 4, 0, now)
        for address, before in self.seen.get(asid, {}).items():
            entry = now.get(address, 0)
            if before & ADDRESS != entry & ADDRESS or before & ~entry & PERMISSIONS or entry & ~before & NO_EXECUTE:
                self.stale.append(f"entry {self.entries}, ASID {asid}: guest-physical {address:#x} may still be translated by {before:#x}, "
                                  f"the tables have {entry:#x}")
        self.seen.setdefault(asid, {}).update(now)


def watch(kernel=KERNEL, task=run.TASK, groups=None):
    """Runs the groups with the model beside them: (model, what came out)."""
    groups = groups or GROUPS
    with tempfile.TemporaryDirectory(prefix="translations-", dir="/dev/shm") as folder:
        here = pathlib.Path(folder)
        serial, path = here / "serial", here / "stub"
        command = run.qemu(kernel, task, [f"groups={','.join(groups)}"], arguments=[
            *coverage.memory_in_file(here / "memory"), "-S", "-gdb", f"unix:{path},server=on,wait=off"])
        command[command.index("stdio")] = f"file:{serial}"
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as machine:
            try:
                model = _follow(machine, kernel, path, here / "memory")
            finally:
                machine.kill()
        return model, run.Run(serial=serial, only=groups)


def _follow(machine, kernel, path, memory):
    while not path.exists() or not memory.exists():
        if machine.poll() is not None:
            raise RuntimeError("QEMU did not start")
    stub = Stub(path)
    with open(memory, "rb") as file:
        model = Model(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    for address in entry_addresses(pathlib.Path(kernel)):
        assert stub.ask(f"Z1,{address},1") == "OK"
    try:
        while True:
            if not stub.ask("c").startswith("T05"):
                break
            model.enter(int.from_bytes(bytes.fromhex(stub.ask("p0"))[:8], "little"))
            stub.ask("s")
    except EOFError:
        pass
    stub.close()
    return model


def report(name, model, result):
    print(f"{name}: {model.entries} entries, {model.flushes} flushes, {len(model.stale)} stale translations; "
          f"{result.summary[0] if result.summary else 'not all'} cases passed", flush=True)
    for line in model.stale[:3]:
        print(f"    {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--mutants", action="store_true", help="the broken kernels instead")
    options = parser.parse_args()
    if options.mutants:
        good = True
        for patch, kernel in bochs.mutant_kernels(MUTANTS):
            model, result = watch(kernel)
            report(patch.stem, model, result)
            good = good and bool(model.stale)
        return 0 if good else 1
    model, result = watch()
    report("kernel", model, result)
    return 0 if not model.stale and model.entries and not result.problems() else 1


if __name__ == "__main__":
    sys.exit(main())
