# SPDX-License-Identifier: MIT
"""The cable between two uplinks of a machine, outside of it: it looks at each frame, and hands it on. So what one VM sends to another goes through the drivers of
both network cards, and what a driver spoils is seen on the way."""

import socket
import threading

ARP = b"\x08\x06"
IPV4 = b"\x08\x00"
TCP, ICMP = 6, 1
INSIDE, OUTSIDE = 0x52, 0x56  # first byte of a card's address; both are locally administered, IEEE 802 clause 8.2
LOOK_AGAIN = 0.2  # seconds


def checksum(data):
    """RFC 1071; 0 over what holds its own checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(memoryview(data).cast("H"))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def fault(frame):
    """What is wrong with a frame: None, or words."""
    if len(frame) < 60:
        return f"has {len(frame)} bytes"
    if frame[12:14] != IPV4:
        return None
    packet = frame[14 : 14 + int.from_bytes(frame[16:18], "big")]
    header = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or header < 20 or len(packet) < max(header, int.from_bytes(frame[16:18], "big")):
        return "has an IP header that makes no sense"
    if checksum(packet[:header]) != 0:
        return "has a wrong IP checksum"
    payload = packet[header:]
    if packet[9] == TCP and checksum(packet[12:20] + bytes([0, TCP]) + len(payload).to_bytes(2, "big") + payload) != 0:
        return "has a wrong TCP checksum"
    if packet[9] == ICMP and checksum(payload) != 0:
        return "has a wrong ICMP checksum"
    return None


def other_side(address):
    """A card's address as it is known behind the other uplink, and the other way round."""
    first = {INSIDE: OUTSIDE, OUTSIDE: INSIDE}.get(address[0], address[0])
    return bytes([first]) + address[1:]


def translate(frame):
    """The switch lets no frame in that claims to be from a card of the machine: on the cable each card gets another address, in the frame's head and in what ARP says
    (RFC 826: who asks, and who is asked)."""
    frame = bytearray(frame)
    for place in [0, 6] + ([22, 32] if frame[12:14] == ARP else []):
        frame[place : place + 6] = other_side(bytes(frame[place : place + 6]))
    return bytes(frame)


class End:
    """One end of the cable: a socket of frames, each a datagram (QEMU's -netdev dgram)."""

    def __init__(self, folder, name):
        self.name = name
        self.near = folder / f"{name}.near"
        far = folder / f"{name}.far"
        for path in (self.near, far):
            path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(far))
        self.socket.settimeout(LOOK_AGAIN)
        self.backend = f"dgram,local.type=unix,local.path={self.near},remote.type=unix,remote.path={far}"


class Wire:
    """Between the uplinks `names`, behind each of which is a VM's card."""

    def __init__(self, folder, names):
        self.ends = [End(folder, name) for name in names]
        self.faults = []
        self.is_open = True
        self.threads = [threading.Thread(target=self.carry, args=(number,), daemon=True) for number in (0, 1)]
        for thread in self.threads:
            thread.start()

    def carry(self, number):
        here, there = self.ends[number], self.ends[1 - number]
        while self.is_open:
            try:
                frame = here.socket.recv(65536)
            except TimeoutError:
                continue
            wrong = fault(frame)
            if wrong is not None:
                self.faults.append(f"a frame from {here.name} {wrong}: {frame[:64].hex()}")
                continue
            self.hand_on(translate(frame), there)

    def hand_on(self, frame, there):
        """A card that takes nothing holds the cable back. Where there is none (any more), the frame is lost."""
        while self.is_open:
            try:
                there.socket.sendto(frame, str(there.near))
                return
            except TimeoutError:
                continue
            except OSError:
                return

    def close(self):
        self.is_open = False
        for thread in self.threads:
            thread.join()
        for end in self.ends:
            end.socket.close()
