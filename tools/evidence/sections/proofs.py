# SPDX-License-Identifier: MIT
"""The table of proofs, from what build/verify left in out/proofs.json, and the model that the capability code was compared with."""

from .. import project
from ..markup import Number, code, details, join, paragraph, status, table, unordered
from ..section import Section, missing, worst

ANCHOR, TITLE = "proofs", "Proofs"
STATE = {"proved": "good", "passed": "good", "failed": "bad", "timeout": "bad", "error": "bad"}


def state_of(result):
    return STATE.get(result, "missing")


def mutants_cell(proof):
    mutants = proof.get("mutants")
    if not mutants or not mutants.get("made"):
        return status("missing", "not run")
    made, killed = mutants["made"], mutants["killed"]
    return status("good" if killed >= 0.8 * made else "bad", f"{killed} of {made} killed")


def survivors(proofs):
    found = [(proof["name"], one) for proof in proofs for one in (proof.get("mutants") or {}).get("survivors", [])]
    if not found:
        return ""
    rows = [[code(name), code(one.get("mutant", "?")), one.get("reason") or status("missing", "not explained")] for name, one in found]
    return details(f"Mutants that survived: {len(rows)}", table(["Proof", "Mutant", "Why it survives"], rows, "Surviving mutants"))


def proof_row(proof):
    result = proof.get("result", "not run")
    assumptions = proof.get("assumptions") or []
    return [code(proof.get("name", "?")), proof.get("property", status("missing", "not stated")), proof.get("bound", status("missing", "not stated")),
            unordered(assumptions) if assumptions else "none", Number(proof.get("seconds") or 0, f"{proof.get('seconds') or 0:.1f}"), mutants_cell(proof), status(state_of(result), result)]


def model_part():
    lists = [(project.read_json(project.OUT / name) or {}).get("reference_model") for name in ("proofs.json", "model.json")]
    runs = [run for one in lists if isinstance(one, list) for run in one]
    if not runs:
        return [paragraph(status("missing"), " The comparison of the capability code with a reference model was not run.")], ["missing"]
    rows = [[code(run.get("name", "?")), run.get("depth", "?"), run.get("sequences", "?"), Number(run.get("seconds") or 0, f"{run.get('seconds') or 0:.1f}"),
             status(state_of(run.get("result")), run.get("result", "not run"))] for run in runs]
    return [table(["System", "Depth", "Sequences of operations", "Seconds", "Result"], rows, "The capability code against its reference model, exhaustively", numbers=(1, 2, 3))], [
        state_of(run.get("result")) for run in runs]


def make():
    report = project.read_json(project.OUT / "proofs.json")
    if not report or not report.get("proofs"):
        return missing(ANCHOR, TITLE, "No proof was run.", "build/verify")
    proofs = report["proofs"]
    states = [state_of(proof.get("result")) for proof in proofs]
    proved = states.count("good")
    model, model_states = model_part()
    with_mutants = [proof for proof in proofs if (proof.get("mutants") or {}).get("made")]
    made = sum(proof["mutants"]["made"] for proof in with_mutants)
    killed = sum(proof["mutants"]["killed"] for proof in with_mutants)
    verdict = f"{proved} of {len(proofs)} properties proved" + (f"; {killed} of {made} mutants killed." if made else "; mutants not run.")
    inputs = report.get("inputs")
    is_old = inputs is not None and inputs != project.tree_hash(("kernel/", "tests/proofs/"))
    return Section(
        ANCHOR, TITLE, worst([*states, *model_states, *(["old"] if is_old else []), *([] if len(with_mutants) == len(proofs) else ["missing"])]), verdict,
        paragraph(f"By {report.get('tool', 'CBMC')}, over the kernel's own files, not copies of them. Each property holds within its bound and under its assumptions, no further. "
                  "A mutant is a small change of the code that the proof is about; a proof that does not notice it proves less than it says."),
        table(["Proof", "Property", "Bound", "Assumptions", "Seconds", "Mutants", "Result"], [proof_row(proof) for proof in proofs], "Properties", numbers=(4,)),
        survivors(proofs), join(model))
