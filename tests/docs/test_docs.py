# SPDX-License-Identifier: MIT
"""Documentation against the code: names of the ABI, links, options of the host tool, and the example of docs/device-models.md."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ROOT / "kernel" / "include" / "bulkhead"
TOOL = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out")) / "tools" / "bulkhead"

# Constants of the headers that the reference need not name: helpers of other constants, include guards.
UNNAMED = re.compile(r"_H$")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def enumerators():
    """(header, enumerator) of every enum of the ABI."""
    found = []
    for header in sorted(HEADERS.glob("*.h")):
        for body in re.findall(r"\benum\s+\w+\s*\{(.*?)\}", without_comments(header.read_text()), re.DOTALL):
            found += [(header.name, name) for name in re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)", body)]
    return found


def macros():
    """(header, macro) of every #define of the ABI."""
    return [
        (header.name, name)
        for header in sorted(HEADERS.glob("*.h"))
        for name in re.findall(r"^#define\s+(\w+)", header.read_text(), re.MULTILINE)
        if not UNNAMED.search(name)
    ]


def documented():
    return set(re.findall(r"\w+", (ROOT / "docs" / "abi.md").read_text()))


def test_every_enumerator_is_in_the_reference():
    found = enumerators()
    assert len(found) > 100
    names = documented()
    assert [entry for entry in found if entry[1] not in names] == []


def test_every_constant_is_in_the_reference():
    names = documented()
    assert [entry for entry in macros() if entry[1] not in names] == []


def test_the_reference_names_nothing_that_is_not_there():
    code = set()
    for header in HEADERS.glob("*.h"):
        code |= set(re.findall(r"\w+", header.read_text()))
    assert sorted(name for name in documented() if re.match(r"BH_[A-Z]", name) and name not in code) == []


def test_values_are_those_of_the_headers(tmp_path):
    """`| 12 | \\`BH_NAME\\` |` and `**\\`BH_NAME\\`** 0x12`: the number is the one that a compiler finds."""
    text = (ROOT / "docs" / "abi.md").read_text()
    claims = [(name, value) for value, name in re.findall(r"^\| (\d+) \| `(BH_\w+)`", text, re.MULTILINE)]
    claims += [(name, value) for name, value in re.findall(r"^\| `(BH_(?:BOOT|TRACE|LABEL|GROUP)_\w+)` \| (\d+) \|", text, re.MULTILINE)]
    claims += re.findall(r"\*\*`(BH_\w+)`\*\* (0x[0-9a-f]+)", text)
    assert len(claims) > 120
    source = tmp_path / "values.c"
    includes = "".join(f"#include <bulkhead/{header.name}>\n" for header in sorted(HEADERS.glob("*.h")))
    checks = "".join(f'_Static_assert({name} == {value}, "{name}");\n' for name, value in claims)
    source.write_text(includes + checks)
    result = subprocess.run(["gcc", "-std=c17", "-fsyntax-only", f"-I{HEADERS.parent}", source], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def markdown():
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in files.stdout.split("\n") if name and (ROOT / name).exists()] or [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def anchors(path):
    """The fragments by which headings can be linked to."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        goal = (path.parent / file).resolve() if file else path
        if not goal.exists() or (fragment and goal.suffix == ".md" and fragment not in anchors(goal)):
            broken.append(target)
    assert broken == []


def test_files_and_tests_that_are_named_exist():
    """Backticked paths of this tree, and names of tests, in README, CONTRIBUTING and docs/."""
    tests = "".join(path.read_text() for path in ROOT.glob("tests/**/*.py"))
    folders = "kernel|lib|roottask|vmm-server|devmodels|backends|tools|build|tests|examples|docs"
    missing = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]:
        text = path.read_text()
        for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", text):
            if not (ROOT / name).exists() and "ticker" not in name and "NAME" not in name:
                missing.append((path.name, name))
        for name in re.findall(r"`(test_\w+)`", text):
            if f"def {name}(" not in tests:
                missing.append((path.name, name))
    assert missing == []


def manual():
    return (ROOT / "docs" / "bulkhead.1").read_text().replace("\\-", "-")


def test_every_option_of_the_tool_is_in_its_manual():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")
    text = subprocess.run([TOOL, "help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", text))
    commands = set(re.findall(r"^  ([a-z]+)(?: FILE|,)", text, re.MULTILINE)) | {"help"}
    assert {"--until", "--icount", "-o"} <= options and {"check", "run", "audit"} <= commands
    page = manual()
    assert [word for word in sorted(options | commands) if word not in page] == []


def test_every_status_of_the_tool_is_in_its_manual():
    values = re.findall(r"STATUS_\w+ = (\d+)", (ROOT / "tools" / "bulkhead" / "status.h").read_text())
    assert len(values) > 5
    page = manual()
    assert [value for value in values if not re.search(rf"^\.(?:B|BR) {value}\b", page, re.MULTILINE)] == []


def test_every_device_is_in_the_tables():
    names = re.findall(r'^\s*\.name = "([\w-]+)"', (ROOT / "tools" / "bulkhead" / "devices.c").read_text(), re.MULTILINE)
    assert len(names) > 5
    for page in ("appliance-file.md", "architecture.md"):
        text = (ROOT / "docs" / page).read_text()
        assert [name for name in names if name not in text] == [], page


def test_example_device_model_works(tmp_path):
    """The files of docs/device-models.md, as they stand there, compile and pass their own test."""
    text = (ROOT / "docs" / "device-models.md").read_text()
    blocks = re.findall(r"^```c\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    files = {}
    for block in blocks:
        if "extern const struct model ticker_model" in block:
            files["ticker/ticker.h"] = block
        elif "const struct model ticker_model = {" in block:
            files["ticker/ticker.c"] = block
        elif "task_model" in block:
            files["ticker/main.c"] = block
        elif "int main(void)" in block:
            files["test_ticker.c"] = block
    assert len(files) == 4
    (tmp_path / "ticker").mkdir()
    for name, block in files.items():
        (tmp_path / name).write_text(block)
    include = [f"-I{folder}" for folder in (tmp_path, *(ROOT / name for name in ("devmodels", "lib/include", "kernel/include", "tests/unit/models")))]
    gcc = ["gcc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O1", *include]
    subprocess.run([*gcc, "-c", tmp_path / "ticker/main.c", "-o", tmp_path / "main.o"], check=True)
    sources = [tmp_path / "test_ticker.c", tmp_path / "ticker/ticker.c", ROOT / "tests/unit/models/machine.c", ROOT / "devmodels/framework/run.c"]
    sources += [ROOT / "lib/guest-memory/guest_memory.c"]
    program = tmp_path / "test"
    subprocess.run([*gcc, "-fsanitize=address,undefined", *sources, "-lcmocka", "-o", program], check=True)
    result = subprocess.run([program], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
