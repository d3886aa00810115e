# SPDX-License-Identifier: MIT
"""Makes the guest files that the appliance files under bad/ name: just enough of each header to be judged."""

import struct


def linux(version=0x20F, loaded_high=1, is_64_bit=1, command_line_max=2047):
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    head[0x211] = loaded_high
    struct.pack_into("<H", head, 0x236, is_64_bit)
    struct.pack_into("<I", head, 0x238, command_line_max)
    struct.pack_into("<Q", head, 0x258, 16 << 20)  # pref_address
    struct.pack_into("<I", head, 0x260, 2 << 20)  # init_size
    return bytes(head)


def multiboot(elf=True, program_headers=1):
    image = bytearray(512)
    if elf:
        image[0:5] = b"\x7fELF\x01"
        struct.pack_into("<I", image, 28, 64)  # e_phoff
        struct.pack_into("<HH", image, 42, 32, program_headers)  # e_phentsize, e_phnum
        # PT_LOAD of 8 KiB at 1 MiB
        struct.pack_into("<8I", image, 64, 1, 0, 0x100000, 0x100000, 0x2000, 0x2000, 5, 0x1000)
    struct.pack_into("<III", image, 256, 0x1BADB002, 3, -(0x1BADB002 + 3) & 0xFFFFFFFF)
    return bytes(image)


def make(folder):
    files = {
        "linux": linux(),
        "linux-old": linux(version=0x206),
        "linux-32": linux(is_64_bit=0),
        "linux-short-line": linux(command_line_max=255),
        "multiboot": multiboot(),
        "multiboot-raw": multiboot(elf=False),
        "multiboot-cut": multiboot(program_headers=40),
        "initrd": b"an initial file system",
        "big": bytes(4 << 20),
        "empty": b"",
    }
    for name, contents in files.items():
        (folder / name).write_bytes(contents)
