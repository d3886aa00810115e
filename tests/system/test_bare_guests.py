# SPDX-License-Identifier: MIT
"""Bare guests (tests/guests), each with a defined result and exit code, and what one VM can do to another."""

import re

import pytest
from conftest import BOOT_LIMIT, bare_vm

CHECKED = [
    ("hello", "", ""),
    ("cpuid-msr", "", ""),
    ("lmsw", "", ""),
    ("mmio-forms", "", ""),
    ("mmio-device", "", "\tdevices = { uart0, pit, rtc, acpi-pm, i8042, test-device }\n"),
    ("ram-end", "", ""),
    ("string-io", "", ""),
    ("string-io64", "", ""),
    ("vmmcall-user", "", ""),
    ("sleep", "", ""),
    ("long-handler", "", ""),
    ("uart-interrupts", "", ""),
    ("uart-interrupts", "fifo=1", ""),
]


@pytest.mark.parametrize("guest,command_line,more", CHECKED, ids=[f"{guest}{'-' if line else ''}{line}" for guest, line, _ in CHECKED])
def test_checks_itself(finished, guest, command_line, more):
    result = finished(f"name = {guest}\n" + bare_vm("bare", guest, command_line, more=more), ["--timeout", "300"], limit=2 * BOOT_LIMIT)
    assert re.search(rf"^bare: {guest}: [1-9]\d* checks, 0 failed$", result.transcript, re.MULTILINE), result
    assert "admin: VM bare exited with code 0" in result.transcript, result
    assert result.status == 0, result


def test_what_the_cpu_refuses_ends_that_vm(finished):
    """CR0 with paging and without protected mode: a CPU raises #GP; QEMU 7.2 takes it, and walks the page tables that are not there. Then that
    VM is over. (Reserved bits of CR4 are the VMM's: they get their #GP.)"""
    result = finished("name = lmsw\n" + bare_vm("bare", "lmsw", "reserved=1"), ["--timeout", "300"], limit=2 * BOOT_LIMIT)
    assert "a reserved bit of CR4" not in result.transcript, result
    assert re.search(
        r"^bare: lmsw: [1-9]\d* checks, 0 failed$|^admin: bare/vmm: a page table .* 0x12345000, which is no memory", result.transcript, re.MULTILINE
    ), result


def test_a_hundred_thousand_bytes_by_interrupts(finished):
    """Every byte of uart-interrupts is on the terminal, once and in order."""
    result = finished("name = bytes\n" + bare_vm("bare", "uart-interrupts", "fifo=1"), ["--timeout", "300"])
    line = "".join(chr(ord("a") + i % 26) for i in range(63))
    sent = (line + "\n") * (100000 // 64 + 1)
    assert sent[:100000] in result.terminal, result


@pytest.mark.parametrize("code", [1, 77, 127])
def test_exit_code_is_the_status(finished, code):
    result = finished("name = code\n" + bare_vm("bare", "hello", f"code={code}"), ["--timeout", "200"])
    assert f"admin: VM bare exited with code {code}" in result.transcript, result
    assert result.status == code


def test_exit_code_modulo_128(finished):
    result = finished("name = code\n" + bare_vm("bare", "hello", "code=200"), ["--timeout", "200"])
    assert "admin: VM bare exited with code 200" in result.transcript, result
    assert result.status == 200 % 128


def test_power_off(finished):
    result = finished("name = off\n" + bare_vm("bare", "power-off"), ["--timeout", "200"])
    assert "admin: VM bare powered off" in result.transcript, result
    assert "FAIL" not in result.transcript
    assert result.status == 0


def test_power_button(machine, own_guests):
    """The administrator presses it; the guest gets its SCI and switches itself off as it likes. A VM without acpi-pm has none."""
    text = "name = button\n" + bare_vm("bare", own_guests["power-button"])
    one = machine(text + bare_vm("plain", "sleep", "forever=1", more="devices = { uart0 }"), ["bare", "plain"])
    one.transcript_has(r"^bare: power-button: waits$", BOOT_LIMIT, again=True)
    one.admin("button plain", r"button: VM plain has no power button; the device acpi-pm has one")
    one.admin("button bare", r"VM bare: power button pressed by the administrator")
    one.transcript_has(r"^bare: power-button: 3 checks, 0 failed$")
    one.transcript_has(r"^admin[:+] .*VM bare is off$", again=True)
    one.admin("button bare", r'button: VM bare is off; "start bare" switches it on')
    assert re.search(r"power button pressed", one.admin("log"))
    one.admin("caps bare/acpi-pm", r"task bare/acpi-pm is not running")


@pytest.mark.parametrize("how", ["sleeps", "spins"])
def test_a_paused_vm_stands_with_its_clocks(machine, own_guests, how):
    """While a VM is paused it does nothing and its timers do not expire; afterwards its clocks go on from where they stood and agree. What is
    typed meanwhile is there when it goes on, and ends it."""
    text = "name = pause\n" + bare_vm("clocks", own_guests["clocks"], f"mode={how}", more="share = 40%\n\tafter_pause = stand")
    text += bare_vm("other", own_guests["count"], "ms=100 rounds=1000", more="share = 40%")
    one = machine(text, ["clocks", "other"])
    one.transcript_has(r"^clocks: clocks: tick 50$", BOOT_LIMIT, again=True)
    one.admin("resume clocks", r"resume: VM clocks is not paused")
    for typed in ("", "q"):
        one.admin("pause clocks", r"VM clocks paused by the administrator")
        assert re.search(r"^VM clocks +paused ", one.admin("list"), re.MULTILINE)
        before = len(re.findall(r"^clocks", one.transcript(), re.MULTILINE))
        for _ in range(10):  # a second
            one.transcript_has(r"^other[:+] count: \d+$")
        assert len(re.findall(r"^clocks", one.transcript(), re.MULTILINE)) <= before + 1, "the line that was under way, at most"
        one.admin("pause clocks", r"pause: VM clocks is paused")
        one.front("clocks")
        one.send(typed)
        one.admin("resume clocks", r"VM clocks resumed by the administrator")
        if not typed:
            one.transcript_has(r"^clocks[:+] clocks: tick \d+$")
    one.transcript_has(r"^clocks[:+] clocks: [1-9]\d* checks, 0 failed$", BOOT_LIMIT, again=True)
    one.transcript_has(r"^admin[:+] .*VM clocks exited with code 0$", again=True)
    assert not re.search(r"died|restarted|crashed|given up", one.admin("log"))


@pytest.mark.parametrize("guest", ["reset-8042", "reset-cf9"])
def test_reset_restarts_this_vm_alone(finished, guest):
    """As often as the policy allows, and then it is off."""
    text = f"name = {guest}\n" + bare_vm("bare", guest, more='on_reset = "restart 2 per 600s"')
    result = finished(text, ["--timeout", "200"])
    assert len(re.findall(rf"^bare: {guest}: now$", result.transcript, re.MULTILINE)) == 3, result
    assert len(re.findall(r"^admin: VM bare asked for a reset", result.transcript, re.MULTILINE)) == 3
    assert result.status == 0


def test_a_triple_fault_harms_nobody_else(machine):
    one = machine("name = fault\n" + bare_vm("fault", "triple-fault") + bare_vm("calm", "uart-interrupts", "mode=echo bytes=3"), ["fault", "calm"])
    one.transcript_has(r"^admin: VM fault crashed: .*triple fault", BOOT_LIMIT)
    one.transcript_has(r"^admin: VM fault is off$")
    one.transcript_has(r"^calm: uart-interrupts: running$", again=True)
    one.front("calm")
    one.send("ab\r")
    one.expect(r"uart-interrupts: \d+ checks, 0 failed")
    assert one.wait_for_end() == 0


def test_io_at_the_end_of_the_budget(machine, own_guests):
    """A guest that does nothing but port accesses, with the smallest budget and the smallest hang limit, for 10,000 periods: each budget
    ends in an access or beside one, and no device model is ever taken for hanging. In virtual time, so that only that can be the cause."""
    text = "name = budget\n"
    text += bare_vm("storm", "io-storm", "count=0", more="budget = 500us\n\tperiod = 1ms\n\thang_limit = 10ms")
    text += bare_vm("pacer", own_guests["count"], "ms=10100 rounds=1", more="budget = 500us\n\tperiod = 10ms")
    # Eight nanoseconds an instruction: ten seconds of emulated exits would take minutes else.
    one = machine(text, ["storm", "pacer"], qemu=["-icount", "shift=3,sleep=off"])
    one.transcript_has(r"^storm: io-storm: running$", BOOT_LIMIT, again=True)
    one.transcript_has(r"^admin: VM pacer exited with code 0$", 3 * BOOT_LIMIT)
    # Taking the VM down is long work of the root task, in which nobody could answer anybody: no hang either.
    one.transcript_has(r"^admin: VM pacer is off$")
    assert re.search(r"^VM storm +running +\d+ MiB \+ \d+ KiB +CPU [1-9]\d+ ms +exits [1-9]\d{5,} +crashes 0 +resets 0$", one.admin("list"), re.MULTILINE)
    assert not re.search(r"died|restarted|crashed|given up|hang", one.transcript()), one.transcript()[-3000:]


def test_timers_leave_the_other_its_share(machine, own_guests):
    """Instructions per second of a counting VM beside one that sleeps, and beside one with all timers at their fastest: within 2 %."""

    def count(neighbour):
        text = "name = share\n" + bare_vm("count", own_guests["count"], "ms=400 rounds=3", more="share = 40%") + neighbour
        one = machine(text, ["count", "other"])
        one.transcript_has(r"^admin: VM count exited with code 0$", 2 * BOOT_LIMIT)
        counts = [int(n) for n in re.findall(r"^count: count: (\d+)$", one.transcript(), re.MULTILINE)]
        one.close()
        assert len(counts) == 3
        return counts[-1]

    alone = count(bare_vm("other", "sleep", "forever=1", more="share = 40%"))
    beside = count(bare_vm("other", "timer-storm", more="share = 40%"))
    assert alone > 0
    assert abs(beside - alone) <= 0.02 * alone, (alone, beside)


def test_a_restart_leaves_the_others_their_share(machine, own_guests):
    """Zeroing a restarted VM's memory is long work of the root task, which stands above all VMs: a counting VM beside it loses nothing."""
    text = "name = restart\n" + bare_vm("count", own_guests["count"], "ms=200 rounds=20", more="share = 40%")
    one = machine(text + bare_vm("big", "sleep", "forever=1", "512M", more="share = 20%"), ["count", "big"])
    one.transcript_has(r"^count: count: \d+$", 2 * BOOT_LIMIT, again=True)
    for _ in range(5):
        one.admin("restart big", r"VM big restarted")
    one.transcript_has(r"^admin[:+] .*VM count exited with code 0$", 2 * BOOT_LIMIT)
    counts = [int(n) for n in re.findall(r"^count[:+] count: (\d+)$", one.transcript(), re.MULTILINE)]
    assert len(counts) == 20
    # The first round may hold the other VM's start; half of the restarts' zeroing would cost a round more than 5 %.
    assert min(counts[1:]) >= 0.98 * max(counts), counts


def test_scanning_all_finds_and_changes_nothing(machine, own_guests):
    """A VM that reads and writes all it can beside one whose RAM is full of a secret; and again in memory that the other had."""
    secret = 0x5EC2E7_0F_BEEF_42
    hidden = f"hidden=0x{secret ^ 0xFFFFFFFFFFFFFFFF:x}"
    text = "name = scan\n" + bare_vm("keeper", own_guests["keeper"], hidden, "64M") + bare_vm("scan", "scan-all", hidden, "64M")
    one = machine(text + bare_vm("idle", "sleep", "forever=1"), ["keeper", "scan", "idle"])
    nowhere = r"^scan[:+] .*the secret was found 0 times$"
    one.transcript_has(r"^keeper: keeper: round 1, intact$", BOOT_LIMIT, again=True)
    one.transcript_has(r"^admin: VM scan exited with code 0$", 2 * BOOT_LIMIT)
    assert len(re.findall(nowhere, one.transcript(), re.MULTILINE)) == 1
    one.transcript_has(r"^keeper: keeper: round \d+, intact$")
    one.transcript_has(r"^keeper: keeper: round \d+, intact$")
    assert "CHANGED" not in one.transcript()
    # what was the keeper's goes to who comes next
    one.admin("stop keeper", r"VM keeper is off")
    one.admin("start scan", r"VM scan started by the administrator")
    one.transcript_has(r"^admin[:+] .*VM scan exited with code 0$", 2 * BOOT_LIMIT)
    assert len(re.findall(nowhere, one.transcript(), re.MULTILINE)) == 2
    assert "FOUND" not in one.transcript()
