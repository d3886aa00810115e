# SPDX-License-Identifier: MIT
"""Coverage by file: lines and branches that the unit tests, and of the kernel the conformance suite, took."""

from .. import project
from ..markup import bar, code, details, paragraph, percent, status, table, thousands
from ..section import Section, freshness, missing, worst
from .tests import is_older

ANCHOR, TITLE = "coverage", "Coverage"
KERNEL_BRANCHES = 90  # per cent, by conformance alone


def totals(files):
    return [sum(file[key] for file in files) for key in ("lines", "lines_hit", "branches", "branches_hit")]


def files_table(files, caption):
    rows = [[code(file["file"]), file["lines"], percent(file["lines_hit"], file["lines"]), bar(file["lines_hit"], file["lines"], "lines"), file["branches"],
             percent(file["branches_hit"], file["branches"]), bar(file["branches_hit"], file["branches"], "branches")] for file in sorted(files, key=lambda file: file["file"])]
    lines, lines_hit, branches, branches_hit = totals(files)
    foot = ["together", lines, percent(lines_hit, lines), "", branches, percent(branches_hit, branches), ""]
    return table(["File", "Lines", "Taken", "", "Branches", "Taken", ""], rows, caption, numbers=(1, 2, 4, 5), foot=foot)


def folders_table(files):
    folders = {}
    for file in files:
        folders.setdefault("/".join(file["file"].split("/")[:2]) if file["file"].count("/") > 1 else file["file"].split("/")[0], []).append(file)
    rows = []
    for folder, inside in sorted(folders.items()):
        lines, lines_hit, branches, branches_hit = totals(inside)
        rows.append([code(folder), len(inside), lines, percent(lines_hit, lines), bar(lines_hit, lines, "lines"), branches, percent(branches_hit, branches), bar(branches_hit, branches, "branches")])
    return table(["Folder", "Files", "Lines", "Taken", "", "Branches", "Taken", ""], rows, "Unit tests: coverage by folder", numbers=(1, 2, 3, 5, 6))


def kernel_part():
    """(body, state, words) of the kernel's coverage by conformance."""
    report = project.read_json(project.OUT / "test/kernel-coverage.json")
    if not report or not report.get("files"):
        return [paragraph(status("missing"), " The kernel's coverage by the conformance suite was not measured.")], "missing", "the kernel's by conformance is missing"
    _, _, branches, hit = totals(report["files"])
    share = percent(hit, branches)
    good = hit * 100 >= KERNEL_BRANCHES * branches
    is_old = is_older((project.OUT / "test/kernel-coverage.json").stat().st_mtime, ("kernel/", "tests/conformance/"))
    state = "bad" if not good else "old" if is_old else "good"
    body = [paragraph(status(state, f"{share.shown} of the kernel's branches"), f" are taken by the conformance suite alone; asked for are {KERNEL_BRANCHES} %.")]
    excluded = report.get("excluded") or []
    if excluded:
        everything, taken = report.get("branches_with_excluded", branches), report.get("branches_hit_with_excluded", hit)
        rows = [[code(one["file"]), code(one["what"]), one["reason"]] for one in excluded]
        body += [paragraph(f"Left out are branches that no task can reach, {len(excluded)} entries; with them it is ", percent(taken, everything).shown, f" of {thousands(everything)}."),
                 details("What is left out, and why", table(["File", "What", "Why it cannot be reached"], rows, "Branches that no task can reach"))]
    body.append(details("The kernel by conformance, file by file", files_table(report["files"], "Kernel: coverage by the conformance suite")))
    return body, state, f"conformance takes {share.shown} of the kernel's branches"


def make():
    record = project.read_record("coverage")
    kernel_body, kernel_state, kernel_words = kernel_part()
    if record is None:
        if kernel_state == "missing":
            return missing(ANCHOR, TITLE, "Coverage was not measured.", "build/evidence coverage")
        unit_body, unit_state, unit_words = [paragraph(status("missing"), " The unit tests' coverage was not measured.")], "missing", "that of the unit tests is missing"
    else:
        files = record.data["files"]
        lines, lines_hit, branches, branches_hit = totals(files)
        unit_words = f"unit tests take {percent(lines_hit, lines).shown} of the lines and {percent(branches_hit, branches).shown} of the branches of the files they link"
        unit_state = "bad" if record.data["failed"] else "good" if record.is_current else "old"
        unit_body = [freshness(record), paragraph(f"{record.data['programs']} programs, {len(files)} files. Files that no unit test links are not in the list: they are tried in the whole machine only."),
                     folders_table(files), details("Unit tests, file by file", files_table(files, "Unit tests: coverage by file"))]
    return Section(ANCHOR, TITLE, worst([unit_state, kernel_state]), f"{unit_words[0].upper()}{unit_words[1:]}; {kernel_words}.",
                   paragraph("By gcc's counters: a branch is one way out of a condition in the compiled code."), *kernel_body, *unit_body)
