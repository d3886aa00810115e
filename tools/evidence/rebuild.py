# SPDX-License-Identifier: MIT
"""Builds kernel, tasks, host tool and bare guests once more, in another folder and from a copy of the tree: the same bytes must come out.
A record names each product with its two hashes."""

import pathlib
import shutil
import subprocess
import tempfile

from . import project

FOLDERS = ("kernel", "tasks", "tests/guests", "tools")


def products(out):
    """What a build makes, relative to its folder."""
    return [path.relative_to(out) for folder in FOLDERS for path in sorted((out / folder).glob("*"))
            if path.is_file() and path.suffix not in (".cmake", ".ninja") and path.name != "compile_commands.json"]


def build_again(folder):
    """Returns the second build's folder."""
    again = pathlib.Path(folder) / "tree"
    for name in project.source_files():
        (again / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project.ROOT / name, again / name, follow_symlinks=False)
    # Copied, not linked: a link's target would stand in the debug information.
    shutil.copytree(project.ROOT / "out/zydis", again / "out/zydis", symlinks=True)
    # The same place below the root: names in the debug information are relative to it.
    out = again / (project.OUT.relative_to(project.ROOT) if project.OUT.is_relative_to(project.ROOT) else "out")
    subprocess.run(["cmake", "-S", again, "-B", out, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", out, "--", "--quiet"], check=True)
    return out


def compare(first, second):
    """[{"file", "bytes", "first", "second"}] of all products of the first build."""
    rows = []
    for name in products(first):
        other = second / name
        rows.append({"file": str(name), "bytes": (first / name).stat().st_size, "first": project.file_hash(first / name),
                     "second": project.file_hash(other) if other.is_file() else None})
    return rows


def check():
    inputs = project.tree_hash(project.PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="bulkhead-again-", dir=project.OUT) as folder:
        rows = compare(project.OUT, build_again(folder))
    project.write_record("reproducible", {"products": rows}, project.PROGRAMS, inputs)
    different = [row["file"] for row in rows if row["first"] != row["second"]]
    print(f"{len(rows)} products were built twice" + (", these differ: " + ", ".join(different) if different else ": the same bytes"))
    return not different and len(rows) > 0
