# SPDX-License-Identifier: MIT
"""The audit log on a volume of a disk of QEMU's: what happened and what was ordered is there after the machine is off, in order and with times,
though the task that writes it was killed meanwhile; a changed bit is found; the next boot goes on."""

import fcntl
import re
import subprocess
import time

import pytest

from conftest import STEP_LIMIT, TOOL, bare_vm

MEBIBYTE = 1 << 20
SECTOR = 512
STATUS_NOT_WHOLE = 207
# Time goes by instructions, but not on while nothing happens: else a minute passes while QEMU writes a sector, and no limit means anything.
IDLE_BY_THE_CLOCK = ["-icount", "shift=0,sleep=on"]
RECORD = re.compile(r"^ *(\d+)  (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|\(date not known\) +)  (\w+) +(.*)$", re.MULTILINE)


def appliance(**volume):
    keys = "".join(f"\t{key} = {value}\n" for key, value in volume.items())
    return f"audit_log = log\ndisk main {{\n\tpci = virtio-blk\n\tallow_dma = true\n}}\nvolume log {{\n\tdisk = main\n{keys}}}\n" + bare_vm(
        "idle", "hello", "hang=1"
    )


def log(verb, file, *options):
    return subprocess.run([TOOL, "log", verb, file, *options], capture_output=True, text=True, timeout=STEP_LIMIT, check=False)


def records(file, *options):
    """What `log show` says, record by record: kind and text, after numbers and times were checked."""
    result = log("show", file, *options)
    assert (result.returncode, result.stderr) == (0, ""), result
    found = RECORD.findall(result.stdout)
    assert len(found) == result.stdout.count("\n")
    assert [int(number) for number, *_ in found] == list(range(len(found)))
    return found


def expect_in_order(found, wanted):
    """Each of `wanted`, (kind, expression), is there, behind the one before."""
    rest = iter(found)
    for kind, expression in wanted:
        assert any(kind == record[2] and re.search(expression, record[3]) for record in rest), (kind, expression, found)


def killed(task, how):
    return [("order", f"^console: kill {task}$"), ("event", rf"^task {task} died \(killed by the administrator\), {how}")]


def session(machine, file, tasks):
    """A machine's time from power-on to power-off, tasks killed meanwhile."""
    one = machine(appliance(size="256K"), ["idle"], ["--disk", file], IDLE_BY_THE_CLOCK)
    one.transcript_has(r"audit-log: record \d+ of at most 512 is next")
    for task in tasks:
        one.admin(f"kill {task}", "killed by the administrator")
        one.transcript_has(rf"task {task} died \(killed by the administrator\), restart")
        if task == "audit-log":
            one.transcript_has(r"audit-log: record \d+ of at most 512 is next")
        elif task.startswith("disk/"):
            one.transcript_has(rf"{task} drives PCI function")
    one.admin("pause idle", "VM idle paused by the administrator")
    one.admin("resume idle", "VM idle resumed by the administrator")
    text = one.transcript()
    one.send("poweroff\r")
    assert one.wait_for_end() == 0
    return text


def test_what_happened_is_on_the_volume(machine, tmp_path):
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(MEBIBYTE))
    place = ["--volume", "log"]
    order = ["idle/uart0", "audit-log", "idle/pit", "disk/main", "audit-log", "volumes/main", "audit-log", "wall-clock"]
    session(machine, file, order)
    first = log("verify", file, *place)
    assert first.returncode == 0, first
    match = re.search(r": whole: (\d+) records, the last one of 2026-01-01 00:\d\d:\d\d\.\d{3} has the hash ([0-9a-f]{64})\n$", first.stdout)
    found = records(file, *place)
    assert len(found) == int(match.group(1))
    wanted = [("boot", "the machine was started"), ("event", "^appliance "), ("event", "VM idle is running")]
    for task in order:
        wanted += killed(task, "restarts when its device is quiet" if task == "disk/main" else "restarted")
    wanted += [("order", "console: pause idle"), ("event", "VM idle paused"), ("order", "console: resume idle"), ("event", "VM idle resumed")]
    wanted += [("order", "console: poweroff"), ("event", "VM idle stopped by the administrator"), ("event", "all VMs are off")]
    expect_in_order(found, wanted)
    # each once, nothing lost, and time goes on
    assert [kind for _, _, kind, _ in found].count("boot") == 1
    assert not {"lost", "damaged", "full"} & {kind for _, _, kind, _ in found}
    assert [text for _, _, kind, text in found if kind == "order"] == [f"console: kill {task}" for task in order] + [
        "console: pause idle",
        "console: resume idle",
        "console: poweroff",
    ]
    assert sum("task audit-log died" in text for _, _, _, text in found) == 3
    times = [time for _, time, _, _ in found]
    assert times == sorted(times) and times[0] >= "2025-12-31 23:59:59" and times[-1].startswith("2026-01-01 00:"), times

    one_bit_changes_everything(file, found, place)

    # the second boot
    before = file.read_bytes()
    session(machine, file, ["audit-log"])
    result = log("verify", file, *place, "--expect", match.group(2))
    assert result.returncode == 0, result
    again = records(file, *place)
    assert again[: len(found)] == found
    expect_in_order(again[len(found) :], [("boot", "the machine was started"), *killed("audit-log", "restarted"), ("event", "all VMs are off")])
    assert file.read_bytes() != before
    # somebody brings the old disk back: the chain is whole, but what was known of it is not there
    head = re.search(r"hash ([0-9a-f]{64})", log("verify", file, *place).stdout).group(1)
    file.write_bytes(before)
    assert log("verify", file, *place).returncode == 0
    assert log("verify", file, *place, "--expect", head).returncode == STATUS_NOT_WHOLE


def one_bit_changes_everything(file, found, place):
    """In a record in the middle, in the last one, and behind it; then the file is as it was."""
    image = file.read_bytes()
    number = len(found) // 2
    start = image.index(b"BKHAUDIT")
    for record, byte, message in (
        (number, 100, f"record {number} was changed: its contents have another hash"),
        (len(found) - 1, 100, f"record {len(found) - 1} was changed: its contents have another hash"),
        (number, 0, f"record {number} is no record"),
        (len(found), 300, f"record {len(found)} is no record"),
    ):
        changed = bytearray(image)
        changed[start + record * SECTOR + byte] ^= 1
        file.write_bytes(changed)
        result = log("verify", file, *place)
        assert (result.returncode, result.stderr) == (STATUS_NOT_WHOLE, f"bulkhead: {file}: {message}\n")
        assert result.stdout == ""
    file.write_bytes(image)


@pytest.mark.parametrize("text", ["boot", "foreign", "broken"])
def test_what_is_on_the_volume_already(machine, tmp_path, text):
    """A volume of something else, and a log that was changed, are left as they are, and that is said."""
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(MEBIBYTE))
    if text == "foreign":
        file.write_bytes(b"\x7fELF" + bytes(MEBIBYTE - 4))
    elif text == "broken":
        one = machine(appliance(), ["idle"], ["--disk", file], IDLE_BY_THE_CLOCK)
        one.transcript_has(r"audit-log: record \d+ of at most 2048 is next")
        one.front("admin")
        one.send("poweroff\r")
        assert one.wait_for_end() == 0
        image = bytearray(file.read_bytes())
        image[2 * SECTOR + 90] ^= 4
        file.write_bytes(image)
    before = file.read_bytes()
    one = machine(appliance(), ["idle"], ["--disk", file], IDLE_BY_THE_CLOCK)
    if text == "boot":
        one.transcript_has(r"audit-log: record 1 of at most 2048 is next")
    else:
        one.transcript_has(
            {"foreign": "audit-log: something else is on the volume", "broken": "audit-log: record 2 is not the one that was written there"}[text]
        )
    one.front("admin")
    one.send("poweroff\r")
    assert one.wait_for_end() == 0
    assert (file.read_bytes() == before) == (text != "boot")
    assert log("verify", file).returncode == (0 if text == "boot" else STATUS_NOT_WHOLE)


def test_power_off_waits_for_a_slow_disk(machine, tmp_path):
    """Four transfers a second: the last records take longer than all else that the machine waits for before it switches itself off."""
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(MEBIBYTE))
    slow = ["-set", "drive.disk0.throttling.iops-total=4"]
    one = machine(appliance(size="16K"), ["idle"], ["--disk", file], [*IDLE_BY_THE_CLOCK, *slow])
    one.transcript_has(r"audit-log: record \d+ of at most 32 is next")
    one.front("admin")
    one.send("poweroff\r")
    assert one.wait_for_end() == 0
    assert records(file, "--volume", "log")[-1][2:] == ("event", "all VMs are off: the machine powers off")


def wait_until_free(file):
    """QEMU has locked its disks as long as it lives."""
    end = time.monotonic() + STEP_LIMIT
    with open(file, "r+b") as disk:
        while True:
            try:
                fcntl.lockf(disk, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                assert time.monotonic() < end, f"{file} is still in use"
                time.sleep(0.05)


def test_a_machine_that_is_cut_off(machine, tmp_path):
    """No power-off: QEMU is ended while events come. What is there is whole, and the next boot goes on."""
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(MEBIBYTE))
    for boot in range(1, 4):
        one = machine(appliance(), ["idle"], ["--disk", file], IDLE_BY_THE_CLOCK)
        one.transcript_has(r"audit-log: record \d+ of at most 2048 is next")
        one.admin("pause idle", "VM idle paused by the administrator")
        one.send("resume idle\rkill idle/uart0\rkill idle/pit\rkill audit-log\r")
        one.transcript_has("task idle/pit died")
        one.close()
        wait_until_free(file)
        assert log("verify", file).returncode == 0
        found = records(file)
        assert [kind for _, _, kind, _ in found].count("boot") == boot
        # the answer to the last order has gone the same way as the event, which takes longer: what was ordered before is there
        assert sum(text == "console: pause idle" for _, _, _, text in found) == boot
        assert not {"lost", "damaged", "full"} & {kind for _, _, kind, _ in found}


def test_a_volume_that_becomes_full(machine, tmp_path):
    """4 KiB take eight records: the last one says that it is the last, and the machine goes on."""
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(MEBIBYTE))
    one = machine(appliance(size="4K"), ["idle"], ["--disk", file], IDLE_BY_THE_CLOCK)
    one.transcript_has(r"audit-log: record 1 of at most 8 is next")
    for _ in range(4):
        one.admin("pause idle", "VM idle paused by the administrator")
        one.admin("resume idle", "VM idle resumed by the administrator")
    one.transcript_has("audit-log: the audit log is full: events are not recorded any more")
    one.send("poweroff\r")
    assert one.wait_for_end() == 0
    found = records(file, "--volume", "log")
    assert len(found) == 8
    assert found[7][2:] == ("full", "the volume is full: nothing is recorded from here on")
    assert log("verify", file, "--volume", "log").stdout.endswith("; the log is full\n")
