# SPDX-License-Identifier: MIT
"""Static analysis: what each tool said, and each deviation with its reason."""

from .. import analysis, project
from ..markup import Number, code, details, paragraph, status, table, unordered
from ..section import Section, freshness, missing, state_of, worst

ANCHOR, TITLE = "analysis", "Static analysis"


def part(name):
    """(state, row, body) of one tool."""
    record = project.read_record(f"analysis-{name}")
    title = analysis.TITLES[name]
    if record is None:
        return "missing", [title, "", "", "", "", status("missing", "not run")], []
    data = record.data
    state = state_of(record, not data["open"])
    deviated = sum(one["count"] for one in data["deviations"])
    row = [title, data["version"], code(data["scope"]), Number(len(data["open"])), Number(deviated), status(state, {"good": "clean", "bad": "findings"}.get(state))]
    body = [freshness(record)]
    if data["open"]:
        body.append(unordered(code(finding) for finding in data["open"]))
    if data["deviations"]:
        rows = [[code(one["rule"]), one["about"], "all files" if one["where"] == "*" else code(one["where"]), one["count"], one["reason"]] for one in data["deviations"]]
        body.append(table(["Rule", "What it asks", "Where", "Findings", "Why they stay"], rows, f"Deviations: {title}", numbers=(3,)))
    if data["switched_off"]:
        rows = [[code(one["rule"]), one["reason"]] for one in data["switched_off"]]
        body.append(table(["Check", "Why it is not asked for"], rows, f"Checks that are switched off: {title}"))
    return state, row, [details(f"{title}: {len(data['open'])} findings, {len(data['deviations'])} deviations", *body)]


def make():
    parts = [part(name) for name in analysis.TOOLS]
    states = [state for state, _, _ in parts]
    if set(states) == {"missing"}:
        return missing(ANCHOR, TITLE, "No analyzer was run.", "build/lint tidy fanalyzer cppcheck misra")
    verdict = {"good": "Every finding is mended or has a written reason.", "bad": "There are findings without a reason.",
               "missing": "Some analyzers were not run.", "old": "Clean when last run, on an older tree."}[worst(states)]
    return Section(
        ANCHOR, TITLE, worst(states), verdict,
        paragraph("Beside the compiler, which takes every warning of ", code("-Wall -Wextra -Wconversion"), " for an error. Findings that stay are listed with their reasons in ",
                  code("build/deviations.toml"), "; one that no entry covers fails ", code("build/lint"), ". Of MISRA C:2012 the rules' texts are not ours to print: the words are our own."),
        table(["Tool", "Version", "Scope", "Open findings", "Deviations", "Result"], [row for _, row, _ in parts], "Analyzers", numbers=(3, 4)),
        *(piece for _, _, body in parts for piece in body))
