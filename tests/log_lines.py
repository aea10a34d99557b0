"""The log of a gateway in this process, held against what a line may hold: no person, no address, no secret."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from server.observability.logs import FIELDS
from server.workspace.workspace import Workspace

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NAMES = ("maria", "leo", "ada", "bob")
"""People of the twins, beside those whom the settings declare."""
_OURS = {"timestamp", "level", "event", *FIELDS}


@contextmanager
def heard() -> Iterator[list[dict[str, Any]]]:
    """Every line from now on, as it is before it is written."""
    lines: list[dict[str, Any]] = []

    def hear(logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        lines.append(dict(event))
        return event

    *before, renderer = structlog.get_config()["processors"]
    structlog.configure(processors=[*before, hear, renderer])
    try:
        yield lines
    finally:
        structlog.configure(processors=[one for one in structlog.get_config()["processors"] if one is not hear])


def faults_of(lines: Iterable[Mapping[str, Any]], names: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Whatever a line holds that it may not hold."""
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, {*NAMES, *names}))})\b", re.IGNORECASE)
    wrong = []
    for line in lines:
        text = orjson.dumps({k: v for k, v in line.items() if k not in ("at", "timestamp")}, default=str).decode()
        wrong += [f"{sorted(set(line) - _OURS)} in {text}"] if set(line) - _OURS else []
        wrong += [f"{word} in {text}" for word in (*ADDRESS.findall(text), *named.findall(text))]
        wrong += [f"a secret in {text}" for secret in secrets if secret in text]
    return wrong


def check_lines(workspace: Workspace, lines: Iterable[Mapping[str, Any]]) -> None:
    """No line of this gateway's log holds what it may not hold."""
    people = [person.name for person in workspace.settings.people]
    assert faults_of(lines, people, secrets_of(workspace)) == []


def secrets_of(workspace: Workspace) -> frozenset[str]:
    """Every credential, token and private key of a workspace, line by line."""
    folders = (workspace.private / name for name in ("secrets", "agents", "keys"))
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pub"]
    key = workspace.private / "log.pem"
    found = [line for path in (*files, key) if path.exists() for line in path.read_text(errors="replace").splitlines()]
    return frozenset(line for line in found if len(line) >= 8 and not line.startswith("-----"))
