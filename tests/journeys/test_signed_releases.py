"""A release is tested, signed by its author and kept: nothing else decides outside development workspaces."""

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from policies.signed_release import SignedRelease
from receipts.log.signing import Signer, create_key, load_key
from server.admin.client import ask_owner
from server.app import App
from server.approvals.keys import NewKey, link_new
from server.cli.release_signing import sign_as
from server.gateway_process import running
from server.operations import activation
from server.workspace.log_key import open_log_key
from server.workspace.release_files import write_signed
from server.workspace.release_package import candidate_of
from server.workspace.release_settings import SETTINGS
from server.workspace.release_statement import release_evidence
from server.workspace.releases import begin, now_ms
from server.workspace.workspace import Workspace
from tests.journeys.releases import EXTRA, GUARD, SECOND, begun, edit, link, production, refused, signed, start, started
from tests.until import until
from tests.world import FILE, MARIA, Sandbox, Served, cli, gateway, make_workspace


async def test_a_bare_name_releases_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    assert await refused(workspace, None) == "not_released"
    assert await refused(workspace, None, author=None) == "no_author"
    with pytest.raises(AilyusError) as caught:
        begun(workspace)
    assert caught.value.code == "no_author"
    await start(workspace, signed(workspace, "lead"))


async def test_a_signature_counts_for_what_was_signed_by_whom_it_names(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    async with started(workspace, signed(workspace, "lead")) as app:
        await link(workspace, app, "requester")
    assert await refused(workspace, signed(workspace, "lead", by="second")) == "unlinked_key"
    assert await refused(workspace, signed(workspace, "lead", by="requester")) == "unlinked_key"
    good = signed(workspace, "lead")
    forged = good.model_copy(
        update={"signature": good.signature[:-2] + ("00" if good.signature[-2:] != "00" else "01")}
    )
    assert await refused(workspace, forged) == "bad_signature"
    late = signed(workspace, "lead", at_ms=now_ms() + 3_600_000)
    assert await refused(workspace, late) == "not_released"
    edit(workspace, GUARD, "<= 900", "<= 901")
    assert await refused(workspace, good) == "not_released"


async def test_who_may_release_is_declared(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    assert await refused(workspace, signed(workspace, "requester"), "requester") == "no_authority"
    edit(workspace, FILE, '[release]\nroles = ["SecurityLead"]', "[release]\nroles = []")
    none = Workspace.open(workspace.root)
    assert await refused(none, signed(none, "lead")) == "no_authority"


async def test_an_auditor_releases_nothing_whatever_else_they_may(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    edit(workspace, FILE, SECOND, SECOND.replace('["SecurityLead"]', '["SecurityLead", "Auditor"]'))
    audited = Workspace.open(workspace.root)
    async with started(audited, signed(audited, "lead")) as app:
        await link(audited, app, "second")
        last = await app.runner.journal.registry.newest()
        assert last is not None
        assert "lead" in last.releasers
        assert "second" not in last.releasers
    assert await refused(audited, signed(audited, "second"), "second") == "no_authority"
    with pytest.raises(AilyusError) as caught:
        sign_as(audited, audited.release("second"), "second", None, "a test")
    assert (caught.value.code, "decide nothing" in caught.value.sentence) == ("no_authority", True)
    await start(audited, signed(audited, "lead"))


async def test_nobody_gives_themselves_the_right_to_release(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    async with started(workspace, signed(workspace, "lead")) as app:
        await link(workspace, app, "requester")
    edit(workspace, FILE, 'roles = ["Support", "Operations"]', 'roles = ["Support", "Operations", "SecurityLead"]')
    wider = Workspace.open(workspace.root)
    assert await refused(wider, signed(wider, "requester"), "requester") == "no_authority"
    await start(wider, signed(wider, "lead"))
    await start(wider, signed(wider, "requester"), "requester")


async def test_a_release_passes_its_tests(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    edit(workspace, GUARD, "SecurityLead >= 1 &&", "SecurityLead >= 2 &&")
    assert await refused(workspace, signed(workspace, "lead")) == "tests_failed"
    for path in (workspace.root / "policies").glob("*.test.yaml"):
        path.unlink()
    assert await refused(workspace, signed(workspace, "lead")) == "tests_failed"


async def test_an_old_signature_brings_nothing_back(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    first, text = signed(workspace, "lead"), (workspace.root / GUARD).read_text()
    await start(workspace, first)
    edit(workspace, GUARD, "SecurityLead >= 2", "SecurityLead >= 2 && context.approvals.oldestSeconds <= 900")
    await start(workspace, signed(workspace, "lead"))
    (workspace.root / GUARD).write_text(text)
    assert await refused(workspace, first) == "not_released"
    write_signed(workspace.root, first)
    assert any("NOT what the files say" in line for line in begun(workspace).says)


async def test_a_restart_with_another_author_is_recorded_and_frees_nobody(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    create_key(workspace.key_file("second"))
    async with started(workspace, signed(workspace, "lead")) as app:
        public = load_key(workspace.key_file("second")).public_key().public_bytes_raw().hex()
        await link_new(app.runner, NewKey(public=public, person="second", kind="development"))
    await start(workspace, signed(workspace, "second"), "second")
    async with gateway(workspace, sandbox) as world:  # and by nobody, as development workspaces may
        rows = world.rows("SELECT leaf_index FROM search WHERE value = 'release'")
        assert len(rows) == 3
        asked = await world.call("reset_user_mfa", MARIA)
        for person in ("lead", "second"):
            with pytest.raises(AilyusError) as caught:
                await world.approve(asked["action_id"], person)
            assert caught.value.code == "self_approval"
    await start(workspace, None, None)
    async with gateway(workspace, sandbox) as world:  # the same again says nothing new
        assert len(world.rows("SELECT leaf_index FROM search WHERE value = 'release'")) == 3


async def test_a_restart_serves_what_was_released_whatever_the_files_say(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    await start(workspace, signed(workspace, "lead"))
    digest = workspace.release("lead").digest
    assert (begun(workspace).release.digest, begun(workspace).release.author, begun(workspace).says) == (
        digest,
        "lead",
        (),
    )
    for file, nonsense in (
        (GUARD, "permit ("),
        (GUARD, "permit(principal, action, resource);"),
        ("contracts/okta/unlock_user.yaml", "}"),
    ):
        text = (workspace.root / file).read_text()
        (workspace.root / file).write_text(nonsense)
        last = begun(workspace)
        assert (last.release.digest, last.release.author, last.release.governed) == (digest, "lead", True)
        assert "NOT what the files say" in last.says[0]
        async with running(App(workspace, last.release, sources=last.sources), 0):
            pass
        (workspace.root / file).write_text(text)


async def test_a_restart_serves_the_people_and_connections_that_were_released(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = production(tmp_path / "w", sandbox)
    await start(workspace, signed(workspace, "lead"))
    digest = workspace.release("lead").digest
    edit(workspace, FILE, 'principal = "ailyus-writer"', 'principal = "root"')
    edit(workspace, FILE, 'roles = ["Support", "Operations"]', 'roles = ["Support", "Operations", "SecurityLead"]')
    changed = Workspace.open(workspace.root)
    last = begun(changed)
    assert "NOT what the files say" in last.says[0]
    assert last.release.digest == digest
    assert {target.principal for target in last.release.targets.values()} == {"ailyus-writer"}
    assert last.release.people.by_name["requester"].roles == {"Support", "Operations"}
    async with running(App(changed, last.release, sources=last.sources), 0):
        pass


async def test_a_log_of_an_earlier_version_has_no_settings_and_needs_those_of_the_release(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = production(tmp_path / "w", sandbox)

    def without_settings(*arguments: Any) -> dict[str, bytes]:
        return {label: data for label, data in release_evidence(*arguments).items() if label != SETTINGS}

    with monkeypatch.context() as earlier:
        earlier.setattr(activation, "release_evidence", without_settings)
        await start(workspace, signed(workspace, "lead"))
    (workspace.root / GUARD).write_text("nonsense")
    assert "NOT what the files say" in begun(workspace).says[0]
    edit(workspace, FILE, 'principal = "ailyus-writer"', 'principal = "root"')
    with pytest.raises(AilyusError, match="does not fit the settings any more"):
        begun(Workspace.open(workspace.root))


@pytest.mark.parametrize("how", ["watch", "signal"])
async def test_a_running_gateway_takes_its_files_when_they_are_signed(
    tmp_path: Path, sandbox: Sandbox, how: str
) -> None:
    workspace = production(tmp_path / "w", sandbox)
    write_signed(workspace.root, signed(workspace, "lead"))
    process = Served(workspace)
    process.options = ("--watch",) if how == "watch" else ()
    await asyncio.to_thread(process.start)

    def status() -> Any:
        return ask_owner(workspace, "GET", "/status")

    def tell() -> None:
        if how == "signal" and process.process is not None:
            os.kill(process.process.pid, signal.SIGHUP)

    try:
        first = status()["release"]
        (workspace.root / "policies" / "extra.cedar").write_text(EXTRA)
        tell()
        await until(lambda: status()["refused"], 30)
        assert (status()["release"], status()["refused"]["code"]) == (first, "not_released")
        write_signed(workspace.root, signed(workspace, "lead"))
        tell()
        await until(lambda: status()["release"] == workspace.release().digest != first, 30)
        second = status()
        assert (second["author"], second["governed"], second["refused"]) == ("lead", True, None)
        (workspace.root / FILE).write_text("nonsense")
        tell()
        await until(lambda: status()["refused"], 30)
        assert (status()["release"], status()["refused"]["code"]) == (second["release"], "bad_settings")
    finally:
        process.stop()


async def test_a_development_workspace_may_take_nothing_unsigned(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    with pytest.raises(AilyusError, match="nobody has released"):
        begin(workspace, Signer(open_log_key(workspace)), signed_only=True)
    word = signed(workspace, "lead")
    async with running(App(workspace, workspace.release("lead"), signed=word, signed_only=True), 0):
        pass
    write_signed(workspace.root, word)
    last = begin(workspace, Signer(open_log_key(workspace)), signed_only=True)
    app = App(workspace, last.release, signed=last.signed, sources=last.sources, signed_only=True)
    async with running(app, 0):
        (workspace.root / "policies" / "extra.cedar").write_text(EXTRA)
        package = candidate_of(workspace)[1].model_copy(update={"signed": None})
        with pytest.raises(AilyusError, match="nobody has signed"):
            await app.releases.apply(package)
        assert not await app.releases.reload()
        assert app.runner.release.digest == last.release.digest
        write_signed(workspace.root, signed(workspace, "lead"))
        assert await app.releases.reload()
        assert app.runner.release.digest == workspace.release().digest


async def test_the_last_release_is_taken_only_as_it_was_signed(tmp_path: Path, sandbox: Sandbox) -> None:
    import sqlite3

    workspace = production(tmp_path / "w", sandbox)
    await start(workspace, signed(workspace, "lead"))
    (workspace.root / GUARD).write_text("nonsense")
    with sqlite3.connect(workspace.store) as connection:
        connection.execute("UPDATE evidence SET data = CAST('' AS BLOB) WHERE label = ?", (f"file/{GUARD}",))
    connection.close()
    with pytest.raises(AilyusError) as caught:
        begun(workspace)
    assert caught.value.code == "store_corrupt"


def test_the_command_signs_and_dev_is_for_development(tmp_path: Path) -> None:
    cli("init", "w", cwd=tmp_path)
    root = tmp_path / "w"
    assert "may not release" in cli("release", "sign", "--as", "requester", cwd=root, ok=False)
    assert re.search(
        r"lead signed release [0-9a-f]{12}: \d+ contracts", cli("release", "sign", "--as", "lead", cwd=root)
    )
    word = SignedRelease.model_validate_json((root / "release.json").read_bytes())
    assert (word.document.author, word.document.release) == ("lead", Workspace.open(root).release("lead").digest)
    policy = root / GUARD
    policy.write_text(policy.read_text().replace("SecurityLead >= 1 &&", "SecurityLead >= 2 &&"))
    assert "policy tests fail" in cli("release", "sign", "--as", "lead", cwd=root, ok=False)
    (root / FILE).write_text((root / FILE).read_text().replace("development = true", "development = false"))
    assert "`--dev` is for workspaces" in cli("serve", "--dev", "--as", "lead", cwd=root, ok=False)
    policy.write_text(policy.read_text().replace("SecurityLead >= 2 &&", "SecurityLead >= 1 &&"))
    assert "has no passphrase" in cli("serve", "--as", "lead", cwd=root, ok=False)
