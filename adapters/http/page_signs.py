"""Is an answer one page of several? By the signs that APIs use to say that there is more."""

import re
from collections.abc import Mapping

from pydantic import JsonValue

_NEXT = re.compile(r"""rel\s*=\s*"?[^",;]*\bnext\b""", re.IGNORECASE)
_MORE = frozenset(
    (
        "next",
        "nextpage",
        "nextpageurl",
        "nextpageuri",
        "nextpagetoken",
        "nextlink",
        "nextcursor",
        "nexttoken",
        "nextmarker",
        "nexturl",
        "nextrecordsurl",
        "nextoffset",
        "hasmore",
        "hasnext",
        "hasnextpage",
        "istruncated",
        "moreavailable",
        "continuationtoken",
    )
)
"""Keys whose value, if it is one, leads to more: lower case, without `_`, `-`, `@` and `odata.`."""
_TOTAL = frozenset(
    ("totalresults", "totalcount", "totalitems", "totalsize", "totalmembers", "totalrecords", "totalelements")
)
_LONGEST = 64
"""Characters of a key beyond which it is none of these, whatever stands before or between its words."""
_DEPTH = 4


def is_page(headers: Mapping[str, str], value: JsonValue) -> bool:
    """True when the answer says that more of it can be read elsewhere (RFC 8288, and the usual keys)."""
    return bool(_NEXT.search(headers.get("link", ""))) or _goes_on(value, _DEPTH)


def _goes_on(value: JsonValue, depth: int) -> bool:
    if not isinstance(value, dict) or depth == 0:
        return False
    longest, total = -1, -1
    for key, item in value.items():
        if isinstance(item, list):
            longest = max(longest, len(item))
        elif isinstance(item, dict) and _goes_on(item, depth - 1):
            return True
        if len(key) > _LONGEST:
            continue
        name = _plain(key)
        if name in _MORE and _is_set(item):
            return True
        if name in _TOTAL and isinstance(item, int) and not isinstance(item, bool):
            total = max(total, item)
    return total > longest >= 0


def _plain(key: str) -> str:
    return key.lower().removeprefix("@odata.").removeprefix("odata.").replace("_", "").replace("-", "").lstrip("@")


def _is_set(value: JsonValue) -> bool:
    return value not in (None, False, "", "false", 0, [], {})
