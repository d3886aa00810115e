# SPDX-License-Identifier: MIT
"""Conformance: the cases that try the kernel's contract from user mode, and the (invocation, error) matrix of the ABI reference."""

import collections
import re
import xml.etree.ElementTree as tree

from .. import project
from ..markup import Number, code, codes, details, element, join, paragraph, percent, status, table, thousands
from ..section import Section, missing, worst
from .tests import read_suite

ANCHOR, TITLE = "conformance", "Conformance"
RESULT = {"passed": "good", "failed": "bad"}
ROW = re.compile(r"^(BH_\w+)\s+(BH_ERROR_\w+)\s+(.*)$")


def cases_of(report):
    """[{"name", "proves", "result"}] of the last complete run."""
    if report and report.get("cases"):
        return report["cases"]
    path = project.OUT / "test/conformance.xml"
    try:
        suites = tree.parse(path).getroot()
    except (OSError, tree.ParseError):
        return []
    found = []
    for case in suites.iter("testcase"):
        name = re.search(r"\[(.*)\]$", case.get("name", ""))
        bad = case.find("failure") is not None or case.find("error") is not None
        found.append({"name": name.group(1) if name else case.get("name"), "proves": "", "result": "failed" if bad else "not run" if case.find("skipped") is not None else "passed"})
    return found


def matrix_of(report):
    """[{"invocation", "error", "status", "where", "reason"}]: of the report, or as the suite itself says without running."""
    if report and report.get("matrix"):
        return report["matrix"]
    result = project.run(["/usr/bin/python3", project.ROOT / "tests/conformance/run.py", "--coverage"])
    rows = []
    for line in result.stdout.split("\n"):
        match = ROW.match(line)
        if match:
            where = match.group(3)
            state = "unreachable" if where == "cannot be reached" else "missing" if where == "NO CASE" else "tested"
            rows.append({"invocation": match.group(1), "error": match.group(2), "status": state, "where": where.split() if state == "tested" else []})
    return rows


def matrix_table(rows):
    """A row an invocation, a column an error: a sign in each documented place, the test's place behind it."""
    short = lambda name: name.removeprefix("BH_ERROR_").replace("_", " ").lower()  # noqa: E731 (two words, used here alone)
    errors = sorted({row["error"] for row in rows})
    by_invocation = collections.defaultdict(dict)
    for row in rows:
        by_invocation[row["invocation"]][row["error"]] = row
    signs = {"tested": ("good", "●", "tested"), "unreachable": ("note", "–", "cannot be reached"), "missing": ("missing", "○", "no test")}

    def cell(row):
        if row is None:
            return ""
        state, sign, words = signs.get(row["status"], signs["missing"])
        where = ", ".join(row.get("where") or []) or row.get("reason", "")
        return element("span", sign, class_=f"mark {state}", title=f"{row['invocation']}, {row['error']}: {words} {where}".strip(), role="img", aria_label=words)

    body = [[code(invocation.removeprefix("BH_")), *(cell(columns.get(error)) for error in errors)] for invocation, columns in by_invocation.items()]
    heads = [element("span", short(error), class_="upright") for error in errors]
    return element("div", table(["Invocation", *heads], body, "(invocation, error): ● tested, – cannot be reached from user mode, ○ no test; empty: not an error of this invocation"), class_="matrix")


def matrix_list(rows):
    cells = [[code(row["invocation"]), code(row["error"]), status("good" if row["status"] == "tested" else "note" if row["status"] == "unreachable" else "missing", row["status"]),
              codes(row.get("where") or []) or row.get("reason", "")] for row in rows]
    return details(f"The same as a list, with the place of each test: {len(rows)} rows", table(["Invocation", "Error", "State", "Where"], cells, "Rows of the ABI reference and their tests"))


def random_calls():
    report = project.read_json(project.OUT / "test/random-calls.json")
    if not report:
        return paragraph(status("missing"), " No run of random system calls has left its figures."), "missing"
    # The figures alone say nothing of what was asked of them: that is what the group's own result says.
    try:
        passed, failed, skipped, _ = read_suite(project.OUT / "test/random.xml")
        state = "bad" if failed else "good" if passed and not skipped else "missing"
    except (OSError, tree.ParseError):
        state = "missing"
    head = paragraph(status(state, {"good": "passed", "bad": "failed"}.get(state)), f" Random system calls: {thousands(report.get('calls', 0))} calls from seed ",
                     code(report.get("seed", "?")), f", {thousands(report.get('succeeded', 0))} succeeded (", percent(report.get("succeeded", 0), report.get("calls", 0)).shown, ").")
    rows = [[code(row.get("object", "")), code(row.get("invocation", "")), row.get("calls", 0), sum((row.get("errors") or {}).values()), len(row.get("errors") or {})] for row in report.get("rows", [])]
    body = details("Histogram of the random calls", table(["Object", "Invocation", "Calls", "Refused", "Different errors"], rows, "Random system calls by object and invocation", numbers=(2, 3, 4))) if rows else ""
    return join([head, body]), state


def make():
    report = project.read_json(project.OUT / "test/conformance.json")
    cases, matrix = cases_of(report), matrix_of(report)
    random_part, random_state = random_calls()
    if not cases:
        return missing(ANCHOR, TITLE, "The conformance suite was not run.", "build/test conformance")
    counts = collections.Counter(case.get("result", "not run") for case in cases)
    states = ["bad"] if counts["failed"] else ["good" if counts["passed"] else "missing"]
    holes = [row for row in matrix if row["status"] == "missing"]
    tested = sum(row["status"] == "tested" for row in matrix)
    states += ["missing"] if holes or not matrix or counts["not run"] or counts["not testable yet"] else []
    states.append(random_state)
    kernel = project.OUT / "kernel/bulkhead.elf32"
    if report and report.get("kernel_sha256") and kernel.exists() and report["kernel_sha256"] != project.file_hash(kernel):
        states.append("old")
    said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: item[0] != "passed"))
    verdict = f"Cases: {said}. Rows of the ABI reference: {tested} of {len(matrix)} tested, {len(holes)} without a test."
    rows = [[code(case["name"]), case.get("proves", ""), case.get("elsewhere") or "", status(RESULT.get(case.get("result"), "missing"), case.get("result", "not run"))] for case in cases]
    failed = [row for row, case in zip(rows, cases, strict=True) if case.get("result") != "passed"]
    body = [paragraph("A root task of its own tries each kernel object from user mode, on the real kernel. Each case says in one line what it proves.")]
    if failed:
        body.append(table(["Case", "What it proves", "Wrong elsewhere", "Result"], failed, "Cases that did not pass"))
    groups = collections.Counter(case.get("group") or case["name"].split(".")[0] for case in cases)
    good = collections.Counter(case.get("group") or case["name"].split(".")[0] for case in cases if case.get("result") == "passed")
    body += [
        table(["Group", "Cases", "Passed"], [[code(name), count, Number(good[name])] for name, count in sorted(groups.items())], "Groups of cases", numbers=(1, 2)),
        details(f"All {len(cases)} cases", table(["Case", "What it proves", "Wrong elsewhere", "Result"], rows, "Cases")),
        matrix_table(matrix) if matrix else paragraph(status("missing"), " The matrix could not be read."), matrix_list(matrix) if matrix else "", random_part]
    return Section(ANCHOR, TITLE, worst(states), verdict, *body)
