# SPDX-License-Identifier: MIT
"""Versions and hashes of everything that went in, and of what came out. The same stands beside the page as an SPDX document."""

from .. import project, sbom
from ..markup import code, details, element, paragraph, status, table
from ..section import Section

ANCHOR, TITLE = "parts", "What went in"
FILE = "bulkhead.spdx.json"
GROUPS = (("In our programs", ("STATIC_LINK", "DYNAMIC_LINK")), ("What builds them", ("BUILD_TOOL_OF",)), ("In images that bulkhead build makes, and what makes them", ("RUNTIME_DEPENDENCY_OF",)),
          ("What tests them", ("TEST_TOOL_OF",)), ("What the examples run", ("EXAMPLE_OF",)))


def part_row(part):
    return [code(part.name), part.version if part.is_there else status("missing", "not here"), part.role, code(part.sha256) if part.sha256 else ""]


def make():
    parts, files = sbom.write(project.EVIDENCE / FILE)
    commit, is_changed = project.commit()
    absent = [part.name for part in parts if not part.is_there]
    inside = [part.name for part in parts if not part.is_there and part.relation.endswith("LINK")]
    state = "missing" if inside or not files else "note"
    verdict = f"{sum(part.is_there for part in parts)} parts, {len(files)} programs" + (f"; not on this machine: {', '.join(absent)}." if absent else ".")
    body = [
        paragraph("Commit ", code(commit or "none"), ", with changes that are not committed" if is_changed else "", ". SHA-256 over all source files: ", code(project.tree_hash()), ". As SPDX 2.3: ",
                  element("a", FILE, href=FILE), "."),
        table(["Program", "Bytes", "SHA-256"], [[code(name), size, code(sha256)] for name, size, sha256 in files], "What came out", numbers=(1,)),
    ]
    for title, relations in GROUPS:
        chosen = [part_row(part) for part in parts if part.relation in relations]
        body.append(table(["Package", "Version", "What for", "SHA-256"], chosen, title) if relations[0] != "TEST_TOOL_OF" else details(title, table(["Package", "Version", "What for", "SHA-256"], chosen, title)))
    return Section(ANCHOR, TITLE, state, verdict, *body)
