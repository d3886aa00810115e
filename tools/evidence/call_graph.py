# SPDX-License-Identifier: MIT
"""The kernel's call graph: C functions as gcc writes them beside each object (-fcallgraph-info=su: callees and stack frames), assembly as
its sources stand. Recursion, levels, entries, and the deepest stack below each."""

import pathlib
import re

from . import project

RETURN_ADDRESS = 8
# What the CPU pushes at an interrupt or exception, with its alignment to 16 bytes (AMD APM vol. 2 §8.9.3), and an error code.
HARDWARE_FRAME = 5 * 8 + 16 + 8
INDIRECT = "__indirect_call"

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"]*)"', re.MULTILINE)
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)
LABEL = re.compile(r"^([A-Za-z_]\w*):")
BRANCH = re.compile(r"^\s*(?:\d+:\s*)?(?:call|jmp|j[a-z]{1,3})\s+([A-Za-z_]\w*)\s*$")
PUSH = re.compile(r"^\s*(?:\d+:\s*)?push[a-z]*\s")
SUBTRACT = re.compile(r"^\s*(?:\d+:\s*)?sub[a-z]*\s+\$\(?([\d* ]+)\)?,\s*%[er]sp")


class Function:
    def __init__(self, title, name, file, line, stack, is_unbounded=False, is_assembly=False):
        self.title, self.name, self.file, self.line = title, name, file, line
        self.stack, self.is_unbounded, self.is_assembly = stack, is_unbounded, is_assembly


def relative(path):
    """A path of the compiler's, from the tree's root."""
    path = str(path)
    root = f"{project.ROOT}/"
    return path[len(root):] if path.startswith(root) else path.removeprefix("./")


class CallGraph:
    def __init__(self, functions, calls):
        """`functions`: {title: Function}. `calls`: {title: set of titles}, callees that are no function here included."""
        self.functions = functions
        self.calls = {title: sorted(calls.get(title, ())) for title in functions}
        self.callers = {title: [] for title in functions}
        for title, callees in self.calls.items():
            for callee in callees:
                if callee in functions:
                    self.callers[callee].append(title)

    def callees(self, title):
        return [callee for callee in self.calls[title] if callee in self.functions]

    def unknown(self):
        """Callees of which neither a frame nor a source is known: with any, no bound would hold. Calls through pointers are told apart."""
        return sorted({callee for callees in self.calls.values() for callee in callees if callee not in self.functions and callee != INDIRECT})

    def indirect(self):
        return [title for title, callees in self.calls.items() if INDIRECT in callees]

    def is_whole(self):
        """Whether a bound of the stack's depth means anything: every callee is known, and none can come back to its caller."""
        return not self.levels()[1] and not self.indirect() and not self.unknown()

    def unbounded(self):
        """Functions whose stack frame has a size that the compiler cannot bound."""
        return [title for title, function in self.functions.items() if function.is_unbounded]

    def levels(self):
        """({title: level}, [titles on cycles or above one]). A level is one more than the highest of the callees', 0 for a leaf: that every
        function has one is the proof that there is no recursion, and the table of them is there to be checked."""
        levels, waiting = {}, {title: len(self.callees(title)) for title in self.functions}
        ready = [title for title, count in waiting.items() if count == 0]
        while ready:
            title = ready.pop()
            levels[title] = max((levels[callee] + 1 for callee in self.callees(title)), default=0)
            for caller in self.callers[title]:
                waiting[caller] -= 1
                if waiting[caller] == 0:
                    ready.append(caller)
        return levels, sorted(title for title in self.functions if title not in levels)

    def cycles(self):
        """The functions that can reach themselves, as sets that reach each other."""
        _, rest = self.levels()
        reach = {}
        for title in rest:
            seen, todo = set(), list(self.callees(title))
            while todo:
                one = todo.pop()
                if one not in seen:
                    seen.add(one)
                    todo += self.callees(one)
            reach[title] = seen
        return sorted({tuple(sorted(other for other in rest if other in reach[title] and title in reach[other])) for title in rest if title in reach[title]})

    def deepest(self):
        """{title: (bytes of stack from its caller's on, next title on the deepest way)}; only where there is no recursion."""
        levels, rest = self.levels()
        if rest:
            raise ValueError("recursion: the depth has no bound")
        depth = {}
        for title in sorted(levels, key=levels.__getitem__):
            below = max(self.callees(title), key=lambda callee: depth[callee][0], default=None)
            depth[title] = (self.functions[title].stack + RETURN_ADDRESS + (depth[below][0] if below else 0), below)
        return depth

    def chain(self, title, depth):
        names = []
        while title is not None:
            names.append(title)
            title = depth[title][1]
        return names

    def roots(self):
        """Functions that no function here calls: the machine's own entries, in assembly; a C function among them is dead code."""
        return [title for title in self.functions if not self.callers[title]]


def read_compiler_output(text, functions, calls):
    for title, label in NODE.findall(text):
        parts = label.split("\\n")
        match = re.search(r"(\d+) bytes \(([^)]*)\)", label)
        if match:
            file, line = parts[1].rsplit(":", 2)[:2]
            kinds = match.group(2)
            functions[title] = Function(title, parts[0], relative(file), int(line), int(match.group(1)), "dynamic" in kinds and "bounded" not in kinds)
    for source, target in EDGE.findall(text):
        calls.setdefault(source, set()).add(target)


def read_assembly(text, file, functions, calls):
    """Each label is a node: what it pushes, never taking account of what it pops, and where it calls or jumps to."""
    current = None
    labels = set(re.findall(r"^([A-Za-z_]\w*):", text, re.MULTILINE))
    for number, line in enumerate(re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group(0).count("\n"), text, flags=re.DOTALL).split("\n"), 1):
        label = LABEL.match(line)
        if label:
            current = Function(label.group(1), label.group(1), file, number, 0, is_assembly=True)
            functions[current.title] = current
            line = line[label.end():]
        if current is None:
            continue
        if PUSH.match(line):
            current.stack += 8
        amount = SUBTRACT.match(line)
        if amount:
            product = 1
            for factor in amount.group(1).split("*"):
                product *= int(factor)
            current.stack += product
        target = BRANCH.match(line)
        if target and target.group(1) != current.title:
            calls.setdefault(current.title, set()).add(target.group(1))
        elif target and line.lstrip().startswith("call"):
            calls.setdefault(current.title, set()).add(target.group(1))
    # A label of data, or one that only marks an end, is no function.
    for name in labels:
        if name in functions and functions[name].is_assembly and functions[name].stack == 0 and not calls.get(name) and not is_code(text, name):
            del functions[name]


def is_code(text, label):
    """Whether an instruction stands behind a label, and not data or the next label."""
    behind = re.search(rf"^{label}:(.*(?:\n.*){{0,3}})", text, re.MULTILINE)
    for line in behind.group(1).split("\n") if behind else ():
        line = re.sub(r"/\*.*", "", line).strip()
        if line and not line.startswith("."):
            return not LABEL.match(line)
        if re.match(r"\.(skip|long|short|quad|byte|asciz|size|section)\b", line):
            return False
    return False


def load(out=None):
    """The graph of the kernel that stands in the build folder; None if there is none."""
    functions, calls = {}, {}
    folder = pathlib.Path(out or project.OUT) / "CMakeFiles/kernel.dir"
    for path in sorted(folder.rglob("*.ci")):
        # What a file that has gone left behind is not part of the kernel.
        if (project.ROOT / str(path.relative_to(folder)).removesuffix(".ci")).exists():
            read_compiler_output(path.read_text(), functions, calls)
    if not functions:
        return None
    for path in sorted((project.ROOT / "kernel").rglob("*.S")):
        read_assembly(path.read_text(), str(path.relative_to(project.ROOT)), functions, calls)
    return CallGraph(functions, calls)


class Entry:
    """A way into the kernel: the assembly label, the stack it runs on, the deepest chain, and its bytes with all that can come on top."""

    def __init__(self, title, stack_name, stack_size, chain, depth, on_top):
        self.title, self.stack_name, self.stack_size, self.chain, self.depth, self.on_top = title, stack_name, stack_size, chain, depth, on_top
        self.total = depth + on_top


# Where the labels that the machine enters by run. Boot has its own stack; a trap from user mode, a system call and the first start use the
# CPU's; #DF, #MC, #DB and NMI have stacks of their own (IST), where a second one on top of the first cannot come.
BOOT_ENTRIES = ("boot_entry", "long_mode", "long_mode_high", "boot_trap_stubs")
INTERRUPTION = ("trap_from_kernel", "trap_stubs")


def constant(file, name):
    match = re.search(rf"#define\s+{name}\s+(?:UINT64_C\()?\(?(0x[0-9a-fA-F]+|\d+)", (project.ROOT / file).read_text())
    if not match:
        raise LookupError(f"{file} does not say {name}")
    return int(match.group(1), 0)


def entries(graph):
    """The entries of the kernel that is in `graph`, each with its deepest stack."""
    depth = graph.deepest()
    kernel_stack = constant("kernel/arch/x86_64/layout.h", "KERNEL_STACK_SIZE")
    ist_stack = constant("kernel/arch/x86_64/layout.h", "IST_STACK_SIZE")
    boot_stack = constant("kernel/arch/x86_64/boot.S", "BOOT_STACK_SIZE")
    trap = HARDWARE_FRAME + graph.functions["trap_stubs"].stack + depth["trap_from_kernel"][0] if "trap_from_kernel" in depth else 0
    boot_trap = HARDWARE_FRAME + depth["boot_trap_stubs"][0] if "boot_trap_stubs" in depth else 0
    found = []
    for title in graph.roots():
        if not graph.functions[title].is_assembly or not graph.callees(title):
            continue
        chain = graph.chain(title, depth)
        if title in BOOT_ENTRIES:
            on_top = 0 if title == "boot_trap_stubs" else boot_trap
            found.append(Entry(title, "boot", boot_stack, chain, depth[title][0] + (HARDWARE_FRAME if title == "boot_trap_stubs" else 0), on_top))
        elif title == "trap_stubs":
            # From user mode on an empty stack; from the kernel counted on top of what it interrupts, and by itself on a stack of the IST.
            found.append(Entry(title, "kernel", kernel_stack, chain, HARDWARE_FRAME + depth[title][0], trap))
            inner = [title, *graph.chain("trap_from_kernel", depth)] if "trap_from_kernel" in depth else chain
            found.append(Entry(title, "IST", ist_stack, inner, trap, 0))
        else:
            found.append(Entry(title, "kernel", kernel_stack, chain, depth[title][0], trap))
    return sorted(found, key=lambda entry: -entry.total / entry.stack_size)
