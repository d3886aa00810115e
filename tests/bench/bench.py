#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What Bulkhead costs, in executed instructions, beside other hypervisors.

build/bench                    all parts; prints the tables, writes out/bench.json (and all that was measured to out/bench/measured.json)
build/bench PART...            these parts only; what was measured before is kept
build/bench --peers            Linux KVM + QEMU, too: on the same emulated machine, with the same guests
build/bench --check            the short parts (kernel, unpaged, paged, memory, io) against tests/bench/ceilings.json; status 1 if a path costs more
build/bench --record [PART...] writes what the short parts, or these of them, cost now as the new ceilings
build/bench --profile PATH     where the instructions of one round are, by function; PATH is PART/OPERATION, such as paged/cpuid or io/read-random
build/bench --markdown         what was measured last, as docs/performance.md has it
build/bench --rows             all paths of the table, and how each is measured

Parts: kernel     system calls, messages, doorbells; with many capabilities and routes
       unpaged    VM exits of a 32-bit guest without paging
       paged      VM exits of a 64-bit guest with paging
       exitbench  more VM exits, by the guest with which other hypervisors were measured
       vms        VM exits of one VM among 8, and among as many as an appliance can have
       boot       Linux boots to a marker, directly on the emulated machine and as a VM
       memory     what a VM takes beside its RAM
       io         disk and network of two Linux guests"""

import argparse
import json
import subprocess
import sys

import io_load
import kvm
import machine
import memory
import parsing
import table

MODES = ("unpaged", "paged")
DONE = "EXIT-DONE"
RESULTS = machine.OUT / "measured.json"
ALL_MODELS = ("uart0", "pit", "rtc", "acpi-pm", "i8042")

# A device whose registers stand in memory, too, and an address of one that can be read (docs/appliance-file.md).
MMIO_DEVICE, MMIO_ADDRESS = "test-device", 0xFED10000

VM_COUNTS = (1, 8, 64)  # as many as an appliance can have
CONSOLES = 58  # of all VMs: the others have no UART, and their port accesses go to their VMMs


def operations_of(run, name):
    """The operations that a program measured, with the expensive instructions of a round."""
    if DONE not in run.text:
        machine.fail(f"{name} did not come to its end; see {machine.OUT / name}.log")
    found = parsing.operations(run.text)
    rounds = parsing.rounds(run.counts)
    for operation, indices in parsing.rounds_of(rounds, found).items():
        found[operation]["counts"] = parsing.typical([rounds[index][1] for index in indices])
    return found


def run_kernel(name="kernel", plugin=""):
    return machine.root_task(name, machine.BUILD / "tests/bench-kernel", plugin)


def run_exits(mode, name=None, plugin=""):
    devices = f"devices = {{ {', '.join((*ALL_MODELS, MMIO_DEVICE))} }}"
    text = "name = exits\n" + machine.bare_vm("bench", f"exits-{mode}", f"mmio={MMIO_ADDRESS:#x}", more=f"share = 80%\n\t{devices}")
    return machine.appliance(name or mode, text, DONE, plugin=plugin)


def exitbench():
    text = "name = exitbench\n" + machine.bare_vm("bench", "exitbench")
    return parsing.operations(machine.appliance("exitbench", text, DONE).text)


def vms():
    """The paths of one VM, beside others that keep the machine busy."""
    found = {}
    for count in VM_COUNTS:
        name = f"vms-{count}"
        share = 39 / max(count - 1, 1)
        text = "name = vms\n" + machine.bare_vm("bench", "exits-paged", more="share = 40%\n\tperiod = 100ms")
        for i in range(1, count):
            devices = "uart0" if i < CONSOLES else "pit"
            text += machine.bare_vm(f"other{i}", "io-storm", "count=0", "4M", f"share = {share:.1f}%\n\tperiod = 100ms\n\tdevices = {{ {devices} }}")
        for operation, values in operations_of(machine.appliance(name, text, DONE), name).items():
            found[f"{operation}-vms-{count}"] = values
    return found


KERNEL_ENTRY = 0x100000  # where a bzImage's protected-mode part begins; firmware and loader run elsewhere
COMMAND_LINE = "console=ttyS0 quiet nokaslr"
PARAVIRTUAL = "paravirtual = { kvm-clock, pv-eoi }"


def linux_appliance(more=""):
    """examples/linux-mark.conf, which can stand anywhere, with another line for its VM."""
    text = (machine.ROOT / "examples/linux-mark.conf").read_text().replace('"../', f'"{machine.ROOT}/')
    if COMMAND_LINE not in text or "share = 80%" not in text:
        machine.fail("examples/linux-mark.conf is not the boot that is measured")
    return text.replace("share = 80%", f"share = 80%\n\t{more}")


def boot_counts(name, run, marker=2, required=True):
    """Counters from power-on to the marker, and to the first guest instruction."""
    end = parsing.first(run.counts, f"MARK {marker}")
    if end is None and required:
        machine.fail(f"the guest did not come to its marker; see {machine.OUT / name}.log")
    return end and {"marker": end, "entry": parsing.first(run.counts, "FIRST-VMRUN")}


def boot():
    kernel, initrd = machine.GUESTS / "linux-cloud", machine.GUESTS / "mark.cpio.gz"
    run = machine.emulated_pc("boot-direct", 256, kernel, initrd, COMMAND_LINE, f",at={KERNEL_ENTRY:#x}")
    direct = boot_counts("boot-direct", run)
    direct["entry"] = parsing.first(run.counts, "FIRST-AT")
    found = {"direct": direct}
    for keys, line in (("off", ""), ("on", PARAVIRTUAL)):
        name = f"boot-{keys}"
        run = machine.appliance(name, linux_appliance(line), "a line that never comes", machine=("-M", "pc", "-cpu", "max"), limit=300)
        counts = boot_counts(name, run, required=keys == "off")
        if counts is None:
            print(f"paravirtual keys: not available: {next((line for line in run.text.splitlines() if 'paravirtual' in line), 'see ' + name)}")
            continue
        found[keys] = counts
        found[f"over-{keys}"] = {"median": parsing.boot_over(counts, direct)}
        found[f"entry-{keys}"] = {"median": counts["entry"]["insns"] - counts["entry"]["rep_stos"]}
    return found


PARTS = {
    "kernel": lambda: operations_of(run_kernel(), "kernel"),
    **{mode: (lambda mode=mode: operations_of(run_exits(mode), mode)) for mode in MODES},
    "exitbench": exitbench,
    "vms": vms,
    "boot": boot,
    "memory": memory.measure,
    "io": io_load.measure,
}
SHORT_PARTS = ("kernel", *MODES, "memory", "io")


def profile(path):
    """Two runs: the first tells which of all rounds are the path's, the second counts each instruction in one of them."""
    part, _, operation = path.partition("/")
    runs = {"kernel": run_kernel, "io": io_load.run, **{mode: (lambda mode=mode, **options: run_exits(mode, **options)) for mode in MODES}}
    if part not in runs:
        machine.fail(f"there is no path {path}; see --rows")
    run = runs[part](name="profile")
    measured = io_load.lines(run.text) if part == "io" else operations_of(run, "profile")
    if operation not in measured:
        machine.fail(f"{part} has no {operation}, but {', '.join(measured)}")
    rounds = parsing.rounds(run.counts)
    indices = parsing.rounds_of(rounds, measured)[operation]
    middle = parsing.typical([rounds[index][1] for index in indices])["insns"]
    chosen = next(index for index in indices if rounds[index][1]["insns"] == middle)
    file = machine.OUT / "profile.txt"
    file.unlink(missing_ok=True)
    runs[part](name="profile", plugin=f",profile={file},skip={chosen}")
    programs = [machine.BUILD / "kernel/bulkhead.elf64", *sorted((machine.BUILD / "tasks").iterdir()), machine.BUILD / "tests/bench-kernel",
                machine.BARE_GUESTS / "exits-paged.elf64", machine.BARE_GUESTS / "exits-unpaged.elf"]
    lines = parsing.profile_lines(file.read_text())
    totals = parsing.by_function(lines, [parsing.Image(program) for program in programs])
    print(f"{path}: in this round {sum(totals.values())}, of {measured[operation].get('count', 1)} operations")
    shares = {}
    for (program, _), count in totals.items():
        shares[program] = shares.get(program, 0) + count
    for program, count in sorted(shares.items(), key=lambda pair: -pair[1]):
        print(f"{count:7} {program}")
    print()
    for (program, function), count in totals.most_common():
        print(f"{count:7} {program}: {function}")
    print(f"each instruction: {file}")


def check(results):
    above = table.above_ceilings(results, table.load_ceilings())
    for name, median, ceiling in above:
        print(f"{name}: {'not measured' if median is None else median}, and the ceiling is {ceiling}")
    return not above


def arguments():
    parser = argparse.ArgumentParser(prog="build/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART", help=argparse.SUPPRESS)
    for switch in ("--peers", "--check", "--record", "--rows", "--markdown"):
        parser.add_argument(switch, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--profile", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part}, but {', '.join(PARTS)}")
    return options


def main():
    options = arguments()
    if options.rows:
        table.print_descriptions()
        return 0
    if options.markdown:
        print(table.markdown(json.loads(RESULTS.read_text())))
        return 0
    machine.prepare()
    if options.profile:
        profile(options.profile)
        return 0
    chosen = options.parts or (SHORT_PARTS if options.check or options.record else () if options.peers and RESULTS.exists() else PARTS)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() and set(chosen) != set(PARTS) else {}
    measurements = {part: PARTS[part] for part in chosen}
    if options.peers:
        measurements["kvm"] = kvm.measure
        measurements["kvm-io"] = kvm.measure_load
    for part, measure in measurements.items():
        print(f"== {part}", flush=True)
        results[part] = measure()
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    (machine.BUILD / "bench.json").write_text(json.dumps(table.bench_json(results), indent=1) + "\n")
    if options.record:
        table.record_ceilings(results, [part for part in SHORT_PARTS if part in chosen])
    table.print_all(results)
    problems = table.growth_problems(results)
    for problem in problems:
        print(problem)
    return 0 if not problems and (not options.check or check(results)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (subprocess.CalledProcessError, FileNotFoundError, ValueError) as error:
        machine.fail(error)
