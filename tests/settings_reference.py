"""`uv run python -m tests.settings_reference`: write `server/deploy/SETTINGS.md` from the settings' models.

`tests/server/deploy/test_settings_reference.py` fails while the file is another than this command would write.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from server.workspace.settings.keys import EACH, SettingKey, keys

ROOT = Path(__file__).parent.parent
FILE = ROOT / "server" / "deploy" / "SETTINGS.md"
COMMAND = "uv run python -m tests.settings_reference"
_HEAD = f"""\
# Settings

Every key of `ailyus.toml`. The command `{COMMAND}` writes this file: change the models in
`server/workspace/settings/`, then run that.

- `ailyus settings check` tells what is wrong, all at once; `ailyus settings show` what is in force and where it was said.
- An environment variable wins over the file. Its name is `AILYUS_`, then the key in capitals, with two underscores for
  each dot: `[server] port` is `AILYUS_SERVER__PORT`. A list or a table is JSON: `AILYUS_SERVER__HOSTS='["a.example"]'`.
  `NAME` stands for the name that you give a connection, an adapter, a notice or an escalation.
- A misspelt key or variable ends the start, and the error names the nearest one. A variable for a credential
  (`env:OKTA_TOKEN`) has a name that does not begin with `AILYUS_`.
- A *reference* names a secret and never holds it: `env:VARIABLE`, `file:PATH` below the workspace, or one of [three more](CREDENTIALS.md). A *duration* is a
  whole number with its unit, such as `500ms`, `10s`, `5m` or `1h`.
"""


def text() -> str:
    """The whole document."""
    lines = [line for part, found in groupby(keys(), _table_of) for line in _section(part, [*found])]
    return "\n".join((_HEAD, *lines)).rstrip("\n") + "\n"


def _table_of(key: SettingKey) -> str:
    names = ".".join(step for step in key.path[:-1] if step != EACH)
    return f"[[{names}]]" if EACH in key.path else f"[{names}]" if names else ""


def _section(part: str, found: list[SettingKey]) -> Iterator[str]:
    yield f"## `{part}`\n" if part else "## At the top\n"
    if part.startswith("[["):
        yield f"The variable `{found[0].variable}` holds the whole list as JSON.\n"
    # the variable of a list holds all of its tables, so its keys have none
    heads = ("key", "type", "default", "example", *(() if part.startswith("[[") else ("variable",)), "meaning")
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for key in found:
        kind = f"{key.kind} ({key.unit})" if key.unit and key.kind != "duration" else key.kind
        default = "*required*" if key.required else f"`{key.default}`" if key.default else ""
        variable = () if part.startswith("[[") else (f"`{key.variable}`",)
        row = (f"`{key.path[-1]}`", kind, default, f"`{key.example}`", *variable, key.says)
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
