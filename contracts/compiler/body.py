"""The JSON body of a request or the arguments of a call, with templates in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import JsonValue

from contracts.compiler.expressions import Fault, Scope
from contracts.compiler.template import Template

MAX_ARGUMENTS: Final = 1024 * 1024
"""Bytes that the arguments of one call may have."""
_INPUT: Final = re.compile(r"\$\{inputs\.([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON body whose strings may be templates; an absent optional input leaves its key out.

    A string that has no template is literal text.
    """

    tree: JsonValue
    templates: Mapping[str, Template]

    def filled(self, scope: Scope, absent: frozenset[str]) -> JsonValue | Fault:
        """The body for one request, or the fault of the first template without a value."""
        return self._filled(self.tree, scope, absent)

    def _filled(self, node: JsonValue, scope: Scope, absent: frozenset[str]) -> JsonValue | Fault:
        if isinstance(node, str):
            template = self.templates.get(node)
            return template.filled(scope) if template else node
        if isinstance(node, list):
            items: list[JsonValue] = []
            for item in node:
                filled = self._filled(item, scope, absent)
                if isinstance(filled, Fault):
                    return filled
                items.append(filled)
            return items
        if isinstance(node, dict):
            out: dict[str, JsonValue] = {}
            for key, item in node.items():
                # an optional input that is left out is absent everywhere, not null
                if isinstance(item, str) and item in absent:
                    continue
                filled = self._filled(item, scope, absent)
                if isinstance(filled, Fault):
                    return filled
                out[key] = filled
            return out
        return node

    def call(self, scope: Scope, absent: frozenset[str]) -> bytes | Fault:
        """The arguments of a call as JSON bytes, keys sorted."""
        filled = self.filled(scope, absent)
        if isinstance(filled, Fault):
            return filled
        # sorted, since the bytes are digested and the intent names them
        body = orjson.dumps(filled, option=orjson.OPT_SORT_KEYS)
        return body if len(body) <= MAX_ARGUMENTS else Fault("the arguments are larger than 1 MiB")

    def left_out(self, scope: Scope) -> frozenset[str]:
        """Whole-value templates of optional inputs that are not in scope, for a read."""
        return frozenset(t for t in self.templates if (m := _INPUT.fullmatch(t)) and f"inputs.{m[1]}" not in scope)
