# SPDX-License-Identifier: MIT
"""The worst stack depth of each entry of the kernel, against its stack's size."""

from .. import call_graph
from ..markup import Number, bar, code, codes, join, paragraph, status, table, thousands
from ..section import Section, missing

ANCHOR, TITLE = "stack", "Stack depth"


def make():
    graph = call_graph.load()
    if graph is None:
        return missing(ANCHOR, TITLE, "There is no call graph in the build folder.", "build/all")
    if not graph.is_whole():
        return Section(ANCHOR, TITLE, "bad", "The depth has no bound: there is recursion, a call through a pointer, or a function of unknown code.", paragraph("See the call graph."))
    found = call_graph.entries(graph)
    unbounded = [graph.functions[title].name for title in graph.unbounded()]
    rows = [[code(entry.title), f"{entry.stack_name} stack", entry.depth, entry.on_top, entry.total, Number(entry.stack_size), bar(entry.total, entry.stack_size, "part of the stack used"),
             status("good" if entry.total <= entry.stack_size else "bad", "fits" if entry.total <= entry.stack_size else "too deep")] for entry in found]
    chains = [[code(entry.title), join((join([code(graph.functions[title].name), graph.functions[title].stack], " ") for title in entry.chain), " › ")] for entry in found]
    good = all(entry.total <= entry.stack_size for entry in found) and not unbounded
    worst = max(found, key=lambda entry: entry.total / entry.stack_size)
    verdict = f"The deepest entry uses {thousands(worst.total)} of {thousands(worst.stack_size)} bytes, an interruption at its deepest point included."
    if unbounded:
        verdict = f"Frames without a bound: {', '.join(unbounded)}."
    body = [
        paragraph("The frame of each C function is what gcc reports (", code("-fcallgraph-info=su"), "); of assembly every push counts, no pop. On the deepest chain from an entry comes the worst "
                  "that can come on top of it: the one window for interrupts, or a fatal exception with the panic that it leads to. System calls and traps from user mode start at the top of the "
                  "CPU's stack; NMI, #DF, #DB and #MC have stacks of their own (IST). Below each stack lies a page that is not mapped."),
        table(["Entry", "Runs on", "Deepest chain, bytes", "On top of it", "Together", "Stack's size", "Used", "Fits"], rows, "Worst stack depth of each entry", numbers=(2, 3, 4, 5)),
        table(["Entry", "Deepest chain, with the bytes of each frame"], chains, "The chains"),
    ]
    if unbounded:
        body.append(paragraph("The compiler cannot bound the frames of ", codes(unbounded), "."))
    return Section(ANCHOR, TITLE, "good" if good else "bad", verdict, *body)
