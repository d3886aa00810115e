# SPDX-License-Identifier: MIT
"""What the tests of the host tool share: the tool itself, guest files, a stand-in for a build of Bulkhead."""

import os
import pathlib
import subprocess

import pytest

import guest_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("BULKHEAD_TOOL", ROOT / "out" / "tools" / "bulkhead"))
PARTS = [
    "kernel/bulkhead.elf64",
    "kernel/bulkhead.elf32",
    "tasks/roottask",
    "tasks/vmm-server",
    "tasks/uart16550",
    "tasks/pit8254",
    "tasks/mc146818",
    "tasks/acpi-pm",
    "tasks/i8042",
    "tasks/debug-exit",
    "tasks/test-device",
    "tasks/console",
    "tasks/wall-clock",
    "tasks/audit-log",
    "tasks/pci",
    "tasks/virtio-disk",
    "tasks/nvme-disk",
    "tasks/disk-exerciser",
    "tasks/virtio-nic",
    "tasks/e1000e",
    "tasks/switch",
    "tasks/virtio-net",
    "tasks/virtio-blk",
    "tasks/volumes",
    "tasks/memdisk",
]
APPLIANCE = """\
name = test
vm red {
\tmemory = 64M
\tkernel = linux
\tinitrd = initrd
}
vm blue {
\tmemory = 64M
\tprotocol = multiboot
\tkernel = multiboot
\tmodules = { "initrd with words" }
\tdebug_exit = true
}
"""


class Tool:
    """Runs the tool in a folder that holds the guest files and an appliance file."""

    def __init__(self, folder):
        self.folder = folder
        self.system = folder / "system"

    def __call__(self, *arguments, **options):
        options.setdefault("timeout", 60)
        return subprocess.run(
            [TOOL, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, check=False, **options
        )

    def with_system(self, *arguments, **options):
        return self("--system", self.system, *arguments, **options)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def kernel(self, com1="", com2="", end="POWER_OFF"):
        """Makes the stand-in kernel: what it writes to the serial ports and how it ends."""

        def quoted(text):
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

        subprocess.run(
            ["gcc", "-m32", "-O1", "-ffreestanding", "-fno-pic", "-no-pie", "-nostdlib", "-fno-stack-protector"]
            + ["-fno-asynchronous-unwind-tables", "-Wl,-Ttext=0x200000", "-Wl,--build-id=none"]
            + [f"-DTEXT_COM1={quoted(com1)}", f"-DTEXT_COM2={quoted(com2)}", f"-DEND={end}"]
            + [ROOT / "tests" / "tool" / "machine.c", "-o", self.system / "kernel" / "bulkhead.elf32"],
            check=True,
        )


@pytest.fixture
def tool(tmp_path):
    guest_files.make(tmp_path)
    (tmp_path / "good.conf").write_text(APPLIANCE)
    for part in PARTS:
        path = tmp_path / "system" / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a part of the system")
    return Tool(tmp_path)
