"""A plain request finds its tool among all tools of the library by name and description alone."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tests.server.mcp.library import library_tools
from tests.server.mcp.requests import HELD_BACK, TUNED

NAME_WEIGHT = 3
"""A word of a name counts as often: what a tool is called says more than what else is said of it."""
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be been but by can do does for from get give go had has have he her hers him his how i if "
        "in into is it its let may me my no not now of on one or our out please she so some that the their them then there "
        "they this to up us was we what when which who whom why will with you your",
    )
)


def words(text: str) -> list[str]:
    """The words that tell something, without their endings."""
    found = []
    for word in re.findall(r"[a-z0-9]+", text.lower().replace("e-mail", "email")):
        if word in STOP_WORDS:
            continue
        if len(word) > 5 and word.endswith("ing"):
            stem = word[:-3]
        elif len(word) > 4 and word.endswith("ed"):
            stem = word[:-2]
        else:
            stem = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        found.append(stem.rstrip("e"))
    return found


def ranked(documents: Mapping[str, Counter[str]], query: Sequence[str], k1: float = 1.5, b: float = 0.75) -> list[str]:
    """The names of documents by BM25 (Robertson and Zaragoza, 2009), the best first."""
    average = sum(document.total() for document in documents.values()) / len(documents)
    holders = Counter(word for document in documents.values() for word in document)

    def score(name: str) -> float:
        document, total = documents[name], 0.0
        for word in set(query) & set(document):
            rarity = math.log(1 + (len(documents) - holders[word] + 0.5) / (holders[word] + 0.5))
            found = document[word]
            total += rarity * found * (k1 + 1) / (found + k1 * (1 - b + b * document.total() / average))
        return total

    return sorted(documents, key=lambda name: (-score(name), name))


def documents() -> dict[str, Counter[str]]:
    return {
        tool.name: Counter(words(f"{tool.name.replace('_', ' ')} " * NAME_WEIGHT + (tool.description or "")))
        for tool in library_tools()
    }


@pytest.mark.parametrize(
    ("requests", "first", "among_three"),
    [(TUNED[:60], 58, 59), (TUNED, 86, 88), (HELD_BACK, 27, 29)],
    ids=["sixty", "tuned", "held back"],
)
def test_plain_requests_choose_their_tool(requests: Sequence[tuple[str, str]], first: int, among_three: int) -> None:
    known = documents()
    assert {tool for _, tool in requests} <= set(known)
    found = [(request, tool, ranked(known, words(request))[:3]) for request, tool in requests]
    missed = [(request, tool, best) for request, tool, best in found if best[0] != tool]
    assert len(requests) - len(missed) >= first, missed
    assert sum(tool in best for _, tool, best in found) >= among_three, missed
