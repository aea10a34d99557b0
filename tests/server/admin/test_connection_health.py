"""What the doctor sees of connections without asking them."""

from pathlib import Path

from server.admin.connection_health import tenant_finding
from server.admin.finding import Finding
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.world import init_sandbox

DESK = """
[connections.desk]
kind = "records"
base_url = "http://127.0.0.1:9/api"
tenant = "initech"
environment = "staging"
read = "env:DESK_READ"
write = "env:DESK_WRITE"
"""


def found(root: Path, more: str = "") -> Finding:
    with (root / FILE).open("a") as file:
        file.write(more)
    workspace = Workspace.open(root)
    return tenant_finding(workspace, workspace.release())


def test_a_connection_whose_tenant_has_nobody_is_told(tmp_path: Path) -> None:
    root = tmp_path / "w"
    init_sandbox(root, "everything")  # with a twin of a tenant that has nobody, on purpose
    assert found(root).level == "OK"
    told = found(root, DESK)
    assert told.level == "WARN"
    assert told.says.endswith(": `desk` is of `initech`")
    assert told.next.startswith('give the connection `tenant = "acme"`, or declare a person')
    assert found(root, '\n[[people]]\nname = "gus"\ntenant = "initech"\n').level == "OK"
