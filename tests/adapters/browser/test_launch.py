"""The launch line of a browser: which program, as whom, and never without its own sandbox unless that is said."""

import os
from pathlib import Path

import pytest

from adapters.browser.launch import BrowserSettings, find_browser, launch_line
from contracts.errors import AilyusError

BROWSER = Path("/opt/chromium")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_browser_that_is_named_is_the_only_one(tmp_path: Path) -> None:
    own = program(tmp_path / "own")
    assert find_browser(str(own)) == own
    own.chmod(0o644)
    assert find_browser(str(own)) is None
    assert find_browser(str(tmp_path / "missing")) is None


def test_the_newest_that_playwright_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.browser.launch._KNOWN", ())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert find_browser() is None
    program(tmp_path / "chromium-1001" / "chrome-linux" / "chrome")
    older = program(tmp_path / "chromium_headless_shell-1001" / "chrome-linux" / "headless_shell")
    assert find_browser() == older
    newer = program(tmp_path / "chromium_headless_shell-1002" / "chrome-linux" / "headless_shell")
    assert find_browser() == newer


def test_the_sandbox_is_there_unless_it_is_taken_away(tmp_path: Path) -> None:
    settings = BrowserSettings(user=None if os.geteuid() else "nobody")
    _, arguments = launch_line(settings, BROWSER, tmp_path)
    assert "--no-sandbox" not in arguments
    assert f"--user-data-dir={tmp_path}" in arguments
    assert "--remote-debugging-pipe" in arguments
    assert not [a for a in arguments if a.startswith("--remote-debugging-port")]
    assert arguments[-1] == "about:blank"
    program_, bare = launch_line(BrowserSettings(sandbox=False), BROWSER, tmp_path)
    assert (program_, bare[-2]) == (str(BROWSER), "--no-sandbox")


def test_root_is_nobody_in_its_browser(tmp_path: Path) -> None:
    program_, arguments = launch_line(BrowserSettings(), BROWSER, tmp_path)
    if os.geteuid() != 0:
        assert program_ == str(BROWSER)
        return
    assert program_.endswith("setpriv")
    before, after = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    assert after[0] == str(BROWSER)
    assert {"--clear-groups", "--inh-caps=-all"} < set(before)
    assert not [part for part in before if part in ("--reuid=0", "--regid=0")]
    assert tmp_path.stat().st_uid != 0


def test_a_user_that_nobody_can_become_is_said(tmp_path: Path) -> None:
    sentence = "there is no user" if os.geteuid() == 0 else "cannot be started as the user"
    with pytest.raises(AilyusError, match=f"{sentence} `no-such-user`") as caught:
        launch_line(BrowserSettings(user="no-such-user"), BROWSER, tmp_path)
    assert caught.value.code == "no_browser"
