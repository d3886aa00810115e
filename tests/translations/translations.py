#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Asks of each entry into a guest: could the CPU still hold a translation that is not so any more? tests/translations/translations.py [--mutants]

Neither QEMU 7.2 nor Bochs 2.7 shows a missing flush of a guest's translations: both forget everything at VMRUN and #VMEXIT. So this
is a TLB that forgets nothing by itself. At each VMRUN a plugin (entries.c) tells the ASID, TLB_CONTROL and the nested page tables;
all that this entry can use is added to what the ASID has seen. What was seen under an ASID, was not flushed since (AMD APM vol. 2
section 15.16) and is not in the tables any more, or gives less now, is a stale translation: an error of the kernel. --mutants breaks
the kernel's flushes in a private copy (mutants/asid-*.patch); each must be found."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import bochs  # before the others: it says where they are
import branches
import run

KERNEL = run.OUT / "kernel" / "bulkhead.elf64"
GROUPS = ["guest_space", "guest", "guest_route", "guest_end", "guest_apart", "flush"]
MUTANTS = sorted((bochs.FOLDER / "mutants").glob("asid-*.patch"))
FLUSH_ALL, FLUSH_ASID, FLUSH_NON_GLOBAL = 1, 3, 7
ADDRESS, PERMISSIONS, NO_EXECUTE = 0x000ffffffffff000, 0b111, 1 << 63


class Model:
    """A TLB that forgets nothing but what it is told to."""

    def __init__(self):
        self.seen, self.entries, self.flushes, self.stale = {}, 0, 0, []

    def enter(self, asid, control, now):
        self.entries += 1
        if control == FLUSH_ALL:
            self.seen.clear()
            self.flushes += 1
        elif control in (FLUSH_ASID, FLUSH_NON_GLOBAL):
            self.seen.pop(asid, None)
            self.flushes += 1
        for address, before in self.seen.get(asid, {}).items():
            entry = now.get(address, 0)
            if before & ADDRESS != entry & ADDRESS or before & ~entry & PERMISSIONS or entry & ~before & NO_EXECUTE:
                self.stale.append(f"entry {self.entries}, ASID {asid}: guest-physical {address:#x} may still be translated by {before:#x}, "
                                  f"the tables have {entry:#x}")
        self.seen.setdefault(asid, {}).update(now)


def places(kernel):
    """Where the pointer to who runs stands (physical), and the offset of the control block's address in a vCPU."""
    text = subprocess.run(["gdb", "-nx", "-batch", "-ex", "p/x (unsigned long)&boot_cpu.current",
                           "-ex", "p/x (unsigned long)&((struct vcpu *)0)->control_block_physical", kernel],
                          check=True, capture_output=True, text=True).stdout
    current, control = (int(value, 16) for value in re.findall(r"^\$\d = (0x[0-9a-f]+)", text, re.MULTILINE))
    return current - branches.IMAGE_BASE, control


def watch(kernel=KERNEL, task=run.TASK, groups=None):
    """Runs the groups with the model beside them: (model, what came out)."""
    groups = groups or GROUPS
    current, control = places(kernel)
    with tempfile.TemporaryDirectory(prefix="translations-", dir=branches.fast_folder()) as folder:
        here = pathlib.Path(folder)
        plugin, memory, out = here / "entries.so", here / "memory", here / "entries"
        subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", plugin,
                        bochs.FOLDER / "entries.c"], check=True)
        # The plugin is there before the memory is: QEMU makes what is not there, with the size that is asked for.
        with open(memory, "wb") as file:
            file.truncate(512 << 20)
        result = run.Run(run.qemu(kernel.with_suffix(".elf32"), task, [f"groups={','.join(groups)}"], arguments=[
            *branches.memory_in_file(memory), "-plugin",
            f"{plugin},memory={memory},current={current:#x},control={control:#x},out={out}"]), only=groups, wait=True)
        model = Model()
        for line in out.read_text().splitlines():
            if line == "end":
                return model, result
            asid, flush, *entries = line.split()
            model.enter(int(asid), int(flush), {int(address, 16): int(entry, 16) for address, entry in (
                pair.split("=") for pair in entries)})
    raise RuntimeError("QEMU did not end by itself")


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
