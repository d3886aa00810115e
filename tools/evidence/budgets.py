# SPDX-License-Identifier: MIT
"""The budgets that the build has to keep. Each check prints what it found and returns whether it is kept; build/check-budgets runs them."""

import json
import pathlib
import re
import sys

from . import call_graph, project, rebuild

KERNEL_LINES = 10000
MODEL_LINES = 1500


def count_lines(*folders):
    """{file: lines of code} below the folders, without blank lines and comments, as cloc counts them."""
    # Files that are the same count each: --skip-uniqueness.
    result = project.run(["cloc", "--json", "--quiet", "--by-file", "--skip-uniqueness", *folders])
    if result.returncode != 0:
        raise RuntimeError(f"cloc: {result.stderr}")
    counts = json.loads(result.stdout) if result.stdout.strip() else {}
    return {call_graph.relative(pathlib.Path(name).resolve()): entry["code"] for name, entry in counts.items() if name not in ("header", "SUM")}


OTHERS = (("roottask", "makes and supervises all tasks"), ("vmm-server", "one for each VM"), ("backends", "tasks that own devices of the host"), ("lib", "runtime of the tasks, shared formats"),
          ("tools", "host tool and this page"), ("tests", "all tests"), ("build", "commands and CMake files"))


def components():
    """[(component, what it is, {file: lines}, budget or None)]; the kernel first, the device models next."""
    counts = count_lines(project.ROOT / "kernel", project.ROOT / "devmodels", *(project.ROOT / name for name, _ in OTHERS))

    def below(name):
        return {file: lines for file, lines in counts.items() if file.startswith(f"{name}/")}

    found = [("kernel", "the microkernel", below("kernel"), KERNEL_LINES)]
    for folder in sorted((project.ROOT / "devmodels").iterdir()):
        if folder.is_dir():
            is_model = folder.name != "framework"
            found.append((f"devmodels/{folder.name}", "device model" if is_model else "what all device models share", below(f"devmodels/{folder.name}"), MODEL_LINES if is_model else None))
    return found + [(name, what, below(name), None) for name, what in OTHERS]


def kernel_lines():
    lines = sum(count_lines(project.ROOT / "kernel").values())
    print(f"kernel: {lines} lines of code, at most {KERNEL_LINES}")
    return 0 < lines <= KERNEL_LINES


def model_lines():
    good = True
    for folder in sorted((project.ROOT / "devmodels").iterdir()):
        if folder.is_dir() and folder.name != "framework":
            lines = sum(count_lines(folder).values())
            print(f"{folder.name}: {lines} lines of code, at most {MODEL_LINES}")
            good = good and lines <= MODEL_LINES
    return good


def kernel_graph():
    graph = call_graph.load()
    if graph is None:
        sys.exit(f"there is no call graph in {project.OUT}: run build/all first")
    return graph


def recursion():
    graph = kernel_graph()
    for cycle in graph.cycles():
        print("recursion:", ", ".join(cycle))
    for title in graph.indirect():
        print("call through a pointer:", title)
    for callee in graph.unknown():
        print("call of a function that is neither C nor assembly of the kernel:", callee)
    if graph.is_whole():
        print(f"kernel: {len(graph.functions)} functions, no recursion, no call through a pointer")
    return graph.is_whole()


def stack():
    graph = kernel_graph()
    if not graph.is_whole():
        print("recursion, a call through a pointer or of an unknown function: the depth has no bound")
        return False
    found = call_graph.entries(graph)
    for entry in found:
        names = " > ".join(graph.functions[title].name for title in entry.chain)
        print(f"kernel: {entry.title}: {entry.total} bytes of {entry.stack_size} ({entry.stack_name} stack): {names}")
    for title in graph.unbounded():
        print("stack frame of a size that the compiler cannot bound:", title)
    return bool(found) and all(entry.total <= entry.stack_size for entry in found) and not graph.unbounded()


# Instructions of the FPU and of vectors: their registers, and x87's mnemonics. Of musl's start one branch has them, for programs that gain rights by
# being started.
VECTOR = re.compile(r"^\s+[0-9a-f]+:\s+(?:f[a-z]+\b|.*%(?:[xyz]?mm\d|st\b))")
STARTS_WITH_VECTORS = ("__init_libc",)


def general_registers():
    """Tasks whose manifest gives them no FPU have no instruction that needs it."""
    names = (project.OUT / "general-tasks.txt").read_text().split()
    programs = {name: next((path for path in (project.OUT / "tasks" / name, project.OUT / "tests/hostile" / name) if path.exists()), None) for name in names}
    good = bool(names) and None not in programs.values()
    for name, program in programs.items():
        listing = project.run(["objdump", "-d", "--no-show-raw-insn", program]).stdout if program is not None else ""
        function = ""
        for line in listing.splitlines():
            if line.endswith(">:"):
                function = line.split("<")[1][:-2]
            elif VECTOR.match(line) and function not in STARTS_WITH_VECTORS:
                print(f"{name}: {function}: {line.strip()}")
                good = False
    print(f"{len(names)} tasks without an FPU")
    return good


CHECKS = {"general-registers": general_registers, "kernel-lines": kernel_lines, "model-lines": model_lines, "recursion": recursion, "stack": stack, "reproducible": rebuild.check}


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        sys.exit("usage: build/check-budgets " + " | ".join(CHECKS))
    return 0 if CHECKS[arguments[0]]() else 1
