# SPDX-License-Identifier: MIT
"""Two unmodified Linux VMs side by side, booted directly (multiboot1): shells, consoles, the administrator's console, restarts of tasks.
All tests here use one machine and leave both VMs running."""

import re

import pytest
from conftest import BOOT_LIMIT, ESCAPE, LINUX, STEP_LIMIT, Terminal

MODELS = ["uart0", "pit", "rtc", "acpi-pm", "i8042"]


def test_a_command_is_answered_where_it_is_typed(two_linux):
    for vm in ("red", "blue"):
        assert two_linux.in_vm(vm, "cat /etc/hostname") == f"{vm}\n"
    two_linux.in_vm("red", "echo of-red >/tmp/file")
    assert "of-red" not in two_linux.in_vm("blue", "cat /tmp/file 2>&1")


def test_the_guest_is_an_unmodified_linux_on_what_was_declared(two_linux):
    assert "nokaslr" in two_linux.in_vm("red", "cat /proc/cmdline")
    assert re.search(r"^processor\s*: 0$", two_linux.in_vm("red", "cat /proc/cpuinfo"), re.MULTILINE)
    memory = int(re.search(r"MemTotal:\s*(\d+)", two_linux.in_vm("red", "cat /proc/meminfo")).group(1))
    assert 180 * 1024 < memory < 256 * 1024


def test_backlog_is_shown_on_switching(two_linux):
    two_linux.in_vm("red", "echo shown'-'in-red")
    two_linux.front("blue")
    two_linux.shell("true")
    two_linux.front("red")
    two_linux.expect("shown-in-red")
    # what came while another console was in front: red prints it when blue has it in front
    two_linux.send("(while [ ! -e /tmp/go ]; do sleep 1; done; rm /tmp/go; echo la''te-news) &\r")
    two_linux.send("(sleep 2; touch /tmp/go) &\r")
    two_linux.front("blue")
    two_linux.transcript_has(r"^red[:+] .*late-news")
    two_linux.front("red")
    two_linux.expect("late-news")


def test_transcript_has_every_console(two_linux):
    for vm in ("red", "blue"):
        two_linux.in_vm(vm, f"echo tran''script-of-{vm}")
        two_linux.transcript_has(rf"^{vm}[:+] .*transcript-of-{vm}$")
    assert re.search(r"^admin: VM red is running$", two_linux.transcript(), re.MULTILINE)
    for line in two_linux.transcript().split("\n")[:-1]:
        assert re.match(r"(red|blue|admin)[:+] ", line), line


def test_keys_of_the_terminal(two_linux):
    two_linux.front("red")
    two_linux.send(ESCAPE + "l")
    two_linux.expect(r"1  red  \(in front\)\r\n  2  blue.*\r\n  0  admin")
    two_linux.send(ESCAPE + "?")
    two_linux.expect("the administrator's console")
    two_linux.send(ESCAPE + "n")
    two_linux.expect(r"\[blue\]")
    two_linux.send(ESCAPE + "p")
    two_linux.expect(r"\[red\]")
    two_linux.send(ESCAPE + "a")
    two_linux.expect(r"\[admin\]")
    two_linux.send(ESCAPE + "9")
    two_linux.expect("there is no such console")
    two_linux.send(ESCAPE + "qn")
    two_linux.expect("not powered off")
    # Ctrl-] twice is one of the guest's; cat shows it as it came, the terminal as ^]
    two_linux.front("red")
    two_linux.send("echo re''ady; cat -v\r")
    two_linux.expect("ready\r\n")
    two_linux.send(ESCAPE + ESCAPE + "\r\x04")
    two_linux.expect(r"\^\]\r\n\^\]\r\n")
    assert two_linux.shell("echo still''-here") == "still-here\n"


def test_many_bytes_each_way(two_linux):
    """Nothing lost, doubled or changed on the way out (by checksum on both sides), nor on the way in."""
    lines = 300
    text = two_linux.in_vm("red", f"i=0; while [ $i -lt {lines} ]; do printf '%079d\\n' $i; i=$((i+1)); done", BOOT_LIMIT)
    assert text == "".join(f"{i:079d}\n" for i in range(lines))
    two_linux.send("stty -echo; echo re''ady; cat >/tmp/typed\r")
    two_linux.expect("ready\r\n")
    typed = "".join(f"{i:049d}\n" for i in range(200))
    for start in range(0, len(typed), 500):
        two_linux.send(typed[start : start + 500].replace("\n", "\r"))
    two_linux.send("\x04")
    two_linux.send("stty echo\r")
    assert two_linux.shell("wc -c </tmp/typed; md5sum </tmp/typed", BOOT_LIMIT).split()[0] == str(len(typed))


def test_bad_input_at_the_administrators_console(two_linux):
    for command, answer in (
        ("frobnicate", r'frobnicate: no such command; "help" lists them'),
        ("kill", r"kill: a name is missing: kill TASK"),
        ("caps", r"caps: a name is missing: caps TASK"),
        ("stop", r"stop: a name is missing: stop VM"),
        ("kill red/uart0 blue/uart0", r"kill: too many words: kill TASK"),
        ("list all", r"list: too many words: list"),
        ("kill purple/uart0", r'kill: there is no task "purple/uart0"; "list" shows all'),
        ("stop purple", r'stop: there is no VM "purple"; "list" shows all'),
        ("start red", r"start: VM red is running"),
        ("button purple", r'button: there is no VM "purple"; "list" shows all'),
        ("kill " + "x" * 600, r"kill: "),
        ("\x01\x02\x1b[A\x7f\x08kill \t ", r"a name is missing"),
    ):
        two_linux.admin(command, answer)
    two_linux.send("\r" * 50)
    two_linux.send("caps " + "%s%n/../" * 200 + "\r")
    assert "VM red" in two_linux.admin("list")


def test_the_prompt_comes_back(two_linux):
    """Behind a command's last line, without a key pressed; and behind an event that comes meanwhile."""
    for command in ("list", "frobnicate", "caps red/uart0"):
        two_linux.admin(command, rf"bulkhead> {command}\r\n([^\r\n]+\r\n)+bulkhead> $")


def test_help_list_and_log(two_linux):
    text = two_linux.admin("help")
    for word in ("list", "kill TASK", "stop VM", "start VM", "restart VM", "pause VM", "resume VM", "button VM", "log", "caps TASK"):
        assert word in text
    text = two_linux.admin("list")
    for vm in ("red", "blue"):
        assert re.search(rf"^VM {vm} +running ", text, re.MULTILINE)
        for task in ["vmm", *MODELS]:
            assert re.search(rf"^task {vm}/{task} +running ", text, re.MULTILINE)
    text = two_linux.admin("log")
    assert "kernel:" in text and "VM blue is running" in text


def test_capabilities_equal_the_manifest(two_linux):
    tasks = re.findall(r"^task (\S+) ", two_linux.admin("list"), re.MULTILINE)
    assert len(tasks) == 14
    for task in tasks:
        text = two_linux.admin(f"caps {task}")
        assert re.search(rf"^caps {task}: \d+ capabilities, equal to the manifest$", text, re.MULTILINE), text
        assert "difference" not in text
        # nobody but the console and the clock's task holds a port or an interrupt of the host
        assert task in ("console", "wall-clock") or not re.search(r"IoPorts|IrqHandler|io-ports|irq-handler", text, re.IGNORECASE), text


def test_the_date_is_the_machines(two_linux):
    """Counted machines begin with the year 2026. The task that reads the clock chip is killed, and a VM made anew knows the date all the same."""
    for vm in ("red", "blue"):
        assert two_linux.in_vm(vm, "date -u +%Y-%m-%d; hwclock -u -r | grep -c 2026") == "2026-01-01\n1\n"
    before = int(two_linux.in_vm("blue", "date +%s"))
    for _ in range(2):
        two_linux.admin("kill wall-clock", "killed by the administrator")
        two_linux.transcript_has(r"^admin[:+] .*task wall-clock died \(killed by the administrator\), restarted$")
    two_linux.admin("restart blue", "VM blue restarted")
    two_linux.transcript_has(r"^blue: blue is up$", BOOT_LIMIT)
    two_linux.front("blue")
    two_linux.wait_for_shell(BOOT_LIMIT)
    assert before <= int(two_linux.in_vm("blue", "date +%s")) < before + 3600


@pytest.mark.parametrize("model", MODELS)
def test_a_killed_device_model_is_not_missed(two_linux, model):
    two_linux.in_vm("red", "echo before >/tmp/state")
    two_linux.admin(f"kill red/{model}")
    two_linux.transcript_has(rf"^admin[:+] .*task red/{model} died \(killed by the administrator\), restarted$")
    assert two_linux.in_vm("red", "cat /tmp/state") == "before\n"
    assert two_linux.shell("a=$(date +%s); while [ $(date +%s) -eq $a ]; do :; done; echo moves") == "moves\n"
    assert two_linux.shell("sleep 1; echo slept") == "slept\n"
    assert two_linux.in_vm("blue", "hostname") == "blue\n"


def test_a_model_killed_while_it_works(two_linux):
    """Killed in the middle of much output: every line arrives once."""
    two_linux.front("red")
    two_linux.send("i=0; while [ $i -lt 300 ]; do echo line''-$i-; i=$((i+1)); done; echo all''-done\r")
    two_linux.transcript_has(r"^red[:+] line-20-$")
    two_linux.admin("kill red/uart0")
    two_linux.transcript_has(r"all-done")
    text = two_linux.transcript()
    for i in range(300):
        assert len(re.findall(rf"line-{i}-", text)) == 1, i
    assert two_linux.in_vm("red", "hostname") == "red\n"


def test_a_killed_console_goes_on(two_linux):
    two_linux.in_vm("red", "echo pic''ked-up")
    two_linux.admin("kill console", "died")
    two_linux.transcript_has(r"^admin[:+] .*task console died \(killed by the administrator\), restarted$")
    two_linux.front("red")
    two_linux.expect("picked-up")
    for vm in ("red", "blue"):
        assert two_linux.in_vm(vm, "hostname") == f"{vm}\n"


# Linux times the PIT by polling it for 10 ms, and gives up if one poll took ten times as long as another. A VM that has 4 of each
# 10 ms can't pass that; it takes the ACPI PM timer instead, and says so.
SHARED_CPU = {"tsc: Unable to calibrate against PIT"}


def test_no_warning_that_the_bare_machine_does_not_print(two_linux, shared_machine, tmp_path):
    """dmesg of levels 0 to 4, against the same kernel on QEMU's -M pc."""

    def warnings(text):
        found = set()
        for level, line in re.findall(r"^<(\d+)>\[[ .\d]+\] (.*)$", text, re.MULTILINE):
            if int(level) & 7 <= 4:
                found.add(re.sub(r"0x[0-9a-f]+|\d+", "#", line))
        return found

    dmesg = two_linux.in_vm("red", "dmesg -r", BOOT_LIMIT)
    assert "Linux version" in dmesg
    command = "qemu-system-x86_64 -M pc -accel tcg -cpu EPYC -smp 1 -m 256 -display none -monitor none -nic none -no-reboot".split()
    command += ["-serial", "stdio", "-kernel", LINUX / "linux-cloud", "-initrd", LINUX / "red.cpio.gz"]
    shared_machine.end()
    bare = Terminal([*command, "-append", "console=ttyS0 nokaslr"], tmp_path / "bare.txt")
    try:
        bare.expect("red is up", BOOT_LIMIT)
        bare.wait_for_shell(BOOT_LIMIT)
        expected = warnings(bare.shell("dmesg -r", STEP_LIMIT))
    finally:
        bare.close()
    assert warnings(dmesg) - expected - SHARED_CPU == set()
