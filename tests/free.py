"""Facts of a statement as a test wants them, whether or not the published schema allows them."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from receipts.statement.facts import ActionFacts, GatewayFacts, Kind


def free(kind: Kind, facts: Mapping[str, JsonValue] | None = None) -> Any:
    """Facts of this kind that say just this."""
    said = dict(facts or {})
    (base,) = (m for m in (*ActionFacts.__subclasses__(), *GatewayFacts.__subclasses__()) if m.of_kind == kind)

    class Free(base):  # type: ignore[valid-type,misc]
        @property
        def said(self) -> dict[str, JsonValue]:
            return said

    return Free.model_construct(**({"intent": said["intent"]} if "intent" in said else {}))
