# SPDX-License-Identifier: MIT
"""Who holds what, by the manifest (`bulkhead audit --json`) and by the running machine (`caps TASK` at the administrator's console)."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

from . import project

TOOL = project.OUT / "tools/bulkhead"
EXAMPLES = (project.ROOT / "examples/two-linux.conf",)
PREFIXES = (*project.PROGRAMS, "examples/")
ESCAPE = "\x1d"  # Ctrl-]
BOOT_LIMIT, STEP_LIMIT = 120, 60  # seconds
LINE = re.compile(r"^(\S+) (\S+) (\S+) (\S+) rights=([rwg-]{3}) badge=(0x[0-9a-f]+)$")
END = re.compile(r"^caps (\S+): (\d+) capabilities, (equal to the manifest|\d+ differences)$")


def manifest_of(appliance):
    """The audit of an appliance file; None if the tool refuses it."""
    result = project.run([TOOL, "audit", appliance, "--json"])
    return json.loads(result.stdout) if result.returncode == 0 else None


def parse_dump(text):
    """({(task, name, type, object, rights, badge)}, {task: what the machine itself says}) of what the console printed."""
    held, verdicts = set(), {}
    for line in text.replace("\r", "").split("\n"):
        match = LINE.match(line.strip())
        if match:
            held.add(match.groups())
        match = END.match(line.strip())
        if match:
            verdicts[match.group(1)] = match.group(3)
    return held, verdicts


def capabilities(manifest):
    """The same tuples by the manifest. The root task's own are not in a dump: it holds everything."""
    return {(one["task"], one["name"], one["type"], one["object"], one["rights"], one["badge"]) for one in manifest["capabilities"] if one["task"] != "roottask"}


class Console:
    """The administrator's console of an appliance under `bulkhead run`."""

    def __init__(self, appliance):
        master, slave = pty.openpty()
        self.master, self.text = master, ""
        self.process = subprocess.Popen([TOOL, "run", appliance, "--icount"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def wait_for(self, pattern, limit, since=0):
        end = time.monotonic() + limit
        while not re.search(pattern, self.text[since:], re.MULTILINE):
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            try:
                data = os.read(self.master, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                raise TimeoutError(f"the console did not say {pattern!r}; its end: {self.text[-600:]}")
            self.text += data.decode(errors="replace").replace("\r", "")

    def send(self, text):
        os.write(self.master, text.encode())

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        os.close(self.master)


def dump_of(appliance, tasks):
    """What the console prints for `caps TASK` of each task, in a machine that runs the appliance."""
    console = Console(appliance)
    try:
        console.wait_for(r"Ctrl-\] \? shows help", BOOT_LIMIT)
        console.send(f"{ESCAPE}0")
        console.wait_for(r"\[admin\]", STEP_LIMIT)
        for task in tasks:
            start = len(console.text)
            console.send(f"caps {task}\r")
            console.wait_for(rf"^caps {re.escape(task)}: .*\n", STEP_LIMIT, start)
        return console.text
    finally:
        console.close()


def collect(appliances=EXAMPLES):
    """Leaves a record of every appliance: the audit, the dump, and their differences. Returns whether there are none."""
    inputs, found, good = project.tree_hash(PREFIXES), [], True
    for appliance in appliances:
        manifest = manifest_of(appliance)
        if manifest is None:
            found.append({"file": os.path.relpath(appliance, project.ROOT), "refused": True})
            good = False
            continue
        entry = {"file": os.path.relpath(appliance, project.ROOT), "manifest": manifest}
        try:
            held, verdicts = parse_dump(dump_of(appliance, [task["name"] for task in manifest["tasks"]]))
            wanted = capabilities(manifest)
            entry["machine"] = {"held": len(held), "verdicts": verdicts, "only_manifest": sorted(wanted - held), "only_machine": sorted(held - wanted)}
            good = good and held == wanted and all(verdict.startswith("equal") for verdict in verdicts.values())
        except (OSError, TimeoutError) as reason:
            entry["error"] = str(reason)
            good = False
        found.append(entry)
    project.write_record("authority", {"appliances": found}, PREFIXES, inputs)
    return good
