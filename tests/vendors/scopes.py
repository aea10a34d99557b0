"""The scopes that the recipes for connections ask for, against those that a description says an operation takes."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.world import ROOT

Side = Literal["read", "write"]
_PAGE = ROOT / "server" / "deploy" / "CONNECTIONS.md"


@dataclass
class Scopes:
    """What one recipe asks for on each side, and what of it some operation took."""

    asked: Mapping[Side, frozenset[str]]
    taken: set[tuple[Side, str]] = field(default_factory=set)

    def fault(self, side: Side, operation: Mapping[str, Any]) -> str:
        """Why this operation would be refused, or nothing. One alternative of its `security` is enough."""
        both = [{scope for scopes in one.values() for scope in scopes} for one in operation.get("security", ())]
        alternatives = [one for one in both if one]  # an API token has no scopes
        enough = [one for one in alternatives if one <= self.asked[side]]
        self.taken |= {(side, scope) for one in enough for scope in one}
        if enough or not alternatives:
            return ""
        choice = " or ".join(sorted({" and ".join(sorted(one)) for one in alternatives}))
        return f"the recipe's `{side}_scopes` lack {choice}"

    def unused(self) -> Iterator[str]:
        """Scopes that no operation of the library takes: a right that nobody needs."""
        for side, scopes in self.asked.items():
            for scope in sorted(scopes):
                if (side, scope) not in self.taken:
                    yield f"no operation takes `{scope}` of the recipe's `{side}_scopes`"


def recipe_scopes() -> dict[str, Scopes]:
    """The scopes of each recipe by the kind of its connection."""
    found = {}
    for text in re.findall(r"```toml\n(.*?)```", _PAGE.read_text(), re.DOTALL):
        for part in tomllib.loads(text)["connections"].values():
            client = part["oauth2"]
            asked: dict[Side, frozenset[str]] = {
                "read": frozenset(client.get("read_scopes", ())),
                "write": frozenset(client.get("write_scopes", ())),
            }
            found[part["kind"]] = Scopes(asked)
    return found
