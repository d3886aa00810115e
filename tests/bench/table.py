# SPDX-License-Identifier: MIT
"""The table of the bench: each path with its target and what it costs elsewhere, how it is measured, and how it is printed."""

import dataclasses
import json
import pathlib

from parsing import EXPENSIVE

CEILINGS = pathlib.Path(__file__).with_name("ceilings.json")


@dataclasses.dataclass(frozen=True)
class Row:
    path: str
    part: str        # results are filed under part and operation
    operation: str
    target: float | None     # None: there is none
    best_peer: float | None
    peers: str
    what: str        # program, and where a round starts and ends
    unit: str = "instructions"


UNPAGED = "tests/bench/exits.c in 32-bit protected mode without paging"
PAGED = "tests/bench/exits.c in 64-bit mode with paging"
ROUND = "from the RDTSC before the instruction to the one behind it"
KERNEL = "tests/bench/kernel"

KVM = "Linux KVM + QEMU"
KVM_ENTRY = 2340417312
DISK = ", O_DIRECT, a disk in memory"


def exits(path, operation, target, best_peer, peers, more="", modes=("unpaged", "paged")):
    return [Row(f"{path}, {mode} guest", mode, operation, target, best_peer, peers,
                f"{UNPAGED if mode == 'unpaged' else PAGED}: {more}{ROUND}") for mode in modes]


def load(path, operation, best_peer, more=""):
    """What a disk or a network costs; the target is half of the peer's."""
    return Row(path, "io", operation, best_peer // 2, best_peer, f"{KVM} {best_peer}", f"tests/bench/load.c in Linux guests{more}: the round in the middle "
               "of 9, from the marker before it to the one behind it, divided by its operations; all that the machine executes")


ROWS = [
    Row("null system call", "kernel", "null", 45, 94, "NOVA 94", f"{KERNEL}: a number that no system call has; {ROUND}"),
    Row("call and reply, two address spaces, 4 words", "kernel", "call-4", 230, 282, "NOVA 282, seL4 405",
        f"{KERNEL}: client calls, passive server in another address space answers; {ROUND}"),
    Row("call and reply, two address spaces, 64 words", "kernel", "call-64", 600, 912, "NOVA 912",
        f"{KERNEL}: as above, 64 words there and 64 back, in the IPC buffers; {ROUND}"),
    *exits("CPUID exit to the VMM and back", "cpuid", 330, 433, f"NOVA 433, L4Re 1830, {KVM} 2416 (in kernel), Xen 2499"),
    *exits("port read, served by a device process", "port-device", 330, 745, f"NOVA 745 (VMM too), Xen 1124, L4Re 2012, {KVM} 4896",
           "IN of the UART's line status register; "),
    *[Row(f"doorbell, waiter {state}, {mode} guest", "kernel", f"doorbell-{state}-{mode}", target, 1567, f"{KVM} 1567 (ioeventfd)",
          f"{KERNEL}: guest of one page, OUT to a port that is bound to a Notification, {how}; {ROUND}")
      for state, target, how in (("awake", 75, "nobody waits on it"), ("woken", 120, "a thread below the vCPU's priority waits on it"))
      for mode in ("unpaged", "paged")],
    *exits("MMIO read, served by a device process", "mmio-device", 850, 7000, f"{KVM} 7125, Xen 16370 (in Xen)", "identity register of the test device; "),
    *exits("local APIC read", "apic-read", 500, 3331, f"{KVM} 3331 (in kernel)", "task priority register; "),
    *exits("local APIC EOI", "apic-eoi", 500, 3251, f"{KVM} 3251 (in kernel)"),
    Row("guest timer round, busy guest", "paged", "timer-busy", 1600, 10984, f"{KVM} 10984",
        f"{PAGED}: RDTSC, initial count of the one-shot APIC timer, a loop with interrupts on until the handler has run (EOI, IRET), RDTSC; "
        "the interval of 20,000 subtracted"),
    Row("guest timer round, halted guest", "paged", "timer-halted", 1600, 10984, f"{KVM} 10984", f"{PAGED}: as above, the guest waits by HLT"),
    *[Row(f"Linux boot to marker over bare machine, {what}", "boot", operation, 2, 20.6, f"{KVM} +20.6 %, Xen +31 %",
          "Debian's cloud kernel, 256 MiB, from power-on of the emulated machine (-M pc -cpu max) to the marker in the guest's init; without zeroing",
          "%") for what, operation in (("paravirtual keys off", "over-off"), ("paravirtual keys on", "over-on"))],
    Row("power-on to first guest instruction, less zeroing", "boot", "entry-on", None, KVM_ENTRY, f"{KVM} {KVM_ENTRY}",
        "from power-on of the emulated machine (-M pc) to the guest kernel's first instruction (KVM: the firmware's); without zeroing"),
    load("disk, 4 KiB read, sequential", "read-sequential", 56854, DISK),
    load("disk, 4 KiB read, random", "read-random", 56311, DISK),
    load("disk, 4 KiB write, sequential", "write-sequential", 66327, DISK),
    load("disk, 4 KiB write, random", "write-random", 66113, DISK),
    load("disk, 4 KiB read, random, 16 at a time", "read-random-16", 21761, DISK),
    load("disk, 4 KiB write, random, 16 at a time", "write-random-16", 30443, DISK),
    load("network, round trip of 32 bytes between two VMs (UDP)", "round-trip", 91580),
    load("network, each KiB of a TCP stream between two VMs", "stream", 3986),
    Row("memory of a VM beyond its RAM", "memory", "own", 4096, None, "",
        "`list` at the administrator's console: a VM with uart0, pit, rtc, acpi-pm, i8042, virtio-rng, a disk and a network card; all that ends with it", "KiB"),
    Row("the same, with its buffers to switch and volume server", "memory", "with-buffers", None, None, "",
        "and the system's memory that one VM more takes: rings of its card, data area and page of its disk", "KiB"),
]

HEADINGS = {"cr3": "CR3", "tlb_flush": "flush", "invlpg": "invlpg", "xsave": "XSAVE", "xrstor": "XRSTOR", "wrmsr": "WRMSR", "vmload": "VMLOAD",
            "vmsave": "VMSAVE", "vmrun": "VMRUN", "iret": "IRET", "atomic": "atomic"}


def measured(results, row):
    """The row's figures of this run, or None where it was not measured."""
    return results.get(row.part, {}).get(row.operation)


def figure(value, unit="instructions"):
    if value is None:
        return "not available"
    return f"{value:+.1f} %" if unit == "%" else f"{value:,}" + (" KiB" if unit == "KiB" else "")


def limit(value, unit):
    """A target, or a peer's figure: nothing where there is none."""
    return "" if value is None else f"+{value} %" if unit == "%" else figure(value, unit)


def print_rows(results):
    width = max(len(row.path) for row in ROWS)
    print(f"\n{'path':{width}} {'Bulkhead':>13} {'target':>9} {'best peer':>13}   " + " ".join(HEADINGS.values()) + "   peers")
    for row in ROWS:
        found = measured(results, row) or {}
        counts = found.get("counts") or {}
        cells = " ".join(f"{counts.get(name, ''):>{len(HEADINGS[name])}}" for name in EXPENSIVE)
        target, best = limit(row.target, row.unit), limit(row.best_peer, row.unit)
        print(f"{row.path:{width}} {figure(found.get('median'), row.unit):>13} {target:>9} {best:>13}   {cells}   {row.peers}")


# Where the boot's instructions are: label, counters' difference. Zeroing is REP STOS before the first guest instruction: it counts once
# per iteration, so it is a line of its own, and not in what is compared.
BOOT_PARTS = (("power-on to kernel's first instruction, less zeroing", lambda run: run["entry"]["insns"] - run["entry"]["rep_stos"]),
              ("zeroing before it (REP STOS, counts each iteration)", lambda run: run["entry"]["rep_stos"]),
              ("kernel's first instruction to marker", lambda run: run["marker"]["insns"] - run["entry"]["insns"]),
              ("power-on to marker, less zeroing", lambda run: run["marker"]["insns"] - run["entry"]["rep_stos"]),
              ("behind the first VM entry: in guest mode", lambda run: run["marker"]["guest"]),
              ("behind the first VM entry: kernel, VMM, models, console",
               lambda run: run["marker"]["insns"] - run["entry"]["insns"] - run["marker"]["guest"] if run["marker"]["guest"] else 0),
              ("VM entries", lambda run: run["marker"]["vmrun"]))


def print_boot(results):
    boot = results.get("boot")
    if not boot:
        return
    direct = boot["direct"]
    columns = [direct, boot.get("off"), boot.get("on")]
    print(f"\n{'Linux boot to marker':55} {'bare machine':>15} {'VM, keys off':>15} {'VM, keys on':>15}")
    for label, part in BOOT_PARTS:
        print(f"{label:55} " + " ".join(f"{figure(part(run) if run else None):>15}" for run in columns))
    for label, part in (BOOT_PARTS[2], BOOT_PARTS[3]):
        over = [f"{100 * (part(run) / part(direct) - 1):+.1f} %" if run else "not available" for run in columns[1:]]
        print(f"{'over bare machine: ' + label:55} {'':15} {over[0]:>15} {over[1]:>15}")
    if "kvm" in results:
        kvm = results["kvm"]["boot"]
        print(f"{KVM + ', from the start of its process':55} {kvm['insns']:15,}   {100 * (kvm['insns'] / direct['marker']['insns'] - 1):+.1f} %, {kvm['vmrun']:,} VM entries")


def print_others(results):
    """Exits that are not in the table, by the guest with which the peers were measured; beside KVM where it was run."""
    if "exitbench" not in results:
        return
    kvm = results.get("kvm", {}).get("exitbench", {})
    print(f"\n{'more VM exits (tests/bench/exitbench.c)':45} {'Bulkhead':>13} {'KVM + QEMU':>13}")
    for operation, values in results["exitbench"].items():
        print(f"{operation:45} {values['median']:13,} {figure(kvm.get(operation, {}).get('median')):>13}")


def print_kvm(results):
    if "kvm" not in results:
        return
    print(f"\n{'the same guests':45} {'Bulkhead':>13} {'KVM + QEMU':>13}")
    for mode in ("unpaged", "paged"):
        for operation, values in results["kvm"][mode].items():
            ours = results.get(mode, {}).get(operation, {}).get("median")
            print(f"{mode + '/' + operation:45} {figure(ours):>13} {values['median']:13,}")


LOAD_HEADINGS = ("total", "in guest mode", "outside", "VM entries", "CR3 loads")


def load_rows(results):
    """Of each operation the same figures of Bulkhead and of KVM: in all, in guest mode, outside of it, VM entries, loads of CR3."""
    rows = []
    for row in ROWS:
        for who, found in (("Bulkhead", measured(results, row)), (KVM, results.get("kvm-io", {}).get(row.operation))):
            if row.part == "io" and found:
                counts, total = found["counts"], found["median"]
                rows.append([f"{row.path}: {who}", f"{total:,}", f"{counts['guest']:,.0f}", f"{total - counts['guest']:,.0f}", counts["vmrun"], counts["cr3"]])
    return rows


def print_load(results):
    rows = load_rows(results)
    if rows:
        print(f"\n{'disk and network, one operation':80} " + " ".join(f"{heading:>13}" for heading in LOAD_HEADINGS))
    for label, *cells in rows:
        print(f"{label:80} " + " ".join(f"{cell:>13}" for cell in cells))


# Growth: the paths of the first column must cost no more in the last than BOUND instructions above the first.
GROWTH_BOUND = 10
GROWTH = [
    ("kernel", "call-4-caps-{}", (1, 100, 10000), "capabilities in the client's CSpace: call and reply"),
    ("kernel", "mint-delete-caps-{}", (1, 100, 10000), "capabilities in the client's CSpace: Mint and Delete of one more"),
    ("kernel", "port-echo-routes-{}", (1, 64), "routes of the guest space: port read answered at once"),
    ("kernel", "port-echo-vms-{}", (1, 8, 64), "virtual machines of one page: port read answered at once"),
    *[("vms", f"{operation}-vms-{{}}", (1, 8, 64), f"VMs of an appliance: {what}")
      for operation, what in (("cpuid", "CPUID exit"), ("port-device", "port read, served by a device process"), ("apic-read", "local APIC read"),
                              ("apic-eoi", "local APIC EOI"))],
]


def growth_rows(results):
    """[(what, [(number, median)])] of what was measured."""
    found = []
    for part, pattern, numbers, what in GROWTH:
        if all(pattern.format(number) in results.get(part, {}) for number in numbers):
            found.append((what, [(number, results[part][pattern.format(number)]["median"]) for number in numbers]))
    return found


def growth_problems(results):
    return [f"{what}: {series[0][1]} instructions with {series[0][0]}, but {median} with {number}: more than {GROWTH_BOUND} above"
            for what, series in growth_rows(results) for number, median in series[1:] if median > series[0][1] + GROWTH_BOUND]


def print_growth(results):
    rows = growth_rows(results)
    if rows:
        print(f"\ngrowth (at most {GROWTH_BOUND} instructions more than in the first column)")
    for what, series in rows:
        print(f"{what:70} " + ", ".join(f"{number:,}: {median:,}" for number, median in series))


def markdown_table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def markdown(results):
    """The tables of docs/performance.md."""
    counted = [name for name in EXPENSIVE if any(((measured(results, row) or {}).get("counts") or {}).get(name) for row in ROWS)]
    rows = []
    for row in ROWS:
        if row.unit == "%":
            continue
        found = measured(results, row) or {}
        counts = found.get("counts") or {}
        rows.append([row.path, figure(found.get("median"), row.unit), limit(row.target, row.unit), row.peers, *(counts.get(name, "") or "" for name in counted)])
    tables = [markdown_table(["path", "Bulkhead", "target", "peers", *(HEADINGS[name] for name in counted)], rows)]
    if "boot" in results:
        columns = [results["boot"].get(key) for key in ("direct", "off", "on")]
        rows = [[label, *(figure(part(run) if run else None) for run in columns)] for label, part in BOOT_PARTS]
        for label, part in (BOOT_PARTS[2], BOOT_PARTS[3]):
            rows.append([f"over bare machine: {label}", "", *(f"{100 * (part(run) / part(columns[0]) - 1):+.1f} %" if run else "not available"
                                                              for run in columns[1:])])
        tables.append(markdown_table(["", "bare machine", "VM, keys off", "VM, keys on"], rows))
    kvm = results.get("kvm", {})
    rows = [[operation, f"{values['median']:,}", figure(kvm.get("exitbench", {}).get(operation, {}).get("median"))]
            for operation, values in results.get("exitbench", {}).items()]
    tables.append(markdown_table(["exitbench.c", "Bulkhead", KVM], rows))
    rows = [[operation, *(figure(found.get(mode, {}).get(operation, {}).get("median")) for mode in ("unpaged", "paged") for found in (results, kvm))]
            for operation in results.get("paged", {})]
    tables.append(markdown_table(["exits.c", "unpaged: Bulkhead", KVM, "paged: Bulkhead", KVM], rows))
    tables.append(markdown_table(["one operation", *LOAD_HEADINGS], load_rows(results)))
    rows = [[what, ", ".join(f"{number:,}: {median:,}" for number, median in series)] for what, series in growth_rows(results)]
    tables.append(markdown_table(["number of", "number: instructions"], rows))
    return "\n\n".join(tables)


def print_all(results):
    print_rows(results)
    print_boot(results)
    print_others(results)
    print_kvm(results)
    print_load(results)
    print_growth(results)


def print_descriptions():
    for row in ROWS:
        print(f"{row.part}/{row.operation}: {row.path}\n    {row.what}")


def bench_json(results):
    """What out/bench.json holds. A path that was not measured has the median null."""
    return [{"path": row.path, "median": (measured(results, row) or {}).get("median"), "target": row.target, "best_peer": row.best_peer}
            for row in ROWS]


def above_ceilings(results, ceilings):
    """[(part/operation, median or None, ceiling)]: what costs more than is recorded, or was not measured."""
    found = []
    for name, ceiling in sorted(ceilings.items()):
        part, operation = name.split("/")
        median = results.get(part, {}).get(operation, {}).get("median")
        if median is None or median > ceiling:
            found.append((name, median, ceiling))
    return found


def load_ceilings():
    return json.loads(CEILINGS.read_text())


def has_ceiling(values):
    return values.get("has_ceiling", True)


def record_ceilings(results, parts):
    """Writes what the operations of these parts cost now as the new ceilings: with a little room, for another version of the compiler. A disk's and a
    network's rounds are long enough for clock ticks of guests and root task, which fall elsewhere in another build: twice the room."""
    kept = {name: ceiling for name, ceiling in (load_ceilings() if CEILINGS.exists() else {}).items() if name.split("/")[0] not in parts}
    ceilings = kept | {f"{part}/{operation}": values["median"] * (106 if part == "io" else 103) // 100 + 2
                       for part in parts for operation, values in results[part].items() if has_ceiling(values)}
    CEILINGS.write_text(json.dumps(dict(sorted(ceilings.items())), indent=1) + "\n")
