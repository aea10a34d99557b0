"""One file about an action, a plan or a receipt, which answers three questions; and one that verifies such files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from server.cli.answer import Answer, verb
from server.cli.options import EitherArgument
from server.cli.receipt_choice import receipt_of
from server.cli.store import reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """The file, and what it is about: a `receipt`, an `action` or a `plan`."""

    kind: str
    id: str
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class WrittenVerifier:
    """The page, and its SHA-256, by which others know that they have the same one."""

    file: str
    sha256: str


def register(receipt: typer.Typer) -> None:
    """Add the commands to their group."""
    verb(receipt, "bundle")(bundle)
    verb(receipt, "verifier")(verifier)


def bundle(
    id_: EitherArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file.")],
    without: Annotated[
        list[str] | None,
        typer.Option(help="Evidence to leave out, by label, such as 'before/*' (repeatable); it stays committed to."),
    ] = None,
    pages: Annotated[bool, typer.Option("--pages", help="Put pictures and snapshots of pages in, too.")] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[WrittenBundle]:
    """Write one file that shows a stranger whether an action is authentic, was authorised, and had its effect."""
    from receipts.audit.bundle import PICTURES, write_bundle
    from server.admin.access import PROOF, record_here

    with reading_of(workspace, id_) as read:
        receipt_id = receipt_of(read, id_)
    record_here(open_workspace(workspace), receipt_id, PROOF)  # guard: who reads a bundle
    left_out = [*(without or ()), *(() if pages else (PICTURES,))]
    with reading_of(workspace, receipt_id) as read:
        written = write_bundle(read, receipt_id, id_, left_out)
    data = written.encoded()
    out.write_bytes(data)
    said = f"wrote {out}, {len(data)} bytes: `ailyus receipt verify {out} --trust roots.json` answers three questions"
    return Answer(WrittenBundle(written.kind, written.id, str(out), len(data)), says=[said])


def verifier(
    file: Annotated[Path, typer.Argument(help="The HTML file to write, for example verifier.html.")],
) -> Answer[WrittenVerifier]:
    """Write one HTML file that verifies proofs and bundles in any browser, without a gateway and without a network."""
    from importlib.metadata import version

    from contracts.canonical import sha256
    from server.console.verifier_page import verifier_page

    page = verifier_page(version("ailyus")).encode()
    file.write_bytes(page)
    digest = sha256(page)
    said = f"wrote {file}: open it in a browser, and drop a proof or bundle and the trusted roots on it"
    return Answer(WrittenVerifier(str(file), digest), [f"sha256 {digest}"], [said])
