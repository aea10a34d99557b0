"""Every key says what it is, and the variable and the example that the reference gives do set it."""

import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.workspace.settings.file import FILE, read_settings
from server.workspace.settings.keys import EACH, NAME, SettingKey, keys

_BASE = 'origin = "a"\nroles = ["Support", "SecurityLead"]\nenvironments = ["prod"]\n'
_PARTS = {  # what else a part needs, so that one key of it can be set
    "store": '[store]\nurl = "env:URL"\n',
    "sandbox": "[sandbox]\nport = 1\n",
    "metrics": "[metrics]\nport = 1\n",
    "oauth": '[oauth]\nissuer = "https://a.example"\n',
    "telemetry": '[telemetry]\nendpoint = "https://a.example"\n',
    "console": '[console.oidc]\nissuer = "https://a.example"\nclient_id = "c"\nclient_secret = "env:S"\n',
    "connections": '[connections.name]\nkind = "k"\nbase_url = "https://a.example"\ntenant = "t"\nenvironment = "prod"\n'
    'read = "env:R"\nwrite = "env:W"\n[connections.name.mcp]\n'
    '[connections.name.browser]\nlogin = "env:L"\nprincipal = "p"\n',
    "adapters": f'[adapters.name]\nentry_point = "e"\ndigest = "{"0" * 64}"\n',
    "credentials": '[credentials.exec.name]\ncommand = ["a"]\n'
    '[credentials.vault]\naddress = "https://v.example"\ntoken = "env:T"\n',
    "escalations": '[escalations.name]\nwebhook = "https://a.example"\n',
    "witness": '[[witness.cosigners]]\nurl = "https://a.example"\nkey = "w.test/1+79dcb387+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"\n'
    '[[witness.cosigners]]\nurl = "https://b.example"\nkey = "w.test/2+175ddbea+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"\n',
    "coverage": '[coverage.name]\nconnection = "c"\nsource = "json"\nactors = ["a"]\n'
    '[coverage.name.feed]\npath = "/a"\nnext = "n"\n',
    "export": '[export.name]\nurl = "https://a.example"\n',
    "notices": '[notices.name]\nwebhook = "https://a.example"\n',
}
_SIGNS_IN = (
    '[connections.name]\nkind = "k"\nbase_url = "https://a.example"\ntenant = "t"\nenvironment = "prod"\nauth = "oauth2"\n'
    '[connections.name.oauth2]\nclient_id = "c"\nissuer = "https://a.example"\n'
    'read_scopes = ["a"]\nwrite_scopes = ["b"]\n'
)
_BY_SECRET = 'grant = "authorization_code"\nclient_secret = "env:S"\n'
_BY_KEY = 'grant = "jwt_bearer"\nkey = "env:K"\n'


def part_of(key: SettingKey) -> str:
    """The table that a key stands in, with what else it needs."""
    if key.path[0] == "export" and key.path[-1] == "file":
        return ""  # it goes to one place, which is the file then
    if "signers" in key.path:
        from server.workspace.settings.store import _PUBLIC

        signs = 'command = ["sign"]\n' if key.path[-1] not in ("command", "pkcs11") else ""
        return f'[log.signers.name]\npublic = """{_PUBLIC}"""\n{signs}'
    if key.path[0] == "coverage" and "feed" not in key.path:
        source = {"source": "", "organization": 'source = "github"\n'}.get(key.path[-1], 'source = "okta"\n')
        return f'[coverage.name]\nconnection = "c"\nactors = ["a"]\n{source}'
    if "oauth2" not in key.path:
        return _PARTS.get(key.path[0], "")
    return _SIGNS_IN + (_BY_KEY if key.path[-1] in ("key", "key_id", "subject", "audience") else _BY_SECRET)


def name_of(key: SettingKey) -> str:
    return ".".join(key.path)


def example_of(key: SettingKey) -> Any:
    return tomllib.loads(key.example)[key.path[-1]]


def value_at(document: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        document = document["name" if step == NAME else step]
    return document


@pytest.mark.parametrize("key", keys(), ids=name_of)
def test_a_key_explains_itself(key: SettingKey) -> None:
    assert key.says.endswith((".", "?")), key
    assert key.kind, key
    assert key.default == "" or tomllib.loads(f"k = {key.default}"), key


@pytest.mark.parametrize("key", [key for key in keys() if EACH not in key.path], ids=name_of)
def test_the_variable_of_a_key_sets_it(key: SettingKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from server.workspace.settings.settings import Settings

    wanted = example_of(key)
    if key.path[-1] == "digest":
        wanted = "1" * 64
    said = wanted if isinstance(wanted, str) else orjson.dumps(wanted).decode()
    content = tomllib.loads(_BASE + part_of(key))
    if key.path[-1] in ("certificate", "key") and key.path[0] == "server":
        content["server"] = {"certificate": "c", "key": "k"}
    monkeypatch.setenv(key.variable.replace(NAME, "name"), said)
    settings = Settings(**content).model_dump(mode="json")
    held = value_at(settings, key.path)
    if key.kind == "duration":
        assert isinstance(held, int)
    else:
        assert held == wanted


def test_the_variable_of_people_holds_the_whole_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text(_BASE)
    monkeypatch.setenv("AILYUS_PEOPLE", '[{"name": "maria", "tenant": "acme", "roles": ["Support"]}]')
    (person,) = read_settings(tmp_path).people
    assert (person.name, person.roles) == ("maria", ("Support",))


def test_a_part_has_no_key_of_its_own() -> None:
    names = {name_of(key) for key in keys()}
    assert {"server.port", "connections.NAME.browser.login", "people.[].name", "console.oidc.issuer"} <= names
    assert not {"server", "console.oidc", "connections", "people"} & names
