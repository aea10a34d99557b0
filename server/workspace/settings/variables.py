"""The environment variables of the settings: which one says what, and which say nothing because they are misspelt."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from server.workspace.settings.keys import NAME, keys
from server.workspace.settings.settings import PREFIX, SEPARATOR, Settings

_CLOSE = 0.85
# what Kubernetes sets in every pod for a Service by the name of ours ("Environment variables" of its documentation)
_SERVICE_LINK = re.compile(r"AILYUS(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class UnreadVariable:
    """A variable that begins like those of the settings and is none of them; `nearest` is what it may be meant for."""

    name: str
    nearest: str

    @property
    def is_misspelt(self) -> bool:
        """Would whoever wrote it believe that a setting has this value?"""
        return bool(self.nearest) or SEPARATOR in self.name.removeprefix(PREFIX)


def source_of(path: Iterable[str | int], environ: Mapping[str, str]) -> str | None:
    """The variable that says what a key is, itself or for a part or list that holds the key; None where none does."""
    names = {name.upper(): name for name in environ}
    steps = [str(step) for step in path]
    ways = (PREFIX + SEPARATOR.join(steps[:count]).upper() for count in range(len(steps), 0, -1))
    return next((names[way] for way in ways if way in names), None)


def unread_variables(environ: Mapping[str, str], references: Iterable[str] = ()) -> list[UnreadVariable]:
    """The variables that no setting reads; `references` are names that settings refer to as credentials."""
    named = {name.upper() for name in references}
    return [
        UnreadVariable(name, _nearest(name.upper()))
        for name, value in sorted(environ.items())
        if name.upper().startswith(PREFIX) and name.upper() not in named and not _is_known(name.upper(), value)
    ]


def _is_known(name: str, value: str) -> bool:
    # what is wrong below a part is found when the part is read
    first = name.removeprefix(PREFIX).split(SEPARATOR)[0].lower()
    if first in Settings.model_fields:
        return True
    return bool(_SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _LINK_VALUE.match(value)))


def _nearest(name: str) -> str:
    known = {re.sub("_+", "_", key.variable): key.variable for key in keys() if NAME not in key.path}
    close = get_close_matches(re.sub("_+", "_", name), known, 1, _CLOSE)
    return known[close[0]] if close else ""
