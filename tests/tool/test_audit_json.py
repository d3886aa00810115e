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
