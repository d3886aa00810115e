# SPDX-License-Identifier: MIT
"""No translation outlives its mapping: a model of the TLB beside QEMU (translations.py), and the same groups in Bochs (bochs.py). In
both, kernels that were broken on purpose (mutants/) have to be found."""

import pytest

import bochs  # before the others: it says where they are
import run
import translations


@pytest.fixture(scope="session")
def mutants():
    return {patch.stem: kernel for patch, kernel in bochs.mutant_kernels(bochs.MUTANTS + translations.MUTANTS)}


def test_no_guest_can_hold_a_stale_translation():
    model, result = translations.watch()
    translations.report("kernel", model, result)
    assert result.problems() == []
    assert model.entries > 200 and model.flushes > 0
    assert model.stale == []


@pytest.mark.parametrize("patch", translations.MUTANTS, ids=lambda patch: patch.stem)
def test_model_finds(mutants, patch):
    model, result = translations.watch(mutants[patch.stem])
    translations.report(patch.stem, model, result)
    assert model.stale != []


def test_groups_pass_in_bochs():
    result = bochs.boot()
    assert result.problems() == []
    assert bochs.failed(result) == []


@pytest.mark.parametrize("patch", bochs.MUTANTS, ids=lambda patch: patch.stem)
def test_groups_fail_in_bochs(mutants, patch):
    found = bochs.failed(bochs.boot(mutants[patch.stem], name=patch.stem))
    assert set(bochs.expected(patch)) <= set(found)


def test_mutants_are_kept():
    assert len(bochs.MUTANTS) >= 2 and len(translations.MUTANTS) >= 3
    assert run.groups().keys() >= set(bochs.GROUPS + translations.GROUPS)
