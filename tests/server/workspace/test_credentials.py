"""The credentials of a workspace: its programs and its Vault as the settings say, and what they may not say."""

import sys
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.credentials import credentials_of
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.vault import vault_double

_TEXT = """
origin = "a"
roles = ["Support"]
"""
_CONNECTION = """
[connections.okta]
kind = "okta"
base_url = "https://acme.okta.com"
tenant = "acme"
environment = "prod"
read = "{read}"
write = "none"
"""


def opened(folder: Path, text: str) -> Workspace:
    (folder / FILE).write_text(_TEXT + text)
    return Workspace.open(folder)


async def test_a_program_and_a_vault_that_it_opens(tmp_path: Path) -> None:
    with vault_double() as vault:
        vault.tokens.add("hvs.root")
        vault.secrets = {"secret/apps/okta": {"token": "s3cret"}}
        text = f"""
[credentials]
ttl = "1s"
[credentials.exec.opener]
command = ["{sys.executable}", "-c", "print('hvs.root')"]
timeout = "60s"
[credentials.vault]
address = "{vault.address}"
token = "exec:opener"
"""
        credentials = credentials_of(opened(tmp_path, text))
        assert await credentials.value("vault:secret/apps/okta#token") == "s3cret"
        assert credentials.read("vault:secret/apps/okta#token") == "s3cret"
        assert await credentials.value("exec:opener") == "hvs.root"
        await credentials.close()


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("exec:nobody", "there is no program `nobody` that prints a secret"),
        ("vault:secret/x#y", "there is no Vault to read a secret from"),
    ],
)
def test_what_is_not_declared_is_named_at_once(tmp_path: Path, reference: str, sentence: str) -> None:
    with pytest.raises(AilyusError, match=sentence) as refused:
        opened(tmp_path, _CONNECTION.format(read=reference))
    assert refused.value.field == "connections.okta.read"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ('address = "http://vault.example"\ntoken = "env:T"', "plain HTTP is for this machine alone"),
        ('address = "http://127.0.0.1.example"\ntoken = "env:T"', "plain HTTP is for this machine alone"),
        ('address = "ftp://127.0.0.1"\ntoken = "env:T"', "address"),
        ('address = "https://v.example"', 'auth = "token"` needs `token`'),
        ('address = "https://v.example"\nauth = "approle"\nrole = "r"', "needs `secret_id`"),
        ('address = "https://v.example"\nauth = "kubernetes"', "needs `role`"),
        ('address = "https://v.example"\ntoken = "vault:a/b#c"', "what opens Vault is not kept in Vault"),
        ('address = "https://v.example"\ntoken = "hvs.s3cret"', "it does not refer to a secret"),
    ],
)
def test_what_cannot_be_a_vault_is_refused(tmp_path: Path, keys: str, sentence: str) -> None:
    with pytest.raises(AilyusError) as refused:
        opened(tmp_path, f"[credentials.vault]\n{keys}\n")
    assert sentence in refused.value.sentence
    assert "s3cret" not in str(refused.value)
