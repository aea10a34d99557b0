"""The settings as they are in force: each value, where it was said, and nothing of a secret."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue

from adapters.credentials.reference import PATTERN
from contracts.schema.fields import as_duration
from server.workspace.settings.file import FILE, content_of, read_settings
from server.workspace.settings.keys import EACH, NAME, REFERENCE_KIND, SettingKey, keys
from server.workspace.settings.part import TEXT
from server.workspace.settings.variables import source_of

DEFAULT = "default"
_MASK = "…"
_REFERENCE = re.compile(PATTERN)
Step = str | int


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One key with its value; `source` is the file, a variable, or that nobody said anything."""

    path: tuple[Step, ...]
    value: JsonValue
    source: str

    @property
    def name(self) -> str:
        """The path as people write it."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)[1:]


def effective_settings(folder: Path, environ: Mapping[str, str]) -> list[EffectiveSetting]:
    """Every key of every part that is there. Raises `AilyusError` where the settings are wrong."""
    settings, content = read_settings(folder), content_of(folder)
    found = [
        EffectiveSetting(path, _shown(key, value), source_of(path, environ) or _source(path, content))
        for key in keys()
        for path, value in _values(settings, key.path, ())
    ]
    parts = list(dict.fromkeys(key.path[0] for key in keys()))
    # each connection's keys together, and in the order of the reference
    return sorted(found, key=lambda one: (parts.index(str(one.path[0])), str(one.path[1:-1])))


def _values(at: object, rest: tuple[str, ...], path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], object]]:
    """What a key is, once for each name or table on its path; nothing where a part on it is not there."""
    if at is None and rest:
        return
    if not rest:
        yield path, at
    elif rest[0] == NAME and isinstance(at, Mapping):
        for name, one in at.items():
            yield from _values(one, rest[1:], (*path, str(name)))
    elif rest[0] == EACH and isinstance(at, tuple):
        for index, one in enumerate(at):
            yield from _values(one, rest[1:], (*path, index))
    elif isinstance(at, BaseModel):
        yield from _values(getattr(at, rest[0]), rest[1:], (*path, rest[0]))


def _source(path: tuple[Step, ...], content: Any) -> str:  # a TOML document
    for step in path:
        if isinstance(step, str) and step not in content:
            return DEFAULT
        content = content[step]
    return FILE


def _shown(key: SettingKey, value: object) -> JsonValue:
    # INVARIANT 5: nothing of a secret is shown, also where somebody wrote one in the place of a reference
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return as_duration(value) if key.kind == "duration" else value
    if isinstance(value, Mapping):
        is_environment = key.path[-1] == "variables"
        return {str(name): _reference(str(one)) if is_environment else str(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_text(key, str(one)) for one in value]
    return _reference(str(value)) if key.kind == REFERENCE_KIND else _text(key, str(value))


def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) or not text:
        return text
    return TEXT + _MASK if text.startswith(TEXT) else _MASK


def _text(key: SettingKey, text: str) -> str:
    if "://" not in text:
        return text
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    # the path of a webhook often is its secret
    rest = f"/{_MASK}" if key.path[-1] == "webhook" else parts.path
    return f"{parts.scheme}://{f'{_MASK}@' if '@' in parts.netloc else ''}{host}{rest}"
