"""Where the access tokens of connections come from: one more source of credentials, which works while one waits."""

from collections.abc import Iterable
from typing import Protocol

from contracts.action.target import Target


class TokenSource(Protocol):
    """The tokens of the connections that it was told of. References are those of `TokenReference`."""

    def declare(self, targets: Iterable[Target]) -> None:
        """Learn of the connections of a release; what was declared before stays, since actions end under it."""
        ...

    async def value(self, reference: str, person: str) -> str:
        """An access token that holds now. Raises `no_credential` with what to do where there is none."""
        ...

    async def is_obtainable(self, reference: str) -> bool:
        """Could a token be had, as far as is known? Nobody is asked for one, and none counts as used."""
        ...

    async def is_renewed(self, reference: str, since: float, person: str) -> bool:
        """A target refused what was known at `since` (monotonic seconds): is there another token by now?"""
        ...

    def doubt(self, reference: str, person: str, since: float) -> bool:
        """A target refused what was known at `since`: does whoever asks next get another one, or none?"""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
