# SPDX-License-Identifier: MIT
"""The bench's own parsing, and its short parts against tests/bench/ceilings.json (a kernel, a task or a guest that got slower fails)."""

import json
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import bench  # noqa: E402
import io_load  # noqa: E402
import machine  # noqa: E402
import parsing  # noqa: E402
import table  # noqa: E402


def marks(*lines):
    return "".join(f"{what} insns={insns} cr3={cr3}\n" for what, insns, cr3 in lines)


def test_lines_of_a_guest():
    text = "bench: EXIT cpuid id 18 min 5 median 7 max 9\nnoise EXIT\nEXIT in-rtc min 1 median 2 max 3\nEXIT-DONE\n"
    assert parsing.operations(text) == {
        "cpuid": {"id": 18, "min": 5, "median": 7, "max": 9},
        "in-rtc": {"id": 0, "min": 1, "median": 2, "max": 3},
    }


def test_a_path_that_is_measured_twice_is_refused():
    with pytest.raises(ValueError, match="cpuid was measured twice"):
        parsing.operations("EXIT cpuid min 1 median 2 max 3\nEXIT cpuid min 1 median 2 max 3\n")


def test_lines_of_the_plugin():
    text = "qemu: warning\n" + marks(("FIRST-VMRUN", 5, 1), ("FIRST-AT", 6, 1), ("MARK 2", 9, 1), ("TOTAL", 10, 2)) + "MARK 3 nonsense\n"
    assert parsing.counts(text) == [("FIRST-VMRUN", {"insns": 5, "cr3": 1}), ("FIRST-AT", {"insns": 6, "cr3": 1}), ("MARK 2", {"insns": 9, "cr3": 1}), ("TOTAL", {"insns": 10, "cr3": 2})]
    assert parsing.first(text, "MARK 2") == {"insns": 9, "cr3": 1}
    assert parsing.first(text, "MARK 1") is None


def test_rounds_are_between_a_marker_and_its_end():
    text = marks(("MARK 16", 10, 0), ("MARK 17", 15, 2), ("MARK 16", 20, 2), ("MARK 19", 22, 2), ("MARK 18", 30, 2), ("MARK 19", 31, 2))
    assert parsing.rounds(text) == [(16, {"insns": 5, "cr3": 2}), (18, {"insns": 1, "cr3": 0})]


def test_paths_that_share_an_id_have_rounds_in_their_order():
    found = [(16, {}), (16, {}), (18, {}), (16, {}), (16, {})]
    measured = {"one": {"id": 16}, "other": {"id": 18}, "again": {"id": 16}}
    assert parsing.rounds_of(found, measured) == {"one": [0, 1], "again": [3, 4], "other": [2]}
    with pytest.raises(ValueError, match="5 rounds of one, again"):
        parsing.rounds_of([*found, (16, {})], measured)


def test_the_typical_round_is_no_outlier():
    rounds = [{"insns": 900}, {"insns": 10}, {"insns": 12}, {"insns": 11}, {"insns": 800}]
    assert parsing.typical(rounds) == {"insns": 12}
    assert parsing.typical([]) is None


def test_sections_of_the_machine_that_runs_kvm():
    assert parsing.sections("before\r\nGUEST paged\r\nEXIT a\r\nGUEST other\nEXIT b\n") == {"paged": "\nEXIT a\n", "other": "\nEXIT b\n"}


def test_zeroing_is_no_part_of_a_boot():
    virtual = {"marker": {"insns": 1200}, "entry": {"rep_stos": 100}}
    assert parsing.boot_over(virtual, {"marker": {"insns": 1010}, "entry": {"rep_stos": 10}}) == 10.0


def test_a_page_belongs_to_the_program_that_has_its_bytes(tmp_path):
    """Two programs at the same addresses, as all tasks are."""
    programs = []
    for name, body in (("one", "return 1;"), ("two", "return 2;")):
        source, program = tmp_path / f"{name}.c", tmp_path / f"{name}.elf"
        source.write_text(f"int function_{name}(void) {{ {body} }}\n")
        subprocess.run(["gcc", "-O2", "-nostdlib", "-static", "-Wl,-Ttext=0x400000,--build-id=none", f"-Wl,-efunction_{name}", "-o", program, source],
                       check=True, capture_output=True)
        programs.append(parsing.Image(program))
    lines = []
    for number, program in enumerate(programs):
        address = program.starts[0]
        start, data = next(segment for segment in program.segments if segment[0] <= address < segment[0] + len(segment[1]))
        lines.append((address, f"page{number}", number + 5, data[address - start:address - start + 6]))
    lines.append((0x999000, "page9", 1, b"\xf4"))
    assert dict(parsing.by_function(lines, programs)) == {("one", "function_one"): 5, ("two", "function_two"): 6, ("?", "0x999000"): 1}


def test_profile_lines():
    assert parsing.profile_lines("400000 7f12 3 0f01d8\n") == [(0x400000, "7f12", 3, b"\x0f\x01\xd8")]


def test_what_was_not_measured_is_null_and_not_invented():
    rows = table.bench_json({"paged": {"cpuid": {"median": 5}}})
    assert [set(row) for row in rows] == [{"path", "median", "target", "best_peer"}] * len(table.ROWS)
    assert [row["median"] for row in rows if row["median"] is not None] == [5]
    assert len({row["path"] for row in rows}) == len(rows)
    assert json.loads(json.dumps(rows)) == rows


def test_ceilings():
    results = {"paged": {"cpuid": {"median": 5}, "empty": {"median": 9}}}
    assert table.above_ceilings(results, {"paged/cpuid": 5, "paged/empty": 9}) == []
    assert table.above_ceilings(results, {"paged/cpuid": 4, "paged/gone": 9}) == [("paged/cpuid", 5, 4), ("paged/gone", None, 9)]


def test_one_operation_of_a_load():
    """Rounds of four: the one in the middle counts, and of it what ran outside of guest mode; without rounds there is nothing to tell."""
    lines = []
    for start, insns, guest in ((0, 400, 100), (1000, 4000, 0), (9000, 440, 240)):
        lines += [f"MARK 64 insns={start} cr3={start} vmrun=0 guest=0", f"MARK 65 insns={start + insns} cr3={start + 8} vmrun=2 guest={guest}"]
    found = io_load.operations("noise\nLOAD read id 64 count 4\r\n", "\n".join(lines) + "\n")
    assert found == {"read": {"median": 110, "counts": {"guest": 60, "vmrun": 0.5, "cr3": 2}, "has_ceiling": False}, "read-outside": {"median": 50}}
    with pytest.raises(ValueError, match="no rounds of read"):
        io_load.operations("LOAD read id 64 count 4\n", "MARK 64 insns=0\n")


def test_the_guests_own_part_has_no_ceiling(monkeypatch, tmp_path):
    monkeypatch.setattr(table, "CEILINGS", tmp_path / "ceilings.json")
    table.record_ceilings({"io": {"read": {"median": 100, "has_ceiling": False}, "read-outside": {"median": 100}}, "paged": {"cpuid": {"median": 100}}},
                          ["io", "paged"])
    assert table.load_ceilings() == {"io/read-outside": 108, "paged/cpuid": 105}


def test_growth():
    def results(last):
        return {"kernel": {pattern.format(number): {"median": last if number == numbers[-1] else 100}
                           for part, pattern, numbers, _ in table.GROWTH if part == "kernel" for number in numbers}}

    assert table.growth_problems(results(100 + table.GROWTH_BOUND)) == []
    assert len(table.growth_problems(results(101 + table.GROWTH_BOUND))) == sum(part == "kernel" for part, *_ in table.GROWTH)


# --- the short parts ---


@pytest.fixture(scope="module")
def measured():
    machine.prepare()
    return {part: bench.PARTS[part]() for part in bench.SHORT_PARTS}


@pytest.mark.parametrize("name", sorted(table.load_ceilings()))
def test_path_costs_no_more_than_recorded(measured, name):
    assert table.above_ceilings(measured, {name: table.load_ceilings()[name]}) == []


@pytest.mark.parametrize("mode", bench.MODES)
def test_guest_and_plugin_count_the_same(measured, mode):
    """The guest by the TSC, the plugin by the instructions: LFENCE is in the one alone. Each exit is one VM entry."""
    for operation in ("cpuid", "port-device", "apic-read"):
        values = measured[mode][operation]
        assert 0 <= values["median"] - values["counts"]["insns"] <= 3
        assert values["counts"]["vmrun"] == 1
        assert 1 <= values["counts"]["guest"] <= 10


def test_each_path_has_a_ceiling(measured):
    """A new path is recorded by build/bench --record."""
    assert {f"{part}/{operation}" for part, operations in measured.items() for operation, values in operations.items()
            if table.has_ceiling(values)} == set(table.load_ceilings())


def test_costs_do_not_grow(measured):
    assert table.growth_problems(measured) == []
