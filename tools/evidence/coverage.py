# SPDX-License-Identifier: MIT
"""Coverage of the unit tests: builds them with gcc's counters in out/unit-coverage, runs them, and reads what gcov says of each source file."""

import concurrent.futures
import gzip
import json
import os
import pathlib
import subprocess
import tempfile

from . import project

FOLDER = project.OUT / "unit-coverage"
PREFIXES = ("kernel/", "lib/", "roottask/", "vmm-server/", "devmodels/", "backends/", "tools/bulkhead/", "tests/unit/", "build/cmake/")
SHOWN = ("kernel/", "lib/", "roottask/", "vmm-server/", "devmodels/", "backends/", "tools/bulkhead/")
LIMIT = 300  # seconds for one program


def build():
    subprocess.run(["cmake", "-S", project.ROOT, "-B", FOLDER, "-G", "Ninja", "-DBULKHEAD_TESTS=ON", "-DBULKHEAD_COVERAGE=ON"], check=True, stdout=subprocess.DEVNULL)
    for path in FOLDER.rglob("*.gcda"):
        path.unlink()
    subprocess.run(["cmake", "--build", FOLDER, "--target", "unit-tests", "--", "--quiet"], check=True)


def run_tests():
    """(number of programs, [those that failed])."""
    programs = sorted(path for path in FOLDER.glob("unit/*/test_*") if os.access(path, os.X_OK))

    def one(program):
        try:
            return project.run([program], cwd=FOLDER, timeout=LIMIT).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        good = list(pool.map(one, programs))
    return len(programs), [str(program.relative_to(FOLDER)) for program, passed in zip(programs, good, strict=True) if not passed]


def merge(reports):
    """Reports of gcov, one for each object file, as {file: {"lines": {line: count}, "branches": {(line, number): count}}}."""
    files = {}
    for report in reports:
        for entry in report["files"]:
            # The build maps the tree's root to ".", so that two builds give the same bytes.
            name = os.path.normpath(entry["file"]).removeprefix(f"{project.ROOT}/")
            if not name.startswith(SHOWN):
                continue
            known = files.setdefault(name, {"lines": {}, "branches": {}})
            for line in entry["lines"]:
                number = line["line_number"]
                known["lines"][number] = known["lines"].get(number, 0) + line["count"]
                for index, branch in enumerate(line["branches"]):
                    key = (line.get("function_name"), number, index)
                    known["branches"][key] = known["branches"].get(key, 0) + branch["count"]
    return files


def summarize(files):
    return [{"file": name, "lines": len(entry["lines"]), "lines_hit": sum(count > 0 for count in entry["lines"].values()),
             "branches": len(entry["branches"]), "branches_hit": sum(count > 0 for count in entry["branches"].values())} for name, entry in sorted(files.items())]


def read_counters():
    reports = []
    objects = [path for path in FOLDER.rglob("*.gcda") if "zydis" not in str(path)]
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        for path in objects:
            for old in pathlib.Path(folder).iterdir():
                old.unlink()
            project.run(["gcov", "--json-format", "--branch-probabilities", path], cwd=folder)
            reports += [json.loads(gzip.decompress(one.read_bytes())) for one in pathlib.Path(folder).glob("*.gcov.json.gz")]
    return reports


def collect():
    inputs = project.tree_hash(PREFIXES)
    build()
    programs, failed = run_tests()
    project.write_record("coverage", {"programs": programs, "failed": failed, "files": summarize(merge(read_counters()))}, PREFIXES, inputs)
    return not failed
