"""How deep a policy nests, counted in its text: Cedar's parser calls itself for each level until the process ends.

Seen with cedarpy 4.12: 1,000 brackets within each other, or a condition of 20,000 parts, are a segmentation fault.
"""

import re
from dataclasses import dataclass

MAX_BRACKETS = 64
"""Brackets of any kind that may be open at once."""
MAX_DEPTH = 400
"""Levels of one expression, as far as its text tells: brackets, parts of a chain, attributes of attributes."""
_TOKEN = re.compile(
    r'//[^\n\r]*|"(?:[^"\\]|\\.)*"'  # what Cedar skips, and strings
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>[;,])"
    r"|(?P<link>&&|\|\||\b(?:if|then|else)\b)"
    r"|(?P<step>[.+\-*!<>=]|\b(?:has|like|in|is)\b)"
)


@dataclass(slots=True)
class _Part:
    """What stands between two brackets, or between two commas there: `links` of a chain, and `steps` in one of them."""

    links: int = 0
    steps: int = 0
    most: int = 0
    done: int = 0

    def step(self, levels: int) -> None:
        self.steps += levels
        self.most = max(self.most, self.steps)

    def depth(self) -> int:
        return max(self.done, self.links + self.most)


def too_deep(text: str, brackets: int = MAX_BRACKETS, depth: int = MAX_DEPTH) -> int:
    """The line (from 1) on which a text goes deeper than these two bounds; 0 where it does nowhere.

    The count is never less than the depth of what Cedar builds: each token that can add a level is counted as one.
    """
    parts = [_Part()]
    for token in _TOKEN.finditer(text):
        part = parts[-1]
        match token.lastgroup:
            case "open":
                parts.append(_Part())
            case "close" if len(parts) > 1:
                inside = parts.pop().depth()
                part = parts[-1]
                part.step(inside + 1)  # guard: depth of a policy
            case "end":
                part.links, part.steps, part.most, part.done = 0, 0, 0, part.depth() if len(parts) > 1 else 0
            case "link":
                part.links += 1
                part.steps = 0
            case "step":
                part.step(1)
        if len(parts) > brackets or part.depth() > depth:
            return text.count("\n", 0, token.start()) + 1
    return 0
