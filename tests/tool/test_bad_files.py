# SPDX-License-Identifier: MIT
"""Every check of an appliance file has a bad file under bad/, which begins with the exact messages that it has to give."""

import pathlib
import re

import pytest

BAD = pathlib.Path(__file__).parent / "bad"
STATUS_BAD_FILE = 201


def expected_messages(name, text):
    return "".join(f"{name}:{rest}\n" for rest in re.findall(r"^# expect (.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("*.conf")))
def test_messages(tool, name):
    text = (BAD / name).read_text()
    tool.write(name, text)
    result = tool("check", name)
    assert result.stderr == expected_messages(name, text)
    assert result.stdout == ""
    assert result.returncode == STATUS_BAD_FILE


@pytest.mark.parametrize("command", ["build", "manifest"])
def test_nothing_is_written(tool, command):
    tool.write("bad.conf", (BAD / "memory-odd.conf").read_text())
    before = sorted(tool.folder.iterdir())
    result = tool.with_system(command, "bad.conf", "-o", "image")
    assert result.returncode == STATUS_BAD_FILE
    assert sorted(tool.folder.iterdir()) == before


def test_a_file_that_is_not_there(tool):
    result = tool("check", "nothing.conf")
    assert result.stderr == "bulkhead: cannot read nothing.conf: No such file or directory\n"
    assert result.returncode == STATUS_BAD_FILE


def test_a_file_that_is_not_text(tool):
    (tool.folder / "binary.conf").write_bytes(b"name = a\0b\n")
    result = tool("check", "binary.conf")
    assert result.stderr == "bulkhead: binary.conf is no appliance file: it is longer than 1 MiB, or not text\n"
    assert result.returncode == STATUS_BAD_FILE


def test_every_message_of_the_tool_has_its_file():
    """The formats in the sources that begin a report: each must occur in some bad file."""
    root = BAD.parents[2] / "tools" / "bulkhead"
    texts = "\n".join(path.read_text() for path in BAD.glob("*.conf"))
    formats = []
    for source in sorted([*root.glob("config*.c"), *root.glob("check*.c"), root / "source.c"]):
        text = source.read_text()
        for call in re.findall(r"\breport\((?:[^()\"]|\([^()]*\))*?((?:\s*\"(?:[^\"\\]|\\.)*\"(?:\s*PRIu\d\d)?)+)", text):
            pieces = re.findall(r"\"((?:[^\"\\]|\\.)*)\"|(PRIu\d\d)", call)
            formats.append("".join(piece or "u" for piece, _ in pieces))
    assert len(formats) > 50
    for wanted in formats:
        wanted = wanted.replace('\\"', '"')
        pattern = ".*".join(re.escape(part) for part in re.split(r"%%|%[a-z0-9]*[sudxc]u?", wanted) if part)
        if "cannot be parsed" in wanted or wanted.startswith("%s: see"):
            continue  # libconfuse gives no other message today; these stand for those of a later version
        assert re.search(pattern, texts), f"no bad file gives: {wanted}"
