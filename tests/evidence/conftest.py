# SPDX-License-Identifier: MIT
"""The generator as a module, and a tree of its own for its records and outputs."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from evidence import project  # noqa: E402 (the folder has to be known first)


@pytest.fixture
def empty_out(tmp_path, monkeypatch):
    """A build folder in which nothing was built and nothing was run."""
    monkeypatch.setattr(project, "OUT", tmp_path)
    monkeypatch.setattr(project, "EVIDENCE", tmp_path / "evidence")
    monkeypatch.setattr(project, "RECORDS", tmp_path / "evidence/records")
    return tmp_path
