# SPDX-License-Identifier: MIT
"""A way out: an unmodified Linux fetches files from this host, and sends some, over a network card of the emulated machine whose driver is killed meanwhile.
The card's network is QEMU's own (user): the VM is 10.0.2.15, this host 10.0.2.2. Another VM, which no flow leads to, gets nothing of it."""

import contextlib
import functools
import hashlib
import http.server
import json
import os
import socket
import socketserver
import threading
import time

import pytest
from conftest import PATIENCE, Machine, linux_vm, write_appliance
from test_network import counters, rise

TRANSFER_LIMIT = 120 * PATIENCE
LOOK_AGAIN = 0.2  # seconds
KIBIBYTE = 1024
SENT = 3072  # KiB
PAYLOAD = 1448  # bytes that a packet has room for
HOST = "10.0.2.2"
VARIANTS = [(kind, iommu) for kind in ("virtio-net", "e1000e") for iommu in (False, True)]


def appliance(kind, iommu):
    """The uplink has a rate, so that a transfer lasts: what comes in is held back."""
    confinement = "iommu = true" if iommu else ""
    permission = "" if iommu else "allow_dma = true"
    return (
        f'name = uplink\n{confinement}\nflows = {{ "red/net0 <-> lan" }}\ndeny = {{ "blue <-> lan", "blue <-> red" }}\n'
        f"uplink lan {{\n\tpci = {kind}\n\trate = 16M\n\t{permission}\n}}\n"
        + linux_vm("red", more='share = 30%\n\tnic net0 {\n\t\tmac = "52:54:00:00:00:01"\n\t}')
        + linux_vm("blue", more='share = 30%\n\tnic net0 {\n\t\tmac = "52:54:00:00:00:02"\n\t}')
    )


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Taker(socketserver.StreamRequestHandler):
    """Takes all that a client sends, and notes its checksum."""

    def handle(self):
        self.server.taken.append(hashlib.md5(self.rfile.read()).hexdigest())


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Outside:
    """This host, as the VM sees it: a web server with files, and a port that takes what is sent."""

    def __init__(self, folder, web, taker):
        self.folder = folder
        self.url = f"http://{HOST}:{web.server_address[1]}"
        self.taker = taker

    def make_file(self, name, kibibytes):
        """Random bytes under that name; their checksum, as md5sum prints it."""
        contents = os.urandom(kibibytes * KIBIBYTE)
        (self.folder / name).write_bytes(contents)
        return hashlib.md5(contents).hexdigest() + "  -\n"


class Monitor:
    """QEMU's monitor for programs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                assert "return" in answer, answer
                return


class Setting:
    """A running machine, what is outside of it, and its variant."""

    def __init__(self, machine, outside, monitor, iommu):
        self.machine = machine
        self.outside = outside
        self.monitor = monitor
        self.iommu = iommu


@pytest.fixture(scope="module", params=VARIANTS, ids=[f"{kind}-{'confined' if iommu else 'free'}" for kind, iommu in VARIANTS])
def module_setting(request, tmp_path_factory):
    kind, iommu = request.param
    folder = tmp_path_factory.mktemp("uplink")
    files = folder / "files"
    files.mkdir()
    handler = functools.partial(QuietHandler, directory=files)
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)))
        taker = stack.enter_context(serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Taker)))
        taker.taken = []
        path = write_appliance(folder, appliance(kind, iommu))
        qmp = folder / "qmp"
        machine = Machine(path, folder, ["red", "blue"], qemu=["-qmp", f"unix:{qmp},server=on,wait=off"], pace=())
        stack.callback(machine.close)
        machine.wait_for_shells("red", "blue")
        for vm, number in (("red", 15), ("blue", 16)):
            machine.in_vm(vm, f"ip addr add 10.0.2.{number}/24 dev eth0 && ip link set eth0 up && ip route add default via {HOST}")
        yield Setting(machine, Outside(files, web, taker), Monitor(qmp), iommu)


@pytest.fixture
def setting(one_emulator, module_setting):  # pylint: disable=unused-argument
    return module_setting


def fetch(setting, name):
    """red begins to fetch a file; /tmp/complete is there when it is over, whatever came of it."""
    setting.machine.in_vm("red", "rm -f /tmp/got /tmp/complete")
    setting.machine.in_vm("red", f"{{ (wget -q -O /tmp/got {setting.outside.url}/{name}; touch /tmp/complete) </dev/null >/dev/null 2>&1 & }}")


def fetched(setting):
    """The checksum of what red has fetched, when it has."""
    return setting.machine.in_vm("red", "until [ -e /tmp/complete ]; do sleep 1; done; md5sum </tmp/got", TRANSFER_LIMIT)


def size_fetched(setting):
    return int(setting.machine.in_vm("red", "stat -c %s /tmp/got 2>/dev/null || echo 0"))


def test_a_file_comes_in_as_it_was(setting):
    before = counters(setting.machine)
    checksum = setting.outside.make_file("file", 1024)
    fetch(setting, "file")
    assert fetched(setting) == checksum
    after = counters(setting.machine)
    assert rise(before, after, "lan", "sent_bytes") > 1024 * KIBIBYTE
    assert rise(before, after, "lan", "sent") == rise(before, after, "red/net0", "received") > 700
    text = setting.machine.transcript()
    assert f", {'confined by the IOMMU' if setting.iommu else 'not confined'}\n" in text
    assert "admin: uplink/lan: the link is up\n" in text


def test_a_file_goes_out_as_it_was(setting):
    """Linux sends frames of many packets, without checksums: the driver cuts and sums them."""
    machine, taker = setting.machine, setting.outside.taker
    before = counters(machine)
    machine.in_vm("red", f"dd if=/dev/urandom of=/tmp/sent bs=1024 count={SENT}")
    checksum = machine.in_vm("red", "md5sum </tmp/sent")
    taker.taken.clear()
    machine.in_vm("red", f"nc {HOST} {taker.server_address[1]} </tmp/sent", TRANSFER_LIMIT)
    end = time.monotonic() + TRANSFER_LIMIT
    while not taker.taken:
        assert time.monotonic() < end, "the connection does not end"
        time.sleep(LOOK_AGAIN)
    assert taker.taken[0] + "  -\n" == checksum
    after = counters(machine)
    assert rise(before, after, "lan", "received_bytes") > SENT * KIBIBYTE
    assert rise(before, after, "lan", "received") < SENT * KIBIBYTE / PAYLOAD, "no frame of many packets was sent: nothing had to be cut"


def test_its_driver_dies_in_the_middle_of_a_transfer(setting):
    machine = setting.machine
    size = 6144
    checksum = setting.outside.make_file("large", size)
    fetch(setting, "large")
    reached = 0
    for _ in range(3):
        end = time.monotonic() + TRANSFER_LIMIT
        while (now := size_fetched(setting)) <= reached:
            assert time.monotonic() < end, f"the transfer stands still at {now} bytes"
            time.sleep(LOOK_AGAIN)
        assert now < size * KIBIBYTE, "the transfer was over before the driver was killed: it has to be longer"
        reached = now
        machine.admin("kill uplink/lan", r"task uplink/lan died \(killed by the administrator\)")
        machine.transcript_has(r"uplink/lan drives PCI function 00:0\d\.0")
        machine.transcript_has("uplink/lan: the link is up")
    assert fetched(setting) == checksum
    for task in ("uplink/lan", "switch"):
        assert "equal to the manifest" in machine.admin(f"caps {task}")


def test_without_a_flow_nothing_goes_out_or_comes_in(setting):
    machine = setting.machine
    before = counters(machine)
    # with the address known, too: so it is not for want of an answer that no frame is sent
    gateway = machine.in_vm("red", f"ping -c 1 {HOST} >/dev/null; ip neigh show {HOST}").split()
    machine.in_vm("blue", f"arp -s {HOST} {gateway[gateway.index('lladdr') + 1]} -i eth0")
    assert "0 packets received" in machine.in_vm("blue", f"ping -c 3 -W 1 {HOST}")
    after = counters(machine)
    assert rise(before, after, "blue/net0", "flow") >= 3
    assert after["blue/net0"]["sent"] == after["blue/net0"]["received"] == 0
    assert machine.in_vm("blue", "cat /sys/class/net/eth0/statistics/rx_packets") == "0\n"


def test_the_link_goes_down_and_up(setting):
    machine = setting.machine
    setting.monitor("set_link", name="uplink0", up=False)
    machine.transcript_has("uplink/lan: the link is down")
    assert "0 packets received" in machine.in_vm("red", f"ping -c 2 -W 1 {HOST}")
    setting.monitor("set_link", name="uplink0", up=True)
    machine.transcript_has("uplink/lan: the link is up")
    assert "3 packets received" in machine.in_vm("red", f"ping -c 3 {HOST}")
