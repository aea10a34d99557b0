"""What `[server]` may say, and what is told where it says something else."""

import re

import pytest
from pydantic import ValidationError

from server.workspace.settings.server import OWN_PATHS, ServerPart
from tests.world import ROOT

GOOD: list[dict[str, object]] = [
    {"host": "0.0.0.0"},
    {"host": "::"},
    {"host": "localhost"},
    {"socket": "run/ailyus.sock"},
    {"certificate": "cert.pem", "key": "key.pem"},
    {"base_path": "/ailyus"},
    {"base_path": "/tools/ailyus-2.0"},
    {"forwarded": ["10.0.0.5", "10.1.0.0/16", "2001:db8::/32", "unix"]},
    {"tls_terminated_by": ["10.0.0.5"]},
    {"drain": "5s"},
]
BAD: list[tuple[dict[str, object], str]] = [
    ({"host": "ailyus.example.com"}, "is no address"),
    ({"host": "*"}, "is no address"),
    ({"certificate": "cert.pem"}, "belong together"),
    ({"key": "key.pem"}, "belong together"),
    ({"certificate": "c", "key": "k", "tls_terminated_by": ["10.0.0.5"]}, "name one of them"),
    ({"base_path": "ailyus"}, "match pattern"),
    ({"base_path": "/ailyus/"}, "match pattern"),
    ({"base_path": "/a/../b"}, "match pattern"),
    ({"base_path": '/a"b'}, "match pattern"),
    ({"base_path": "/actions"}, "begins like a path of the gateway's own"),
    ({"base_path": "/mcp/ailyus"}, "begins like a path of the gateway's own"),
    ({"forwarded": ["proxy.example.com"]}, "named by its address"),
    ({"forwarded": ["10.0.0.5/8"]}, "host bits set"),
    ({"forwarded": ["0.0.0.0/0"]}, "is every address"),
    ({"tls_terminated_by": ["::/0"]}, "is every address"),
    ({"drain": "5"}, "duration"),
    ({"tls": True}, "Extra inputs"),
]


@pytest.mark.parametrize("part", GOOD, ids=str)
def test_what_may_stand_there(part: dict[str, object]) -> None:
    ServerPart.model_validate(part)


@pytest.mark.parametrize(("part", "said"), BAD, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named(part: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        ServerPart.model_validate(part)


def test_the_own_paths_are_those_of_the_pages() -> None:
    """A base path that began like one of them could not be told from it."""
    pages = "".join(path.read_text() for path in (ROOT / "server" / "console").glob("*.py"))
    begun = set(re.findall(r'(?:View|Route)\(\s*(?:"[A-Z]+", )?f?"/([a-z-]+)', pages))
    begun |= set(re.findall(r'^BACK = "/([a-z-]+)', pages, re.MULTILINE))
    assert len(begun) > 12
    assert begun | {".well-known", "livez", "log", "mcp", "readyz"} == OWN_PATHS
