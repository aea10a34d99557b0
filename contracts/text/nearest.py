"""The nearest name: what a misspelt name may be meant for."""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_NAMED = 12
"""How many names a hint lists at most."""


def did_you_mean(name: str, known: Iterable[str], *, where: str = "") -> str:
    """A hint: the nearest name, else all of them if they are few, else `where` they are listed."""
    names = sorted(set(known))
    # lower case: a name that differs in case alone is the one that was meant
    lowered = {one.lower(): one for one in names}
    near = get_close_matches(name.lower(), lowered, n=1)
    if near:
        return f"did you mean `{lowered[near[0]]}`?"
    if not names:
        return where or "there is none yet"
    if len(names) <= MAX_NAMED or not where:
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        return f"one of {', '.join(names[:MAX_NAMED])}{more}"
    return where
