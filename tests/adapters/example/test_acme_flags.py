"""The example adapter, and what it tells the gateway: refused and not sent only where that is certain."""

from collections.abc import Iterator

import pytest

from adapters.example.acme_flags import FlagStore
from adapters.plugin import Connection, NotSent, Refused
from tests.adapters.flags import READER, WRITER, Store, serving


@pytest.fixture
def store() -> Iterator[Store]:
    with serving(Store(kept={"flag:checkout": "off"})) as served:
        yield served


def made(url: str, pair: tuple[str, str]) -> FlagStore:
    return FlagStore(Connection(url, "ailyus-writer", ":".join(pair)))


def test_it_says_refused_only_where_nothing_was_done(store: Store) -> None:
    asked = {"name": "checkout", "value": "on"}
    for pair in (READER, ("writer", "wrong")):
        with pytest.raises(Refused):
            made(store.url, pair).write("set", asked, "k")
    with pytest.raises(Refused):
        made(store.url, ("reader", "wrong")).read("flag", asked)
    assert store.sets == 0
    store.open = True  # whoever is not known is the default user, who may do everything: so it was done
    with pytest.raises(PermissionError):
        made(store.url, ("writer", "wrong")).write("set", asked, "k")
    assert store.sets == 1


def test_it_says_not_sent_only_where_no_byte_left(store: Store) -> None:
    with pytest.raises(NotSent):
        made("redis://127.0.0.1:1", WRITER).write("set", {"name": "checkout", "value": "on"}, "k")
    with pytest.raises(NotSent):
        made(store.url, WRITER).write("delete", {"name": "checkout"}, "k")
    assert store.sets == 0


def test_what_the_store_does_not_do_is_not_done(store: Store) -> None:
    store.says_no = "OOM the memory is full"
    assert made(store.url, WRITER).write("set", {"name": "checkout", "value": "on"}, "k") == {"done": False}
    assert made(store.url, READER).read("flag", {"name": "no-such-flag"}) is None
    assert store.kept == {"flag:checkout": "off"}


def test_a_flag_is_read_set_and_read_back(store: Store) -> None:
    assert made(store.url, READER).read("flag", {"name": "checkout"}) == {"value": "off"}
    assert made(store.url, WRITER).write("set", {"name": "checkout", "value": "on"}, "k") == {"done": True}
    assert made(store.url, READER).read("flag", {"name": "checkout"}) == {"value": "on"}
