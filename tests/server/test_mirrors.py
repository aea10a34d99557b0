"""Each module has a test file that mirrors it: `receipts/log/merkle.py` and `tests/receipts/log/test_merkle.py`.

Some modules are only tested through others, as the commands are through `cli`. How many those are may only go down.
"""

import re
from pathlib import Path
from typing import Final

from tests.project import PACKAGES, ROOT

MOST: Final = 313
"""Modules without a test file of their own: whoever adds such files makes it smaller, and nobody makes it greater."""
_SLACK: Final = 20
"""How far the number may lag behind, so that two changes at a time need not agree on it."""


def mirror_of(module: Path) -> Path:
    """The test file of a module, both from the root of the repository."""
    return Path("tests", module.parent, f"test_{module.name}")


def modules() -> list[Path]:
    """Every module of the wheel that may hold behaviour."""
    files = (path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [file for file in files if not file.name.startswith("__")]


def shows_something(source: str) -> bool:
    """Does a test file have a test, and anything that could fail? One that only imports is no mirror."""
    return all(
        re.search(form, source, re.MULTILINE) for form in (r"^\s*(?:async )?def test_", r"\bassert\b|\brais|\brefus")
    )


def test_no_more_modules_are_without_a_test_file_of_their_own() -> None:
    without = [str(module) for module in modules() if not (ROOT / mirror_of(module)).exists()]
    assert len(without) <= MOST, f"write a test file for what you added: {', '.join(without)}"
    assert len(without) > MOST - _SLACK, f"{len(without)} modules are without one now: lower MOST"


def test_no_mirror_is_empty() -> None:
    mirrors = [mirror_of(module) for module in modules() if (ROOT / mirror_of(module)).exists()]
    assert [str(mirror) for mirror in mirrors if not shows_something((ROOT / mirror).read_text())] == []
    assert not shows_something('"""Words."""\nimport receipts.log.merkle\n\n\ndef test_nothing() -> None:\n    pass\n')
    assert not shows_something("assert True\n")
