"""Talk to the running gateway through its local door; start it when a bridge needs it."""

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace


class Owner(BaseModel):
    """Where the running gateway is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pid: int
    url: str
    door: str


def find_owner(workspace: "Workspace") -> Owner | None:
    """The running gateway of a workspace, or one of its replicas, if it listens."""
    for file_ in workspace.owner_files():
        try:
            owner = Owner.model_validate_json(file_.read_bytes())
            with socket.socket(socket.AF_UNIX) as door:
                door.connect(owner.door)  # only a living process listens; its id may be a zombie's, or another's
            return owner
        except ConnectionRefusedError:
            if file_ != workspace.owner_file:
                file_.unlink(missing_ok=True)  # of a replica that was killed
        except (OSError, ValueError):
            continue
    return None


def ask_owner(workspace: "Workspace", method: str, path: str, body: object = None, **query: str) -> JsonValue:
    """One request through the local door; raises what the gateway answered."""
    import httpx2

    from adapters.tls import no_trust

    owner = find_owner(workspace)
    if owner is None:
        raise AilyusError("no_owner", "no gateway runs for this workspace")
    content = orjson.dumps(body) if body is not None else None
    try:
        # a read is answered at once; a decision may look at targets first, each for as long as it takes
        patience = 10.0 if method == "GET" else 30.0
        door = httpx2.HTTPTransport(verify=no_trust(), uds=owner.door)
        with httpx2.Client(transport=door, timeout=patience) as client:
            answer = client.request(method, f"http://owner{path}", params=query, content=content)
    except httpx2.HTTPError:
        hint = f"its process {owner.pid} is frozen or overloaded; what was asked for may still happen: look again"
        raise AilyusError("no_owner", "the gateway does not answer", hint=hint) from None
    result: JsonValue = orjson.loads(answer.content)
    if answer.status_code != 200:
        facts = result if isinstance(result, dict) else {}
        raise AilyusError(
            str(facts.get("code", "internal")), str(facts.get("sentence", "")), hint=str(facts.get("hint", ""))
        )
    return result


def list_owner(workspace: "Workspace", path: str) -> list[dict[str, JsonValue]]:
    """The rows that the gateway answers a listing with."""
    rows = ask_owner(workspace, "GET", path)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def ensure_owner(workspace: "Workspace", seconds: float = 15.0) -> Owner:
    """The running gateway; a detached one is started when there is none. A bridge never owns the store itself."""
    owner = find_owner(workspace)
    if owner is not None:
        return owner
    log = workspace.private / "serve.log"
    with log.open("ab") as output:
        subprocess.Popen(  # noqa: S603 - ours
            [
                sys.executable,
                "-P",  # the folder that the client runs in is no place to import from
                "-c",
                "from server.cli.main import main; main()",
                "serve",
                "-w",
                str(workspace.root),
            ],
            stdin=subprocess.DEVNULL,  # standard input and output are the protocol of the bridge
            stdout=output,
            stderr=output,
            start_new_session=True,  # a client that ends takes its process group with it, and the gateway stays
        )
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        owner = find_owner(workspace)
        if owner is not None:
            return owner
        time.sleep(0.05)
    raise AilyusError("no_owner", "the gateway did not start", hint=f"see `{log}`")
