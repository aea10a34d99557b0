"""One table of a TOML file put in or taken out, with every other line as it is: comments and order stay."""

import re
import tomllib
from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import JsonValue

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def table_text(group: str, name: str, values: Mapping[str, JsonValue]) -> str:
    """The lines of a table `[group.name]` whose values are texts and lists of texts."""
    lines = [_header(group, name), *(f"{key} = {_quoted(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def with_table(text: str, group: str, name: str, values: Mapping[str, JsonValue] | None) -> str:
    """The file's text with this table (None: without it). Raises `ValueError` where its lines are not all.

    What comes out is read again and compared: it holds what it held, but for this table, or nothing comes out.
    """
    wanted: dict[str, object] = tomllib.loads(text)
    servers = wanted.pop(group, {})
    if not isinstance(servers, dict):
        raise ValueError(f"`{group}` is no table")
    if servers.get(name) == values:
        return text
    servers = {n: v for n, v in servers.items() if n != name} | ({name: dict(values)} if values is not None else {})
    before, after = _around(text, _header(group, name))
    if values is not None:
        before = before + ("\n" if before.strip() else "") + table_text(group, name, values)
        after = "\n" + after.lstrip("\n") if after.strip() else ""
    changed = before + after
    fault = f"`{group}.{name}` stands in it in another way than `ailyus connect` writes it"
    try:
        found: dict[str, object] = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        raise ValueError(fault) from None
    if (found.pop(group, {}), found) != (servers, wanted):
        raise ValueError(fault)
    return changed


def _around(text: str, header: str) -> tuple[str, str]:
    """What stands before a table and after it; all of the text is before one that is not there."""
    lines = text.splitlines(keepends=True)
    start = next((n for n, line in enumerate(lines) if line.strip() == header), None)
    if start is None:
        return text if not text or text.endswith("\n") else text + "\n", ""
    # the first empty line ends what we wrote: comments above the next table are the next table's
    rest = range(start + 1, len(lines))
    end = next((n for n in rest if not lines[n].strip() or lines[n].startswith("[")), len(lines))
    before = "".join(lines[:start])
    return before.removesuffix("\n") if before.endswith("\n\n") else before, "".join(lines[end:])


def _header(group: str, name: str) -> str:
    return f"[{group}.{name if _BARE.fullmatch(name) else _quoted(name)}]"


def _quoted(value: JsonValue) -> str:
    # a text of JSON is a basic string of TOML, but for DEL, which JSON leaves as it is
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
