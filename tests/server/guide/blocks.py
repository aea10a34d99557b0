"""The commands in the fences of pages, run as they are printed: one at a time, with what stands for a name filled in."""

import os
import pty
import re
import select
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from server.cli.main import main
from tests.forks import Forked
from tests.pages import Page, pages
from tests.slowness import scaled
from tests.world import cli

_PASSPHRASE: Final = b"correct horse battery\n"
ANSWERS: Final = {b"passphrase:": _PASSPHRASE, b"again:": _PASSPHRASE, b"[y/N]:": b"y\n"}
"""What somebody types who is asked so."""
PAGES: Final[Mapping[str, Page]] = {page.name: page for page in pages()}


def block(page: str, begins: str) -> str:
    """The one block of a page that begins so."""
    (found,) = (text for text in PAGES[page].blocks("sh") if text.startswith(begins))
    return found


def commands_of(text: str) -> list[str]:
    """The commands of a block, of which each may have several lines, without their comments."""
    lines = re.sub(r"\\\n", " ", text).strip().splitlines()
    return [command for line in lines for command in re.split(r" && ", re.sub(r"\s#\s.*$", "", line).strip())]


@dataclass(slots=True)
class Reader:
    """Somebody who types what a page says, in one folder after the other."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict)
    """What they put in the place of a name such as ACTION."""
    home: Path | None = None
    """Where the clients of their machine are."""
    said: list[str] = field(default_factory=list)
    """What each command printed."""

    def type(self, text: str, *, ok: bool | None = True) -> str:
        """Type each command of a block; what the last one printed."""
        for command in commands_of(text):
            words = shlex.split(self.filled(command))
            if words[0] == "cd":
                self.folder = self.folder / words[1]
            elif words[0] != "ailyus":
                subprocess.run(["/bin/bash", "-euc", self.filled(command)], cwd=self.folder, check=True)
            else:
                self.said.append(cli(*words[1:], cwd=self.folder, ok=ok, environment=self.environment))
        return self.said[-1] if self.said else ""

    def type_at_a_terminal(self, command: str) -> str:
        """Type one command at a terminal, and what it asks for: a passphrase, or yes; what the terminal showed."""
        ours, theirs = pty.openpty()
        with open(theirs, "wb", buffering=0) as terminal:
            process = Forked(
                shlex.split(self.filled(command))[1:], self.folder, terminal, terminal, self.environment, _at_a_terminal
            )
        shown = b""
        try:
            # a process that ended before it took the terminal leaves nobody at its other end
            while select.select([ours], [], [], 0.2)[0] or process.poll() is None:
                if not select.select([ours], [], [], 0)[0]:
                    continue
                shown += os.read(ours, 4096)
                if shown.rstrip().endswith(tuple(ANSWERS)):
                    os.write(ours, next(answer for asked, answer in ANSWERS.items() if shown.rstrip().endswith(asked)))
        except OSError:
            pass  # the other end is closed, which is how a terminal says that nobody writes any more
        finally:
            os.close(ours)
        assert process.wait(scaled(60)) == 0, shown.decode()
        return shown.decode()

    @property
    def environment(self) -> Mapping[str, str]:
        """That of this process, but for the home."""
        return {**os.environ, "HOME": str(self.home or self.folder)}

    def filled(self, command: str) -> str:
        """A command with what its reader knows: the id of their action, the folder of their machine."""
        for name, value in self.names.items():
            command = command.replace(name, value)
        return command


def _at_a_terminal() -> None:
    os.login_tty(os.dup(1))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # for its life
    main()
