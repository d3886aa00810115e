# SPDX-License-Identifier: MIT
"""Pictures by graphviz, made to stand in the page: colours come from the page's style sheet, so that they fit light, dark and print."""

import re
import subprocess

from .markup import Markup, element


def quote(value):
    """Graphviz' own escapes, such as \\n, stay: no name in C holds a backslash."""
    return '"' + str(value).replace('"', '\\"') + '"'


def attributes(values):
    return "[" + ", ".join(f"{name.rstrip('_')}={quote(value)}" for name, value in values.items()) + "]"


class Graph:
    """A directed graph in graphviz' words. Nodes of a cluster stand in one frame with its label."""

    def __init__(self, **settings):
        self.settings = {"rankdir": "LR", "fontname": "Helvetica", "fontsize": 11, "bgcolor": "transparent", **settings}
        self.clusters, self.lines = {}, []

    def node(self, name, label=None, cluster=None, **values):
        line = f"{quote(name)} {attributes({'label': label if label is not None else name, **values})};"
        if cluster is None:
            self.lines.append(line)
        else:
            self.clusters.setdefault(cluster, []).append(line)

    def edge(self, source, target, **values):
        self.lines.append(f"{quote(source)} -> {quote(target)} {attributes(values)};")

    def source(self):
        parts = ["digraph {", *(f"{name}={quote(value)};" for name, value in self.settings.items()),
                 'node [shape=box, style="rounded,filled", fillcolor="white", fontname="Helvetica", fontsize=11, height=0.25, margin="0.1,0.04"];',
                 'edge [arrowsize=0.6, fontname="Helvetica", fontsize=9];']
        for number, (label, lines) in enumerate(self.clusters.items()):
            parts += [f"subgraph cluster_{number} {{ label={quote(label)}; labeljust=l; style=rounded; class=cluster;", *lines, "}"]
        return "\n".join([*parts, *self.lines, "}"])


def have_graphviz():
    try:
        return subprocess.run(["dot", "-V"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def clean(svg):
    """The <svg> element alone, without what belongs to a document of its own, and without colours and ids."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    width = float(re.search(r'width="([\d.]+)pt"', svg).group(1))
    svg = re.sub(r'<svg width="[\d.]+pt" height="[\d.]+pt"', f'<svg style="width:{width * 4 / 3:.0f}px"', svg, count=1)
    svg = re.sub(r' (id|xmlns(:xlink)?|font-family)="[^"]*"', "", svg)
    svg = re.sub(r' (fill|stroke)="(?!none)[^"]*"', "", svg)
    # The name of a node or edge as a tool tip is of use; an empty one is not. `a&#45;&gt;b` reads as an arrow.
    svg = svg.replace("&#45;&gt;", " → ").replace("&#45;", "-")
    # The whole drawing's own title says nothing but graphviz' name for it, and the background is the page's.
    svg = re.sub(r'<title>(%3|G)</title>\n?', "", svg)
    svg = re.sub(r'<polygon fill="none" stroke="none" points="[^"]*"/>\n', "", svg, count=1)
    return re.sub(r"\n+", "\n", svg).strip()


def draw(graphs, labels):
    """The SVG of each graph, as Markup; `labels` are read aloud in their place. A program start for all of them."""
    result = subprocess.run(["dot", "-Tsvg"], input="\n".join(graph.source() for graph in graphs), capture_output=True, text=True, check=True)
    found = re.findall(r"<svg.*?</svg>", result.stdout, re.DOTALL)
    return [Markup(clean(svg).replace("<svg ", f"<svg role=\"img\" aria-label={quote_html(label)} ", 1)) for svg, label in zip(found, labels, strict=True)]


def quote_html(label):
    return re.search(r"(\".*\")", element("i", title=label)).group(1)
