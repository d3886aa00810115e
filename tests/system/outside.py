# SPDX-License-Identifier: MIT
"""What can be seen of a machine from outside: QEMU's own monitor (QMP), physical memory, and where the kernel stands in it."""

import json
import re
import socket
import subprocess

from conftest import STEP_LIMIT


class Monitor:
    """QMP of a machine that was started with monitor_arguments(path)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(STEP_LIMIT)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r", encoding="utf-8")
        assert "QMP" in json.loads(self.lines.readline())
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """The answer to a command; events that come before it are passed over."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            assert "error" not in answer, answer
            if "return" in answer:
                return answer["return"]
        raise AssertionError("the monitor is gone")

    def memory(self, file):
        """All physical memory below 4 GiB, the machine stopped meanwhile."""
        size = self.ask("query-memory-size-summary")["base-memory"]
        self.ask("stop")
        self.ask("pmemsave", val=0, size=size, filename=str(file))
        self.ask("cont")
        return file.read_bytes()


def monitor_arguments(path):
    return ["-qmp", f"unix:{path},server=on,wait=off"]


class KernelImage:
    """Where a kernel's sections and symbols stand in physical memory, by its ELF file."""

    def __init__(self, elf):
        listing = subprocess.run(["readelf", "-lSsW", str(elf)], check=True, capture_output=True, text=True).stdout
        self.segments = [tuple(int(word, 16) for word in match) for match in
                         re.findall(r"^ +LOAD +0x[0-9a-f]+ (0x[0-9a-f]+) (0x[0-9a-f]+) 0x[0-9a-f]+ (0x[0-9a-f]+) ", listing, re.MULTILINE)]
        self.sections = {name: (self.physical(int(start, 16)), int(size, 16)) for name, start, size in
                         re.findall(r"^ +\[ *\d+\] (\.\w+) +\w+ +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+) ", listing, re.MULTILINE)
                         if int(start, 16) != 0}
        self.symbols = {name: (self.physical(int(start, 16)), int(size, 0)) for start, size, name in
                        re.findall(r"^ +\d+: ([0-9a-f]{16}) +(\w+) (?:OBJECT|FUNC) +\w+ +\w+ +\w+ (\S+)$", listing, re.MULTILINE)}

    def physical(self, address):
        for start, physical, size in self.segments:
            if start <= address < start + size:
                return physical + address - start
        return address
