"""Sessions of accounts: one for each account at each target instance, and never another's."""

from adapters.browser.account_session import BrowserSessions
from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from tests.contracts.targets import UI, target


def test_an_account_has_one_session_at_one_place() -> None:
    sessions = BrowserSessions(Chromium(BrowserSettings()))
    here = target(ui=UI)
    one = sessions.of(here, "env:LOGIN")
    assert sessions.of(target(ui=UI), "env:LOGIN") is one
    assert sessions.of(here, "env:LOOK") is not one
    assert sessions.of(target(ui=UI, principal="other"), "env:LOGIN") is not one


def test_a_new_session_is_signed_in_to_nothing() -> None:
    sessions = BrowserSessions(Chromium(BrowserSettings()))
    one, other = sessions.of(target(), "a"), sessions.of(target(), "b")
    assert (one.state, one.items, one.failed) == (None, {}, None)
    one.items["https://a.example"] = {"token": "x"}
    assert other.items == {}
    assert one.lock is not other.lock
