# SPDX-License-Identifier: MIT
"""What a VM costs in memory beyond its RAM: asks the administrator's console of running appliances (`list`, docs/console.md)."""

import json
import socket
import subprocess
import tempfile
import time

import machine

ANSWER_LIMIT = 60  # seconds of this machine's time
RAM = 16 << 20
# All that a Linux VM usually has: the default devices, random numbers, a disk and a network card.
DEVICES = "devices = { uart0, pit, rtc, acpi-pm, i8042, virtio-rng }"
DISK = "disk vda {\n\t\tvolume = v%d\n\t}"
CARD = "nic net0 { }"


def appliance_text(vms):
    """That many VMs whose guests sleep, and the disk and volumes of more, so that only the VMs make a difference."""
    text = "name = memory\ncontrol = com3\ndisk d {\n\tmemory = 4M\n}\n"
    for i in range(MOST):
        text += f"volume v{i} {{\n\tdisk = d\n\tlabel = v{i}\n\tsize = 1M\n}}\n"
    for i in range(vms):
        more = "\n\t".join([DEVICES, DISK % i, CARD])
        text += (f'vm vm{i} {{\n\tmemory = {RAM >> 20}M\n\tprotocol = multiboot\n\tkernel = "{machine.BARE_GUESTS / "sleep"}.elf"\n'
                 f'\tcommand_line = "forever=1"\n\tshare = {60 // MOST}%\n\t{more}\n}}\n')
    return text


def ask(path, command, end):
    """The first answer to the command at the control port; asked again until one comes, since early bytes may be lost."""
    while time.monotonic() < end:
        try:
            with socket.socket(socket.AF_UNIX) as port:
                port.settimeout(5)
                port.connect(str(path))
                port.sendall(f"\n@1 {command}\n".encode())
                text = b""
                while True:
                    text += port.recv(65536)
                    for line in text.split(b"\n")[:-1]:
                        answer = json.loads(line)
                        if answer.get("id") == "1" and answer.get("ok"):
                            return answer
        except (OSError, ValueError):
            time.sleep(0.2)
    machine.fail(f"nobody answers at {path}")


def listed(vms):
    """`list` of an appliance with that many VMs, once all of them run."""
    name = f"memory-{vms}"
    file = machine.OUT / f"{name}.conf"
    file.write_text(appliance_text(vms))
    end = time.monotonic() + ANSWER_LIMIT
    with tempfile.TemporaryDirectory() as folder, open(machine.OUT / f"{name}.log", "wb") as log:
        path = f"{folder}/control"
        process = subprocess.Popen([machine.TOOL, "run", file, "--icount", "--control", path, "--until", "a line that never comes",
                                    "--timeout", str(10 * ANSWER_LIMIT)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while True:
                answer = ask(path, "list", end)
                if [vm["state"] for vm in answer["vms"]] == ["running"] * vms and all(vm["exits"] > 0 for vm in answer["vms"]):
                    return answer
        finally:
            process.terminate()
            process.wait()


MOST = 3


def measure():
    """KiB beyond RAM: of what was taken for the VM and its tasks and ends with it; with its buffers to the system's tasks, which outlive it; and of
    each of its tasks."""
    few, many = listed(MOST - 1), listed(MOST)
    own = many["vms"][MOST - 1]["beyond_ram"]
    tasks = {task["name"].split("/")[1]: task["memory"] for task in many["tasks"] if task["name"].startswith(f"vm{MOST - 1}/")}
    buffers = many["system_memory"] - few["system_memory"]
    return {"own": {"median": own >> 10}, "with-buffers": {"median": (own + buffers) >> 10},
            **{f"task-{name}": {"median": bytes_taken >> 10} for name, bytes_taken in tasks.items()}}
