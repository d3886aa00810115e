# SPDX-License-Identifier: MIT
"""The two-build check: the same sources, built in two folders, give the same bytes."""

from .. import project
from ..markup import code, details, paragraph, status, table
from ..section import Section, freshness, missing, state_of

ANCHOR, TITLE = "reproducible", "Reproducible build"


def make():
    record = project.read_record("reproducible")
    if record is None or not record.data["products"]:
        return missing(ANCHOR, TITLE, "The build was not repeated.", "build/check-budgets reproducible")
    rows, different = [], []
    for product in record.data["products"]:
        same = product["first"] == product["second"]
        if not same:
            different.append(product["file"])
        rows.append([code(product["file"]), product["bytes"], code(product["first"]), status("good", "the same") if same else status("bad", product["second"] or "was not built")])
    state = state_of(record, not different)
    verdict = f"{len(rows)} products, built twice in different folders: the same bytes." if not different else f"These differ between two builds: {', '.join(different)}."
    return Section(ANCHOR, TITLE, state, verdict, freshness(record),
                   paragraph("The sources are copied to another folder and built there from nothing; then the SHA-256 of every product is compared."),
                   details(f"The {len(rows)} products", table(["Product", "Bytes", "SHA-256 of the first build", "Second build"], rows, "Products of two builds", numbers=(1,))))
