# SPDX-License-Identifier: MIT
"""The call graph: reading gcc's and the assembly's, recursion, levels, stack depth."""

import pytest
from evidence import call_graph
from evidence.call_graph import RETURN_ADDRESS, CallGraph, Function, read_assembly, read_compiler_output


def graph(calls, stacks=None):
    names = set(calls) | {callee for callees in calls.values() for callee in callees if callee.islower()}
    functions = {name: Function(name, name, "kernel/file.c", 1, (stacks or {}).get(name, 16)) for name in names}
    return CallGraph(functions, calls)


def test_levels_prove_that_there_is_no_recursion():
    one = graph({"entry": {"middle", "leaf"}, "middle": {"leaf"}})
    levels, rest = one.levels()
    assert (levels, rest) == ({"leaf": 0, "middle": 1, "entry": 2}, [])
    assert one.cycles() == []


@pytest.mark.parametrize("calls", [{"a": {"a"}}, {"a": {"b"}, "b": {"a"}}, {"entry": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a"}}])
def test_recursion_is_found(calls):
    one = graph(calls)
    assert one.levels()[1] != []
    assert len(one.cycles()) == 1 and "entry" not in one.cycles()[0]
    with pytest.raises(ValueError):
        one.deepest()


def test_calls_through_pointers_and_of_unknown_functions_are_told():
    one = graph({"a": {call_graph.INDIRECT, "UNKNOWN"}})
    assert one.indirect() == ["a"]
    assert one.unknown() == ["UNKNOWN"]
    assert not one.is_whole() and graph({"a": {"b"}}).is_whole()
    assert not graph({"a": {"UNKNOWN"}}).is_whole() and not graph({"a": {call_graph.INDIRECT}}).is_whole()


def test_the_deepest_chain_counts_frames_and_return_addresses():
    one = graph({"entry": {"shallow", "deep"}, "deep": {"leaf"}}, {"entry": 100, "shallow": 40, "deep": 8, "leaf": 64})
    depth = one.deepest()
    assert depth["entry"][0] == 100 + 8 + 64 + 3 * RETURN_ADDRESS
    assert one.chain("entry", depth) == ["entry", "deep", "leaf"]


def test_compiler_output():
    functions, calls = {}, {}
    read_compiler_output(
        'node: { title: "one" label: "one\\n/x/kernel/a.c:7:3\\n80 bytes (static)" }\n'
        'node: { title: "a.c:two" label: "two\\n/x/kernel/a.c:9:1\\n32 bytes (dynamic)" }\n'
        'node: { title: "three" label: "three\\n/x/kernel/b.h:1:1" shape : ellipse }\n'
        'edge: { sourcename: "one" targetname: "a.c:two" label: "kernel/a.c:8:2" }\n'
        'edge: { sourcename: "one" targetname: "three" label: "kernel/a.c:8:9" }\n', functions, calls)
    assert {title: (one.name, one.line, one.stack, one.is_unbounded) for title, one in functions.items()} == {"one": ("one", 7, 80, False), "a.c:two": ("two", 9, 32, True)}
    assert calls == {"one": {"a.c:two", "three"}}
    assert CallGraph(functions, calls).unbounded() == ["a.c:two"]
    assert CallGraph(functions, calls).unknown() == ["three"]


def test_assembly():
    functions, calls = {}, {}
    read_assembly("""
	.globl enter
enter:	pushq %rax		/* call nobody */
	pushq $0
	subq $(23 * 8), %rsp
	testb $3, %al
	jz other
	call work
1:	jmp 1b
other:
	popq %rax
	call *table(%rax)
	ret
table:
	.quad 0
end_of_it:
	.size enter, . - enter
""", "kernel/x.S", functions, calls)
    assert {name: one.stack for name, one in functions.items()} == {"enter": 16 + 184, "other": 0}
    assert calls == {"enter": {"other", "work"}}


def test_the_kernel_of_this_build_keeps_its_budget():
    one = call_graph.load()
    if one is None:
        pytest.skip("the kernel was not built")
    assert len(one.functions) > 100
    assert one.levels()[1] == [] and one.indirect() == [] and one.unknown() == []
    found = {entry.title: entry for entry in call_graph.entries(one)}
    assert {"syscall_entry", "trap_stubs"} <= set(found)
    assert "system_call" in found["syscall_entry"].chain
    assert all(0 < entry.depth <= entry.total <= entry.stack_size for entry in found.values())
    # what comes on top: at least the CPU's frame and the panic's registers
    assert found["syscall_entry"].on_top > call_graph.HARDWARE_FRAME + 23 * 8
