# SPDX-License-Identifier: MIT
"""The page as a whole: what was not run is missing, results of other commands are read, and the page stands for itself."""

import html.parser
import json
import re

import pytest
from evidence import page, project, sections
from evidence.section import Section, worst
from evidence.sections import analysis, authority, conformance, coverage, proofs, reproducible, tests

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Reader(html.parser.HTMLParser):
    """Checks that elements are closed in their order; collects ids and references."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.references = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href"):
                self.references.append(value)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_nothing_that_was_not_run_counts_as_passed(empty_out):
    for module in (proofs, conformance, tests, analysis, coverage, reproducible, authority):
        section = module.make()
        assert section.state == "missing", section.title
        assert "✓" not in "".join(map(str, section.body)), section.title


def test_the_page_is_whole_and_stands_for_itself(empty_out):
    made = page.write()
    text = (empty_out / "evidence/index.html").read_text()
    reader = Reader(text)
    assert len(made) == len(sections.ALL)
    assert len(reader.ids) == len(set(reader.ids))
    assert {f"#{one}" for one in reader.ids} >= {one for one in reader.references if one.startswith("#")}
    assert [one for one in reader.references if not one.startswith("#")] == ["bulkhead.spdx.json"]
    assert json.loads((empty_out / "evidence/bulkhead.spdx.json").read_text())["spdxVersion"] == "SPDX-2.3"
    assert not re.search(r"url\(|@import|<link|<img", text)
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_a_section_that_fails_is_missing_and_the_page_is_made(empty_out, monkeypatch):
    monkeypatch.setattr(reproducible, "make", lambda: 1 / 0)
    section = next(one for one in page.write() if one.anchor == "reproducible")
    assert section.state == "missing" and "ZeroDivisionError" in section.verdict


@pytest.mark.parametrize("states, words", [(["good", "note"], "Everything on this page holds"), (["good", "missing"], "1 of 2 sections are missing"), (["old", "bad"], "1 of 2 sections show something that does not hold")])
def test_the_first_words_tell_the_worst(states, words):
    assert words in page.render([Section(f"s{number}", "Title", state, "Verdict.") for number, state in enumerate(states)])


def test_worst():
    assert worst(["good", "old", "missing"]) == "missing"
    assert worst(["good", "bad", "missing"]) == "bad"
    assert worst([]) == "missing"


def write_json(folder, name, content):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))


PROOF = {"name": "lookup", "property": "never leaves", "bound": "2^4 slots", "assumptions": ["a < b"], "seconds": 1.5, "result": "proved"}


def write_proofs(folder, monkeypatch, change=None, is_old=False, mutants=(9, 10, False)):
    monkeypatch.setattr(proofs, "is_older", lambda made, prefixes: is_old)
    killed, made, old = mutants
    survivors = [{"mutant": "a.c:1", "reason": "the same code"}]
    monkeypatch.setattr(proofs, "counted", lambda name: {"made": made, "killed": killed, "old": old, "survivors": survivors} if made else None)
    write_json(folder, "proofs.json", [{**PROOF, **(change or {})}])
    (folder / "test").mkdir(exist_ok=True)
    (folder / "test/model.xml").write_text('<testsuites><testsuite><testcase name="test_all_sequences[explore-6-6]" time="2"/><testcase name="test_bug_is_found[x]"/></testsuite></testsuites>')


@pytest.mark.parametrize("change, state", [({}, "good"), ({"result": "failed"}, "bad"), ({"result": "not run"}, "missing")])
def test_proofs(empty_out, monkeypatch, change, state):
    write_proofs(empty_out, monkeypatch, change)
    assert proofs.make().state == state


def test_proofs_are_whole_with_all_their_parts_only(empty_out, monkeypatch):
    write_proofs(empty_out, monkeypatch, is_old=True)
    assert proofs.make().state == "old"
    write_proofs(empty_out, monkeypatch)
    (empty_out / "test/model.xml").unlink()
    assert proofs.make().state == "missing"
    write_proofs(empty_out, monkeypatch, mutants=(7, 10, False))
    assert "7 of 10 killed" in str(proofs.make().body)
    write_proofs(empty_out, monkeypatch, mutants=(9, 10, True))
    assert proofs.make().state == "old" and "before these files were changed" in str(proofs.make().body)
    write_proofs(empty_out, monkeypatch, mutants=(0, 0, False))
    assert proofs.make().state == "missing"


def test_counted_mutants_belong_to_a_state_of_their_files(monkeypatch):
    one = proofs.counted("rights-shrink")
    assert one["made"] >= one["killed"] > 0 and all(survivor["reason"] for survivor in one["survivors"])
    monkeypatch.setattr(proofs.proof_file, "state", lambda proof, root: "another")
    assert proofs.counted("rights-shrink")["old"]
    assert proofs.counted("no-such-proof") is None


def test_conformance(empty_out):
    report = {"cases": [{"name": "a.b", "proves": "x", "result": "passed"}], "matrix": [{"invocation": "BH_A", "error": "BH_ERROR_X", "status": "tested", "where": ["a.c:1"]}]}
    write_json(empty_out, "test/conformance.json", report)
    write_json(empty_out, "test/random-calls.json", {"seed": 1, "calls": 10, "succeeded": 5})
    assert conformance.make().state == "missing"  # figures, and nobody who judged them
    (empty_out / "test/random.xml").write_text('<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>')
    assert conformance.make().state == "good"
    for change in ({"matrix": [{"invocation": "BH_A", "error": "BH_ERROR_X", "status": "missing"}]}, {"cases": [{"name": "a.b", "result": "not testable yet"}, *report["cases"]]}):
        write_json(empty_out, "test/conformance.json", {**report, **change})
        assert conformance.make().state == "missing"
    write_json(empty_out, "test/conformance.json", {**report, "cases": [{"name": "a.b", "result": "failed"}]})
    assert conformance.make().state == "bad"


def test_kernel_coverage_has_its_limit(empty_out, monkeypatch):
    monkeypatch.setattr(coverage, "is_older", lambda made, prefixes: False)
    project.write_record("coverage", {"programs": 1, "failed": [], "files": [{"file": "kernel/a.c", "lines": 10, "lines_hit": 10, "branches": 10, "branches_hit": 10}]}, ("kernel/",))
    for hit, state in ((90, "good"), (89, "bad")):
        write_json(empty_out, "test/kernel-coverage.json", {"files": [{"file": "kernel/a.c", "lines": 100, "lines_hit": 95, "branches": 100, "branches_hit": hit}],
                                                                   "excluded": [{"file": "kernel/a.c", "what": "x", "reason": "never & why"}]})
        assert coverage.make().state == state
        assert "never &amp; why" in "".join(map(str, coverage.make().body))


def test_two_builds_that_differ_are_bad(empty_out):
    rows = [{"file": "kernel/x", "bytes": 1, "first": "a", "second": "a"}]
    project.write_record("reproducible", {"products": rows}, ("kernel/",))
    assert reproducible.make().state == "good"
    project.write_record("reproducible", {"products": [*rows, {"file": "tasks/y", "bytes": 1, "first": "a", "second": None}]}, ("kernel/",))
    assert reproducible.make().state == "bad"


def test_results_of_tests_are_read(empty_out):
    (empty_out / "test").mkdir()
    (empty_out / "test/system.xml").write_text('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase></testsuite></testsuites>')
    (empty_out / "test/unit-x.log").write_text("1..2\nok 1 - a\nnot ok 2 - b\n")
    assert tests.read_suite(empty_out / "test/system.xml")[:3] == (1, 1, 1)
    assert tests.read_tap([empty_out / "test/unit-x.log"])[:3] == (1, 1, 0)
    assert tests.make().state == "bad"
