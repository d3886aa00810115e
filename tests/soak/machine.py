# SPDX-License-Identifier: MIT
"""The machine in which processes are killed: two Linux guests under load, with every device model, every driver and every server of the system."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from conftest import BOOT_LIMIT, PATIENCE, Machine, Missing, write_appliance  # noqa: E402 pylint: disable=wrong-import-position
from test_control import Control  # noqa: E402 pylint: disable=wrong-import-position

MEBIBYTE = 1 << 20
DISK_SIZE = 24 * MEBIBYTE
# Of each device, in a second of the host's clock. QEMU's disks answer at once otherwise, and hardly ever would a driver die with a request under way.
SPEED = "throttling.iops-total=60"
POLICY = '"restart 100 per 60s"'
MODELS = ("uart0", "pit", "rtc", "acpi-pm", "i8042", "virtio-rng", "virtio-console")
DISKS = {"vda": "main", "vdb": "nvme", "vdc": "memory", "vdd": "later"}  # of red: which volume each is

# What is killed, and which tasks are of that kind. Loads run in both guests all the time, so each is killed under all of them.
KINDS = {name: [f"red/{name}"] for name in MODELS}
KINDS.update(
    {
        "pit": ["red/pit", "blue/pit"],
        "nic": ["red/net0", "blue/net0"],
        "virtio-blk": [f"red/{name}" for name in DISKS],
        "console": ["console"],
        "entropy": ["entropy"],
        "switch": ["switch"],
        "pci": ["pci"],
        "virtio-disk": ["disk/d0"],
        "nvme-disk": ["disk/n0"],
        "memdisk": ["disk/m0"],
        "volumes": ["volumes/d0", "volumes/n0", "volumes/m0"],
    }
)


def section(kind, name, **keys):
    lines = "".join(f"\t{key} = {value}\n" for key, value in keys.items())
    return f"{kind} {name} {{\n{lines}}}\n"


def linux(name, share, load, inner, more=""):
    return f"""
vm {name} {{
	memory = 192M
	kernel = "@LINUX@/linux-cloud"
	initrd = "@LINUX@/load.cpio.gz"
	command_line = "console=ttyS0 nokaslr quiet{more} load={load}"
	share = {share}
	on_crash = {POLICY}
{inner}
}}
"""


HOST_DISKS = "".join(
    [
        section("disk", "d0", pci="virtio-blk", allow_dma="true", on_crash=POLICY),
        section("disk", "n0", pci="nvme", allow_dma="true", on_crash=POLICY),
        section("disk", "m0", memory="8M", on_crash=POLICY),
        section("volume", "main", disk="d0", size="8M"),
        section("volume", "origin", disk="d0", size="4M"),
        section("volume", "later", disk="d0", snapshot_of="origin"),
        section("volume", "nvme", disk="n0"),
        section("volume", "memory", disk="m0"),
    ]
)


def loaded():
    """red has all of it, with message-signalled interrupts. blue is the other side of the network, with line interrupts; its timer ticks are the PIT's."""
    red = f"\tdevices = {{ {', '.join(MODELS)} }}\n"
    red += "".join(section("device", name, on_crash=POLICY) for name in MODELS)
    red += "".join(section("disk", name, volume=volume, on_crash=POLICY) for name, volume in DISKS.items())
    nic = section("nic", "net0", on_crash=POLICY)
    load = ",".join(["lines", "clocks", "draw", *(f"fio:{name}" for name in DISKS), "client"])
    return (
        f'name = soak\ncontrol = com3\non_crash = {POLICY}\nflows = {{ "red/net0 <-> blue/net0" }}\n'
        + HOST_DISKS
        + linux("red", "30%", load, red + nic)
        + linux("blue", "12%", "server", section("device", "pit", on_crash=POLICY) + nic, " nolapic_timer pci=nomsi")
    )


def cut():
    """green writes records and flushes them; its VMM is killed."""
    return (
        f"name = cut\ncontrol = com3\non_crash = {POLICY}\n"
        + HOST_DISKS
        + linux("green", "40%", "records:vda", section("disk", "vda", volume="main", on_crash=POLICY))
    )


def start(text, folder, consoles):
    """Starts a machine with the three disks; returns it, and a script at its control port."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "virtio.img", folder / "nvme.img"]
    for file in files:
        file.write_bytes(bytes(DISK_SIZE))
    options = ["--control", folder / "control", "--disk", files[0]]
    qemu = ["-drive", f"file={files[1]},format=raw,if=none,id=nvme0,{SPEED}", "-device", "nvme,serial=1,drive=nvme0"]
    qemu += ["-set", f"drive.disk0.{SPEED}"]
    machine = Machine(write_appliance(folder, text), folder, consoles, options, qemu)
    control = Control(folder / "control")
    return machine, control
