"""The command line on a served workspace, and README's promises about it."""

import asyncio
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import orjson
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from typer.core import TyperGroup
from typer.testing import CliRunner

from server.cli.command_tree import load
from server.cli.root_command import app
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.slowness import scaled
from tests.web import web
from tests.world import COMMAND, MARIA, ROOT, Sandbox, Served, cli, make_workspace

README = (ROOT / "README.md").read_text()


def test_the_readme_is_short_and_shows_code_early() -> None:
    lines = README.split("\n")
    assert len(lines) <= 121
    assert next(i for i, line in enumerate(lines, 1) if line.startswith("```")) <= 27


def test_every_command_of_the_readme_exists() -> None:
    blocks = [a or b for a, b in re.findall(r"```sh\n(.*?)```|`(ailyus [^`]+)`", README, re.S)]
    lines = [line for block in blocks for line in re.findall(r"ailyus [a-z][^#&\n]*", block)]
    assert len(lines) >= 15
    groups = [name for name, one in load().items() if isinstance(one, TyperGroup)]
    for line in lines:
        found = re.match(rf"ailyus ((?:{'|'.join(groups)}) [\w-]+|\w+)", line)
        assert found is not None
        usage = CliRunner().invoke(app, [*found[1].split(), "--help"]).output
        assert "Usage" in usage, line
        for option in re.findall(r" (--[a-z]+)", line):
            assert option in usage, line


def test_every_link_of_the_readmes_leads_somewhere() -> None:
    for path in ROOT.glob("*/README.md"):
        assert path.read_text().startswith("# ")
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_init_serve_and_every_verb(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    root = workspace.root
    served = Served(workspace)
    url = served.start()
    # whoever starts it sees at once that it works, and on what
    log = (workspace.private / "serve.log").read_text()
    assert log.startswith(f"loading the contracts and policies of {root}\n")
    try:
        token = served.token("support-bot")
        asked = _call(url, token, "reset_user_mfa", MARIA)
        assert "reset_user_mfa@2" in cli("contract", "list", cwd=root)
        assert "recover_sync@2" in cli("contract", "list", cwd=root)
        assert "step restart: restart_sync" in cli("contract", "show", "recover_sync", cwd=root)
        assert '"for_each"' in cli("contract", "schema", "--plan", cwd=root)
        assert '"identity"' in cli("contract", "schema", "--flow", cwd=root)
        assert "required before: the user is active" in cli("contract", "show", "reset_user_mfa", cwd=root)
        assert "contracts and" in cli("contract", "check", cwd=root)
        assert cli("contract", "check", "--quiet", cwd=root) == ""
        assert "their tests pass" in cli("policy", "check", cwd=root)
        assert "0 failed" in cli("policy", "test", cwd=root)
        explained = cli("policy", "explain", "reset_user_mfa", cwd=root)
        assert "approval required: 1 SecurityLead" in explained
        assert "person: decided by `prod-high-needs-lead`" in explained
        assert "no policy permits it" in cli("policy", "explain", "get_user", "--person-role", "SecurityLead", cwd=root)
        cli("policy", "schema", cwd=root)
        assert "entity Role enum" in (root / "policies" / "schema.cedarschema").read_text()
        cli("policy", "new", "require-approval", "--action", "get_ticket", cwd=root)
        assert "0 failed" in cli("policy", "test", cwd=root)
        listed = orjson.loads(cli("approval", "list", "--format", "json", cwd=root))
        assert [row["action"] for row in listed] == [asked["action_id"]]
        assert "Remove 2 MFA factors" in cli("approval", "show", asked["action_id"], cwd=root)
        assert "holds none of the roles" in cli(
            "approval", "approve", asked["action_id"], "--yes", "--as", "requester", cwd=root, ok=False
        )
        as_another = ("--as", "requester", "--role", "SecurityLead", "--yes")
        refused = cli("approval", "approve", asked["action_id"], *as_another, cwd=root, ok=False)
        assert "self approval" in refused
        assert "hint:" in refused
        approve = ("approval", "approve", asked["action_id"], "--comment", "called her back")
        assert "this is no terminal" in cli(*approve, cwd=root, ok=False)
        assert "approved" in cli(*approve, "--yes", cwd=root)
        done = _call(url, token, "get_action", {"action_id": asked["action_id"], "wait_seconds": 20})
        assert done["status"] == "confirmed"
        assert "CONFIRMED" in cli("action", "show", asked["action_id"], cwd=root)
        assert asked["action_id"] in cli("action", "list", cwd=root)
        assert "Remove 2 MFA factors of maria@example.com" in cli("action", "list", "maria@example.com", cwd=root)
        assert "did you mean `confirmed`?" in cli("action", "list", "--status", "confirmd", cwd=root, ok=False)
        for query in (
            ["--match", "maria@example.com"],
            ["--match", "4711"],
            ["--status", "confirmed"],
            ["--agent", "support-bot", "--since", "1h"],
        ):
            assert done["receipt_id"] in cli("receipt", "find", *query, cwd=root), query
        assert cli("receipt", "find", "--match", "nobody@example.com", cwd=root).strip() == "none"
        shown = cli("receipt", "show", done["receipt_id"], cwd=root)
        assert "1 of 1 checks were met" in shown
        assert '"predicate"' not in shown
        assert '"predicate"' in cli("receipt", "show", done["action_id"], "--raw", cwd=root)
        assert "→ (nothing)" in cli("receipt", "show", done["action_id"], "--changes", cwd=root)
        cli("audit", "--checkpoint", "head.txt", cwd=root)
        _call(url, token, "find_user", {"email": "leo@example.com"})
        cli("receipt", "proof", done["receipt_id"], "-o", "proof.json", "--since", "head.txt", cwd=root)
        assert "authentic: yes" in cli("receipt", "verify", "proof.json", "--since", "head.txt", cwd=root)
        text = (root / "proof.json").read_text()
        (root / "bad.json").write_text(text.replace('"label": "params"', '"label": "response"', 1))
        assert "error:" in cli("receipt", "verify", "bad.json", cwd=root, ok=False)
        assert "ok:" in cli("audit", cwd=root)
        lines = [orjson.loads(line) for line in cli("receipt", "export", "--after", "1", cwd=root).splitlines()]
        assert [line["leaf_index"] for line in lines] == list(range(2, 2 + len(lines)))
        cli("agent", "add", "watcher", "--observe", "--role", "Support", cwd=root)
        assert "watcher" in cli("agent", "list", cwd=root)
        cli("agent", "promote", "watcher", cwd=root)
        cli("agent", "revoke", "watcher", cwd=root)
        keys = orjson.loads(cli("person", "list", "--format", "json", cwd=root))
        cli("person", "revoke-key", next(k["keyid"] for k in keys if k["person"] == "lead"), cwd=root)
        assert "hint:" in cli("person", "revoke-key", "nothing", cwd=root, ok=False)
        assert "OK   gateway" in cli("doctor", cwd=root)
        assert '"ailyus"' in cli("connect", "print", cwd=root)
        assert '"mcpServers"' in cli("connect", "claude-code", "--print", cwd=root)
    finally:
        served.stop()
    assert "next: ailyus serve" in cli("doctor", cwd=root, ok=False)
    assert "hint: start the gateway" in cli("approval", "list", cwd=root, ok=False)


def _call(url: str, token: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:

    async def run() -> dict[str, Any]:
        async with (
            web(headers={"authorization": f"Bearer {token}"}, timeout=60.0) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return dict((await client.call_tool(tool, arguments)).structured_content or {})

    return asyncio.run(run())


def test_bad_input_says_what_to_change(tmp_path: Path) -> None:
    cli("init", "w", cwd=tmp_path)
    assert "already" in cli("init", "w", cwd=tmp_path, ok=False)
    assert "ailyus init" in cli("contract", "list", "-w", "nowhere", cwd=tmp_path, ok=False)
    assert "there is no `ailyus.toml`" in cli("doctor", "-w", "nowhere", cwd=tmp_path, ok=False)
    path = tmp_path / "w" / "contracts" / "okta" / "unlock_user.yaml"
    path.write_text(path.read_text().replace("after.user.status", "after.usr.status"))
    complaint = cli("contract", "check", "w/contracts", cwd=tmp_path, ok=False)
    assert re.search(r"contracts/okta/unlock_user.yaml:\d+: .*undeclared reference", complaint)
    toml = tmp_path / "w" / FILE
    toml.write_text(toml.read_text().replace("http://127.0.0.1", "http://example.com", 1))
    assert "use https" in cli("policy", "check", "-w", "w", cwd=tmp_path, ok=False)
    toml.write_text("origin = 5\ncolour = 'blue'\n")
    assert "ailyus.toml" in cli("policy", "check", "-w", "w", cwd=tmp_path, ok=False)


def test_a_workspaces_folders_are_never_imported(tmp_path: Path) -> None:
    cli("init", "w", cwd=tmp_path)
    (tmp_path / "w" / "policies" / "__init__.py").write_text("raise SystemExit('imported')")
    assert "0 failed" in cli("policy", "test", cwd=tmp_path / "w")


def test_somebody_must_release_outside_development(tmp_path: Path) -> None:
    cli("init", "w", "--target", "okta", "--base-url", "https://example.okta.com", cwd=tmp_path)
    assert "no-where" not in cli("policy", "check", "-w", "w", cwd=tmp_path)
    assert "--as PERSON" in cli("serve", "-w", "w", cwd=tmp_path, ok=False)
    assert "0 failed" in cli("policy", "test", "-w", "w", cwd=tmp_path)


def test_a_passphrase_is_asked_for_at_the_terminal_only(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    toml = workspace.root / FILE
    toml.write_text(
        toml.read_text().replace(
            'name = "lead"', 'name = "second"\ntenant = "acme"\nroles = ["SecurityLead"]\n\n[[people]]\nname = "lead"'
        )
    )
    served = Served(Workspace.open(workspace.root))
    served.start()
    try:
        master, slave = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [*COMMAND, "person", "enrol", "--as", "second"]
        process = subprocess.Popen(
            command, cwd=workspace.root, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        seen = b""
        for prompt in (b"new passphrase: ", b"again: "):
            while prompt not in seen:
                seen += os.read(master, 1000)
            os.write(master, b"correct horse battery\n")
        assert process.wait(scaled(20)) == 0, seen
        os.close(master)
        from receipts.log.signing import is_encrypted

        assert is_encrypted(workspace.key_file("second"))
        piped = subprocess.run(
            [*COMMAND, "person", "enrol", "--as", "requester", "-w", str(workspace.root)],
            input="secret secret secret\n", capture_output=True, text=True, env=environment, start_new_session=True, check=False,
        )  # fmt: skip
        assert piped.returncode == 1
    finally:
        served.stop()


def test_the_demo_as_json() -> None:
    ran = subprocess.run(
        [*COMMAND, "demo", "--format", "json"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=scaled(60),
        check=True,
    )
    content = orjson.loads(ran.stdout)
    assert content["ok"]
    seen = {scene["status"] for scene in content["scenes"]}
    assert seen >= {"confirmed", "denied", "approval_required", "unknown", "compensated"}


async def test_the_demo_stays_open_for_a_person_in_a_browser(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    process = subprocess.Popen(
        [*COMMAND, "demo", "--console"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{browser} %s"},
    )
    try:
        assert process.stdout is not None
        said = list(iter(process.stdout.readline, "the gateway and its twins run on; Ctrl-C ends them\n"))
        text = "".join(said)
        assert said[0].startswith("ailyus demo"), text
        # the summary, a line for each scene
        _, _, summary = text.partition("-- what happened\n\n")
        rows = summary.partition("\n\n")[0].splitlines()
        assert len(rows) == text.partition("-- what happened")[0].count(" [ok]\n") + 1
        assert all(row.startswith("yes ") for row in rows[1:]), summary
        for command in ("ailyus init w", "ailyus connect claude-code", "ailyus receipt show rcp_"):
            assert f"\n  {command}" in summary
        assert "before anything was looked at" not in text.partition("part 2")[2]
        # the link that the browser was given is the approver's, and brings them to this world
        link = opened.read_text()
        assert f"  {link}\n" in said
        async with web() as http:
            assert 'for <span class="said">lead</span>' in (await http.get(link)).text
        process.send_signal(signal.SIGINT)
        assert "its keys are removed" in process.stdout.read()
        assert process.wait(scaled(30)) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
