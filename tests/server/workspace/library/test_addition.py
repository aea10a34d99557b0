"""What is added out of the library: it compiles, its policies hold and are tested, and nothing that is there changes."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.case import load_tests
from policies.testing import run_tests, uncovered
from server.workspace.library.addition import Wanted, add
from server.workspace.library.shelf import Shelf
from server.workspace.own_systems import OwnSystems, init_own
from server.workspace.release_checks import require_sound, require_tested
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace


def blank(folder: Path) -> Workspace:
    init_own(folder, OwnSystems())
    return Workspace.open(folder)


def files_below(root: Path) -> dict[str, bytes]:
    own = [root / FILE, *(p for name in ("contracts", "policies") for p in (root / name).rglob("*") if p.is_file())]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in own}


def test_the_whole_library_can_be_added_to_an_empty_workspace(tmp_path: Path) -> None:
    workspace = blank(tmp_path / "w")
    systems = sorted({file.system for file in Shelf.read().files.values()})
    added = add(workspace, Wanted(systems))
    assert (added.kept, added.left_out, added.extended) == ((), (), ())
    workspace = Workspace.open(workspace.root)
    release = workspace.release()
    assert len(release.catalog.programs) + len(release.catalog.plans) >= 150
    require_sound(workspace, release, allow_wider=False)
    require_tested(workspace, release)
    results = run_tests(
        release.decider, release.catalog.programs, [c for _, c in load_tests(workspace.root / "policies")]
    )
    assert uncovered(release.decider, results) == []
    # each contract has a case of its own, and what is of risk high or above is done by nobody unasked
    plain = {r.case.action: r.case.expect for r in results if r.case.name == f"Support may {r.case.action}"}
    assert plain.keys() == release.catalog.programs.keys()
    for name, program in release.catalog.programs.items():
        asks = program.is_write and program.contract.risk in ("high", "critical")
        assert plain[name] == ("approval_required" if asks else "permitted") or name == "set_helpdesk_password", name


def test_a_reset_comes_with_the_ticket_system_that_it_asks(tmp_path: Path) -> None:
    workspace = blank(tmp_path / "w")
    added = add(workspace, Wanted(["okta/reset_user_mfa"], said={"okta": {"base_url": "https://acme.okta.com"}}))
    assert added.connections == ("okta", "zendesk")
    assert "contracts/okta/find_user.yaml" in added.written
    assert "set OKTA_READ_TOKEN, the credential of `okta` which may only read" in added.to_do
    assert [step for step in added.to_do if "base_url" in step and "okta" in step] == []
    workspace = Workspace.open(workspace.root)
    assert workspace.settings.connections["okta"].base_url == "https://acme.okta.com"
    assert workspace.settings.connections["zendesk"].tenant == "main"
    release = workspace.release()
    assert {"mfa-reset-is-for-the-requester", "prod-high-needs-lead"} <= release.decider.bundle.slices[
        "reset_user_mfa"
    ].nodes.keys()


def test_what_is_there_stays_as_people_left_it(tmp_path: Path) -> None:
    workspace = blank(tmp_path / "w")
    add(workspace, Wanted(["okta/unlock_user"]))
    root = workspace.root
    contract, policy = root / "contracts" / "okta" / "unlock_user.yaml", root / "policies" / "okta.cedar"
    contract.write_text(contract.read_text().replace("title: ", "title: Our "))
    policy.write_text("// ours\n" + policy.read_text())
    before = files_below(root)
    again = add(Workspace.open(root), Wanted(["okta/unlock_user"]))
    assert (again.written, again.extended, again.connections) == ((), (), ())
    assert "unlock_user" in again.kept
    assert files_below(root) == before
    more = add(Workspace.open(root), Wanted(["okta/suspend_user"]))
    now = files_below(root)
    assert set(more.extended) == {name for name in before if now[name] != before[name]}
    assert all(now[name].startswith(before[name].rstrip()) for name in before)
    assert Workspace.open(root).release().catalog.programs["unlock_user"].contract.title.startswith("Our ")


def test_what_needs_a_system_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    added = init_own(tmp_path / "one", OwnSystems(("okta",)))
    assert added is not None
    assert added.connections == ("okta",)
    assert any(name.startswith("okta/reset_user_mfa (needs zendesk)") for name in added.left_out)
    both = init_own(tmp_path / "both", OwnSystems(("okta", "zendesk")))
    assert both is not None
    assert both.connections == ("okta", "zendesk")
    assert "contracts/okta/reset_user_mfa.yaml" in both.written


def test_what_is_not_clear_is_asked_for(tmp_path: Path) -> None:
    workspace = blank(tmp_path / "w")
    toml = workspace.root / FILE
    toml.write_text(toml.read_text().replace('roles = ["Support", ', 'roles = ["Support", "Operations", ', 1))
    before = files_below(workspace.root)
    for wanted, said in (
        (Wanted(["okta/unlock_user"]), "name one with --role: Support, Operations, SecurityLead"),
        (Wanted(["okta/unlock_user"], "Nobody"), "the role `Nobody` is not declared"),
        (Wanted(["okta/unlock_usr"]), "the library has no `okta/unlock_usr`"),
        (Wanted(["okta/unlock_user"], "Support", said={"slack": {"base_url": "x"}}), "nothing here is about `slack`"),
        (Wanted(["okta/unlock_user"], "Support", said={"okta": {"base_url": "http://a.example"}}), "use https"),
    ):
        with pytest.raises(AilyusError) as raised:
            add(Workspace.open(workspace.root), wanted)
        assert said in str(raised.value)
    assert files_below(workspace.root) == before
