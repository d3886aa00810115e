# SPDX-License-Identifier: MIT
"""The model of the block protocol (block.pml), checked in every state within some bounds by spin; then with a rule broken, which
must be noticed. Writes to pytest's temporary folder only."""

import pathlib
import re
import subprocess

import pytest

MODEL = pathlib.Path(__file__).with_name("block.pml")

# What is checked: (operations, crashes, fresh starts of the client, with signals)
BOUNDS = [
    (2, 2, 0, False),
    (3, 1, 0, False),
    (2, 1, 1, False),
    (2, 0, 0, True),
    (1, 1, 0, True),
]

# A broken rule, the bounds within which it shows, and what notices it.
BUGS = {
    "CLIENT_DOES_NOT_PUBLISH_AGAIN": ((2, 1, 0, False), "invalid end state"),
    "FRESH_CLIENT_DOES_NOT_WAIT": ((2, 0, 1, False), "assertion violated"),
    "VOLUME_DOES_NOT_WAIT": ((2, 1, 0, False), "assertion violated"),
    "VOLUME_ANSWERS_EARLY": ((2, 1, 0, False), "assertion violated"),
    "VOLUME_DOES_NOT_LOOK_AGAIN": ((2, 0, 0, True), "invalid end state"),
    "VOLUME_WITHDRAWS_BEFORE_IT_SLEEPS": ((2, 0, 0, True), "invalid end state"),
    "DRIVER_DOES_NOT_RESET": ((2, 1, 0, False), "assertion violated"),
    "RESET_DOES_NOT_WAIT": ((2, 1, 0, False), "assertion violated"),
}


def check(folder, bounds, compile_options, run_options=(), bug=None):
    """The verifier's output."""
    operations, crashes, fresh_starts, signals = bounds
    defines = [f"-DOPERATIONS={operations}", f"-DCRASHES={crashes}", f"-DFRESH_STARTS={fresh_starts}"]
    if signals:
        defines.append("-DSIGNALS")
    if bug:
        defines.append(f"-DBUG_{bug}")
    subprocess.run(["spin", "-a", *defines, MODEL], cwd=folder, check=True, timeout=60)
    subprocess.run(["gcc", "-O2", "-DCOLLAPSE", "-DMEMLIM=3000", *compile_options, "-o", "pan", "pan.c"], cwd=folder, check=True,
                   timeout=120)
    run = subprocess.run(["./pan", "-m100000", "-w22", *run_options], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=600,
                         check=False)
    return run.stdout


def assert_holds(output):
    assert "errors: 0" in output, output
    assert "Search not completed" not in output and "max search depth too small" not in output, output
    states = int(re.search(r"(\d+) states, stored", output).group(1))
    assert states > 10000, "hardly anything was looked at"


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda bounds: "-".join(map(str, bounds)))
def test_the_protocol_holds(tmp_path, bounds):
    assert_holds(check(tmp_path, bounds, ["-DSAFETY"]))


@pytest.mark.parametrize("bounds", [(2, 1, 0, False), (1, 1, 0, True)], ids=lambda bounds: "-".join(map(str, bounds)))
def test_nobody_runs_in_circles(tmp_path, bounds):
    """Together with the check for end states: every request is answered."""
    assert_holds(check(tmp_path, bounds, ["-DNP", "-DNOFAIR"], ["-l"]))


@pytest.mark.parametrize("bug", BUGS)
def test_a_broken_rule_is_noticed(tmp_path, bug):
    bounds, noticed = BUGS[bug]
    output = check(tmp_path, bounds, ["-DSAFETY"], bug=bug)
    assert re.search(rf"pan:1: {noticed}", output), output


def test_every_bug_of_the_model_is_in_the_table():
    assert set(re.findall(r"BUG_([A-Z_]+)", MODEL.read_text(encoding="utf-8"))) - {""} == set(BUGS)
