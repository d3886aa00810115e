# SPDX-License-Identifier: MIT
"""The tree and its outputs: folders, source files, commands, and records: what a check found out, with the hash of the files it was about.

A record is a JSON file of out/evidence/records. One whose files have changed since is shown as being of an older tree, never as news."""

import datetime
import hashlib
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out")).resolve()
EVIDENCE = OUT / "evidence"
RECORDS = EVIDENCE / "records"

# What the shipped programs are made of, and what the checks of them are made of. Documents change neither.
PROGRAMS = ("kernel/", "lib/", "roottask/", "vmm-server/", "devmodels/", "backends/", "tools/bulkhead/", "build/cmake/", "build/kernel.ld", "CMakeLists.txt")
CHECKS = (*PROGRAMS, "tests/", "build/", "tools/")


def run(command, **options):
    """subprocess.run with captured text; the status is the caller's business."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace", check=False, **options)


def source_files(prefixes=("",)):
    """Tracked files, and untracked ones that are not ignored, whose path begins with one of the prefixes, sorted, relative to the root."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    if listed.returncode == 0:
        names = set(listed.stdout.split("\0")) - {""}
    else:  # a tree without git: all but outputs
        names = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and "out" not in path.relative_to(ROOT).parts[:1]}
    return sorted(name for name in names if name.startswith(tuple(prefixes)) and (ROOT / name).is_file())


def file_hash(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def tree_hash(prefixes=("",)):
    """One hash over names and contents of the source files below the prefixes."""
    total = hashlib.sha256()
    for name in source_files(prefixes):
        total.update(f"{name}\0{file_hash(ROOT / name)}\n".encode())
    return total.hexdigest()


def now():
    """This moment, or SOURCE_DATE_EPOCH, in UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc) if epoch else datetime.datetime.now(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def commit():
    """(hash of the commit, whether files differ from it); ("", False) outside git."""
    head = run(["git", "rev-parse", "HEAD"], cwd=ROOT)
    if head.returncode != 0:
        return "", False
    return head.stdout.strip(), run(["git", "status", "--porcelain"], cwd=ROOT).stdout.strip() != ""


class Record:
    """What a check left behind: `data`, when it was made, and whether the files that it was about are still the same."""

    def __init__(self, data, made, is_current):
        self.data, self.made, self.is_current = data, made, is_current


def write_record(name, data, prefixes, inputs=None):
    """`inputs`: the hash from before the check began, if that was long ago."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"made": now(), "of": list(prefixes), "inputs": inputs or tree_hash(prefixes), "data": data}, indent=1)
    unfinished = RECORDS / f"{name}.json.new"
    unfinished.write_text(text)
    unfinished.replace(RECORDS / f"{name}.json")


def read_record(name):
    """The record, or None if there is none or it cannot be read."""
    try:
        content = json.loads((RECORDS / f"{name}.json").read_text())
        return Record(content["data"], content["made"], content["inputs"] == tree_hash(content["of"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_json(path):
    """A JSON file of another command; None if it is absent or broken."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None
