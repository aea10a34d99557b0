"""`python -m tests.server.workspace.killed_rotation FOLDER OUT [secrets]`: rotates a key, and dies before each step.

A step is what makes something durable: a file that is synced, a name that is given. Each time a copy of the workspace
FOLDER is made, as OUT/0, OUT/1 and so on; in the last one the rotation had fewer steps and was done.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.workspace.key_rotation import rotate_here, rotate_sealing_key
from server.workspace.workspace import Workspace

KILLED = 77
STEPS = ("fsync", "fdatasync", "replace", "link")


def deadly(step: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """The same, which ends its process when so many were done."""

    def counted(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            os._exit(KILLED)
        return step(*args, **more)

    return counted


def rotated(folder: Path, steps: int, rotate: Callable[..., Any]) -> int:
    """How a process of its own ended that had so many steps."""
    child = os.fork()  # nothing runs beside this: no thread is lost
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        left = [steps]
        for name in STEPS:
            setattr(os, name, deadly(getattr(os, name), left))
        asyncio.run(rotate(Workspace.open(folder), "lead", "a rotation that is cut short"))
        os._exit(0)
    finally:
        os._exit(1)


def main() -> int:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    rotate = rotate_sealing_key if sys.argv[3:] else rotate_here
    code, number = KILLED, 0
    while code == KILLED:
        code = rotated(Path(shutil.copytree(folder, out / str(number))), number, rotate)
        number += 1
    return code


if __name__ == "__main__":
    sys.exit(main())
