# SPDX-License-Identifier: MIT
"""The control port: every command by script, each answer one line of JSON; and what the administrator's console shows of the same."""

import itertools
import json
import re
import socket
import subprocess
import time

import pytest
from conftest import BOOT_LIMIT, STEP_LIMIT, TOOL, Missing, bare_vm, write_appliance

MODELS = ["uart0", "pit", "rtc", "acpi-pm", "i8042", "debug-exit"]
TASKS = ["console", "wall-clock"] + [f"{vm}/{task}" for vm in ("red", "blue") for task in ["vmm", *MODELS]]


class Control:
    """A script at the control port. Answers are found by their ids; lines of a followed log are kept in `followed`."""

    def __init__(self, path, limit=BOOT_LIMIT):
        self.numbers = itertools.count(1)
        self.followed = []
        self.rest = b""
        end = time.monotonic() + limit
        self.socket = socket.socket(socket.AF_UNIX)
        while self.socket.connect_ex(str(path)) != 0:
            if time.monotonic() > end:
                raise Missing(f"nobody listens at {path}")
            time.sleep(0.1)
        self.socket.settimeout(limit)

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, which has to be one JSON object in ASCII."""
        while b"\n" not in self.rest:
            more = self.socket.recv(65536)
            assert more, "the control port was closed"
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        answer = json.loads(line.decode("ascii"))
        assert isinstance(answer, dict) and (isinstance(answer.get("ok"), bool) or "follow" in answer), line
        return answer

    def answer(self, number=None):
        """The next answer (with that id)."""
        while True:
            answer = self.line()
            if "follow" in answer:
                self.followed.append(answer)
            elif number is None or answer.get("id") == number:
                return answer

    def ask(self, command):
        number = str(next(self.numbers))
        self.send(f"@{number} {command}\n".encode())
        return self.answer(number)

    def do(self, command):
        """A command that succeeds; returns its fields."""
        answer = self.ask(command)
        assert answer["ok"] is True and answer["command"] == command.split()[0] and "error" not in answer, answer
        return answer

    def fail(self, command, pattern):
        answer = self.ask(command)
        assert answer["ok"] is False and re.search(pattern, answer["error"]), answer
        assert set(answer) <= {"id", "ok", "command", "error"}

    def next_followed(self, pattern):
        """Waits for a line of a followed log."""
        while True:
            while self.followed:
                one = self.followed.pop(0)
                if re.search(pattern, one["line"]):
                    return one
            self.followed.append(self.line())


def vm(fields, name):
    return next(one for one in fields["vms"] if one["name"] == name)


def task(fields, name):
    return next(one for one in fields["tasks"] if one["name"] == name)


@pytest.fixture
def controlled(machine, tmp_path):
    """Two guests that sleep for ever, and a script that waits until both are up."""
    text = "name = control\ncontrol = com3\n" + bare_vm("red", "sleep", "forever=1") + bare_vm("blue", "sleep", "forever=1")
    one = machine(text, ["red", "blue"], options=("--control", tmp_path / "control"))
    for name in ("red", "blue"):
        one.transcript_has(rf"^admin: VM {name} is running$", BOOT_LIMIT, again=True)
    script = Control(tmp_path / "control")
    # What was typed before the port was ready may have lost its beginning.
    script.send(b"\n")
    return one, script


def test_every_command_by_script(controlled):
    one, script = controlled
    usages = [row["usage"] for row in script.do("help")["commands"]]
    assert [usage.split()[0] for usage in usages] == (
        "help list net kill stop start restart pause resume button log caps holders follow poweroff".split()
    )
    fields = script.do("list")
    assert [row["name"] for row in fields["vms"]] == ["red", "blue"]
    assert sorted(row["name"] for row in fields["tasks"]) == sorted(TASKS)
    for row in fields["vms"]:
        assert row["state"] == "running" and row["ram"] == 16 << 20 and row["crashes"] == row["resets"] == 0
        assert row["exits"] > 0 and row["slots"] > 0
        assert 64 << 10 < row["beyond_ram"] < 16 << 20
    for row in fields["tasks"]:
        assert row["state"] == "running" and row["restarts"] == 0 and row["memory"] >= 64 << 10 and row["slots"] > 0
    assert fields["free_memory"] > 1 << 20 and fields["free_slots"] > 1000

    log = script.do("log")
    assert log["kernel"][0] == "Bulkhead" and any("appliance control: 2 VMs" in line for line in log["root"])
    for name in TASKS:
        caps = script.do(f"caps {name}")
        assert caps["differences"] == 0 and caps["missing"] == [] and caps["found"] == len(caps["capabilities"]) > 0
        assert all(row["declared"] for row in caps["capabilities"])

    script.fail("net", "no VM has a network card: the appliance file says it with nic NAME")

    assert script.do("kill red/pit") == {
        "id": str(next(script.numbers) - 1),
        "ok": True,
        "command": "kill",
        "task": "red/pit",
        "state": "running",
        "restarts": 1,
    }
    fields = script.do("list")
    assert task(fields, "red/pit")["restarts"] == 1
    while task(fields, "red/pit")["restart_us"] == 0:  # until it serves
        fields = script.do("list")
    assert task(fields, "red/pit")["restart_us"] < fields["uptime_ms"] * 1000
    assert task(fields, "red/rtc")["restart_us"] == 0 and task(fields, "red/vmm")["restart_us"] == 0

    assert script.do("pause red")["state"] == "paused"
    fields = script.do("list")
    assert (vm(fields, "red")["state"], vm(fields, "blue")["state"]) == ("paused", "running")
    script.fail("pause red", 'VM red is paused; "resume" lets it go on')
    assert script.do("resume red")["state"] == "running"
    script.fail("resume red", "VM red is not paused")
    assert script.do("button red") == {"id": str(next(script.numbers) - 1), "ok": True, "command": "button", "vm": "red", "state": "running"}

    assert script.do("stop red")["state"] == "off"
    script.fail("stop red", "VM red is off")
    script.fail("pause red", 'VM red is off; "start red" switches it on')
    script.fail("caps red/pit", "task red/pit is not running")
    script.fail("holders red/pit/endpoint", "red/pit/endpoint does not exist now")
    fields = script.do("list")
    assert vm(fields, "red")["state"] == "off" and task(fields, "red/pit")["state"] == "off"
    assert script.do("start red")["state"] == "running"
    script.fail("start red", "VM red is running")
    assert script.do("restart red")["state"] == "running"
    assert script.do("kill console")["state"] == "running"
    assert task(script.do("list"), "console")["restarts"] == 1

    # At the administrator's console the same commands give the same facts.
    assert re.search(r"^VM red +running +16 MiB \+ \d+ KiB +CPU \d+ ms ", one.admin("list"), re.MULTILINE)
    assert script.do("poweroff")["stopped"] == 2
    assert one.wait_for_end() == 0


def test_who_holds_an_object(controlled):
    one, script = controlled

    def holders(name):
        fields = script.do(f"holders {name}")
        assert fields["object"] == name and fields["differences"] == 0 and fields["missing"] == []
        assert fields["found"] == len(fields["holders"]) and all(row["declared"] for row in fields["holders"])
        return fields["type"], sorted((row["holder"], row["kind"], row["name"], row["rights"], row["bytes"]) for row in fields["holders"])

    assert holders("red/uart0/endpoint") == (
        "endpoint",
        [("red/uart0", "capability", "endpoint", "rw-", 0), ("red/vmm", "capability", "model:uart0", "-w-", 0)],
    )
    kind, found = holders("root/notification")
    assert kind == "notification"
    assert {row[0] for row in found if row[2] == "log-signal"} == set(TASKS)
    assert {row[0] for row in found if row[2].startswith("signal:")} == {"console"}
    kind, found = holders("red/vcpu0-notification")
    assert {row[2] for row in found if row[0] == "roottask"} == {"pause:red", "resume:red"}
    assert not [row for row in found if row[0].startswith("blue")]
    assert holders("host/port:com1") == ("io-ports", [("console", "capability", "port:com1", "rwg", 0)])
    assert holders("red/ram") == ("memory", [("red", "guest", "red/ram", "rw-", 16 << 20), ("red/vmm", "region", "ram", "rw-", 16 << 20)])
    kind, found = holders("red/uart0/lines")
    assert found == [("red/uart0", "region", "lines", "rw-", 4096), ("red/vmm", "region", "lines:uart0", "r--", 4096)]
    kind, found = holders("console:control/rings")
    assert found == [("console", "region", "console:control", "rw-", 16384), ("roottask", "region", "console:control", "rw-", 16384)]
    script.fail("holders red", r'there is no object "red"; "bulkhead audit FILE" shows the names of all')
    text = one.admin("holders red/ram")
    assert re.search(r"^red +guest +red/ram +rights=rw- 16384 KiB$", text, re.MULTILINE)
    assert re.search(r"^holders red/ram \(memory\): 2 holders, equal to the manifest$", text, re.MULTILINE)


def test_nonsense_is_answered_with_its_remedy(controlled):
    _, script = controlled
    for command, answer in (
        ("frobnicate", 'no such command; "help" lists them'),
        ("kill", "a name is missing: kill TASK"),
        ("list all", "too many words: list"),
        ("follow a b", r"too many words: follow \[TASK\]"),
        ('kill "purple\\', r'there is no task ""purple\\"; "list" shows all'),
        ("stop purple", 'there is no VM "purple"; "list" shows all'),
        ("follow purple", 'there is no task "purple"; "list" shows all'),
        ("", 'the line is empty; "help" lists'),
        ("%s%n%s {}[]", "no such command"),
    ):
        script.fail(command, answer)
    for line, answer in (
        (b"x" * 128, "the line is too long"),
        (b"list" + b" " * 100000, "the line is too long"),
        (b"\x00\xff\xfe\x1b[A", "the line is no text"),
        (b"list\r\r", "the line is no text"),
        (b"list\x00", "the line is no text"),
        ("líst".encode(), "the line is no text"),
        (b"@", "the line is empty"),
        (b"list " * 24, "too many words"),
    ):
        script.send(line + b"\n")
        while (found := script.answer())["ok"] or not re.search(answer, found["error"]):
            assert "id" in found, (line, found)  # answers to what came before
    script.send(b"list\r\n")
    assert script.answer()["command"] == "list"
    script.send(b"\n" * 300 + b"@end help\n")
    answers = []
    while (found := script.answer()).get("id") != "end":
        answers.append(found["error"])
    assert len(answers) == 300 and set(answers) == {'the line is empty; "help" lists the commands'}
    # bytes without an end are no command; the end of the line makes one of them
    script.send(b"@half li")
    script.send(b"st\n")
    assert script.answer("half")["ok"]


def test_a_script_that_does_not_read_holds_nobody_up(controlled):
    """It sends until nothing is taken any more: by then root task and console have all their buffers full. The administrator and the VMs are
    served all the same, and when the script reads, every line that was taken has its answer, whole, in its order."""
    one, script = controlled
    script.socket.settimeout(3)
    sent = 0
    pending = b""
    script.do("follow root")
    try:
        while True:
            pending = f"@n{sent} log\n".encode()
            while pending:
                pending = pending[script.socket.send(pending) :]
            sent += 1
    except TimeoutError:
        pass
    assert sent > 100
    assert re.search(r"^VM red +running ", one.admin("list"), re.MULTILINE)
    for _ in range(3):
        one.admin("restart blue", "VM blue restarted", BOOT_LIMIT)
        one.transcript_has(r"^admin[:+] .*VM blue is running$")
    script.socket.settimeout(STEP_LIMIT)
    numbers = iter(range(sent))
    for expected in numbers:
        answer = script.answer()
        assert answer["ok"] and answer["id"] == f"n{expected}" and answer["kernel"], answer
    script.send(pending + b"\n" if pending else b"")
    assert [line for line in script.do("log")["root"] if "VM blue restarted" in line]


def test_a_log_is_followed(controlled):
    one, script = controlled
    assert script.do("follow red/uart0")["follows"] == "red/uart0"
    script.do("kill red/rtc")
    script.do("kill red/uart0")
    found = script.next_followed("goes on with the registers of its predecessor")
    assert found["follow"] == "red/uart0" and found["lost"] == 0 and found["ms"] > 0
    assert not script.followed
    script.do("follow root")
    script.do("kill red/uart0")
    assert script.next_followed("task red/uart0 died")["follow"] == "root"
    assert script.do("follow")["follows"] == ""
    script.do("kill red/i8042")
    script.do("list")
    assert not script.followed
    # At the administrator's console: alone, until follow or Ctrl-C.
    one.admin("follow red/rtc", "only lines of red/rtc are shown")
    for name in ("uart0", "rtc"):
        script.do(f"kill red/{name}")
        one.transcript_has(rf"^admin[:+] .*task red/{name} died")
    one.transcript_has(r"^admin[:+] .*red/rtc: .*predecessor")
    start = one.searched
    script.do("kill red/uart0")
    one.transcript_has(r"^admin[:+] .*task red/uart0 died")
    script.do("kill red/rtc")
    one.transcript_has(r"^admin[:+] .*red/rtc: .*predecessor")
    assert not re.search(r"red/uart0: .*predecessor", one.transcript()[start:])
    one.send("\x03")
    one.expect(r"\^C")
    script.do("kill red/pit")
    one.transcript_has(r"^admin[:+] .*red/pit: .*predecessor")


def test_restarts_leak_nothing(controlled):
    """Every task of a VM is killed, then the VM is restarted: what each task and VM has, and what is free, is as before."""
    _, script = controlled

    def counts():
        fields = script.do("list")
        tasks = {row["name"]: (row["memory"], row["slots"]) for row in fields["tasks"]}
        vms = {row["name"]: (row["beyond_ram"], row["slots"]) for row in fields["vms"]}
        return tasks, vms, [fields[key] for key in ("free_memory", "free_slots", "system_memory", "system_slots")]

    before = counts()
    for name in MODELS + ["console"]:
        for _ in range(2):
            script.do(f"kill {name if name == 'console' else 'red/' + name}")
        assert counts() == before, name
    script.do("restart red")
    assert counts() == before
    for _ in range(3):
        script.do("restart red")
    assert counts() == before
    script.do("stop red")
    script.do("start red")
    assert counts() == before


def test_what_cannot_be_is_refused_with_its_remedy(tmp_path):
    def refuse(text, pattern, options=()):
        path = write_appliance(tmp_path, text)
        result = subprocess.run([TOOL, "run", path, "--timeout", "1", *options], capture_output=True, text=True, check=False, timeout=STEP_LIMIT)
        assert result.returncode not in (0, 203) and re.search(pattern, result.stderr), result

    one = bare_vm("red", "sleep")
    refuse("control = com2\n" + one, r"conf:1: control = com2 and the transcript need the same port: write control = com3, or transcript = false")
    refuse("control = com1\n" + one, r'conf:1: control = "com1" is unknown: write none, com2 or com3')
    refuse("control = com3\n" + bare_vm("control", "sleep"), r'the console name "control" is the control port\'s')
    refuse(one, "--control needs a control port, and .* has none: add control = com3", ["--control", tmp_path / "control"])
    (tmp_path / "file").write_text("precious")
    refuse("control = com3\n" + one, "is no socket: choose another path", ["--control", tmp_path / "file"])
    assert (tmp_path / "file").read_text() == "precious"
    refuse("control = com3\n" + one, "too long for a socket", ["--control", "/" + "x" * 120])


def test_the_control_port_at_com2(machine, tmp_path):
    """Where there are two ports only: without the transcript."""
    one = machine(
        "control = com2\ntranscript = false\n" + bare_vm("red", "sleep", "forever=1"), ["red"], options=("--control", tmp_path / "control")
    )
    one.expect(r"\[red\] Ctrl-\] \? shows help", BOOT_LIMIT)
    one.front("admin")
    one.expect("VM red is running", BOOT_LIMIT)
    script = Control(tmp_path / "control")
    script.send(b"\n")
    assert vm(script.do("list"), "red")["state"] == "running"
    script.do("poweroff")
    assert one.wait_for_end() == 0
