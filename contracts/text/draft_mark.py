"""`draft: true`: the line by which a file says that it is still written on, and that nothing of it counts yet."""

import re
from typing import Final

DRAFT: Final = "draft: true"
"""The line. It is read as text, so that a draft may be anything, also no YAML yet."""
_MARK: Final = re.compile(rf"^{DRAFT}[ \t]*(?:#.*)?\r?$", re.MULTILINE)


# at the beginning of a line alone: in a nested text the same words say nothing
def is_draft(text: str) -> bool:
    """Does the file say that it is a draft?"""
    return _MARK.search(text) is not None


def marked(text: str) -> str:
    """A contract's text with the line below its name."""
    return re.sub(r"(?m)^(contract: .*)$", rf"\1\n{DRAFT}", text, count=1)
