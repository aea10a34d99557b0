"""A fault of the settings names its key, where it was written, and what may be meant; never a value."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.settings.file import FILE, read_settings

_BASE = 'origin = "a"\nroles = ["Support"]\n'
_CONNECTION = '[connections.okta]\nkind = "okta"\ntenant = "t"\nenvironment = "prod"\nwrite = "env:W"\n'


def fault(folder: Path, text: str) -> AilyusError:
    (folder / FILE).write_text(_BASE + text)
    with pytest.raises(AilyusError) as raised:
        read_settings(folder)
    assert raised.value.code == "bad_settings"
    return raised.value


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        ("[server]\nprot = 1\n", "`server.prot` is no setting", "did you mean `server.port`?"),
        ("[sever]\nport = 1\n", "`sever` is no setting", "did you mean `server`?"),
        (
            _CONNECTION + 'read = "env:R"\nbase_ulr = "https://a.example"\n',
            "`connections.okta.base_ulr` is no setting",
            "did you mean `connections.okta.base_url`?",
        ),
        (
            _CONNECTION + 'read = "env:R"\n[connections.okta.browsers]\nlogin = "env:L"\n',
            "`connections.okta.browsers` is no setting",
            "did you mean `connections.okta.browser`?",
        ),
        (
            '[[people]]\nname = "maria"\ntenat = "t"\n',
            "`people.0.tenat` is no setting",
            "did you mean `people.0.tenant`?",
        ),
        ("[sandbox]\nport = 1\nzzzz = 1\n", "`sandbox.zzzz` is no setting", "one of port"),
        ("[server]\nzzzz = 1\n", "`server.zzzz` is no setting", "`ailyus settings show` lists every setting"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(tmp_path: Path, text: str, sentence: str, hint: str) -> None:
    error = fault(tmp_path, text)
    assert (error.sentence, error.hint, error.field) == (sentence, hint, FILE)


def test_a_wrong_value_is_not_quoted(tmp_path: Path) -> None:
    error = fault(tmp_path, '[store]\nurl = "postgresql://ailyus:hunter2@db/ailyus"\n')
    assert "hunter2" not in f"{error} {error.hint}"
    assert error.sentence.startswith("`store.url`: ")


def test_a_fault_in_a_variable_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AILYUS_SERVER__PORT", "many")
    error = fault(tmp_path, "[server]\nport = 1\n")
    assert (error.field, error.sentence.startswith("`server.port`: ")) == ("AILYUS_SERVER__PORT", True)


def test_a_credential_under_the_name_of_a_setting_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AILYUS_STORE", "postgresql://ailyus:hunter2@db/ailyus")
    error = fault(tmp_path, '[store]\nurl = "env:AILYUS_STORE"\n')
    assert error.field == "AILYUS_STORE"
    assert "give a credential another one" in error.hint
    assert "hunter2" not in f"{error} {error.hint}"
