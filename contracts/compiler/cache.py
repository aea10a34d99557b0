"""The cache of compiled values: each is made once from the same bytes, and those that were used last stay."""

from collections.abc import Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    """Values by what they were made of. Threads may share it: who finds nothing makes the value again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, V] = {}

    def get(self, key: str) -> V | None:
        """The value, which then is the one that was used last."""
        value = self._kept.pop(key, None)
        if value is not None:
            self._kept[key] = value
        return value

    def keep(self, values: Mapping[str, V]) -> None:
        """Keep these; those that were not used for longest go."""
        self._kept.update(values)
        for key in list(self._kept)[: -self._most]:
            self._kept.pop(key, None)
