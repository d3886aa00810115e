# SPDX-License-Identifier: MIT
"""Lines of code by component, against the budgets."""

from .. import budgets
from ..markup import Number, bar, code, details, paragraph, status, table, thousands
from ..section import Section

ANCHOR, TITLE = "lines", "Lines of code"


def row(name, what, files, budget):
    lines = sum(files.values())
    if budget is None:
        return [code(name), what, len(files), lines, "none", "", ""]
    return [code(name), what, len(files), lines, Number(budget), bar(lines, budget, f"{lines} of {budget}"), status("good" if lines <= budget else "bad", "kept" if lines <= budget else "exceeded")]


def make():
    found = budgets.components()
    over = [name for name, _, files, budget in found if budget is not None and sum(files.values()) > budget]
    kernel = sum(found[0][2].values())
    rows = [row(*component) for component in found]
    files = [[code(file), lines] for file, lines in sorted(found[0][2].items(), key=lambda item: (-item[1], item[0]))]
    verdict = f"The kernel has {thousands(kernel)} lines of {thousands(budgets.KERNEL_LINES)} allowed; "
    verdict += "every component keeps its budget." if not over else f"over budget: {', '.join(over)}."
    return Section(
        ANCHOR, TITLE, "bad" if over else "good", verdict,
        paragraph("Counted by ", code("cloc"), ": without blank lines and comments, headers included. The kernel and each device model have a budget, "
                  "which ", code("build/test budgets"), " enforces."),
        table(["Component", "What it is", "Files", "Lines", "Budget", "Used", "Budget kept"], rows, "Lines of code by component", numbers=(2, 3, 4)),
        details("The kernel, file by file", table(["File", "Lines"], files, "Lines of the kernel by file", numbers=(1,))))
