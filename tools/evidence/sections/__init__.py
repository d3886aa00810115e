# SPDX-License-Identifier: MIT
"""The page's sections, one file each, in the order in which they stand."""

from . import lines, call_graph, stack, proofs, conformance, tests, analysis, coverage, reproducible, authority, parts

ALL = (lines, call_graph, stack, proofs, conformance, tests, analysis, coverage, reproducible, authority, parts)
