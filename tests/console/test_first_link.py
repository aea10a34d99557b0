"""The first link is for a terminal, and for nothing that keeps what it is told."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from tests.slowness import scaled
from tests.world import COMMAND, ROOT, Sandbox, cli, make_workspace


def said_at(master: int, process: "subprocess.Popen[bytes]", wanted: str) -> str:
    text, end = "", time.monotonic() + scaled(20)
    while wanted not in text and time.monotonic() < end and process.poll() is None:
        if select.select([master], [], [], 0.1)[0]:
            text += os.read(master, 4096).decode()
    return text


def test_a_terminal_is_shown_it_and_a_log_is_not(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    serve = [*COMMAND, "serve", "-w", str(workspace.root)]
    master, slave = pty.openpty()
    process = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, cwd=ROOT)
    os.close(slave)
    try:
        text = said_at(master, process, "/enrol/")
        assert re.search(r"brings one for lead.*\s+http://localhost:\d+/enrol/[\w-]{43}", text), text
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(scaled(20))
        os.close(master)
    log = (tmp_path / "serve.log").open("wb")
    process = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT)
    log.close()
    try:
        end = time.monotonic() + scaled(20)
        while "the console is at" not in (tmp_path / "serve.log").read_text() and time.monotonic() < end:
            time.sleep(0.05)
        assert "/enrol/" in cli("person", "invite", "lead", "-w", str(workspace.root))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(scaled(20))
    assert "/enrol/" not in (tmp_path / "serve.log").read_text()
