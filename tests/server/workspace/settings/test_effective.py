"""What is in force, where it was said, and nothing of a secret."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from contracts.errors import AilyusError
from server.workspace.settings.effective import effective_settings
from server.workspace.settings.file import FILE

_TEXT = """
origin = "a"
roles = ["Support"]
[server]
patience = "90s"
[telemetry]
endpoint = "https://me:hunter2@otlp.example/x"
[notices.chat]
webhook = "https://hooks.example/services/hunter4"
secret = "env:CHAT_SECRET"
[connections.git]
kind = "git"
tenant = "t"
environment = "prod"
read = "none"
write = "none"
[connections.git.mcp]
command = ["git-server"]
variables = { MODE = "text:hunter6", TOKEN = "env:GIT_TOKEN" }
[[people]]
name = "maria"
tenant = "t"
"""


def found(folder: Path, environ: dict[str, str]) -> dict[str, tuple[JsonValue, str]]:
    (folder / FILE).write_text(_TEXT)
    return {one.name: (one.value, one.source) for one in effective_settings(folder, environ)}


def test_each_value_has_its_source(tmp_path: Path) -> None:
    shown = found(tmp_path, {"AILYUS_SERVER__PORT": "1"})
    assert shown["server.patience"] == ("90s", FILE)
    assert shown["server.port"] == (8420, "AILYUS_SERVER__PORT")  # of this process, so only the source is told
    assert shown["server.host"] == ("127.0.0.1", "default")
    assert shown["people[0].name"] == ("maria", FILE)
    assert shown["people[0].issuer"] == ("local", "default")
    assert "metrics.port" not in shown
    assert "sandbox.port" not in shown


def test_nothing_of_a_secret_is_shown(tmp_path: Path) -> None:
    shown = found(tmp_path, {})
    assert "hunter" not in repr(shown)
    assert shown["telemetry.endpoint"][0] == "https://…@otlp.example/x"
    assert shown["notices.chat.webhook"][0] == "https://hooks.example/…"
    assert shown["notices.chat.secret"][0] == "env:CHAT_SECRET"
    assert shown["connections.git.read"][0] == "none"
    assert shown["connections.git.mcp.variables"][0] == {"MODE": "text:…", "TOKEN": "env:GIT_TOKEN"}


@pytest.mark.parametrize(
    ("known", "secret"),
    [
        ("env:CHAT_SECRET", "hunter5"),
        ("env:CHAT_SECRET", "none"),
        ("env:GIT_TOKEN", "hunter7"),
        ('"none"', '"hunter8"'),
    ],
)
def test_a_secret_in_the_place_of_a_reference_is_refused_and_not_shown(tmp_path: Path, known: str, secret: str) -> None:
    (tmp_path / FILE).write_text(_TEXT.replace(known, secret, 1))
    with pytest.raises(AilyusError, match="it does not refer to a secret: write env:NAME, file:PATH") as refused:
        effective_settings(tmp_path, {})
    assert "hunter" not in str(refused.value)


def test_the_keys_of_a_connection_stand_together(tmp_path: Path) -> None:
    names = [name for name in found(tmp_path, {}) if name.startswith(("connections.", "notices."))]
    assert [name.split(".")[0] for name in names] == sorted(name.split(".")[0] for name in names)
