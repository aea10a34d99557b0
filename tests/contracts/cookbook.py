"""The cookbook of contracts, and its contracts as files of a folder."""

import re
from pathlib import Path

from tests.pages import Page
from tests.project import ROOT

PAGE = Page(ROOT / "contracts" / "COOKBOOK.md", (ROOT / "contracts" / "COOKBOOK.md").read_text())


def cookbook(folder: Path) -> Path:
    """The folder of the cookbook's contracts."""
    folder.mkdir(parents=True)
    for block in PAGE.blocks("yaml"):
        name = re.match(r"(?:contract|plan): (\w+)", block)
        assert name is not None
        (folder / f"{name[1]}.yaml").write_text(block)
    return folder
