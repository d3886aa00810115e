# SPDX-License-Identifier: MIT
"""The tool's commands and statuses, but for run."""

import json
import os
import pathlib
import re

import pytest

STATUS_USAGE = 200
STATUS_MISSING = 202
STATUS_INPUT_OUTPUT = 206
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["frobnicate"], "unknown command frobnicate"),
        (["check"], "the appliance file is missing after check"),
        (["check", "good.conf", "other.conf"], "one appliance file at a time, not also other.conf"),
        (["check", "good.conf", "--until", "x"], "unknown option --until"),
        (["check", "good.conf", "-o", "x"], "unknown option -o"),
        (["build", "good.conf"], "-o OUTPUT is missing after build"),
        (["build", "good.conf", "-o"], "a value is missing after -o"),
        (["run", "good.conf", "--timeout", "0"], "--timeout takes whole seconds from 1 on, not 0"),
        (["run", "good.conf", "--timeout", "5s"], "--timeout takes whole seconds from 1 on, not 5s"),
        (["run", "good.conf", "--until"], "a value is missing after --until"),
        (["run", "good.conf", "--fast"], "unknown option --fast"),
    ],
)
def test_usage(tool, arguments, message):
    result = tool(*arguments)
    assert result.stderr == f"bulkhead: {message}; see bulkhead help\n"
    assert result.returncode == STATUS_USAGE


def test_without_a_command_the_help_goes_to_standard_error(tool):
    result = tool()
    assert result.returncode == STATUS_USAGE
    assert "usage: bulkhead" in result.stderr


def test_help_and_version(tool):
    assert "--until TEXT" in tool("help").stdout
    assert re.fullmatch(r"bulkhead \d+\.\d+, manifest version \d+\n", tool("version").stdout)
    assert tool("help").returncode == 0


def test_check(tool):
    result = tool("check", "good.conf")
    assert (result.returncode, result.stdout, result.stderr) == (0, "good.conf: right: 2 VMs\n", "")


def test_check_needs_no_build(tool):
    assert tool("--system", "/nonexistent", "check", "good.conf").returncode == 0


def test_a_missing_part_of_the_system(tool):
    (tool.system / "tasks" / "mc146818").unlink()
    for command in (["audit", "good.conf"], ["build", "good.conf", "-o", "image"], ["run", "good.conf"]):
        result = tool.with_system(*command)
        assert "/system/tasks/mc146818 is missing (No such file or directory): build Bulkhead first" in result.stderr
        assert result.returncode == STATUS_MISSING
    assert not (tool.folder / "image").exists()


def test_audit_names_every_reach(tool):
    text = tool.with_system("audit", "good.conf").stdout
    assert "red/uart0 -> console: signals console/notification, writes console:red/rings\n" in text
    assert "red/vmm -> red/pit: writes red/clock, calls red/pit/endpoint\n" in text
    assert "guest blue/vcpu0, ports 0xf4 to 0xf7 -> blue/debug-exit/endpoint\n" in text
    assert "red/rtc -> guest red/vcpu0: signals red/vcpu0-notification\n" in text
    assert "  VM red -> VM blue: nothing direct; only through console, roottask\n" in text
    assert "DIRECTLY" not in text
    assert not re.search(r"red/\S+ -> (guest )?blue/|blue/\S+ -> (guest )?red/", text)


DISKS = """
disk d0 {
\tpci = virtio-blk
\tallow_dma = true
\texercise = 1
}
disk d1 {
\tpci = "00:1F.7"
\tallow_dma = true
}
"""


def test_audit_says_who_does_dma(tool):
    assert "WHO DOES DMA" not in tool.with_system("audit", "good.conf").stdout
    tool.write("disks.conf", (tool.folder / "good.conf").read_text() + DISKS)
    text = tool.with_system("audit", "disks.conf").stdout
    confinement = "NOT CONFINED where there is no IOMMU: it and its device can read and write all of memory then (allow_dma)"
    assert f"WHO DOES DMA\n  disk/d0, by PCI function 1af4:1042: {confinement}\n  disk/d1, by PCI function 00:1f.7: {confinement}\n" in text
    assert "memory disk/d0/queue (for DMA), 16 KiB\n" in text
    assert json.loads(tool.with_system("audit", "disks.conf", "--json").stdout)["dma"] == [
        {"task": "disk/d0", "function": "1af4:1042", "confined": False},
        {"task": "disk/d1", "function": "00:1f.7", "confined": False},
    ]
    tool.write("confined.conf", "iommu = true\n" + (tool.folder / "disks.conf").read_text().replace("allow_dma = true", "", 1))
    text_confined = tool.with_system("audit", "confined.conf").stdout
    assert "  disk/d0, by PCI function 1af4:1042: confined: its device reaches what this task has for DMA; without an IOMMU it does not start\n" in text_confined
    assert f"  disk/d1, by PCI function 00:1f.7: {confinement}\n" in text_confined
    assert [one["confined"] for one in json.loads(tool.with_system("audit", "confined.conf", "--json").stdout)["dma"]] == [True, False]
    # Registers and interrupts are their driver's, configuration space and MSI-X tables the PCI server's, and no VM reaches any of them.
    holders = {}
    for line in text.split("WHO CAN REACH")[0].splitlines():
        if line[:1] not in (" ", ""):
            task = line.split(":")[0]
        if "PCI function" in line or "0xcf8" in line:
            what = "table" if "(MSI-X table" in line else "ports" if "0xcf8" in line else "message" if "(message" in line else "BAR"
            holders.setdefault(what, set()).add(task)
    assert holders == {"table": {"pci"}, "ports": {"pci"}, "message": {"disk/d0", "disk/d1"}, "BAR": {"disk/d0", "disk/d1"}}
    assert not re.search(r"(red|blue)/\S+ -> (pci|disk/)", text)


def test_manifest_is_the_same_each_time(tool):
    for name in ("one", "two"):
        assert tool.with_system("manifest", "good.conf", "-o", name).returncode == 0
    one = (tool.folder / "one").read_bytes()
    assert one[:8] == b"BULKMANI"
    assert one == (tool.folder / "two").read_bytes()


def test_an_output_that_cannot_be_written(tool):
    result = tool.with_system("manifest", "good.conf", "-o", "no/such/folder")
    assert "cannot write no/such/folder" in result.stderr
    assert result.returncode == STATUS_INPUT_OUTPUT


def test_build_is_reproducible_and_bootable(tool):
    for name in ("one.img", "two.img"):
        result = tool.with_system("build", "good.conf", "-o", name)
        assert result.returncode == 0, result.stderr
    image = (tool.folder / "one.img").read_bytes()
    assert image == (tool.folder / "two.img").read_bytes()
    assert image[510:512] == b"\x55\xaa"  # a boot sector for BIOS, and so for USB sticks
    assert image[0x8001:0x8006] == b"CD001"  # ISO 9660
    assert b"EFI" in image
    assert not list(tool.folder.glob("*.unfinished"))


def test_build_without_grub(tool):
    programs = tool.folder / "programs"
    programs.mkdir()
    result = tool.with_system("build", "good.conf", "-o", "image", env={**os.environ, "PATH": str(programs)})
    assert "bulkhead: grub-mkrescue is missing: install it by apt-get install grub-common\n" in result.stderr
    assert result.returncode == STATUS_MISSING
    assert not (tool.folder / "image").exists()


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.conf")))
def test_examples_are_right(tool, example):
    """The examples name files that build/guests makes: where those are not there, nothing else may be wrong."""
    result = tool("check", EXAMPLES / example)
    faults = [line for line in result.stderr.splitlines() if "cannot be read" not in line]
    assert faults == []
