"""What proxies say of a client is believed as far as our own proxies wrote it, and not one word further."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.listener.proxies import Proxies
from server.listener.proxy_headers import MOST, Hop, HopFault, told

OURS = Proxies(("10.0.0.0/24",))
Sent = list[tuple[str, str]]


def hop(*sent: tuple[str, str]) -> Hop:
    return told([(name.encode(), value.encode("latin-1")) for name, value in sent], OURS)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ([], Hop()),
        ([("x-forwarded-for", "192.0.2.7")], Hop("192.0.2.7")),
        # what stands before our own proxies' words anybody may have written
        ([("x-forwarded-for", "127.0.0.1, 192.0.2.7")], Hop("192.0.2.7")),
        ([("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.7")], Hop("192.0.2.7")),
        ([("x-forwarded-for", "192.0.2.7, 10.0.0.9")], Hop("192.0.2.7")),
        ([("x-forwarded-for", "10.0.0.8, 10.0.0.9")], Hop("10.0.0.8")),
        ([("x-forwarded-for", "192.0.2.7:4711")], Hop("192.0.2.7", 4711)),
        ([("x-forwarded-for", "[2001:db8::7]:4711")], Hop("2001:db8::7", 4711)),
        ([("x-forwarded-for", "2001:db8::7")], Hop("2001:db8::7")),
        ([("x-forwarded-for", "127.0.0.1, unknown")], Hop("unknown")),
        ([("x-forwarded-proto", "https"), ("x-forwarded-host", "A.example")], Hop("", 0, "https", "a.example")),
        (
            [("x-forwarded-for", "192.0.2.7, 10.0.0.9"), ("x-forwarded-proto", "https, http")],
            Hop("192.0.2.7", 0, "https"),
        ),
        ([("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https, http")], Hop("192.0.2.7", 0, "http")),
        ([("x-forwarded-for", "192.0.2.7"), ("x-forwarded-host", "evil.example, a.example")],
         Hop("192.0.2.7", 0, "", "a.example")),
        ([("forwarded", "for=192.0.2.7;proto=https;host=a.example;by=10.0.0.1")], Hop("192.0.2.7", 0, "https", "a.example")),
        ([("forwarded", 'For="[2001:db8::7]:4711" ; PROTO=HTTPS')], Hop("2001:db8::7", 4711, "https")),
        ([("forwarded", "for=127.0.0.1;host=evil.example, for=192.0.2.7;host=a.example")],
         Hop("192.0.2.7", 0, "", "a.example")),
        ([("forwarded", "for=192.0.2.7;proto=https, for=10.0.0.9;proto=http")], Hop("192.0.2.7", 0, "https")),
        ([("forwarded", "for=_hidden;proto=https")], Hop("unknown", 0, "https")),
        ([("forwarded", 'for=192.0.2.7;host="a.example:8443"')], Hop("192.0.2.7", 0, "", "a.example:8443")),
        ([("forwarded", "for=192.0.2.7"), ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")],
         Hop("192.0.2.7", 0, "https")),
    ],
)  # fmt: skip
def test_the_first_address_that_is_no_proxy_is_the_client(sent: Sent, found: Hop) -> None:
    assert hop(*sent) == found


@pytest.mark.parametrize(
    "sent",
    [
        # one of the two is the client's own, which its proxy passed on
        [("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "192.0.2.7")],
        [("forwarded", "for=192.0.2.7;proto=https"), ("x-forwarded-proto", "http")],
        [("forwarded", "for=192.0.2.7;host=evil.example"), ("x-forwarded-host", "a.example")],
        [("forwarded", "for=192.0.2.7;for=127.0.0.1")],
        [("forwarded", "for")],
        [("forwarded", "for=")],
        [("forwarded", 'for="192.0.2.7')],
        [("forwarded", "for=192.0.2.7 proto=https")],
        [("forwarded", ";;")],
        [("x-forwarded-proto", "gopher")],
        [("x-forwarded-host", "a.example/path")],
        [("x-forwarded-host", "a b")],
        [("x-forwarded-for", ", ".join(["192.0.2.7"] * (MOST + 1)))],
        [("forwarded", ", ".join(["for=192.0.2.7"] * (MOST + 1)))],
    ],
)
def test_what_says_two_things_or_nothing_is_refused(sent: Sent) -> None:
    with pytest.raises(HopFault):
        hop(*sent)


WORDS = st.lists(
    st.sampled_from(["for", "proto", "host", "=", ";", ",", " ", '"', "\\", "10.0.0.9", "192.0.2.7", "[::1]", "https", ":", "x"]),
    max_size=40,
)  # fmt: skip


@given(WORDS, WORDS)
def test_whatever_is_sent_ends_in_an_address_or_a_refusal(one: list[str], other: list[str]) -> None:
    sent = [("forwarded", "".join(one))] if one else []
    sent += [("x-forwarded-for", "".join(other)), ("x-forwarded-host", "".join(other[:3]))] if other else []
    try:
        found = hop(*sent)
    except HopFault:
        return
    assert found.scheme in ("", "http", "https")


@given(st.lists(st.sampled_from(["192.0.2.7", "127.0.0.1", "10.0.0.9", "unknown"]), max_size=5))
def test_nothing_that_a_client_writes_before_its_own_address_counts(before: list[str]) -> None:
    assert hop(("x-forwarded-for", ", ".join([*before, "198.51.100.1", "10.0.0.9"]))).client == "198.51.100.1"
