# SPDX-License-Identifier: MIT
"""The kernel's call graph as pictures, and the proof that nothing in it calls itself."""

import collections
import pathlib

from .. import call_graph, pictures
from ..markup import code, codes, details, figure, join, paragraph, table, unordered
from ..section import Section, missing

ANCHOR, TITLE = "call-graph", "Call graph, and no recursion"


def calls_between(graph, group):
    """{(from, to): number of calls} between the groups that group(function) names; calls within a group are left out."""
    counts = collections.Counter()
    for title, function in graph.functions.items():
        for callee in graph.callees(title):
            pair = (group(function), group(graph.functions[callee]))
            if pair[0] != pair[1]:
                counts[pair] += 1
    return counts


def folder_of(function):
    return str(pathlib.PurePath(function.file).parent)


def by_folder(graph):
    """Which folder calls into which, with the number of calls."""
    picture = pictures.Graph(ranksep=0.9, nodesep=0.35)
    functions = collections.Counter(folder_of(function) for function in graph.functions.values())
    for folder, count in sorted(functions.items()):
        picture.node(folder, f"{folder}\\n{count} functions", class_="function")
    for (source, target), count in sorted(calls_between(graph, folder_of).items()):
        picture.edge(source, target, label=f" {count} ", penwidth=f"{min(4, 0.7 + count / 40):.1f}", tooltip=f"{source} → {target}: {count} calls")
    return picture


def everybodys(graph):
    """Files that more than a sixth of the others call, such as the log: arrows to them would hide all others."""
    files = {function.file for function in graph.functions.values()}
    callers = collections.Counter(target for _, target in calls_between(graph, lambda function: function.file))
    return sorted(file for file, count in callers.items() if count > len(files) / 6)


def by_file(graph):
    """Which file calls into which: one node a file, in a frame for each folder; a thicker line stands for more calls."""
    picture = pictures.Graph(ranksep=1.3, nodesep=0.16)
    common = everybodys(graph)
    for file in sorted({function.file for function in graph.functions.values()}):
        path = pathlib.PurePath(file)
        picture.node(file, path.name, cluster=str(path.parent), class_="assembly" if file.endswith(".S") else "outside" if file in common else "function", tooltip=file)
    for (source, target), count in sorted(calls_between(graph, lambda function: function.file).items()):
        if target not in common:
            picture.edge(source, target, penwidth=f"{min(4, 0.6 + count / 6):.1f}", tooltip=f"{source} → {target}: {count} calls")
    return picture


def of_file(graph, file):
    """The functions of one file, those that they call and that call them in other files as nodes outside the frame."""
    picture = pictures.Graph(ranksep=0.7, nodesep=0.1)
    own = sorted(title for title, function in graph.functions.items() if function.file == file)
    edges, others = set(), set()
    for title in own:
        for callee in graph.callees(title):
            edges.add((title, callee))
        for caller in graph.callers[title]:
            edges.add((caller, title))
    for title in own:
        picture.node(title, graph.functions[title].name, cluster=file, class_="assembly" if graph.functions[title].is_assembly else "function",
                     tooltip=f"{graph.functions[title].name}, line {graph.functions[title].line}, {graph.functions[title].stack} bytes of stack")
    for edge in edges:
        others |= set(edge) - set(own)
    for title in sorted(others):
        function = graph.functions[title]
        picture.node(title, function.name, class_="outside", tooltip=f"{function.name} in {function.file}")
    for source, target in sorted(edges):
        picture.edge(source, target)
    return picture


def whole(graph):
    """Every function, in a frame for each file."""
    picture = pictures.Graph(ranksep=1.2, nodesep=0.06)
    for title, function in sorted(graph.functions.items()):
        picture.node(title, function.name, cluster=function.file, class_="assembly" if function.is_assembly else "function",
                     tooltip=f"{function.name}: {function.file}, line {function.line}")
    for title in sorted(graph.functions):
        for callee in graph.callees(title):
            picture.edge(title, callee)
    return picture


def proof(graph, levels):
    rows = [[code(graph.functions[title].name), code(graph.functions[title].file), levels[title], graph.functions[title].stack,
             codes(f"{graph.functions[callee].name} {levels[callee]}" for callee in graph.callees(title)) or "none"]
            for title in sorted(levels, key=lambda title: (-levels[title], graph.functions[title].file, title))]
    return details(f"The proof: {len(rows)} functions with their levels",
                   table(["Function", "File", "Level", "Frame, bytes", "Calls (with their levels)"], rows, "Every function of the kernel with its level", numbers=(2, 3)))


def drawings(graph):
    if not pictures.have_graphviz():
        return [paragraph("The pictures are missing: graphviz is not installed (", code("build/setup test"), ").")]
    files = sorted({function.file for function in graph.functions.values()})
    labels = ["The kernel's folders, and which calls into which", "The kernel's files, and which calls into which", "All functions of the kernel and their calls",
              *(f"Functions of {file}" for file in files)]
    folders, by_files, everything, *each = pictures.draw([by_folder(graph), by_file(graph), whole(graph), *(of_file(graph, file) for file in files)], labels)
    return [
        figure(folders, "By folder. An arrow leads from the caller's folder to the callee's, with the number of places that call."),
        details("By file", figure(by_files, join(["Calls within a file are not drawn, nor those of files that more than a sixth of all others call: ", codes(everybodys(graph)), "."]))),
        details("By function, one file at a time", paragraph("Functions of other files stand outside the frame, paler."),
                join(details(code(file), figure(picture, f"Functions of {file}, their callers and callees.")) for file, picture in zip(files, each, strict=True))),
        details("By function, the whole kernel in one drawing", figure(everything, "Every function and every call. Large: scroll, or zoom out.")),
    ]


def make():
    graph = call_graph.load()
    if graph is None:
        return missing(ANCHOR, TITLE, "There is no call graph in the build folder.", "build/all")
    levels, rest = graph.levels()
    calls = sum(len(graph.callees(title)) for title in graph.functions)
    problems = [f"recursion: {', '.join(cycle)}" for cycle in graph.cycles()]
    problems += [f"calls through pointers in {', '.join(graph.indirect())}"] if graph.indirect() else []
    problems += [f"functions of unknown code are called: {', '.join(graph.unknown())}"] if graph.unknown() else []
    dead = [graph.functions[title].name for title in graph.roots() if not graph.functions[title].is_assembly]
    good = not problems and not rest
    verdict = f"{len(graph.functions)} functions, {calls} calls between them: no recursion, no call through a pointer." if good else "; ".join(problems).capitalize() + "."
    body = [
        paragraph("C functions and their calls are what gcc wrote beside each object file when it compiled this kernel (", code("-fcallgraph-info=su"), "): after inlining, "
                  "so a small function may stand in its caller. Assembly is read from its sources. Nothing in the kernel calls through a pointer, so the graph is complete."),
        paragraph("That there is no recursion is shown by levels: a function that calls none has level 0, any other one more than the highest level that it calls. "
                  "Each function below has such a number, and each calls only lower ones. With a cycle no such numbers could exist."),
    ]
    if problems:
        body.append(unordered(problems))
    if dead:
        body.append(paragraph("Compiled for their callers in other files, which have all taken a copy of their own, or not called: ", codes(dead), "."))
    body += drawings(graph)
    if good:
        body.append(proof(graph, levels))
    return Section(ANCHOR, TITLE, "good" if good else "bad", verdict, *body)
