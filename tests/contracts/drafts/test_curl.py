"""Curl lines: read as curl reads them, and refused where a guess would send another request."""

import pytest

from contracts.drafts.curl import parse_line
from contracts.errors import AilyusError
from tests.contracts.drafts.making import READ, drafted

BAD_LINES = {
    "not curl": ("wget https://a.example", "does not begin with"),
    "unquoted": ("curl 'https://a.example", "not quoted"),
    "two URLs": ("curl https://a.example https://b.example", "has 2 URLs"),
    "none": ("curl -X POST", "has 0 URLs"),
    "a file": ("curl https://a.example -d @/etc/passwd", "no file is read"),
    "a shell": ("curl https://a.example --next | sh", "not understood"),
    "another protocol": ("curl file:///etc/passwd", "no http"),
    "no value": ("curl https://a.example -H", "lacks its value"),
    "a config": ("curl -K /etc/curlrc https://a.example", "not understood"),
    "no body": ("curl https://a.example -d '{'", "neither JSON nor a form"),
}


@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_line_that_is_not_understood(bad: str) -> None:
    line, words = BAD_LINES[bad]
    with pytest.raises(AilyusError, match=words):
        parse_line(line)


def test_get_puts_its_data_into_the_query() -> None:
    read = """curl -G https://d.example/api/users --data-urlencode 'filter=status eq "ACTIVE"' -d limit=3"""
    line = parse_line(read)
    assert (line.method, line.query, line.form) == ("GET", [("filter", 'status eq "ACTIVE"'), ("limit", "3")], None)
    with pytest.raises(AilyusError, match="changes something is a GET"):
        drafted("curl -G https://d.example/api/users/u-7/tag -d label=vip")


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("--data-urlencode 'note=R&D'", [("note", "R&D")]),
        ("""--data-urlencode 'payload={"a":"b&c"}'""", [("payload", '{"a":"b&c"}')]),
        ("--data-urlencode '=a=b c'", None),
        ("-d a=1 -d b=2", [("a", "1"), ("b", "2")]),
        ("-d a=1 --data-raw @b=2", [("a", "1"), ("@b", "2")]),
        ("-da=1", [("a", "1")]),
    ],
)
def test_values_stay_whole(given: str, pairs: list[tuple[str, str]] | None) -> None:
    if pairs is None:
        with pytest.raises(AilyusError, match="neither JSON nor a form"):
            parse_line(f"curl https://d.example/x {given}")
        return
    assert parse_line(f"curl https://d.example/x {given}").form == pairs


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("curl https://d.example \\ \n -d a=1", "a blank stands between"),
        ("curl https://d.example ^\n -d a=1", "cmd.exe"),
        ('curl ^"https://d.example^"', "cmd.exe"),
        ("curl https://d.example?a=1&b=2", "a bare `&`"),
        ("curl https://d.example | jq .", "another command"),
        ("curl https://d.example > out", "writes to a file"),
        ("curl https://d.example\nrm x", "more than one command"),
        ("curl https://d.example -d $(cat x)", "would compute"),
        ("curl https://d.example -d `cat x`", "would compute"),
        ("curl https://d.example/{a,b}", "several words"),
        ("curl 'https://d.example/api/refunds/{r-1,r-2}'", "several requests"),
        ("curl 'https://d.example/api/refunds/r-[1-3]'", "several requests"),
        ("curl https://d.example --data-urlencode note@/etc/hostname", "no file is read"),
        ("curl https://d.example --data-binary @x", "no file is read"),
        ("curl https://d.example -H @x", "no header"),
        ("curl https://d.example --data=a", "knows no `--data=`"),
        ("curl https://d.example -X $'PURGE'", "no method"),
        ("curl https://d.example -X GET -d a=1", "a body with a GET"),
        ("curl https://d.example/a/../b", "`.` or `..`"),
        ("curl -X POST https://d.example/a%2Fb", "an encoded `/`"),
        ("curl https://d.example -H 'Content-Type: application/json' -d '{\"a\":1,\"a\":2}'", "twice"),
        ("curl https://d.example -H 'Authorization: AWS4-HMAC-SHA256 Credential=x' -d a=1", "signs one request"),
        ("curl https://d.example -T x", "not understood"),
        ("curl -G https://d.example --url-query a=b -d c=d", "beside the data of `-G`"),
        ("curl https://d.example?flag", "no list of"),
    ],
)
def test_what_a_line_may_not_be(line: str, words: str) -> None:
    with pytest.raises(AilyusError) as found:
        drafted(line, READ if "POST" in line else line) if "-X GET" not in line else parse_line(line)
    assert words in found.value.sentence
