# SPDX-License-Identifier: MIT
"""The machine in which processes are killed: two Linux guests under load, with every device model, every driver and every server of the system, and a small
guest that says what its clock shows."""

import calendar
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "soak"), str(ROOT / "tests" / "system")]

from conftest import BOOT_LIMIT, PATIENCE, STEP_LIMIT, TOOL, Machine, Missing, write_appliance  # noqa: E402 pylint: disable=wrong-import-position
from outside import Monitor, monitor_arguments  # noqa: E402 pylint: disable=wrong-import-position
from test_control import Control  # noqa: E402 pylint: disable=wrong-import-position
from wire import INSIDE, Wire  # noqa: E402 pylint: disable=wrong-import-position

MEBIBYTE = 1 << 20
DISK_SIZE = 24 * MEBIBYTE
LOG_SIZE = 2 * MEBIBYTE  # of the audit log's volume: 4096 records
# Of each device, in a second of the host's clock. QEMU's disks answer at once otherwise, and hardly ever would a driver die with a request under way.
SPEED = "throttling.iops-total=60"
POLICY = '"restart 100 per 60s"'
MODELS = ("uart0", "pit", "rtc", "acpi-pm", "i8042", "virtio-rng", "virtio-console")
NETWORKS = (0, 1)  # by the switch alone; by way of the uplinks
DISKS = {"vda": "main", "vdb": "nvme", "vdc": "memory", "vdd": "later"}  # of red: which volume each is

# What is killed, and which tasks are of that kind. Loads run in both guests all the time, so each is killed under all of them.
KINDS = {name: [f"red/{name}"] for name in MODELS}
KINDS.update(
    {
        "pit": ["red/pit", "blue/pit"],
        "nic": ["red/net0", "blue/net0", "red/net1", "blue/net1"],
        "virtio-blk": [f"red/{name}" for name in DISKS],
        "console": ["console"],
        "entropy": ["entropy"],
        "switch": ["switch"],
        "pci": ["pci"],
        "virtio-disk": ["disk/d0", "disk/l0"],
        "nvme-disk": ["disk/n0"],
        "memdisk": ["disk/m0"],
        "volumes": ["volumes/d0", "volumes/n0", "volumes/m0", "volumes/l0"],
        "virtio-nic": ["uplink/lan"],
        "e1000e": ["uplink/wan"],
        "audit-log": ["audit-log"],
        "wall-clock": ["wall-clock"],
    }
)


def joined(text, consoles):
    """A transcript in which no line is continued by one further below, as happens where a VM rested in the middle of it (docs/console.md)."""
    text = "\n" + text
    for console in consoles:
        while (at := text.find(f"\n{console}+ ")) >= 0:
            end = text.find("\n", at + 1)
            end = end if end >= 0 else len(text)
            begun = text.find("\n", text.rfind(f"\n{console}: ", 0, at) + 1)
            text = text[:begun] + text[at + len(console) + 3 : end] + text[begun:at] + text[end:]
    return text[1:]


class WholeLines(Machine):
    """A machine whose transcript has no continued lines."""

    def transcript(self):
        return joined(super().transcript(), [*self.consoles, "admin"])


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


# What only the machine under load has: an audit log on a disk of its own, and two ways out, whose cards a cable connects.
BESIDES = "".join(
    [
        section("disk", "l0", pci="virtio-blk", allow_dma="true", on_crash=POLICY),
        section("volume", "log", disk="l0", size=LOG_SIZE),
        section("uplink", "lan", pci="virtio-net", allow_dma="true", on_crash=POLICY),
        section("uplink", "wan", pci="e1000e", allow_dma="true", on_crash=POLICY),
    ]
)
FLOWS = ["red/net0 <-> blue/net0", "red/net1 <-> lan", "blue/net1 <-> wan"]
DATE = """
vm date {
	memory = 8M
	protocol = multiboot
	kernel = "@BARE@/date.elf"
	devices = { uart0, rtc }
	share = 2%
	period = 50ms
}
"""


def loaded():
    """red has all of it, with message-signalled interrupts. blue is the other side of both networks, with line interrupts; its timer ticks are the PIT's. date
    says what its clock shows, and sleeps until it is started again."""
    red = f"\tdevices = {{ {', '.join(MODELS)} }}\n"
    red += "".join(section("device", name, on_crash=POLICY) for name in MODELS)
    red += "".join(section("disk", name, volume=volume, on_crash=POLICY) for name, volume in DISKS.items())
    nics = {
        vm: section("nic", "net0", on_crash=POLICY) + section("nic", "net1", mac=f'"{INSIDE:02x}:54:00:00:01:0{number}"', on_crash=POLICY)
        for number, vm in enumerate(["red", "blue"])
    }
    load = ",".join(["lines", "clocks", "draw", *(f"fio:{name}" for name in DISKS), *(f"client:{network}" for network in NETWORKS)])
    flows = ", ".join(f'"{flow}"' for flow in FLOWS)
    return (
        f"name = soak\ncontrol = com3\non_crash = {POLICY}\naudit_log = log\nflows = {{ {flows} }}\n"
        + HOST_DISKS
        + BESIDES
        + linux("red", "13%", load, red + nics["red"])
        + linux("blue", "7%", "server:0,server:1", section("device", "pit", on_crash=POLICY) + nics["blue"], " nolapic_timer pci=nomsi")
        + DATE
    )


def cut():
    """green writes records and flushes them; its VMM is killed."""
    return (
        f"name = cut\ncontrol = com3\non_crash = {POLICY}\n"
        + HOST_DISKS
        + linux("green", "40%", "records:vda", section("disk", "vda", volume="main", on_crash=POLICY))
    )


def empty_disk(file):
    file.write_bytes(bytes(DISK_SIZE))
    return file


def start(text, folder, consoles, options=(), qemu=()):
    """Starts a machine with a virtio disk and an NVMe disk, and what the options add; returns it, and a script at its control port."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--control", folder / "control", "--disk", empty_disk(folder / "virtio.img"), *options]
    nvme = ["-drive", f"file={empty_disk(folder / 'nvme.img')},format=raw,if=none,id=nvme0,{SPEED}", "-device", "nvme,serial=1,drive=nvme0"]
    machine = WholeLines(write_appliance(folder, text), folder, consoles, options, [*nvme, "-set", f"drive.disk0.{SPEED}", *qemu])
    return machine, Control(folder / "control")


class Loaded:
    """The machine under load with what is outside of it: the audit log's disk, the cable between its uplinks, and QEMU's monitor."""

    def __init__(self, folder, consoles):
        folder.mkdir(parents=True, exist_ok=True)
        self.log_disk = empty_disk(folder / "log.img")
        self.wire = Wire(folder, ["lan", "wan"])
        options = ["--disk", self.log_disk] + [word for end in self.wire.ends for word in ("--uplink", end.backend)]
        qemu = ["-set", f"drive.disk1.{SPEED}", *monitor_arguments(folder / "monitor")]
        self.machine, self.control = start(loaded(), folder, consoles, options, qemu)
        self.monitor = Monitor(folder / "monitor")

    def clock(self):
        """What the machine's own clock chip shows, in seconds since 1970: the truth, of which no task of the machine's knows but by that chip."""
        time = self.monitor.ask("qom-get", path="/machine", property="rtc-time")
        return calendar.timegm((time["tm_year"] + 1900, time["tm_mon"] + 1, time["tm_mday"], time["tm_hour"], time["tm_min"], time["tm_sec"]))

    def close(self):
        self.machine.close()
        self.wire.close()
