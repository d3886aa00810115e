# SPDX-License-Identifier: MIT
"""The conformance cases as pytest sees them: one boot for all, one test for each case. See run.py."""

import pytest

import branches
import run


# With the trace ring on, no message goes a short way: the contract is the same.
@pytest.fixture(scope="session", params=[(), ("trace",)], ids=["short-ways", "general-ways"])
def boot(request):
    result = run.Run(run.qemu(words=request.param))
    if not request.param:
        run.write_results(result)
    return result


@pytest.mark.parametrize("name", run.case_names())
def test_case(boot, name):
    case = boot.cases.get(name)
    assert case is not None, f"{name} did not run; the last lines were: " + " / ".join(boot.console[-3:])
    assert case.passed, f"{case.proves}\n" + "\n".join(case.details)


def test_run_is_whole(boot):
    assert boot.problems() == []
    assert boot.summary == (len(boot.cases), 0)


def test_on_a_machine_without_an_iommu():
    only = ["no_iommu", "msi", "device"]
    result = run.Run(run.qemu(words=[f"groups={','.join(only)}"], iommu=False), only=only)
    assert result.problems() == []
    assert [case.name for case in result.cases.values() if not case.passed] == []
    assert any("IOMMU: none" in line for line in result.console)


def test_each_row_of_the_reference_has_its_case():
    assert len(run.documented()) > 40
    assert run.coverage_problems() == []


def test_branches_of_the_kernel_are_taken():
    taken = branches.measure()
    print(f"branches of kernel/ taken: {taken.taken} of {taken.total}, {taken.percent:.1f} %")
    assert taken.problems == []
    assert taken.percent >= branches.LEAST, "\n".join(f"{file}:{line}: {text}" for file, line, _, text, _ in taken.missing)
