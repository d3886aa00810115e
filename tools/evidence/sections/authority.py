# SPDX-License-Identifier: MIT
"""For each appliance file: who can reach whom, as picture and table, by the manifest; and what a running machine's dump says to it."""

from .. import authority, pictures, project
from ..markup import code, details, element, figure, join, paragraph, status, table
from ..section import Section, freshness, missing, worst

ANCHOR, TITLE = "authority", "Who can reach whom"


def title_of(task):
    return task["vm"] or "the system's own tasks"


def vm_of(node):
    """The VM of a task, or of a guest; the system's tasks, whose names have no slash, are no VM's."""
    name = node.removeprefix("guest ")
    return name.split("/")[0] if "/" in name else ""


def flow(manifest):
    """Tasks and guests as nodes, in a frame for each VM. A solid arrow calls, a dashed one signals, a dotted one writes memory that the
    other reads; ports and exits lead from a guest, interrupts to it."""
    picture = pictures.Graph(ranksep=1.0, nodesep=0.18)
    for task in manifest["tasks"]:
        picture.node(task["name"], task["name"].split("/")[-1], cluster=title_of(task), class_="function" if task["vm"] else "system", tooltip=f"{task['name']}: image {task['image']}")
    for vcpu in sorted({path["vcpu"] for path in manifest["guests"]}):
        picture.node(f"guest {vcpu}", "guest", cluster=vcpu.split("/")[0], class_="guest", tooltip=f"the guest on {vcpu}")
    picture.node("roottask", "root task", cluster="the system's own tasks", class_="system")
    ways = {}
    for one in manifest["reach"]:
        ways.setdefault((one["from"], one["to"]), set()).add(one["by"])
    for one in manifest["guests"]:
        if one["task"] and one["way"] != "interrupts":
            ways.setdefault((f"guest {one['vcpu']}", one["task"]), set()).add("calls")
        elif one["task"]:
            ways.setdefault((one["task"], f"guest {one['vcpu']}"), set()).add("signals")
    log_bit = {(one["from"], one["to"]) for one in manifest["reach"] if one["to"] == "roottask" and one["by"] == "signals"}
    for (source, target), verbs in sorted(ways.items()):
        # Everybody may ring the root task's bell when his log has news: drawn, that would hide all else.
        if (source, target) in log_bit and verbs == {"signals"}:
            continue
        style = "solid" if "calls" in verbs else "dashed" if "signals" in verbs else "dotted"
        picture.edge(source, target, style=style, tooltip=f"{source} {', '.join(sorted(verbs))} → {target}", class_="between" if vm_of(source) != vm_of(target) else "within")
    return picture


def between(manifest):
    """For each ordered pair of VMs: what goes directly from the one to the other, and through which tasks of the system."""
    vm_of = {task["name"]: task["vm"] for task in manifest["tasks"]}
    vms = sorted(set(vm_of.values()) - {""})
    rows = []
    for source in vms:
        for target in vms:
            if source == target:
                continue
            direct = [one for one in manifest["reach"] if vm_of.get(one["from"]) == source and vm_of.get(one["to"]) == target]
            reached = {one["to"] for one in manifest["reach"] if vm_of.get(one["from"]) == source and not vm_of.get(one["to"])}
            through = sorted(name for name in reached if any(one["from"] == name and vm_of.get(one["to"]) == target for one in manifest["reach"]))
            rows.append([code(source), code(target), status("bad", "directly: " + ", ".join(one["object"] for one in direct)) if direct else status("good", "nothing"),
                         join((code(name) for name in through), ", ") if through else "none"])
    return rows


def comparison(entry):
    """(state, body): the dump of the running machine beside the manifest."""
    machine = entry.get("machine")
    if machine is None:
        reason = f" The running machine was not asked{': ' + entry['error'] if entry.get('error') else ''}."
        return "missing", [paragraph(status("missing"), reason)]
    names = [task["name"] for task in entry["manifest"]["tasks"]]
    absent = [name for name in names if name not in machine["verdicts"]]
    differ = [name for name, verdict in machine["verdicts"].items() if not verdict.startswith("equal")]
    good = not machine["only_manifest"] and not machine["only_machine"] and not absent and not differ
    words = f" Asked for {len(names)} tasks, the running machine showed {machine['held']} capabilities: "
    words += "each stands in the manifest with the same object, rights and badge, and none is missing." if good else "they are not those of the manifest."
    body = [paragraph(status("good" if good else "bad", "equal" if good else "different"), words)]
    rows = [[*map(code, one[:4]), one[4], code(one[5]), where] for where, key in (("manifest alone", "only_manifest"), ("machine alone", "only_machine")) for one in machine[key]]
    if rows:
        body.append(table(["Task", "Name", "Type", "Object", "Rights", "Badge", "Found in"], rows, "Differences"))
    if absent:
        body.append(paragraph("No dump of: ", join(map(code, absent), ", ")))
    return "good" if good else "bad", body


def ports(one):
    """Which ports of a guest a row is about; a doorbell of a PCI device has those that the guest gives it."""
    if one["way"] != "ports":
        return ""
    return f"{one['first_port']:#x} to {one['first_port'] + one['port_count'] - 1:#x}" if one["port_count"] else "of a BAR"


def tables(manifest):
    reach = {}
    for one in manifest["reach"]:
        reach.setdefault((one["from"], one["to"]), []).append(one)
    rows = [[code(source), code(target), join((join([one["by"], " ", code(one["object"])]) for one in ways), ", ")] for (source, target), ways in reach.items()]
    guests = [[code(one["vcpu"]), {"ports": "its ports", "exits": "its other exits", "interrupts": "is interrupted by"}[one["way"]],
               ports(one), code(one["task"] or one["object"]), code(one["object"])] for one in manifest["guests"]]
    held = [[code(one["task"]), code(one["name"]), one["type"], code(one["object"]), one["rights"], code(one["badge"]) if one["badge"] != "0x0" else ""] for one in manifest["capabilities"]]
    held += [[code(one["task"]), code(one["name"]), "memory region" if one["type"] == "memory" else one["type"], code(one["object"]), one["rights"], f"{one['length'] // 1024} KiB"] for one in manifest["regions"]]
    return [
        details(f"Who reaches whom: {len(rows)} pairs", table(["From", "To", "By what"], rows, "Paths between tasks")),
        details(f"Guests: {len(guests)} paths", table(["Guest", "What", "Ports", "Task", "Object"], guests, "Paths between guests and tasks")),
        details(f"Who holds what: {len(held)} capabilities and regions", table(["Task", "Name", "Type", "Object", "Rights", "Badge or size"], held, "Capabilities and memory regions of each task")),
    ]


def appliance_part(entry):
    """(state, body) of one appliance file."""
    if entry.get("refused"):
        return "bad", [element("h3", code(entry["file"])), paragraph(status("bad", "refused"), " by bulkhead check.")]
    manifest = entry["manifest"]
    rows = between(manifest)
    direct = any("directly" in row[2] for row in rows)
    state, compared = comparison(entry)
    body = [element("h3", code(entry["file"]))]
    if pictures.have_graphviz():
        picture = pictures.draw([flow(manifest)], [f"Who can reach whom in {entry['file']}"])[0]
        body.append(figure(picture, "Solid: calls. Dashed: signals. Dotted: writes memory that the other reads. Arrows in colour leave a VM, or enter it. Left out: everybody's signal to the root task that his log has news, which carries nothing else."))
    else:
        body.append(paragraph(status("missing"), " The picture: graphviz is not installed."))
    if rows:
        body.append(table(["From VM", "To VM", "Directly", "Through tasks of the system"], rows, "Between the VMs, beside kernel and root task, whom everybody trusts"))
    body += [*compared, paragraph("The dump holds capabilities. Memory regions are mapped by the root task from the same table; the machine does not print them."), *tables(manifest)]
    return "bad" if direct else state, body


def make():
    record = project.read_record("authority")
    if record is None:
        return missing(ANCHOR, TITLE, "No appliance file was audited.", "build/evidence authority")
    parts = [appliance_part(entry) for entry in record.data["appliances"]]
    states = [state for state, _ in parts]
    state = worst(states)
    if state == "good" and not record.is_current:
        state = "old"
    names = ", ".join(entry["file"] for entry in record.data["appliances"])
    verdict = {"bad": f"{names}: a difference or a direct path; see below.", "missing": f"{names}: by the manifest alone.",
               }.get(state, f"{names}: nothing direct between VMs; the running machine holds what the manifest says.")
    return Section(ANCHOR, TITLE, state, verdict, freshness(record), paragraph(
        "The appliance file is the only source of authority. From it the host tool makes the table (manifest) that the root task works through; ", code("bulkhead audit"),
        " reads that table. Then the same appliance is started, and each task's capabilities are asked for at the administrator's console."), *(piece for _, body in parts for piece in body))
