# SPDX-License-Identifier: MIT
"""`bulkhead audit --json`: the same facts as the audit in words."""

import json
import re


def test_json_and_words_say_the_same(tool):
    words = tool.with_system("audit", "good.conf").stdout
    result = tool.with_system("audit", "good.conf", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    facts = json.loads(result.stdout)
    head = re.search(r"Appliance (\S+): (\d+) VMs, (\d+) tasks, \d+ objects, (\d+) capabilities, (\d+) regions", words)
    assert facts["appliance"] == head.group(1)
    assert len({task["vm"] for task in facts["tasks"]} - {""}) == int(head.group(2))
    assert [len(facts[name]) for name in ("tasks", "capabilities", "regions")] == [int(head.group(number)) for number in (3, 4, 5)]
    # each path of the one stands in the other
    said = {(source, target, verb, object_) for source, target, rest in re.findall(r"^  (\S+) -> (\S+): (.*)$", words, re.MULTILINE)
            for verb, object_ in re.findall(r"(calls|signals|writes) (\S+?)(?:,|$)", rest)}
    paths = {(one["from"], one["to"], one["by"], one["object"]) for one in facts["reach"]}
    assert len(paths) > 20
    assert paths == {path for path in said if not path[1].startswith("guest")}
    assert {one["task"] for one in facts["guests"]} <= {task["name"] for task in facts["tasks"]}
    assert len([one for one in facts["guests"] if one["way"] == "ports"]) == len(re.findall(r"^  guest \S+, ports ", words, re.MULTILINE))


def test_json_is_an_option_of_audit_alone(tool):
    assert "unknown option --json" in tool("check", "good.conf", "--json").stderr


NETWORK = """\
flows = { "red/net0 -> green/net0", "green/net0 <-> blue/net0" }
vm red {
\tmemory = 64M
\tkernel = linux
\tnic net0 {
\t\tmac = "52:54:00:00:00:01"
\t\tvlan = 5
\t\trate = 100M
\t}
}
vm green {
\tmemory = 64M
\tkernel = linux
\tnic net0 { vlan = 5 }
}
vm blue {
\tmemory = 64M
\tkernel = linux
\tnic net0 { vlan = 5 }
}
"""


def test_flows_and_whom_they_reach(tool):
    tool.write("net.conf", NETWORK)
    words = tool.with_system("audit", "net.conf").stdout
    cards, reach = re.search(r"NETWORK CARDS[^\n]*\n(.*)\nWHO REACHES WHOM OVER[^\n]*\n(.*)", words, re.DOTALL).groups()
    assert "  red/net0: 52:54:00:00:00:01, VLAN 5, at most 100000000 bits per second\n    -> green/net0\n" in cards
    assert reach.splitlines() == [
        "  red reaches green: red/net0 -> green/net0",
        "  red reaches blue: red/net0 -> green/net0, green/net0 -> blue/net0",
        "  green reaches blue: green/net0 -> blue/net0",
        "  blue reaches green: blue/net0 -> green/net0",
    ]
    facts = json.loads(tool.with_system("audit", "net.conf", "--json").stdout)
    assert facts["cards"][0] == {"name": "red/net0", "mac": "52:54:00:00:00:01", "vlan": 5, "rate": 100000000, "burst": 131072}
    assert {(one["from"], one["to"]) for one in facts["flows"]} == {
        ("red/net0", "green/net0"), ("green/net0", "blue/net0"), ("blue/net0", "green/net0")}
    # a card without an address has one of its own, the same each time
    macs = [card["mac"] for card in facts["cards"]]
    assert len(set(macs)) == 3 and all(int(mac[:2], 16) & 3 == 2 for mac in macs[1:])
    # what the switch is given is all that it has of a VM
    held = {one["object"] for one in facts["capabilities"] + facts["regions"] if one["task"] == "switch"}
    assert {name for name in held if not name.startswith("switch/")} == {
        "root/notification", "red/net0/notification", "green/net0/notification", "blue/net0/notification"}


UPLINK = """\
flows = { "red/net0 -> lan", "lan -> blue/net0" }
uplink lan {
\tpci = e1000e
\tallow_dma = true
\tvlan = 5
\trate = 10M
}
"""


def test_an_uplink_is_reached_and_reaches(tool):
    tool.write("net.conf", UPLINK + NETWORK.split("\n", 1)[1])
    words = tool.with_system("audit", "net.conf").stdout
    assert "  lan: a physical network, VLAN 5, at most 10000000 bits per second\n    -> blue/net0\n" in words
    assert "\n  red reaches blue: red/net0 -> lan, lan -> blue/net0\n  red reaches lan: red/net0 -> lan\n" in words
    assert "\n  lan reaches blue: lan -> blue/net0\n" in words
    assert "\n  blue reaches nobody\n" in words
    facts = json.loads(tool.with_system("audit", "net.conf", "--json").stdout)
    assert facts["cards"][-1] == {"name": "lan", "mac": "", "vlan": 5, "rate": 10000000, "burst": 131072}
    assert {(one["from"], one["to"]) for one in facts["flows"]} == {("red/net0", "lan"), ("lan", "blue/net0")}
    assert facts["dma"] == [{"task": "uplink/lan", "function": "8086:10d3", "confined": False}]
    # the switch and the PCI server are in touch with its driver, and no VM
    near = {one["from"] for one in facts["reach"] if one["to"] == "uplink/lan"}
    assert near == {"switch", "pci"}


def test_without_cards_nothing_is_said_of_the_network(tool):
    assert "NETWORK" not in tool.with_system("audit", "good.conf").stdout
    facts = json.loads(tool.with_system("audit", "good.conf", "--json").stdout)
    assert facts["cards"] == facts["flows"] == []


VOLUMES = """\
disk d { memory = 16M }
volume base {
\tdisk = d
\tsize = 1M
}
volume own {
\tdisk = d
\tsnapshot_of = base
}
vm red {
\tmemory = 64M
\tkernel = linux
\tdisk vda { volume = own }
}
vm blue {
\tmemory = 64M
\tkernel = linux
\tdisk vda {
\t\tvolume = base
\t\tread_only = true
\t}
}
"""


def test_who_has_which_volume(tool):
    tool.write("volumes.conf", VOLUMES)
    words = tool.with_system("audit", "volumes.conf").stdout
    assert (
        "\nWHO HAS WHICH VOLUME\n"
        "  red/vda reads and writes by volumes/d: the whole disk, volume own, a snapshot of base\n"
        "  blue/vda reads by volumes/d: the whole disk, volume base\n"
    ) in words
    facts = json.loads(tool.with_system("audit", "volumes.conf", "--json").stdout)
    assert [(one["client"], one["rights"]) for one in facts["volumes"]] == [("red/vda", "rw"), ("blue/vda", "r")]
