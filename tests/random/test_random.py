# SPDX-License-Identifier: MIT
"""Ten million random system calls, and whether they would find anything. See run.py. RANDOM_CALLS and RANDOM_SEED choose another run."""

import os

import pytest

import run

CALLS = int(os.environ.get("RANDOM_CALLS", "10000000"))
SEED = int(os.environ.get("RANDOM_SEED", "1"))


@pytest.fixture(scope="session")
def runs():
    found = run.Runs(SEED, CALLS, timeout=120 + CALLS / 4000)
    found.save()
    return found


def test_no_invariant_is_broken(runs):
    print(f"seed {SEED}")
    assert runs.failures == []
    assert runs.calls >= CALLS


def test_enough_calls_succeed(runs):
    assert runs.succeeded * 100 >= runs.calls * run.SUCCEED_PERCENT
    assert runs.never_succeeded() == []


def test_swept_every_thousand_calls(runs):
    assert runs.sweeps >= runs.calls // run.CALLS_BETWEEN_SWEEPS - len(runs.runs)


def test_each_invocation_is_made_often(runs):
    assert runs.too_rare(run.CALLS_EACH * CALLS // 10000000) == []


def test_each_documented_error_is_seen(runs):
    assert len(run.rows()) > 50
    assert runs.never_seen() == []


def test_no_other_error_is_seen(runs):
    assert runs.undocumented() == []
    assert runs.wrong_exceptions() == []


def test_a_seed_determines_its_run():
    first, second, other = (run.Run(seed, 30000) for seed in (5, 5, 6))
    assert first.failure() is None
    assert (first.done, first.hits) == (second.done, second.hits)
    assert first.done["hash"] != other.done["hash"]


@pytest.mark.parametrize("patch", run.bugs(), ids=lambda patch: patch.stem)
def test_bug_is_found(patch):
    found = run.hunt(patch)
    print(found)
    assert found is not None


def test_there_are_bugs_to_find():
    assert len(run.bugs()) >= 3
