# SPDX-License-Identifier: MIT
"""The budgets that the build has to keep. Each check prints what it found and returns whether it is kept; build/check-budgets runs them."""

import json
import pathlib
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


CHECKS = {"kernel-lines": kernel_lines, "model-lines": model_lines, "recursion": recursion, "stack": stack, "reproducible": rebuild.check}


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        sys.exit("usage: build/check-budgets " + " | ".join(CHECKS))
    return 0 if CHECKS[arguments[0]]() else 1
