"""The pages hold: links lead somewhere, commands exist with their options, blocks load."""

import re
import tomllib

import cedarpy
import pytest

from contracts.text.document import read_document
from tests.pages import Page, anchors, fault_of, pages
from tests.project import ROOT

PAGES = {page.name: page for page in pages()}
INDEX = "server/guide/README.md"
COMMANDS = PAGES["server/cli/README.md"].text


def options() -> dict[str, frozenset[str]]:
    """The options of each command, as the reference has them."""
    shared = frozenset({"-h", "--help", "-w", "--workspace", "--format", "-q", "--quiet", "--version", "-V"})
    found = {}
    for section in re.split(r"^### ailyus ", COMMANDS, flags=re.MULTILINE)[1:]:
        name, _, text = section.partition("\n")
        found[name.strip()] = shared | frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    return found


OPTIONS = options()


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_somewhere(name: str) -> None:
    page = PAGES[name]
    for link in page.links():
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), f"{name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text()), f"{name}: {link}"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_holds_two_versions_of_itself(name: str) -> None:
    assert not re.search(r"^(<{7}|>{7}) ", PAGES[name].text, re.MULTILINE)


def test_each_picture_is_shown_by_a_page() -> None:
    shown = {(page.path.parent / link).resolve() for page in PAGES.values() for link in page.links()}
    pictures = set((ROOT / "server" / "guide" / "pictures").iterdir())
    assert pictures
    assert pictures <= shown


def test_the_two_drawings_of_the_path_count_alike() -> None:
    (drawn,) = PAGES["README.md"].blocks("")
    (path,) = (one for one in PAGES["server/ARCHITECTURE.md"].blocks("mermaid") if one.startswith("sequence"))
    steps = [str(number) for number in range(1, 11)]
    assert re.findall(r"─ +(\d+) ", drawn) == steps
    assert re.findall(r"(?:: |opt |loop )(\d+) ", path) == steps


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("CHANGELOG.md", "server/cli/README.md")])
def test_each_command_exists_with_its_options(name: str) -> None:
    assert [fault for command in PAGES[name].commands() if (fault := fault_of(command, OPTIONS))] == []


@pytest.mark.parametrize("name", PAGES)
def test_each_block_can_be_read(name: str) -> None:
    page = PAGES[name]
    for block in page.blocks("toml"):
        tomllib.loads(block)
    for block in page.blocks("yaml"):
        assert read_document(block)[1], f"{name}: {block}"
    for block in page.blocks("cedar"):
        assert cedarpy.policies_to_pst(block).static_policies, f"{name}: {block}"


def test_a_mistake_in_a_page_is_found() -> None:
    text = "`ailyus contract chek` `ailyus serve --port 1`\n```sh\nailyus serve --prot 1   # ailyus nothing\n```\n"
    commands = [*Page(ROOT / "x.md", text).commands()]
    faults = [fault for command in commands if (fault := fault_of(command, OPTIONS))]
    assert faults == ["`ailyus serve` has no `--prot`", "there is no command `ailyus contract chek`"]


def test_every_page_is_in_the_index_or_in_the_readme() -> None:
    listed = {
        (PAGES[page].path.parent / link.partition("#")[0]).resolve()
        for page in (INDEX, "README.md")
        for link in PAGES[page].links()
    }
    own = {page.path for name, page in PAGES.items() if name.count("/") and not name.startswith((".github", "tests/"))}
    assert {path.relative_to(ROOT).as_posix() for path in own - listed} <= {
        INDEX,
        "adapters/example/README.md",
        "adapters/github_secrets/README.md",
    }
