# SPDX-License-Identifier: MIT
"""build/verify's readers: the comment at the top of a proof, the survivors' list, the rules that make mutants, and how an answer is judged."""
import importlib.machinery
import importlib.util
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/proofs"))
import mutate  # noqa: E402
import proof_file  # noqa: E402

loader = importlib.machinery.SourceFileLoader("verify", str(ROOT / "build/verify"))
verify = importlib.util.module_from_spec(importlib.util.spec_from_loader("verify", loader))
loader.exec_module(verify)

HEADER = """/* SPDX-License-Identifier: MIT */
/* Proof: sample
 * Property: one thing
 *	and another.
 * Bound: small
 * Assumes: a
 * Assumes: b
 * Functions: kernel/x.c: f g
 * Replaces: h proof_h
 * Options: --unwind 3
 */
"""


def sample(tmp_path, text=HEADER, name="sample"):
    path = tmp_path / f"{name}.c"
    path.write_text(text)
    return proof_file.read(path)


def test_header(tmp_path):
    proof = sample(tmp_path)
    assert (proof.name, proof.property, proof.bound) == ("sample", "one thing and another.", "small")
    assert proof.assumptions == ["a", "b"]
    assert proof.functions == [("kernel/x.c", "f"), ("kernel/x.c", "g")]
    assert proof.replaced == [("h", "proof_h")]
    assert proof.options == ["--unwind", "3"]


@pytest.mark.parametrize("text, name", [("int x;\n", "sample"), (HEADER.replace(" * Bound: small\n", ""), "sample"), (HEADER, "other"),
                                        (HEADER.replace(" * Options", " * Cases: 0\n * Options"), "sample")])
def test_bad_header(tmp_path, text, name):
    with pytest.raises(SystemExit):
        sample(tmp_path, text, name)


def test_each_proof_names_functions_that_exist():
    for path in sorted((ROOT / "tests/proofs").glob("*.c")):
        proof = proof_file.read(path)
        for file in dict.fromkeys(file for file, _ in proof.functions):
            names = [name for where, name in proof.functions if where == file]
            made = mutate.mutants(file, (ROOT / file).read_text(), names)
            assert len({mutant.label for mutant in made}) == len(made), "labels tell mutants apart"


def test_counts_are_of_a_state(tmp_path):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/x.c").write_text("int f;")
    (tmp_path / "near.h").write_text("int n;")
    (tmp_path / "far.h").write_text("int o;")
    proof = sample(tmp_path, HEADER + '#include "near.h"\n')
    first = proof_file.state(proof, tmp_path)
    (tmp_path / "far.h").write_text("int other;")
    assert proof_file.state(proof, tmp_path) == first
    for changed in ("kernel/x.c", "near.h", "sample.c"):
        before = proof_file.state(proof, tmp_path)
        (tmp_path / changed).write_text((tmp_path / changed).read_text() + " ")
        assert proof_file.state(proof, tmp_path) != before, changed
    path = tmp_path / "mutants.txt"
    assert proof_file.read_counts(path) == {}
    proof_file.write_counts(path, {"sample": (3, 4, first), "a-b": (1, 1, "ab")})
    assert proof_file.read_counts(path) == {"sample": (3, 4, first), "a-b": (1, 1, "ab")}


def test_mutants():
    source = "static int f(int a)\n{\n\tint b = 1;\n\n\tif (a < 3) {\n\t\tb = a;\n\t}\n\treturn b;\n}\n"
    made = {mutant.label: mutant.text for mutant in mutate.mutants("x.c", source, ["f"])}
    assert set(made) == {"f: negated: a < 3", "f: < to <=: if (a < 3) {", "f: store dropped: b = a;"}
    assert "if (!(a < 3))" in made["f: negated: a < 3"]
    assert "a <= 3" in made["f: < to <=: if (a < 3) {"]
    assert "b = a" not in made["f: store dropped: b = a;"] and "int b = 1" in made["f: store dropped: b = a;"]


def test_survivors(tmp_path):
    path = tmp_path / "survivors.txt"
    path.write_text("# comment\n\nproof | f: negated: a || b | because\n")
    assert proof_file.read_survivors(path) == {("proof", "f: negated: a || b"): "because"}
    path.write_text("proof | f\n")
    with pytest.raises(SystemExit):
        proof_file.read_survivors(path)


GOOD = """[f.assertion.1] line 3 cover: assumption: a: FAILURE
[f.assertion.2] line 4 cover: assumption: b: FAILURE
[f.assertion.3] line 5 cover: reached: FAILURE
[f.assertion.4] line 6 it holds: SUCCESS
"""


@pytest.mark.parametrize("old, new, said", [
    ("", "", None),
    ("it holds: SUCCESS", "it holds: FAILURE", "it holds"),
    ("cover: reached: FAILURE", "cover: reached: SUCCESS", "never reached"),
    ("assumption: b: FAILURE", "assumption: b: SUCCESS", "not shown reachable"),
    ("cover: reached", "cover: assumption: c", "not listed"),
    (GOOD, "", "no result"),
    (GOOD, GOOD + "**** WARNING: no body for function strange\n", "has no body"),
])
def test_judge(tmp_path, old, new, said):
    wrong = verify.judge(sample(tmp_path), [GOOD.replace(old, new, 1) if old else GOOD])
    assert wrong == [] if said is None else any(said in text for text in wrong)


@pytest.mark.parametrize("command, status", [("exit 0", 0), ("exit 10", 10), ("exit 6", 6), ("kill -KILL $$", None), ("kill -XCPU $$", None), ("echo Out of memory; exit 6", None)])
def test_a_tool_that_is_killed_gave_no_result(command, status):
    """Out of memory it is killed by the system, before its CPU time is over: a mutant on which that happens has survived."""
    assert verify.run(["sh", "-c", command], 60)[0] == status


def test_cases_are_judged_together(tmp_path):
    proof = sample(tmp_path, HEADER.replace(" * Options", " * Cases: 2\n * Options"))
    assert proof.cases == 2 and sample(tmp_path).cases == 1
    unreached = GOOD.replace("cover: reached: FAILURE", "cover: reached: SUCCESS")
    assert verify.judge(proof, [GOOD, unreached]) == [], "one case that reaches it is enough"
    assert any("never reached" in text for text in verify.judge(proof, [unreached, unreached]))
    assert any("reachable in one" in text for text in verify.judge(
        proof, [GOOD, GOOD.replace("assumption: b: FAILURE", "assumption: b: SUCCESS")])), "assumptions in each"
    assert any("it holds" in text for text in verify.judge(proof, [GOOD, GOOD.replace("holds: SUCCESS", "holds: FAILURE")])), \
        "a property holds in all of them"
    assert any("no result" in text for text in verify.judge(proof, [GOOD, ""]))
