"""Observed values where a secret passes: they are kept as keyed digests, which can be compared but not read."""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError

# a digest is recognised by its form, so hiding twice changes nothing
_MARK = re.compile(r"hmac-sha256:[0-9a-f]{64}")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PATH = r"(?:\.[A-Za-z_]\w*)+"
# no index, call or sum with the path: only whole values can be compared by their digests
_SAME = re.compile(rf"\b(before|after)({_PATH})\s*(?:==|!=)\s*(before|after)({_PATH})(?![\w.(\[]|\s*[-+*/%])")
_INSIDE = re.compile(r"(?:[-+*/%<>=!]|\bin)\s*$")
_BEFORE = re.compile(rf"\bbefore({_PATH})(\s*\()?")
_EACH = re.compile(r"(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")


@dataclass(frozen=True, slots=True)
class Hiding:
    """Replaces texts and numbers by keyed digests (HMAC, RFC 2104). The key is never in the store.

    The shape of a value stays, and so do yes, no and null. A digest is not replaced again.
    """

    key: bytes = field(repr=False)

    def all(self, value: JsonValue) -> JsonValue:
        """The value with every text and number replaced."""
        return self.but(value, "", ())

    def but(self, value: JsonValue, path: str, clear: Collection[str]) -> JsonValue:
        """The same, but what stands at or below one of the `clear` paths; `path` is where the value stands."""
        if any(path == c or path.startswith(f"{c}.") for c in clear):
            return value
        if isinstance(value, list):
            return [self.but(item, path, clear) for item in value]
        if isinstance(value, dict):
            return {name: self.but(item, f"{path}.{name}", clear) for name, item in value.items()}
        # a digest of yes or no would be guessed at once, and conditions need them
        if value is None or isinstance(value, bool) or (isinstance(value, str) and _MARK.fullmatch(value)):
            return value
        return f"hmac-sha256:{hmac.digest(self.key, orjson.dumps(value), hashlib.sha256).hex()}"


def compared(texts: Iterable[str]) -> frozenset[str]:
    """The paths that an expression compares whole with themselves, such as `after.x.y != before.x.y` → `x.y`."""
    return frozenset(m[2][1:] for text in texts for m in _SAME.finditer(_STRING.sub("''", text)) if _is_same(m))


def values_before(text: str) -> frozenset[str]:
    """The paths whose values before an expression needs: all that it reads, but what it compares with itself only."""
    # equal values have equal digests, so such a comparison needs nothing in clear
    bare = _SAME.sub(lambda m: "" if _is_same(m) else m[0], _STRING.sub("''", text))
    return frozenset(_values(bare))


def _is_same(match: re.Match[str]) -> bool:
    # what stands before it may take its first value for itself, as in `1 + before.x == after.x`
    whole = not _INSIDE.search(match.string, 0, match.start())
    return whole and match[2] == match[4] and match[1] != match[3]


def _values(text: str) -> Iterator[str]:
    for match in _BEFORE.finditer(text):
        path, method = match[1][1:], match[2]
        if not method:
            yield path
            continue
        owner, _, name = path.rpartition(".")
        each = _EACH.match(text, match.start(1) + 1 + len(owner) + 1) if owner else None
        # `map` hands its items on, so any of their fields may be needed
        if each is None or name == "map":
            yield owner or path
            continue
        fields = set(re.findall(rf"\b{each[1]}\b((?:\.[A-Za-z_]\w*)*)(\s*\()?", text[each.end() :]))
        yield from (_of_item(owner, chain, bool(call)) for chain, call in fields)


def _of_item(owner: str, chain: str, call: bool) -> str:
    names = chain.split(".")[1:]
    return ".".join((owner, *(names[:-1] if call else names)))


def require_known(texts: Iterable[tuple[str, str]], clear: Collection[str]) -> None:
    """Refuse an expression that would have a value kept in clear where a secret passes; `texts` are place and text."""
    for where, text in texts:
        for path in sorted(values_before(text)):
            if not any(path == c or path.startswith(f"{c}.") for c in clear):
                hint = (
                    f"compare it whole (`after.{path} != before.{path}`), expect something else, for example a version"
                    f" or a time, or list `{path}` in `not_secret` if it can never hold a secret"
                )
                sentence = f"a secret passes here, and `{text}` needs the value of `before.{path}` to be kept in clear"
                raise AilyusError("bad_contract", sentence, hint=hint, field=where)


def placed(node: JsonValue | Mapping[str, str], whole: Collection[str]) -> Iterator[str]:
    """The names under which one of these whole templates stands in a body."""
    if isinstance(node, list):
        for item in node:
            yield from placed(item, whole)
    if isinstance(node, Mapping):
        for name, item in node.items():
            if isinstance(item, str) and item in whole:
                yield name
            else:
                yield from placed(item, whole)


def refuse_placed(clear: Collection[str], names: Collection[str]) -> None:
    """Refuse a `not_secret` path that ends in a name under which the secret itself is sent or given."""
    for path in clear:
        if path.rpartition(".")[2] in names:
            sentence = f"`{path}` is named like the field that carries the secret, so it is kept as a digest only"
            raise AilyusError("bad_contract", sentence, hint="take it out of `not_secret`", field="not_secret")
