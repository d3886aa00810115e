# SPDX-License-Identifier: MIT
"""Commands for gdb, loaded by build/debug: `task NAME` and `tasks`."""
import pathlib

import gdb

TASKS = pathlib.Path("out/tasks")


class Task(gdb.Command):
    """task NAME: load the symbols of this task instead of the one before. All tasks are linked to the same addresses."""

    def __init__(self):
        super().__init__("task", gdb.COMMAND_FILES, gdb.COMPLETE_NONE)
        self.loaded = None

    def complete(self, text, word):
        return [path.name for path in sorted(TASKS.iterdir()) if path.name.startswith(word)]

    def invoke(self, argument, from_tty):
        path = TASKS / argument.strip()
        if not argument.strip() or not path.is_file():
            raise gdb.GdbError("task NAME, one of: " + ", ".join(sorted(p.name for p in TASKS.iterdir())))
        if self.loaded:
            gdb.execute(f"remove-symbol-file {self.loaded}")
        gdb.execute(f"add-symbol-file {path.resolve()}", to_string=True)
        self.loaded = path.resolve()
        print(f"symbols of kernel and {path.name}")


class Tasks(gdb.Command):
    """tasks: the programs whose symbols `task NAME` can load."""

    def __init__(self):
        super().__init__("tasks", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        print("\n".join(sorted(path.name for path in TASKS.iterdir())))


Task()
Tasks()
gdb.execute("task vmm-server")
