# SPDX-License-Identifier: MIT
"""The other groups of build/test: what ran, how many passed, when."""

import datetime
import xml.etree.ElementTree as tree

from .. import project
from ..markup import Number, code, details, element, paragraph, status, table
from ..section import Section, missing, worst

ANCHOR, TITLE = "tests", "Tests"
ABOUT = {
    "unit": "the project's own files on the host, with address and undefined-behaviour sanitizers", "fuzz": "device models and the manifest reader on inputs made by libFuzzer",
    "model": "the capability code against a reference model", "random": "random system calls, the kernel's invariants swept meanwhile", "bench": "instruction counts against their ceilings",
    "docs": "what the documents say is so", "tool": "the host tool, and each message about a bad appliance file", "conformance": "the kernel's contract, from user mode", "translations": "flushes of translations, in Bochs too",
    "system": "whole appliances with unmodified guests", "evidence": "this page's generator"}


def read_suite(path):
    """(passed, failed, skipped, [names that failed or were skipped]) of a JUnit file."""
    passed, failed, skipped, names = 0, 0, 0, []
    for case in tree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            names.append((case.get("name"), "failed"))
        elif case.find("skipped") is not None:
            skipped += 1
            names.append((case.get("name"), "skipped"))
        else:
            passed += 1
    return passed, failed, skipped, names


def read_tap(paths):
    passed, failed, names = 0, 0, []
    for path in paths:
        for line in path.read_text(errors="replace").split("\n"):
            if line.startswith("ok "):
                passed += 1
            elif line.startswith("not ok "):
                failed += 1
                names.append((f"{path.stem}: {line[7:]}", "failed"))
    return passed, failed, 0, names


def read_fuzzers(paths):
    """A fuzzer that ended well has said how many inputs it tried, and has found nothing."""
    names = [(path.stem, "failed") for path in paths if "stat::number_of_executed_units" not in path.read_text(errors="replace") or "ERROR:" in path.read_text(errors="replace")]
    return len(paths) - len(names), len(names), 0, names


def groups():
    """[(group, passed, failed, skipped, names, time of the file)] of what has left results; None for what has not."""
    found = []
    for group in ABOUT:
        path = project.OUT / f"test/{group}.xml"
        taps = sorted((project.OUT / "test").glob("unit-*.log")) if group == "unit" else []
        logs = sorted((project.OUT / "test").glob("fuzz_*.log")) if group == "fuzz" else []
        try:
            counts = read_fuzzers(logs) if logs else read_tap(taps) if taps else read_suite(path)
        except (OSError, tree.ParseError):
            found.append((group, None, None))
            continue
        made = max(one.stat().st_mtime for one in (taps or logs or [path]))
        found.append((group, counts, made))
    return found


def is_older(made, prefixes=(*project.PROGRAMS, "tests/")):
    """Whether a source file or a test changed after these results were made."""
    newest = max(((project.ROOT / name).stat().st_mtime for name in project.source_files(prefixes)), default=0)
    return made < newest


def make():
    found = groups()
    if all(counts is None for _, counts, _ in found):
        return missing(ANCHOR, TITLE, "No group of tests was run.", "build/test")
    rows, states, bad, total = [], [], [], 0
    for group, counts, made in found:
        if counts is None:
            rows.append([code(group), ABOUT[group], "", "", "", "", status("missing", "not run")])
            states.append("missing")
            continue
        passed, failed, skipped, names = counts
        total += passed
        state = "bad" if failed else "missing" if passed == 0 else "old" if is_older(made) else "good"
        states.append(state)
        bad += [[code(group), name, status("bad" if result == "failed" else "missing", result)] for name, result in names]
        when = datetime.datetime.fromtimestamp(made, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        rows.append([code(group), ABOUT[group], Number(passed), Number(failed), Number(skipped), element("time", when), status(state, {"good": "passed", "bad": "failed"}.get(state))])
    waiting = [group for group, counts, _ in found if counts is None]
    failed = sum(counts[1] for _, counts, _ in found if counts)
    verdict = f"{total} passed, {failed} failed" + (f"; not run: {', '.join(waiting)}." if waiting else ".")
    body = [paragraph("Results of the last run of each group of ", code("build/test"), ". One from before the last change of sources or tests is shown as being of an older tree."),
            table(["Group", "What it tries", "Passed", "Failed", "Skipped", "Finished (UTC)", "Result"], rows, "Groups of tests", numbers=(2, 3, 4))]
    if bad:
        body.append(details(f"Not passed: {len(bad)}", table(["Group", "Test", "Result"], bad, "Tests that failed or were skipped"), opened=True))
    return Section(ANCHOR, TITLE, worst(states), verdict, *body)
