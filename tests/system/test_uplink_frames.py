# SPDX-License-Identifier: MIT
"""What is on the line behind an uplink, frame by frame: the test is the network. It sees which frames go out, with which tags, answers some, and sends what must not
come in. red is in VLAN 5, blue in none; the uplink `all` has tags for VLANs (virtio), the uplink `five` is in VLAN 5 (e1000e)."""

import contextlib
import select
import socket
import threading

import pytest
from conftest import PATIENCE, Machine, linux_vm, write_appliance
from test_network import counters, rise

WAIT = 60 * PATIENCE
RED = bytes.fromhex("525400000001")
BLUE = bytes.fromhex("525400000002")
OUTSIDE = bytes.fromhex("525400aabbcc")
EVERYBODY = b"\xff" * 6
ARP = b"\x08\x06"
IPV4 = b"\x08\x00"
TAG = b"\x81\x00"
OTHER_TYPE = b"\x88\xb5"  # for experiments: IEEE 802 clause 9.2.3
ADDRESS = bytes([10, 0, 0, 9])

APPLIANCE = (
    'name = frames\nflows = { "red/net0 <-> all", "red/net0 <-> five", "blue/net0 <-> all" }\ndeny = { "blue/net1 <-> five" }\n'
    "uplink all {\n\tpci = virtio-net\n\tallow_dma = true\n}\nuplink five {\n\tpci = e1000e\n\tallow_dma = true\n\tvlan = 5\n}\n"
    + linux_vm("red", more='share = 25%\n\tnic net0 {\n\t\tmac = "52:54:00:00:00:01"\n\t\tvlan = 5\n\t}')
    + linux_vm("blue", more='share = 25%\n\tnic net0 {\n\t\tmac = "52:54:00:00:00:02"\n\t}\n\tnic net1 { }')
)


def checksum(data):
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2, "big")


class Line:
    """The far end of an uplink's line. Frames are datagrams. It answers to 10.0.0.9 in the VLAN `tag` (b"": without a tag), if `answers`."""

    def __init__(self, folder, name):
        self.near = folder / f"{name}.near"
        self.far = folder / f"{name}.far"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.far))
        self.backend = f"dgram,local.type=unix,local.path={self.near},remote.type=unix,remote.path={self.far}"
        self.frames = []
        self.has_changed = threading.Condition()
        self.is_open = True
        self.answers = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def send(self, frame):
        self.socket.sendto(frame, str(self.near))

    def listen(self):
        while self.is_open:
            if select.select([self.socket], [], [], 0.1)[0]:
                frame = self.socket.recv(65536)
                with self.has_changed:
                    self.frames.append(frame)
                    self.has_changed.notify_all()
                if self.answers:
                    self.answer(frame)

    def answer(self, frame):
        head, rest = frame[:12], frame[12:]
        tag = b""
        if rest[:2] == TAG:
            tag, rest = rest[:4], rest[4:]
        back = head[6:12] + OUTSIDE + tag
        if rest[:2] == ARP and rest[8:10] == b"\x00\x01" and rest[26:30] == ADDRESS:
            self.send((back + ARP + rest[2:8] + b"\x00\x02" + OUTSIDE + ADDRESS + rest[10:20]).ljust(60, b"\0"))
        if rest[:2] == IPV4 and head[:6] == OUTSIDE and rest[11] == 1:
            length = int.from_bytes(rest[4:6], "big")
            ip, icmp = rest[2:22], rest[22 : 2 + length]
            assert checksum(ip) == checksum(icmp) == b"\0\0"
            icmp = b"\0\0\0\0" + icmp[4:]
            icmp = icmp[:2] + checksum(icmp) + icmp[4:]
            self.send((back + IPV4 + ip[:12] + ADDRESS + ip[12:16] + icmp).ljust(60, b"\0"))

    def seen(self, wanted):
        """Waits until a frame has come for which `wanted` holds; returns it."""
        with self.has_changed:
            assert self.has_changed.wait_for(lambda: any(map(wanted, self.frames)), WAIT), "the frame does not come"
            return next(filter(wanted, self.frames))

    def forget(self):
        with self.has_changed:
            self.frames.clear()

    def close(self):
        self.is_open = False
        self.thread.join()
        self.socket.close()


@pytest.fixture(scope="module")
def module_lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    with contextlib.ExitStack() as stack:
        lines = {}
        for name in ("all", "five"):
            lines[name] = Line(folder, name)
            stack.callback(lines[name].close)
        options = [word for name in ("all", "five") for word in ("--uplink", lines[name].backend)]
        machine = Machine(write_appliance(folder, APPLIANCE), folder, ["red", "blue"], options, pace=())
        stack.callback(machine.close)
        machine.wait_for_shells("red", "blue")
        for vm, number in (("red", 1), ("blue", 2)):
            machine.in_vm(vm, f"ip addr add 10.0.0.{number}/24 dev eth0 && ip link set eth0 up")
        yield machine, lines["all"], lines["five"]


@pytest.fixture
def network(one_emulator, module_lines):  # pylint: disable=unused-argument
    for line in module_lines[1:]:
        line.answers = False
        line.forget()
    return module_lines


def rises(machine, card, reason, act):
    """Does something, and waits until that counter has risen."""
    before = counters(machine)
    act()
    for _ in range(int(WAIT)):
        after = counters(machine)
        if rise(before, after, card, reason) > 0:
            return before, after
    raise AssertionError(f"{reason} of {card} does not rise: {after}")


def is_request_of(card, tag=b""):
    return lambda frame: frame.startswith(EVERYBODY + card + tag + ARP)


def test_frames_of_a_vlan_have_its_tag(network):
    machine, all_, five = network
    assert "0 packets received" in machine.in_vm("red", "ping -c 1 -W 1 10.0.0.9")
    request = all_.seen(is_request_of(RED, TAG + b"\x00\x05"))
    assert len(request) == 60 and five.seen(is_request_of(RED)) == request[:12] + request[16:46].ljust(48, b"\0")
    assert "0 packets received" in machine.in_vm("blue", "ping -c 1 -W 1 10.0.0.9")
    all_.seen(is_request_of(BLUE))
    assert not any(BLUE in frame for frame in five.frames), "blue has no flow there"
    assert not any(is_request_of(RED)(frame) for frame in all_.frames), "a frame of a VLAN without its tag"


@pytest.mark.parametrize("vm", ["red", "blue"])
def test_who_answers_with_the_tag_is_heard(network, vm):
    machine, all_, _ = network
    all_.answers = True
    assert "3 packets received" in machine.in_vm(vm, "ip neigh flush dev eth0; ping -c 3 10.0.0.9")
    # with fragments of the longest kind
    assert "3 packets received" in machine.in_vm(vm, "ping -c 3 -s 1472 10.0.0.9")
    assert max(map(len, all_.frames)) == (1518 if vm == "red" else 1514)


def test_the_other_uplink_is_heard_without_tags(network):
    machine, _, five = network
    five.answers = True
    assert "3 packets received" in machine.in_vm("red", "ip neigh flush dev eth0; ping -c 3 10.0.0.9")


@pytest.mark.parametrize(
    ("line", "card", "reason", "frame"),
    [
        ("all", "all", "source", EVERYBODY + BLUE + OTHER_TYPE),
        ("all", "all", "source", EVERYBODY + RED + TAG + b"\x00\x05" + OTHER_TYPE),
        ("five", "five", "source", RED + BLUE + OTHER_TYPE),
        ("all", "all", "source", RED + EVERYBODY + TAG + b"\x00\x05" + OTHER_TYPE),
        ("all", "all", "flow", RED + OUTSIDE + OTHER_TYPE),
        ("all", "all", "flow", RED + OUTSIDE + TAG + b"\x00\x06" + OTHER_TYPE),
        ("all", "all", "flow", BLUE + OUTSIDE + TAG + b"\x00\x05" + OTHER_TYPE),
        ("all", "all", "flow", OUTSIDE + OUTSIDE + OTHER_TYPE),
        ("all", "all", "tagged", RED + OUTSIDE + TAG + b"\x00\x05" + TAG + b"\x00\x05" + OTHER_TYPE),
        ("five", "five", "tagged", RED + OUTSIDE + TAG + b"\x00\x05" + OTHER_TYPE),
        ("five", "five", "flow", BLUE + OUTSIDE + OTHER_TYPE),
    ],
    ids=["of-blue", "of-red-with-its-tag", "of-blue-in-five", "of-a-group", "no-tag", "wrong-tag", "tag-of-others", "for-nobody", "two-tags", "tag-in-five", "no-flow"],
)
def test_what_must_not_come_in_does_not(network, line, card, reason, frame):
    machine, all_, five = network
    before, after = rises(machine, card, reason, lambda: {"all": all_, "five": five}[line].send(frame.ljust(60, b"x")))
    for vm in ("red", "blue"):
        assert rise(before, after, f"{vm}/net0", "received") == 0
    assert rise(before, after, card, "sent") == 0


def test_a_driver_that_was_killed_has_its_tags_again(network):
    machine, all_, _ = network
    all_.answers = True
    for uplink in ("all", "five"):
        machine.admin(f"kill uplink/{uplink}", rf"task uplink/{uplink} died \(killed by the administrator\)")
        machine.transcript_has(f"uplink/{uplink}: the link is up")
    assert "3 packets received" in machine.in_vm("red", "ping -c 3 10.0.0.9")
