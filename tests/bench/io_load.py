# SPDX-License-Identifier: MIT
"""What a disk and a network cost: two Linux guests, one of which reads and writes its disk and talks to the other (tests/bench/load.c). What is
counted is all that the machine executes: both guests, and whatever serves them."""

import re

import machine
import parsing

SERVER, CLIENT = "server", "client"
DONE = "LOAD-DONE"
COMMAND_LINE = "console=ttyS0 quiet nokaslr role="
# Without ERMS and FSRM Linux copies by REP MOVSQ and not by REP MOVSB, of which each byte would count as an instruction.
CPU = "max,-erms,-fsrm"
LOAD_LINE = re.compile(r"LOAD (\S+) id (\d+) count (\d+)")
# Beside the instructions of one operation: how many ran in guest mode, and how often guests were entered and address spaces changed.
KEPT = ("guest", "vmrun", "cr3")


def lines(text):
    """{name: {id, count}} of the operations that the guest says it has done: markers' number, and operations in a round."""
    return {name: {"id": int(number), "count": int(count)} for name, number, count in LOAD_LINE.findall(text)}


def operations(text, plugin_counts):
    """{name: {median: instructions of one operation, counts: {...}}}, and NAME-outside for those outside of guest mode, from what the guest
    printed and the plugin counted."""
    measured = lines(text)
    rounds = parsing.rounds(plugin_counts)
    found = {}
    for name, indices in parsing.rounds_of(rounds, measured).items():
        typical = parsing.typical([rounds[index][1] for index in indices])
        count = measured[name]["count"]
        if typical is None:
            raise ValueError(f"no rounds of {name}")
        counts = {kept: round(typical[kept] / count, 2) for kept in KEPT}
        # The guests' own part is Linux', of whatever version is there: no ceiling for it.
        found[name] = {"median": round(typical["insns"] / count), "counts": counts, "has_ceiling": False}
        found[f"{name}-outside"] = {"median": round((typical["insns"] - typical["guest"]) / count)}
    return found


def guest(role, more):
    kernel, initrd = machine.GUESTS / "linux-cloud", machine.GUESTS / "measured.cpio.gz"
    return (f'vm {role} {{\n\tmemory = 128M\n\tkernel = "{kernel}"\n\tinitrd = "{initrd}"\n\tcommand_line = "{COMMAND_LINE}{role}"\n'
            f"\tparavirtual = {{ kvm-clock, pv-eoi }}\n\tshare = 30%\n\tnic net0 {{ }}\n\t{more}\n}}\n")


def appliance_text():
    return ('name = io\nflows = { "client/net0 <-> server/net0" }\ndisk d {\n\tmemory = 32M\n}\nvolume v {\n\tdisk = d\n}\n'
            + guest(SERVER, "") + guest(CLIENT, "disk vda {\n\t\tvolume = v\n\t}"))


def run(name="io", plugin=""):
    return machine.appliance(name, appliance_text(), DONE, machine=("-M", "pc", "-cpu", CPU), plugin=plugin)


def measure():
    done = run()
    if DONE not in done.text:
        machine.fail(f"the guests did not come to their end; see {machine.OUT / 'io.log'}")
    return operations(done.text, done.counts)
