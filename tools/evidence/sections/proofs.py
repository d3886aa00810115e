# SPDX-License-Identifier: MIT
"""The table of proofs, from what build/verify left in out/proofs.json, and the model that the capability code was compared with."""

import re
import sys
import xml.etree.ElementTree as tree

from .. import project
from ..markup import Number, code, details, join, paragraph, status, table, unordered
from ..section import Section, missing, worst
from .tests import is_older

sys.path.insert(0, str(project.ROOT / "tests/proofs"))
import proof_file  # noqa: E402

ANCHOR, TITLE = "proofs", "Proofs"
STATE = {"proved": "good", "passed": "good", "failed": "bad", "timeout": "bad", "error": "bad"}


def state_of(result):
    return STATE.get(result, "missing")


def mutants_cell(proof):
    mutants = proof.get("mutants")
    if not mutants or not mutants.get("made"):
        return status("missing", "not run")
    made, killed = mutants["made"], mutants["killed"]
    if mutants.get("old"):
        return status("old", f"{killed} of {made} killed, before these files were changed")
    return status("good" if killed >= 0.8 * made else "bad", f"{killed} of {made} killed")


def survivors(proofs):
    found = [(proof["name"], one) for proof in proofs for one in (proof.get("mutants") or {}).get("survivors", [])]
    if not found:
        return ""
    rows = [[code(name), code(one.get("mutant", "?")), one.get("reason") or status("missing", "not explained")] for name, one in found]
    return details(f"Mutants that survived: {len(rows)}", table(["Proof", "Mutant", "Why it survives"], rows, "Surviving mutants"))


def proof_row(proof):
    result = proof.get("result", "not run")
    assumptions = [*(proof.get("assumptions") or []), *(f"stands in: {model}" for model in proof.get("models") or [])]
    return [code(proof.get("name", "?")), proof.get("property", status("missing", "not stated")), proof.get("bound", status("missing", "not stated")),
            unordered(assumptions) if assumptions else "none", Number(proof.get("seconds") or 0, f"{proof.get('seconds') or 0:.1f}"), mutants_cell(proof), status(state_of(result), result)]


def failures(proofs):
    return [paragraph(status("bad"), " ", code(proof["name"]), ": ", "; ".join(map(str, proof["reasons"][:5]))) for proof in proofs if proof.get("reasons")]


def counted(name):
    """The mutants of a proof as they were counted last; None if they never were."""
    folder = project.ROOT / "tests/proofs"
    counts = proof_file.read_counts(folder / "mutants.txt")
    if name not in counts or not (folder / f"{name}.c").exists():
        return None
    killed, made, state = counts[name]
    reasons = proof_file.read_survivors(folder / "survivors.txt")
    return {"made": made, "killed": killed, "old": state != proof_file.state(proof_file.read(folder / f"{name}.c"), project.ROOT),
            "survivors": [{"mutant": label, "reason": reason} for (of, label), reason in reasons.items() if of == name]}


def read_proofs():
    """The proofs of the last complete run, each with its mutants as they were counted last; [] if none was run."""
    proofs = project.read_json(project.OUT / "proofs.json") or []
    proofs = proofs if isinstance(proofs, list) else proofs.get("proofs") or []
    return [{**proof, "mutants": counted(proof.get("name"))} for proof in proofs]


SEQUENCES = re.compile(r"\[([\w-]+)-(\d+)-(\d+)\]$")


def model_part():
    """(body, states): what tests/model found out, by its report."""
    path = project.OUT / "test/model.xml"
    try:
        cases = [(case.get("name"), case.find("failure") is None and case.find("error") is None and case.find("skipped") is None, float(case.get("time", 0)))
                 for case in tree.parse(path).getroot().iter("testcase")]
    except (OSError, tree.ParseError):
        cases = []
    if not cases:
        return [paragraph(status("missing"), " The comparison of the capability code with a reference model was not run (", code("build/test model"), ").")], ["missing"]
    rows, bugs = [], []
    for name, passed, seconds in cases:
        match = SEQUENCES.search(name)
        if match:
            rows.append([code(match.group(1)), int(match.group(2)), int(match.group(3)), Number(seconds, f"{seconds:.1f}"), status("good" if passed else "bad", "equal" if passed else "different")])
        else:
            bugs.append(passed)
    body = [table(["Program", "Operations in a row", "Capabilities", "Seconds", "Result"], rows, "The capability code against its reference model: every sequence of operations", numbers=(1, 2, 3)),
            paragraph(status("good" if all(bugs) else "bad", f"{sum(bugs)} of {len(bugs)}"), " further cases passed; each bug that is put into a copy of the code has to be found by that search.")]
    return body, ["good" if passed else "bad" for _, passed, _ in cases]


def make():
    proofs = read_proofs()
    if not proofs:
        return missing(ANCHOR, TITLE, "No proof was run.", "build/verify")
    states = [state_of(proof.get("result")) for proof in proofs]
    proved = states.count("good")
    model, model_states = model_part()
    with_mutants = [proof for proof in proofs if (proof.get("mutants") or {}).get("made")]
    made = sum(proof["mutants"]["made"] for proof in with_mutants)
    killed = sum(proof["mutants"]["killed"] for proof in with_mutants)
    verdict = f"{proved} of {len(proofs)} properties proved" + (f"; {killed} of {made} mutants killed." if made else "; mutants not run.")
    is_old = is_older((project.OUT / "proofs.json").stat().st_mtime, ("kernel/", "lib/", "tests/proofs/"))
    return Section(
        ANCHOR, TITLE, worst([*states, *model_states, *(["old"] if is_old or any(proof["mutants"].get("old") for proof in with_mutants) else []), *([] if len(with_mutants) == len(proofs) else ["missing"])]), verdict,
        paragraph(f"By CBMC (bounded model checking), over the kernel's own files, not copies of them. Each property holds within its bound and under its assumptions, no further. "
                  "A mutant is a small change of the code that the proof is about; a proof that does not notice it proves less than it says."),
        table(["Proof", "Property", "Bound", "Assumptions", "Seconds", "Mutants", "Result"], [proof_row(proof) for proof in proofs], "Properties", numbers=(4,)),
        *failures(proofs), survivors(proofs), join(model))
