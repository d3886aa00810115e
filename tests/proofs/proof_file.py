# SPDX-License-Identifier: MIT
"""Reads what stands in the comment at the top of a proof, the list of mutants that survive, and the record of how many were found. Used by
build/verify and the evidence page."""
import hashlib
import re

KEYS = ("Proof", "Property", "Bound", "Assumes", "Models", "Functions", "Replaces", "Options", "Cases")


class Proof:
    """One proof: name, property, bound (texts), assumptions, models, options (lists), cases (how many), replaced [(function, stand-in)], functions [(file, name)]."""

    def __init__(self, path, fields):
        self.path = path
        self.name = fields["Proof"][0]
        self.property = fields["Property"][0]
        self.bound = fields["Bound"][0]
        self.assumptions = fields.get("Assumes", [])
        self.models = fields.get("Models", [])
        self.cases = int(fields.get("Cases", ["1"])[0])
        if self.cases < 1:
            raise ValueError("a proof has at least one case")
        self.options = " ".join(fields.get("Options", [])).split()
        self.replaced = [tuple(line.split()) for line in fields.get("Replaces", [])]
        self.functions = []
        for line in fields["Functions"]:
            file, _, names = line.partition(":")
            self.functions += [(file.strip(), name) for name in names.split()]


def parse(text):
    """{key: [values]} of the first comment that starts with `Proof:`. A line without a key goes on with the one before it."""
    match = re.search(r"/\* (Proof:.*?)\*/", text, re.S)
    if not match:
        raise ValueError("there is no comment that starts with 'Proof:'")
    fields, last = {}, None
    for line in match.group(1).splitlines():
        line = re.sub(r"^\s*\* ?", "", line).strip()
        key = re.match(r"(%s): *" % "|".join(KEYS), line)
        if key:
            last = fields.setdefault(key.group(1), [])
            last.append(line[key.end():])
        elif line:
            last[-1] = (last[-1] + " " + line).strip()
    for key in ("Proof", "Property", "Bound", "Functions"):
        if not fields.get(key):
            raise ValueError(f"the comment has no '{key}:'")
    return fields


def read(path):
    try:
        proof = Proof(path, parse(path.read_text()))
    except ValueError as error:
        raise SystemExit(f"{path}: {error}") from None
    if proof.name != path.stem:
        raise SystemExit(f"{path}: its name is {path.stem}, the comment says {proof.name}")
    return proof


def read_survivors(path):
    """{(proof, mutant): reason} of lines `proof | mutant | reason`."""
    reasons = {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != 3 or not all(parts):
            raise SystemExit(f"{path}:{number}: not 'proof | mutant | reason'")
        reasons[parts[0], parts[1]] = parts[2]
    return reasons


def with_headers(path):
    """The file, and those beside it that it includes."""
    found = [path]
    for one in found:
        included = (path.parent / name for name in re.findall(r'^#include "([\w.-]+)"', one.read_text(), re.M))
        found += [header for header in included if header.exists() and header not in found]
    return found


def state(proof, root):
    """A hash over what a count of mutants is about: the proof with its headers, the files whose functions it names."""
    total = hashlib.sha256()
    for path in [*with_headers(proof.path), *(root / file for file in dict.fromkeys(file for file, _ in proof.functions))]:
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def read_counts(path):
    """{proof: (killed, made, state)} of lines `proof | killed of made | state`."""
    counts = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        match = re.fullmatch(r"([\w-]+) \| (\d+) of (\d+) \| (\w+)", line.strip())
        if match:
            counts[match.group(1)] = int(match.group(2)), int(match.group(3)), match.group(4)
    return counts


def write_counts(path, counts):
    head = "# What build/verify --mutants --record counted last: proof | mutants killed | state of the files that it is about.\n"
    path.write_text(head + "".join(f"{name} | {killed} of {made} | {hash_}\n" for name, (killed, made, hash_) in sorted(counts.items())))
