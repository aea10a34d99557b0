"""Options of curl: each has one meaning, and what is left out changes nothing of the request."""

from contracts.drafts.curl import parse_line
from contracts.drafts.curl_options import FLAGS, VALUED

PLAIN = "curl https://d.example/a"


def test_no_option_is_both_a_flag_and_one_with_a_value() -> None:
    assert not FLAGS.keys() & VALUED.keys()
    assert all(name.startswith("-") and (len(name) == 2 or name.startswith("--")) for name in (*FLAGS, *VALUED))


def test_what_means_nothing_for_a_draft_leaves_the_request_as_it_is() -> None:
    plain = parse_line(PLAIN)
    for name in [name for name, kind in FLAGS.items() if not kind]:
        assert parse_line(f"{PLAIN} '{name}'") == plain, name
    for name in [name for name, kind in VALUED.items() if not kind]:
        assert parse_line(f"{PLAIN} '{name}' x") == plain, name


def test_every_other_option_is_read() -> None:
    values = {
        "url": "",
        "method": "PUT",
        "header": "Prefer: x",
        "data": "a=b",
        "raw": "a=b",
        "json": "{}",
        "encoded": "a=b",
        "query": "a=b",
    }
    for name, kind in VALUED.items():
        if kind and kind != "url":
            assert parse_line(f"{PLAIN} {name} '{values.get(kind, 'x')}'") != parse_line(PLAIN), name
    assert parse_line("curl --url https://d.example/a") == parse_line(PLAIN)
