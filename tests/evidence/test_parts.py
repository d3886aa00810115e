# SPDX-License-Identifier: MIT
"""The generator's parts: records, deviations, coverage, authority, the list of parts, markup."""

import json
import re
import tomllib

import pytest
from evidence import analysis, authority, budgets, coverage, markup, project, rebuild, sbom
from evidence.sections import authority as authority_section
from evidence.sections import lines


def test_a_record_is_current_until_a_file_changes(empty_out, monkeypatch):
    monkeypatch.setattr(project, "tree_hash", lambda prefixes: "before")
    project.write_record("check", {"good": True}, ("kernel/",))
    assert project.read_record("check").is_current
    monkeypatch.setattr(project, "tree_hash", lambda prefixes: "after")
    assert project.read_record("check").is_current is False
    assert project.read_record("never made") is None
    (empty_out / "evidence/records/broken.json").write_text("{")
    assert project.read_record("broken") is None


def test_the_tree_s_hash_is_over_names_and_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "ROOT", tmp_path)
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/a.c").write_text("one")
    first = project.tree_hash(("kernel/",))
    (tmp_path / "kernel/a.c").rename(tmp_path / "kernel/b.c")
    second = project.tree_hash(("kernel/",))
    (tmp_path / "kernel/b.c").write_text("two")
    (tmp_path / "other.c").write_text("not below the prefix")
    assert len({first, second, project.tree_hash(("kernel/",))}) == 3


def test_every_deviation_has_a_reason():
    deviations, switched_off = analysis.read_deviations()
    assert len(deviations) > 30
    tools = set(analysis.TITLES.values())
    assert {one.tool for one in deviations} <= tools and {one["tool"] for one in switched_off} <= tools


def test_a_deviation_without_a_reason_is_refused(tmp_path):
    file = tmp_path / "deviations.toml"
    file.write_text('[[deviation]]\ntool = "misra"\nrule = "15.5"\nreason = " "\n')
    with pytest.raises(ValueError):
        analysis.read_deviations(file)


def test_no_deviation_from_a_mandatory_rule_of_misra():
    mandatory = {"9.1", "13.6", "17.3", "17.4", "17.6", "19.1", "21.13", "21.17", "21.18", "21.19", "21.20", "22.2", "22.4", "22.5", "22.6"}
    assert mandatory & {one.rule for one in analysis.read_deviations()[0] if one.tool == "misra"} == set()


def test_each_check_that_is_switched_off_has_its_reason():
    text = (project.ROOT / ".clang-tidy").read_text()
    off = set(re.findall(r"^\s+-([\w.-]+[\w])", text, re.MULTILINE)) - {"*"}
    assert off == {one["rule"] for one in analysis.read_deviations()[1] if one["tool"] == "clang-tidy"}


def test_findings_are_sorted_out(monkeypatch):
    monkeypatch.setattr(analysis, "source_line", lambda file, line: "x = y;" if line == 1 else "")
    entries = tomllib.loads('[[deviation]]\ntool = "t"\nrule = "r"\nwhere = "kernel/*"\ncontains = "x ="\nreason = "why"\n')["deviation"]
    deviation = analysis.Deviation(entries[0])
    findings = [analysis.Finding("t", "r", "kernel/a/b.c", 1, "covered"), analysis.Finding("t", "r", "kernel/a/b.c", 2, "another line"),
                analysis.Finding("t", "s", "kernel/a.c", 1, "another rule"), analysis.Finding("t", "r", "lib/a.c", 1, "another place")]
    assert [one.message for one in analysis.sort_out(findings, [deviation])] == ["another line", "another rule", "another place"]
    assert deviation.used == 1


def test_a_finding_is_remembered_until_something_changes(empty_out, monkeypatch):
    monkeypatch.setattr(analysis, "CACHE", empty_out / "cache")
    made = []

    def compute():
        made.append(1)
        return [analysis.Finding("t", "r", "f.c", 3, "m")]

    assert str(analysis.cached("key", compute)[0]) == str(analysis.cached("key", compute)[0])
    analysis.cached("other", compute)
    assert len(made) == 2


def test_coverage_of_a_file_that_several_programs_take():
    def report(counts):
        lines_ = [{"line_number": number, "count": count, "function_name": "f", "branches": [{"count": count}, {"count": 0}]} for number, count in counts.items()]
        return {"files": [{"file": "./kernel/a.c", "lines": lines_}, {"file": "/usr/include/b.h", "lines": []}, {"file": "./tests/unit/x.c", "lines": []}]}

    assert coverage.summarize(coverage.merge([report({1: 1, 2: 0}), report({1: 0, 2: 5})])) == [
        {"file": "kernel/a.c", "lines": 2, "lines_hit": 2, "branches": 4, "branches_hit": 2}]


MANIFEST = {
    "tasks": [{"name": "red/vmm", "vm": "red", "image": "vmm-server"}, {"name": "blue/vmm", "vm": "blue", "image": "vmm-server"}, {"name": "console", "vm": "", "image": "console"}],
    "capabilities": [{"task": "red/vmm", "name": "endpoint0", "type": "endpoint", "object": "red/vmm/endpoint0", "rights": "rw-", "badge": "0x0"},
                     {"task": "roottask", "name": "x", "type": "endpoint", "object": "x", "rights": "rw-", "badge": "0x0"}],
    "regions": [{"task": "red/vmm", "name": "ram", "type": "memory", "object": "red/ram", "rights": "rw-", "length": 4096}],
    "reach": [{"from": "red/vmm", "to": "console", "by": "signals", "type": "notification", "object": "console/notification"},
              {"from": "console", "to": "blue/vmm", "by": "writes", "type": "memory", "object": "rings"}],
    "guests": [{"vcpu": "red/vcpu0", "way": "ports", "task": "red/vmm", "type": "endpoint", "object": "e", "first_port": 1016, "port_count": 8}],
}
DUMP = "bulkhead> caps red/vmm\r\nred/vmm endpoint0 endpoint red/vmm/endpoint0 rights=rw- badge=0x0\r\ncaps red/vmm: 1 capabilities, equal to the manifest\r\n"


def test_a_dump_is_read_and_compared():
    held, verdicts = authority.parse_dump(DUMP)
    assert held == authority.capabilities(MANIFEST)
    assert verdicts == {"red/vmm": "equal to the manifest"}


@pytest.mark.parametrize("machine, state", [
    ({"held": 1, "verdicts": {"red/vmm": "equal to the manifest", "blue/vmm": "equal to the manifest", "console": "equal to the manifest"}, "only_manifest": [], "only_machine": []}, "good"),
    ({"held": 2, "verdicts": {"red/vmm": "equal to the manifest", "blue/vmm": "equal to the manifest", "console": "equal to the manifest"}, "only_manifest": [],
      "only_machine": [["red/vmm", "extra", "endpoint", "blue/vmm/endpoint0", "rw-", "0x0"]]}, "bad"),
    ({"held": 1, "verdicts": {"red/vmm": "2 differences", "blue/vmm": "equal to the manifest", "console": "equal to the manifest"}, "only_manifest": [], "only_machine": []}, "bad"),
    ({"held": 0, "verdicts": {}, "only_manifest": [], "only_machine": []}, "bad"),
    (None, "missing"),
])
def test_what_the_machine_holds_decides(machine, state):
    entry = {"file": "a.conf", "manifest": MANIFEST, **({"machine": machine} if machine else {})}
    assert authority_section.comparison(entry)[0] == state


def test_a_direct_path_between_vms_is_no_good_state():
    rows = authority_section.between(MANIFEST)
    assert [str(row[2]).count("nothing") for row in rows] == [1, 1]
    assert "console" in rows[1][3] and rows[0][3] == "none"  # red to blue by the console, blue to red by nobody
    direct = {**MANIFEST, "reach": [*MANIFEST["reach"], {"from": "red/vmm", "to": "blue/vmm", "by": "calls", "type": "endpoint", "object": "e"}]}
    equal = {"held": 1, "verdicts": {task["name"]: "equal to the manifest" for task in MANIFEST["tasks"]}, "only_manifest": [], "only_machine": []}
    assert authority_section.appliance_part({"file": "a.conf", "manifest": direct, "machine": equal})[0] == "bad"


def test_the_list_of_parts_is_whole_spdx():
    parts = [sbom.Part("musl-dev", "1.2", "library", "STATIC_LINK", "0" * 64, "pkg:deb/debian/musl-dev@1.2"), sbom.Part("gcc", "12", "compiler", "BUILD_TOOL_OF"), sbom.Part("bochs", "", "x", "TEST_TOOL_OF", is_there=False)]
    document = sbom.document(parts, [("kernel/bulkhead.elf64", 10, "1" * 64)], "abc", "2" * 64, "2026-01-01T00:00:00Z")
    known = {"SPDXRef-DOCUMENT", *(one["SPDXID"] for one in document["packages"] + document["files"])}
    assert len(known) == 1 + len(document["packages"]) + len(document["files"]) == 5
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in known)
    assert all({one["spdxElementId"], one["relatedSpdxElement"]} <= known for one in document["relationships"])
    assert {"spdxVersion", "dataLicense", "documentNamespace", "creationInfo", "name"} <= set(document)
    assert "bochs" not in json.dumps(document)


def test_two_builds_are_compared(tmp_path):
    for folder, text in (("a", "same"), ("b", "same")):
        (tmp_path / folder / "kernel").mkdir(parents=True)
        (tmp_path / folder / "kernel/one").write_text(text)
    (tmp_path / "a/kernel/two").write_text("x")
    (tmp_path / "b/kernel/two").write_text("y")
    (tmp_path / "a/kernel/three").write_text("only here")
    rows = {row["file"]: row["first"] == row["second"] for row in rebuild.compare(tmp_path / "a", tmp_path / "b")}
    assert rows == {"kernel/one": True, "kernel/two": False, "kernel/three": False}


def test_a_budget_that_is_exceeded_fails(monkeypatch, capsys):
    monkeypatch.setattr(budgets, "count_lines", lambda *folders: {"kernel/a.c": 10001})
    assert budgets.main(["kernel-lines"]) == 1
    assert budgets.main(["model-lines"]) == 1
    assert "10001" in capsys.readouterr().out
    assert lines.make().state == "bad"
    monkeypatch.setattr(budgets, "count_lines", lambda *folders: {})
    assert budgets.main(["kernel-lines"]) == 1  # nothing counted is nothing known
    with pytest.raises(SystemExit):
        budgets.main(["kernel-lines", "stack"])


def test_markup_escapes_and_rounds_down():
    assert markup.element("td", "<b>", title='"') == '<td title="&quot;">&lt;b&gt;</td>'
    assert markup.join(["a<", markup.code("b")]) == "a&lt;<code>b</code>"
    assert markup.percent(9999, 10000).shown == "99.9 %"
    assert markup.percent(0, 0).shown == "–"
    assert "over" in markup.bar(11, 10, "x")
    for state in markup.STATES:
        sign, words = markup.STATES[state]
        assert sign in markup.status(state) and words in markup.status(state)  # never by colour alone
