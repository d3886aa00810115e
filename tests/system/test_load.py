# SPDX-License-Identifier: MIT
"""A Linux guest reads and writes its disk with the program that the bench measures with (tests/bench/load.c), which compares what it reads with what it
wrote; the tasks between guest and disk are killed meanwhile."""

from conftest import BOOT_LIMIT

KILLS = 12

DISK = "disk d {\n\tmemory = 32M\n}\nvolume v {\n\tdisk = d\n}\n"
GUEST = """
vm client {
	memory = 128M
	kernel = "@LINUX@/linux-cloud"
	initrd = "@LINUX@/measured.cpio.gz"
	command_line = "console=ttyS0 quiet nokaslr role=disk"
	share = 60%
	disk vda {
		volume = v
	}
}
"""


def test_tasks_die_between_guest_and_disk(machine):
    """No request is lost or late for ever, whoever dies while both sides leave each other alone when they are awake."""
    one = machine("name = killed\n" + DISK + GUEST, ["client"])
    one.transcript_has(r"LOAD read-sequential ", BOOT_LIMIT)
    for i in range(KILLS):
        task = ("client/vda", "volumes/d", "disk/d")[i % 3]
        one.admin(f"kill {task}", "killed by the administrator")
        one.transcript_has(rf"task {task} died \(killed by the administrator\), restarted")
        # Each goes on behind it.
        one.transcript_has(r"LOAD read-sequential ", BOOT_LIMIT)
    text = one.transcript()
    assert "client: load: " not in text and "I/O error" not in text, text[-3000:]
