"""Edits of a workspace, as an admin makes them."""

import re
from collections.abc import Callable
from pathlib import Path

Edit = Callable[[Path], None]


def swap(file: str, old: str, new: str) -> Edit:
    def edit(root: Path) -> None:
        path = root / file
        text = path.read_text()
        assert old in text, text
        path.write_text(text.replace(old, new))

    return edit


def write(file: str, text: str) -> Edit:
    def edit(root: Path) -> None:
        (root / file).write_text(text)

    return edit


def without(file: str, *ids: str) -> Edit:
    def edit(root: Path) -> None:
        path = root / file
        for name in ids:
            text, count = re.subn(rf'@id\("{name}"\)[^;]*;', "", path.read_text())
            assert count == 1
            path.write_text(text)

    return edit


APPROVALS, BASE, OWN = "policies/approvals.cedar", "policies/base.cedar", "policies/own.cedar"
