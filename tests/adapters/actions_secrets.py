"""The adapter of GitHub Actions' secrets in an environment of its own, and workspaces with its contracts and connection."""

import json
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path

from adapters.plugin import GROUP
from server.contract_testing.fault_result import Row
from server.workspace.settings.file import FILE
from server.workspace.templates import init_sandbox
from tests.adapters.plugins import Environment
from tests.slowness import scaled_duration
from tests.world import ROOT

FOLDER = ROOT / "adapters" / "github_secrets"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())
DEPLOY = {"owner": "acme", "repo": "shop", "secret_name": "DEPLOY_TOKEN"}


def environment_with_it(folder: Path) -> Environment:
    """An environment with the adapter in it, as its `pyproject.toml` says."""
    made = Environment.make(folder)
    (file,) = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    ((name, place),) = PROJECT["project"]["entry-points"][GROUP].items()
    made.install((FOLDER / file).read_text(), Path(file).stem, PROJECT["project"]["name"], entry=f"{name} = {place}")
    return made


def add_it(environment: Environment, root: Path, port: int) -> None:
    """Its contracts, policies and connection, to the twin of GitHub on this port."""
    shutil.copytree(FOLDER / "contracts", root / "contracts" / "github_secrets")
    shutil.copytree(FOLDER / "policies", root / "policies", dirs_exist_ok=True)
    text = (FOLDER / "connection.toml").read_text().replace("{digest}", environment.digest())
    text = text.replace("https://api.github.com", f"http://127.0.0.1:{port}/acme/github")
    short = f'max_timeout = "{scaled_duration("2s")}"\nmax_settle = "{scaled_duration("500ms")}"\n'
    with (root / FILE).open("a") as file:
        file.write("\n" + text + short)
    for use in ("read", "write"):
        (root / ".ailyus" / "secrets" / f"github-secrets-{use}").write_text(f"github-{use}-acme\n")


def fault_table(environment: Environment, root: Path, faults: Sequence[str] = ()) -> list[Row]:
    """`put_actions_secret` against these faults, or against all, on a twin of its own; each time with a new handle."""
    init_sandbox(root, "library")
    add_it(environment, root, tomllib.loads((root / FILE).read_text())["sandbox"]["port"])
    words = [f"--input={name}={value}" for name, value in DEPLOY.items()]
    words += [f"--fault={fault}" for fault in faults]
    said = environment.cli("contract", "test", "put_actions_secret", *words, "--format", "json", cwd=root, ok=None)
    rows, _ = json.JSONDecoder().raw_decode(said[said.index("[") :])  # what is logged follows
    return [
        Row(row["fault"], row["status"], row["sends"], row["effects"], row["done"] == "yes", row["note"])
        for row in rows
    ]
