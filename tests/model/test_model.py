# SPDX-License-Identifier: MIT
"""The kernel's capability code against the reference model: every sequence of operations to a depth (out/model/explore DEPTH
CAPABILITIES goes deeper), and a check that the search finds bugs: each of the mutants below is one."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(os.environ.get("BULKHEAD_OUT", ROOT / "out"))
KERNEL = ["object/derivation.c", "object/cnode.c", "object/untyped.c", "object/invoke.c"]
MODEL = ["explore.c", "machine.c", "model.c"]
COMPILE = ["gcc", "-std=c17", "-O1", "-fno-strict-aliasing", "-D_GNU_SOURCE"]
MUTANT_DEPTH = 5

# Name, file of the kernel, text that stands there once, what stands there instead.
MUTANTS = [
    ("a newcomer adopts whose parent was deleted", "object/derivation.c",
     "\tderivation_set_join(fresh, fresh->depth);\n", "\tderivation_set_join(fresh, DEPTH_MAXIMUM);\n"),
    ("a sibling adopts the children of a deleted one", "object/derivation.c",
     "\t\t\tderivation_set_join(slot->next, derivation_join(slot));\n", ""),
    ("joins are raised", "object/derivation.c", "derivation_join(slot->next) > derivation_join(slot)",
     "derivation_join(slot->next) < derivation_join(slot)"),
    ("a copy is no deeper", "object/derivation.c", "((uint64_t)parent->depth + 1) & DEPTH_MAXIMUM", "parent->depth"),
    ("a deleted one stays linked", "object/derivation.c", "\t\tslot->previous->next = slot->next;\n", ""),
    ("a moved one is not linked back", "object/derivation.c", "\t\tslot->next->previous = slot;\n", ""),
    ("a moved one stays", "object/derivation.c", "\tmemset(from, 0, sizeof(*from));\n", ""),
    ("a copy is not counted", "object/derivation.c", "\t\tcapability_header(to)->references++;\n", ""),
    ("a copy has all rights", "object/derivation.c", "from->rights & rights & BH_RIGHTS_ALL", "from->rights & BH_RIGHTS_ALL"),
    ("an Untyped can be copied", "object/derivation.c", "from->type == BH_OBJECT_UNTYPED || ", ""),
    ("children are found by depth", "object/capability.h", "derivation_join(next) > parent->depth",
     "next->depth > parent->depth"),
    ("children of the same depth", "object/capability.h", "derivation_join(next) > parent->depth",
     "derivation_join(next) >= parent->depth"),
    ("a badge can be changed", "object/cnode.c", "source->badge == 0 ? BH_OK : BH_ERROR_STATE", "BH_OK"),
    ("Mint forgets the badge", "object/cnode.c", "\t\ttarget->badge = argument[4];\n", ""),
    ("Rotate forgets the source", "object/cnode.c", "\tcapability_move(source, pivot);\n", ""),
    ("a preempted Revoke says that it has ended", "object/cnode.c",
     "\t\tif (preemption_point()) {\n\t\t\treturn INVOCATION_RESTART;", "\t\tif (preemption_point()) {\n\t\t\treturn BH_OK;"),
    ("a preempted Delete says that it has ended", "object/cnode.c",
     "capability_delete(slot);\n\t}\n\treturn teardown_run() ? BH_OK : INVOCATION_RESTART;",
     "capability_delete(slot);\n\t}\n\t(void)teardown_run();\n\treturn BH_OK;"),
    ("memory is handed out again too early", "object/untyped.c",
     "derivation_first_child(untyped) == NULL && untyped->untyped.used != 0", "untyped->untyped.used != 0"),
    ("objects may stand beyond the end", "object/untyped.c", "count > (size - start) >> bits", "count > size >> bits"),
    ("objects are not zeroed", "object/untyped.c", "\t\tmemset(phys_to_virt(untyped->object + from), 0, next - from);\n", ""),
    ("Retype does not wait for dead objects", "object/untyped.c", "\tif (!teardown_run()) {\n\t\treturn INVOCATION_RESTART;\n\t}\n",
     ""),
    ("an object ends one name too early", "object/teardown.c", "->references == 0) {", "->references <= 1) {"),
    ("the last slot of a dead CNode is forgotten", "object/teardown.c", "header->progress < count)", "header->progress + 1 < count)"),
    ("a dead object is not taken apart", "object/teardown.c", "\tbecome_zombie((struct object_header *)object, type);\n", ""),
]


@pytest.mark.parametrize("program, depth, capabilities", [("explore", 6, 6), ("explore", 7, 5), ("explore", 8, 4),
                                                          ("explore-checked", 5, 6)])
def test_all_sequences(program, depth, capabilities, capsys):
    result = subprocess.run([OUT / "model" / program, str(depth), str(capabilities)], capture_output=True, text=True,
                            timeout=300, check=False)
    with capsys.disabled():
        print(f"\n{result.stdout.strip()}")
    assert result.returncode == 0, result.stdout + result.stderr


def compile_file(source, target, includes):
    subprocess.run([*COMPILE, *(f"-I{folder}" for folder in includes), f"-I{ROOT}/kernel", f"-I{ROOT}/kernel/include",
                    f"-I{ROOT}/tests/model", "-c", source, "-o", target], check=True)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    for file in KERNEL:
        compile_file(ROOT / "kernel" / file, folder / (pathlib.Path(file).name + ".o"), [])
    for file in MODEL:
        compile_file(ROOT / "tests" / "model" / file, folder / (file + ".o"), [])
    return folder


def explore_mutant(objects, folder, file, text):
    """Builds the search with that text in place of a file of the kernel, and runs it."""
    (folder / "object").mkdir()
    mutated = folder / file
    mutated.write_text(text)
    if file in KERNEL:
        anew = [mutated]
    elif file.endswith(".h"):
        anew = [ROOT / "kernel" / name for name in KERNEL] + [ROOT / "tests" / "model" / name for name in MODEL]
    else:
        anew = [ROOT / "tests" / "model" / "machine.c"]  # which includes it
    linked = {path.name: path for path in objects.glob("*.o")}
    for source in anew:
        linked[source.name + ".o"] = folder / (source.name + ".o")
        compile_file(source, linked[source.name + ".o"], [folder])
    program = folder / "explore"
    subprocess.run(["gcc", *linked.values(), "-o", program], check=True)
    return subprocess.run([program, str(MUTANT_DEPTH), "5"], capture_output=True, text=True, timeout=120, check=False)


def test_an_unchanged_kernel_passes(objects, tmp_path):
    text = (ROOT / "kernel" / "object/derivation.c").read_text()
    result = explore_mutant(objects, tmp_path, "object/derivation.c", text)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("file, old, new", [mutant[1:] for mutant in MUTANTS], ids=[mutant[0] for mutant in MUTANTS])
def test_finds(objects, tmp_path, file, old, new):
    text = (ROOT / "kernel" / file).read_text()
    assert text.count(old) == 1, f"the text that this mutant changes stands {text.count(old)} times in {file}"
    result = explore_mutant(objects, tmp_path, file, text.replace(old, new))
    assert result.returncode != 0, "the search does not find this bug"
