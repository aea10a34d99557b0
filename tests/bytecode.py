"""Bytecode of all that tests import, written although the machine says not to: where `PYTHONDONTWRITEBYTECODE` is set.

A test run starts a hundred interpreters. Without bytecode each of them compiles some thousand files, which takes most of
the CPU time of the short ones. It is kept beside the environment and not beside the sources. `tests/__init__.py` calls
`keep` before anything is imported. Node.js, which a driver of the browser starts in each test that has one, keeps the
like of it too: a quarter of its start.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(sys.prefix) / "share" / "ailyus-test-bytecode"


def keep() -> None:
    """For this process and those that it starts; a machine that writes bytecode goes on as it does."""
    os.environ.setdefault("NODE_COMPILE_CACHE", str(FOLDER / "node"))
    if sys.dont_write_bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(FOLDER)
        sys.dont_write_bytecode = False
