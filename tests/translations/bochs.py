#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The groups that show whether translations are flushed, in Bochs (its model `ryzen` of an AMD CPU): tests/translations/bochs.py [--mutants].

QEMU's emulator forgets all translations at each entry into a guest and each exit, so a missing flush cannot show there. --mutants
breaks the kernel's flushes in a private copy, one after the other (mutants/*.patch), and asks that the groups fail there."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "conformance"))

import run  # noqa: E402

GROUPS = ["space", "guest_space", "flush", "guest_end", "guest_apart"]
WORK = run.OUT / "bochs"
KERNEL = run.OUT / "kernel" / "bulkhead.elf64"
MUTANTS = sorted((FOLDER / "mutants").glob("host-*.patch"))
# What Bochs 2.7 does otherwise than silicon: cases that fail there.
NOT_THERE = {"apart.cr2": "VMRUN does not load CR2 from the control block: the host's stays"}
MENU = """set timeout=0
multiboot2 /boot/kernel groups={groups}
module2 --nounzip /boot/roottask roottask
boot
"""
CONFIGURATION = """display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=ryzen, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
megs: 512
clock: sync=none, time0=1700000000
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={serial}
log: {log}
panic: action=fatal
plugin_ctrl: unmapped=1, biosdev=1, speaker=0
"""


def make_image(kernel, task, groups, folder):
    """A GRUB image (BIOS) of kernel and root task."""
    tree = folder / "image"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "boot/grub").mkdir(parents=True)
    for source, name in ((kernel, "kernel"), (task, "roottask")):
        subprocess.run(["objcopy", "--strip-debug", source, tree / "boot" / name], check=True)
    (tree / "boot/grub/grub.cfg").write_text(MENU.format(groups=",".join(groups)))
    image = folder / "conformance.iso"
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "--locales=", "--fonts=", "--themes=",
                    "--install-modules=multiboot2 iso9660 biosdisk normal", "-o", image, tree], check=True, capture_output=True)
    return image


def boot(kernel=KERNEL, task=run.TASK, groups=None, name="kernel", timeout=150):
    """Runs them in Bochs, which ends by itself (harness.c)."""
    groups = groups or GROUPS
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    serial = folder / "serial.txt"
    serial.write_text("")
    (folder / "bochsrc").write_text(CONFIGURATION.format(
        image=make_image(kernel, task, groups, folder), serial=serial, log=folder / "bochs.log"))
    (folder / "rc").write_text("c\nq\n")
    try:
        with open(folder / "output.txt", "wb") as output:
            subprocess.run(["bochs-bin", "-q", "-f", folder / "bochsrc", "-rc", folder / "rc"], stdin=subprocess.DEVNULL, stdout=output,
                           stderr=output, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        pass
    return run.Run(serial=serial, only=groups)


def failed(result):
    return [case.name for case in result.cases.values() if not case.passed and case.name not in NOT_THERE]


def mutant_kernels(patches):
    """(patch, kernel built with it) of each, in a copy of the tree."""
    tree = WORK / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for part in ("kernel", "build"):
        shutil.copytree(run.ROOT / part, tree / part)
    # The kernel alone: the project's file up to where it adds the kernel.
    until = "include(build/cmake/kernel.cmake)\n"
    text = (run.ROOT / "CMakeLists.txt").read_text()
    (tree / "CMakeLists.txt").write_text(text[:text.index(until) + len(until)])
    out = tree / "out"
    subprocess.run(["cmake", "-S", tree, "-B", out, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    for patch in patches:
        change = ["patch", "-p1", "-s", "-d", tree, "-i", patch]
        subprocess.run(change, check=True)
        subprocess.run(["cmake", "--build", out, "--target", "kernel", "--", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        for name in ("bulkhead.elf64", "bulkhead.elf32"):
            shutil.copy(out / "kernel" / name, WORK / f"{patch.stem}{pathlib.Path(name).suffix}")
        yield patch, WORK / f"{patch.stem}.elf64"
        subprocess.run([*change, "-R"], check=True)


def expected(patch):
    """The cases that a mutant's patch says it fails: a line `fails: CASE CASE...` before the change."""
    return re.search(r"^fails: (.*)$", patch.read_text(), re.MULTILINE).group(1).split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--groups", default=",".join(GROUPS))
    parser.add_argument("--kernel", type=pathlib.Path, default=KERNEL)
    parser.add_argument("--mutants", action="store_true", help="the broken kernels instead")
    options = parser.parse_args()
    groups, good = options.groups.split(","), True
    if options.mutants:
        for patch, kernel in mutant_kernels(MUTANTS):
            found = failed(boot(kernel, groups=groups, name=patch.stem))
            good = good and set(expected(patch)) <= set(found)
            print(f"{patch.stem}: {len(found)} cases fail: {' '.join(found)}", flush=True)
        return 0 if good else 1
    result = boot(options.kernel, groups=groups)
    for case in result.cases.values():
        known = NOT_THERE.get(case.name)
        print(f"{'ok  ' if case.passed else 'BOCHS' if known else 'FAIL'} {case.name}: {known or case.proves}")
        if not case.passed and not known:
            print("".join(f"       {line}\n" for line in case.details), end="")
    for problem in result.problems():
        print(f"FAIL {problem}")
    print(f"{result.summary} in Bochs")
    return 0 if result.summary and not failed(result) and not result.problems() else 1


if __name__ == "__main__":
    sys.exit(main())
