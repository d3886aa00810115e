# SPDX-License-Identifier: MIT
"""The page itself: head, table of what is shown, sections. One file without references to others, but for the SPDX document beside it."""

import pathlib
import traceback

from . import project, sections
from .markup import code, element, join, paragraph, status, table
from .section import Section

STYLE = pathlib.Path(__file__).with_name("style.css")
# Closed parts are opened for the printer, and closed again.
PRINTING = """
const closed = [];
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((part) => { closed.push(part); part.open = true; }));
addEventListener("afterprint", () => closed.splice(0).forEach((part) => { part.open = false; }));
addEventListener("hashchange", () => { let part = document.querySelector(location.hash); while (part) { if (part.tagName === "DETAILS") part.open = true; part = part.parentElement; } });
"""


def make_section(module):
    """A section that fails is shown as missing, with the reason: the rest of the page is of use all the same."""
    try:
        return module.make()
    except Exception as reason:  # pylint: disable=broad-except (whatever it is, the page must say it)
        traceback.print_exc()
        return Section(module.ANCHOR, module.TITLE, "missing", f"Could not be made: {type(reason).__name__}: {reason}")


def render(made):
    """The whole page from sections."""
    commit, is_changed = project.commit()
    bad = [one for one in made if one.state == "bad"]
    open_ = [one for one in made if one.state in ("missing", "old")]
    if bad:
        words = f"{len(bad)} of {len(made)} sections show something that does not hold."
    elif open_:
        words = f"Nothing here is known to fail. {len(open_)} of {len(made)} sections are missing something, or are of an older tree."
    else:
        words = "Everything on this page holds for this tree."
    rows = [[element("a", one.title, href=f"#{one.anchor}"), status(one.state), one.verdict] for one in made]
    head = element("header", element("p", "Bulkhead", class_="name"), element("h1", "Evidence"), paragraph(words, class_="lead"),
                   paragraph("Commit ", code(commit[:12] or "none"), " with changes that are not committed" if is_changed else "", ", made ", element("time", project.now()), ".", class_="made"))
    contents = element("nav", element("ol", *(element("li", element("a", one.title, href=f"#{one.anchor}"), " ", element("span", status(one.state), class_="small")) for one in made)), aria_label="Sections")
    overview = element("section", element("h2", "What this page shows"), table(["Section", "State", "In a sentence"], rows, "Sections and their states"),
                       paragraph("✓ holds, ✗ does not hold, ○ was not run or has no result, ◐ was found out about an older tree, · is for information. What is missing is never counted as passed.", class_="made"), id="overview")
    body = join(element("section", element("h2", f"{number}. {one.title}"), paragraph(status(one.state), " ", one.verdict, class_="verdict"), *one.body, id=one.anchor, aria_label=one.title)
                for number, one in enumerate(made, 1))
    style = STYLE.read_text()
    skip = element("a", "To the contents", class_="skip", href="#overview")
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
            f"<title>Bulkhead: evidence</title>\n<style>\n{style}</style>\n</head>\n<body>\n{skip}\n{head}\n<div class=\"columns\">\n{contents}\n"
            f"<main>\n{overview}\n{body}\n</main>\n</div>\n<script>{PRINTING}</script>\n</body>\n</html>\n")


def write():
    """Makes and writes the page; returns its sections."""
    project.EVIDENCE.mkdir(parents=True, exist_ok=True)
    made = [make_section(module) for module in sections.ALL]
    unfinished = project.EVIDENCE / "index.html.new"
    unfinished.write_text(render(made))
    unfinished.replace(project.EVIDENCE / "index.html")
    return made
