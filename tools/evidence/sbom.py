# SPDX-License-Identifier: MIT
"""What went in: the tree, the foreign code in our programs, the tools that made them, the guests; with versions and hashes, as SPDX 2.3."""

import hashlib
import json
import pathlib
import re

from . import project

MUSL_LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-musl/libc.a")

# Debian package, its part here, and how SPDX calls that: STATIC_LINK and DYNAMIC_LINK of our programs, tools that build or test them, files that
# `bulkhead build` puts into an image, and what the examples run.
DEBIAN = (
    ("musl-dev", "C library of the tasks, linked into each", "STATIC_LINK"),
    ("libzycore-dev", "headers of the instruction decoder", "STATIC_LINK"),
    ("libconfuse-dev", "reads appliance files in the host tool", "DYNAMIC_LINK"),
    ("gcc-12", "compiler", "BUILD_TOOL_OF"), ("binutils", "assembler and linker", "BUILD_TOOL_OF"), ("musl-tools", "compiler's specs for musl", "BUILD_TOOL_OF"),
    ("cmake", "build", "BUILD_TOOL_OF"), ("ninja-build", "build", "BUILD_TOOL_OF"), ("python3", "build and tests", "BUILD_TOOL_OF"),
    ("grub-pc-bin", "boot loader of images, BIOS", "RUNTIME_DEPENDENCY_OF"), ("grub-efi-amd64-bin", "boot loader of images, UEFI", "RUNTIME_DEPENDENCY_OF"),
    ("grub-common", "makes images", "RUNTIME_DEPENDENCY_OF"), ("xorriso", "makes images", "RUNTIME_DEPENDENCY_OF"), ("mtools", "makes images", "RUNTIME_DEPENDENCY_OF"),
    ("qemu-system-x86", "emulated machine", "TEST_TOOL_OF"), ("seabios", "its BIOS", "TEST_TOOL_OF"), ("ovmf", "its UEFI", "TEST_TOOL_OF"), ("bochs", "second emulated machine", "TEST_TOOL_OF"),
    ("clang-14", "fuzzers", "TEST_TOOL_OF"), ("clang-tidy-14", "analysis", "TEST_TOOL_OF"), ("cppcheck", "analysis", "TEST_TOOL_OF"), ("libcmocka-dev", "unit tests", "TEST_TOOL_OF"),
    ("python3-pytest", "tests", "TEST_TOOL_OF"), ("python3-pexpect", "tests", "TEST_TOOL_OF"), ("cloc", "counts lines", "TEST_TOOL_OF"), ("graphviz", "pictures of this page", "TEST_TOOL_OF"),
    ("busybox-static", "the example guests' programs", "EXAMPLE_OF"),
)


class Part:
    def __init__(self, name, version, role, relation, sha256=None, origin="", licence="NOASSERTION", is_there=True):
        self.name, self.version, self.role, self.relation = name, version, role, relation
        self.sha256, self.origin, self.licence, self.is_there = sha256, origin, licence, is_there


def debian_versions():
    """{package: version} of what is installed."""
    result = project.run(["dpkg-query", "-W", "-f", "${db:Status-Status}\t${Package}\t${Version}\n", *(name for name, _, _ in DEBIAN)])
    return {line.split("\t")[1]: line.split("\t")[2] for line in result.stdout.split("\n") if line.startswith("installed\t")}


def debian_parts():
    versions = debian_versions()
    return [Part(name, versions.get(name, ""), role, relation, project.file_hash(MUSL_LIBRARY) if name == "musl-dev" and MUSL_LIBRARY.exists() else None,
                 f"pkg:deb/debian/{name}" + (f"@{versions[name]}" if name in versions else ""), is_there=name in versions) for name, role, relation in DEBIAN]


def folder_hash(folder):
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(f"{path.relative_to(folder)}\0{project.file_hash(path)}\n".encode())
    return total.hexdigest()


def fetched_parts():
    """What the build fetched beside installed packages: the decoder's sources, the example guests' kernel, the prover."""
    found = []
    zydis = project.ROOT / "out/zydis"
    header = next(iter(sorted(zydis.rglob("include/Zydis/Zydis.h"))), None)
    if header:
        version = re.search(r"ZYDIS_VERSION\s+(?:\(ZyanU64\))?0x([0-9A-Fa-f]{16})", header.read_text())
        number = ".".join(str(int(version.group(1)[at:at + 4], 16)) for at in (0, 4, 8)) if version else ""
        found.append(Part("zydis", number, "instruction decoder of the VMM, sources of Debian's package", "STATIC_LINK", folder_hash(header.parents[2]), f"pkg:deb/debian/zydis@{number}", "MIT"))
    else:
        found.append(Part("zydis", "", "instruction decoder of the VMM", "STATIC_LINK", is_there=False))
    package = project.ROOT / "out/guests/linux-cloud.package"
    kernel = project.ROOT / "out/guests/linux-cloud"
    if package.exists() and kernel.exists():
        name, _, version = package.read_text().strip().partition("\t")
        found.append(Part(name, version, "the example guests' kernel, unmodified", "EXAMPLE_OF", project.file_hash(kernel), f"pkg:deb/debian/{name}@{version}", "GPL-2.0-only"))
    else:
        found.append(Part("linux-image-cloud-amd64", "", "the example guests' kernel", "EXAMPLE_OF", is_there=False))
    return found


def products():
    """[(file, bytes, sha256)] of the programs that stand in the build folder."""
    return [(str(path.relative_to(project.OUT)), path.stat().st_size, project.file_hash(path)) for folder in ("kernel", "tasks", "tools")
            for path in sorted((project.OUT / folder).glob("*")) if path.is_file() and path.suffix not in (".cmake", ".ninja")]


def identifier(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", text)


def document(parts, files, commit, tree, when):
    """An SPDX 2.3 document as a dictionary."""
    root = identifier("Bulkhead")
    packages = [{"SPDXID": root, "name": "Bulkhead", "versionInfo": commit or "unversioned", "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "MIT",
                 "licenseDeclared": "MIT", "copyrightText": "NOASSERTION", "checksums": [{"algorithm": "SHA256", "checksumValue": tree}],
                 "comment": "The checksum is over names and contents of all source files."}]
    relationships = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": root}]
    for part in parts:
        if not part.is_there:
            continue
        package = {"SPDXID": identifier(f"Package-{part.name}"), "name": part.name, "versionInfo": part.version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                   "licenseConcluded": part.licence, "licenseDeclared": part.licence, "copyrightText": "NOASSERTION", "summary": part.role}
        if part.sha256:
            package["checksums"] = [{"algorithm": "SHA256", "checksumValue": part.sha256}]
        if part.origin:
            package["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": part.origin}]
        packages.append(package)
        # "A STATIC_LINK B": A links B; the others say what the part is to us.
        pair = (root, package["SPDXID"]) if part.relation.endswith("LINK") else (package["SPDXID"], root)
        relationships.append({"spdxElementId": pair[0], "relationshipType": part.relation, "relatedSpdxElement": pair[1]})
    entries = []
    for name, _, sha256 in files:
        entry = {"SPDXID": identifier(f"File-{name}"), "fileName": f"./{name}", "checksums": [{"algorithm": "SHA256", "checksumValue": sha256}], "licenseConcluded": "NOASSERTION",
                 "copyrightText": "NOASSERTION", "fileTypes": ["BINARY"]}
        entries.append(entry)
        relationships.append({"spdxElementId": entry["SPDXID"], "relationshipType": "GENERATED_FROM", "relatedSpdxElement": root})
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "Bulkhead", "documentNamespace": f"https://spdx.org/spdxdocs/bulkhead-{tree}",
            "creationInfo": {"created": when, "creators": ["Tool: build/evidence"]}, "packages": packages, "files": entries, "relationships": relationships}


def write(path):
    """Writes the document; returns (parts, files)."""
    parts, files = [*fetched_parts(), *debian_parts()], products()
    content = document(parts, files, project.commit()[0], project.tree_hash(), project.now())
    path.write_text(json.dumps(content, indent=1) + "\n")
    return parts, files
