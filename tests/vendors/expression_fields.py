"""The fields that CEL expressions read of an answer, followed through lists and macros into a schema."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.compiler.expressions import CEL_STRING
from tests.vendors.description import Description

Schemas = Sequence[Mapping[str, Any]]
_MACROS = ("all", "exists", "exists_one", "filter", "map")
_NAME = re.compile(r"[A-Za-z_]\w*")


class FieldReader:
    """`roots` are the names that lead into answers (`before.user`, `response.body`), each with its schemas."""

    def __init__(self, description: Description, roots: Mapping[str, Schemas]) -> None:
        self._description = description
        self._roots = roots

    def faults(self, text: str) -> Iterator[str]:
        """One sentence for each field that no schema has."""
        yield from self._text(CEL_STRING.sub("''", text), {})

    def _text(self, text: str, bound: Mapping[str, Schemas | None]) -> Iterator[str]:
        names = sorted({*self._roots, *bound}, key=len, reverse=True)
        if not names:
            return
        pattern = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, names))})(?!\w)")
        at = 0
        while found := pattern.search(text, at):
            schemas = bound[found[1]] if found[1] in bound else self._roots[found[1]]
            at = yield from self._chain(text, found.end(), found[1], schemas, bound)

    def _chain(
        self, text: str, at: int, said: str, schemas: Schemas | None, bound: Mapping[str, Schemas | None]
    ) -> "Iterator[str]":
        """Follow `.name`, `[0]` and macros from here; gives the place behind them."""
        while at < len(text):
            if text[at] == "[":
                end = _closing(text, at)
                yield from self._text(text[at + 1 : end], bound)
                schemas, at, said = self._below(schemas, "[]"), end + 1, f"{said}[]"
                continue
            name = _NAME.match(text, at + 1) if text[at] == "." else None
            if name is None:
                break
            at = name.end()
            if text[at : at + 1] != "(":
                said, schemas = f"{said}.{name[0]}", self._below(schemas, name[0])
                if schemas is not None and not schemas:
                    yield f"the description has no field `{said}`"
                    schemas = None
                continue
            end = _closing(text, at)
            inner, variable = text[at + 1 : end], None
            if name[0] in _MACROS:
                variable, _, inner = inner.partition(",")
            more = {variable.strip(): self._below(schemas, "[]")} if variable else {}
            yield from self._text(inner, {**bound, **more})
            at = end + 1
            schemas = schemas if name[0] == "filter" else None
        return at

    def _below(self, schemas: Schemas | None, name: str) -> Schemas | None:
        return None if schemas is None else self._description.below(schemas, name)


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth == 0:
            return place
    return len(text)
