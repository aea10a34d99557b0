"""What a reference looks like, and that what is none is not told."""

import pytest

from adapters.credentials.reference import CredentialReference
from contracts.errors import AilyusError


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("none", "none", ""),
        ("env:A_TOKEN", "env", "A_TOKEN"),
        ("file:.ailyus/secrets/git-{person}", "file", ".ailyus/secrets/git-{person}"),
        ("file:/run/secrets/a b", "file", "/run/secrets/a b"),
        ("exec:okta-read", "exec", "okta-read"),
        ("vault:secret/apps/okta#token", "vault", "secret/apps/okta#token"),
    ],
)
def test_a_reference_is_taken_apart(text: str, kind: str, name: str) -> None:
    parsed = CredentialReference.parse(text)
    assert (parsed.kind, parsed.name) == (kind, name)


@pytest.mark.parametrize(
    "text",
    [
        *("", "env:", "file:", "exec:", "exec:a b", "exec:/usr/bin/pass show x", "env:1X", "env:A=B", "none:", "none "),
        *("vault:secret#token", "vault:secret/x", "vault:/x#y", "vault:a/b#", "xoxb-12345", "ENV:X", "file:a\nb"),
        *("env:A\n", "sk_live_4f", "http://user:pw@host/"),
    ],
)
def test_what_is_none_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(AilyusError) as refused:
        CredentialReference.parse(text)
    assert refused.value.code == "bad_settings"
    assert not text or text not in str(refused.value).replace("env:NAME, file:PATH, exec:NAME, vault:", "")
