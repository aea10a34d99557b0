"""Keys that one JSON object names twice: readers disagree about which value counts, so neither does."""

import json

from contracts.errors import AilyusError


class _Repeated(Exception):
    pass


def repeated_key(data: bytes) -> str | None:
    """The first key that an object of this JSON text names twice, or None. What is no JSON is left to its parser."""
    # two keys need four quotes, so the smallest bodies are not parsed twice
    if data.count(b'"') < 4:
        return None
    try:
        _DECODER.decode(data.decode("utf-8"))
    except _Repeated as found:
        return str(found)
    # what is no JSON is refused elsewhere, with a better sentence
    except (ValueError, RecursionError):
        return None
    return None


def refuse_repeated(data: bytes, code: str, what: str) -> None:
    """Raise `AilyusError` where an object of this JSON text names a key twice."""
    key = repeated_key(data)
    if key is not None:
        sentence = f"{what} names the key `{key[:100]}` twice"
        raise AilyusError(code, sentence, hint="write each key once")


def _once(pairs: list[tuple[str, object]]) -> None:
    if len(pairs) > 1:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Repeated(key)
            seen.add(key)


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
