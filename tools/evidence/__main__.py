# SPDX-License-Identifier: MIT
"""build/evidence [PART...] [--appliance FILE]...: finds out what is not known of this tree, then writes out/evidence/index.html.

Parts that take time, each left alone while its files are as they were: analysis, coverage, reproducible, authority; `page` runs none of them.
Proofs, conformance and tests have commands of their own (build/verify, build/test), whose results are shown as they were left. The status is 1 if
something does not hold; what is missing does not fail the command, and stands on the page as missing."""

import argparse
import pathlib
import subprocess
import sys
import time

from . import analysis, authority, coverage, page, project, rebuild


def is_current(name):
    record = project.read_record(name)
    return record is not None and record.is_current


def analyse():
    """A tool that is not installed leaves the others their turn."""
    for name in analysis.TOOLS:
        try:
            analysis.check(name)
        except OSError as reason:
            print(f"{analysis.TITLES[name]} could not be run: {reason}")


def parts(appliances):
    """{part: (records that it leaves, function)}."""
    return {
        "analysis": ([f"analysis-{name}" for name in analysis.TOOLS], analyse),
        "coverage": (["coverage"], coverage.collect),
        "reproducible": (["reproducible"], rebuild.check),
        "authority": (["authority"], lambda: authority.collect(appliances)),
    }


def main(arguments):
    parser = argparse.ArgumentParser(prog="build/evidence", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="analysis, coverage, reproducible, authority; page: none; without any: all")
    parser.add_argument("--appliance", action="append", type=pathlib.Path, help="an appliance file to audit; default: examples/two-linux.conf")
    options = parser.parse_args(arguments)
    appliances = [path.resolve() for path in options.appliance or authority.EXAMPLES]
    known = parts(appliances)
    chosen = options.parts or list(known)
    if not set(chosen) <= {*known, "page"}:
        parser.error(f"a part is one of {', '.join(known)}, page")
    for name in chosen:
        if name == "page" or (not options.appliance and all(map(is_current, known[name][0]))):
            continue
        print(f"== evidence: {name}", flush=True)
        started = time.monotonic()
        try:
            known[name][1]()
        except (OSError, RuntimeError, subprocess.SubprocessError) as reason:
            print(f"{name} could not be run: {reason}")
        print(f"== evidence: {name}: {time.monotonic() - started:.0f} s", flush=True)
    made = page.write()
    for one in made:
        print(f"{one.state:8} {one.title}: {one.verdict}")
    print(f"the page: {project.EVIDENCE / 'index.html'}")
    return 1 if any(one.state == "bad" for one in made) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
