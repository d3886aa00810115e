# SPDX-License-Identifier: MIT
"""Two unmodified Linux VMs with two network cards each: frames pass along the flow that the file declares, and nowhere else; tasks die in
the middle of a transfer, and it completes. All tests here use one machine and leave both VMs running."""

import re
import time

import pytest
from conftest import BOOT_LIMIT, PATIENCE, Machine, linux_vm, write_appliance

TRANSFER_LIMIT = 120 * PATIENCE
LOOK_AGAIN = 0.2  # seconds

# net0 of both is connected, slowly, so that a transfer lasts; from net1 no flow leads anywhere
APPLIANCE = (
    'name = network\nflows = { "red/net0 <-> blue/net0" }\ndeny = { "red/net1 -> blue", "blue/net1 -> red" }\n'
    + linux_vm("red", more='nic net0 {\n\t\tmac = "52:54:00:00:00:01"\n\t\trate = 16M\n\t}\n\tnic net1 { }')
    + linux_vm("blue", more='nic net0 {\n\t\tmac = "52:54:00:00:00:02"\n\t}\n\tnic net1 { }')
)


def counters(machine):
    """What `net` says, for each card and uplink."""
    found = {}
    line = r"^(\S+) +\S+ +sent (\d+) frames (\d+) bytes  received (\d+) frames (\d+) bytes  held (\d+)  dropped: (.*)$"
    for name, *numbers, drops in re.findall(line, machine.admin("net"), re.MULTILINE):
        found[name] = dict(zip(("sent", "sent_bytes", "received", "received_bytes", "held"), map(int, numbers)))
        found[name].update({reason: int(number) for reason, number in re.findall(r"(\w+) (\d+)", drops)})
    return found


def rise(before, after, card, name):
    return after[card][name] - before[card][name]


@pytest.fixture(scope="module")
def module_machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    machine = Machine(write_appliance(folder, APPLIANCE), folder, ["red", "blue"])
    try:
        machine.wait_for_shells("red", "blue")
        for vm, number in (("red", 1), ("blue", 2)):
            for card in (0, 1):
                machine.in_vm(vm, f"ip addr add 10.0.{card}.{number}/24 dev eth{card} && ip link set eth{card} up")
        yield machine
    finally:
        machine.close()


@pytest.fixture
def network(one_emulator, module_machine):  # pylint: disable=unused-argument
    return module_machine


def receive(machine):
    """blue listens, and writes what comes to a file. Its input is a pipe without an end: of the terminal it would be stopped, as a
    background job that reads there is."""
    machine.in_vm("blue", "rm -f /tmp/received /tmp/complete; [ -p /tmp/never ] || mkfifo /tmp/never")
    machine.in_vm("blue", "{ (nc -l -p 5000 <>/tmp/never >/tmp/received; touch /tmp/complete) & }")
    machine.in_vm("blue", "until netstat -ltn | grep -q :5000; do :; done")


def received(machine):
    """The checksum of what has come to blue, when all has."""
    return machine.in_vm("blue", "until [ -e /tmp/complete ]; do sleep 1; done; md5sum </tmp/received", TRANSFER_LIMIT)


def send(machine, kibibytes):
    """red sends a file of random bytes; returns its checksum."""
    machine.in_vm("red", f"dd if=/dev/urandom of=/tmp/sent bs=1024 count={kibibytes}", TRANSFER_LIMIT)
    checksum = machine.in_vm("red", "md5sum </tmp/sent", TRANSFER_LIMIT)
    machine.in_vm("red", "(nc 10.0.0.2 5000 </tmp/sent &)")
    return checksum


def size_received(machine):
    return int(machine.in_vm("blue", "stat -c %s /tmp/received"))


def test_the_cards_are_what_the_file_says(network):
    assert network.in_vm("red", "cat /sys/class/net/eth0/address") == "52:54:00:00:00:01\n"
    assert network.in_vm("blue", "cat /sys/class/net/eth0/address") == "52:54:00:00:00:02\n"
    one, other = (network.in_vm(vm, "cat /sys/class/net/eth1/address") for vm in ("red", "blue"))
    assert one != other and int(one[:2], 16) & 3 == 2
    assert "virtio_net" in network.in_vm("red", "readlink /sys/class/net/eth0/device/driver")
    assert set(counters(network)) == {"red/net0", "red/net1", "blue/net0", "blue/net1"}


def test_they_ping_each_other(network):
    before = counters(network)
    assert "3 packets received, 0% packet loss" in network.in_vm("red", "ping -c 3 10.0.0.2")
    assert "3 packets received, 0% packet loss" in network.in_vm("blue", "ping -c 3 -s 9000 10.0.0.1")
    after = counters(network)
    assert rise(before, after, "red/net0", "sent") == rise(before, after, "blue/net0", "received") > 3
    assert rise(before, after, "blue/net0", "sent") == rise(before, after, "red/net0", "received") > 3


def test_without_a_flow_nothing_arrives(network):
    before = counters(network)
    # with the address known, too: so it is not for want of an answer that no frame is sent
    network.in_vm("red", f"arp -s 10.0.1.2 {network.in_vm('blue', 'cat /sys/class/net/eth1/address').strip()} -i eth1")
    assert "0 packets received" in network.in_vm("red", "ping -c 3 -W 1 10.0.1.2")
    assert "0 packets received" in network.in_vm("blue", "ping -c 2 -W 1 10.0.1.1")
    after = counters(network)
    assert rise(before, after, "red/net1", "flow") >= 3
    assert rise(before, after, "blue/net1", "flow") >= 2
    for card in ("red/net1", "blue/net1"):
        assert after[card]["sent"] == after[card]["received"] == 0
    assert network.in_vm("blue", "cat /sys/class/net/eth1/statistics/rx_packets") == "0\n"


def test_a_forged_source_does_not_pass(network):
    before = counters(network)
    network.in_vm("red", "ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:02; ip link set eth0 up")
    assert "0 packets received" in network.in_vm("red", "ping -c 3 -W 1 10.0.0.2")
    after = counters(network)
    assert rise(before, after, "red/net0", "source") >= 3
    assert rise(before, after, "red/net0", "sent") == rise(before, after, "blue/net0", "received") == 0
    network.in_vm("red", "ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:01; ip link set eth0 up")
    assert "3 packets received" in network.in_vm("red", "ping -c 3 10.0.0.2")


def test_a_file_arrives_as_it_was(network):
    before = counters(network)
    receive(network)
    checksum = send(network, 2048)
    assert received(network) == checksum
    after = counters(network)
    assert rise(before, after, "red/net0", "sent_bytes") > 2048 * 1024
    # segments of many packets in one frame: else there would be 1400 and more
    assert rise(before, after, "red/net0", "sent") < 1000
    assert rise(before, after, "red/net0", "held") > 0


def test_tasks_die_in_the_middle_of_a_transfer(network):
    receive(network)
    checksum = send(network, 6144)
    reached = 0
    for task in ("switch", "red/net0", "blue/net0", "switch", "red/net0"):
        end = time.monotonic() + TRANSFER_LIMIT
        while (size := size_received(network)) <= reached:
            assert time.monotonic() < end, f"the transfer stands still at {size} bytes"
            time.sleep(LOOK_AGAIN)
        assert size < 6144 * 1024, "the transfer was over before all were killed: it has to be longer"
        reached = size
        network.admin(f"kill {task}", rf"task {task} died \(killed by the administrator\), restarted")
    assert received(network) == checksum
    for task in ("switch", "red/net0", "blue/net0"):
        assert "equal to the manifest" in network.admin(f"caps {task}")
    # and the counters went on
    assert counters(network)["red/net0"]["sent_bytes"] > 6144 * 1024


def test_a_vm_that_restarts_has_its_network_again(network):
    network.admin("restart blue", "VM blue is running", BOOT_LIMIT)
    network.wait_for_shells("blue")
    network.in_vm("blue", "ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up")
    assert "3 packets received" in network.in_vm("red", "ping -c 3 10.0.0.2")
