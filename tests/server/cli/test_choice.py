"""Who does it: whoever is named and declared, else the only one; a name of the demo counts in its workspace alone."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.cli.choice import agent_of, person_of
from server.workspace.settings.file import FILE
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace

PERSON = '[[people]]\nname = "{0}"\ntenant = "acme"\nroles = ["SecurityLead"]\n'
HEAD = 'origin = "test"\nroles = ["SecurityLead"]\nenvironments = ["prod"]\n'


def of_people(root: Path, *names: str) -> Workspace:
    root.mkdir()
    (root / FILE).write_text(HEAD + "".join(PERSON.format(name) for name in names))
    return Workspace.open(root)


def refused(space: Workspace, named: str | None, *, signs: bool = False) -> AilyusError:
    with pytest.raises(AilyusError) as caught:
        person_of(space, named, signs=signs)
    return caught.value


def test_the_only_person_need_not_be_named(tmp_path: Path) -> None:
    assert person_of(of_people(tmp_path / "w", "maria"), None) == "maria"


def test_one_of_several_is_to_be_named_and_all_are_told(tmp_path: Path) -> None:
    space = of_people(tmp_path / "w", "maria", "lead")
    assert refused(space, None).hint == "say which person with --as: lead, maria"
    assert person_of(space, "maria") == "maria"
    assert refused(space, "mara").hint == "did you mean `maria`?"
    assert refused(of_people(tmp_path / "v"), None).hint == "declare one under [[people]]"


def test_who_signs_is_the_only_one_with_a_key_here(tmp_path: Path) -> None:
    space = of_people(tmp_path / "w", "maria", "jo")
    assert refused(space, None, signs=True).hint == "`ailyus person enrol`"
    space.key_file("jo").parent.mkdir(parents=True)
    space.key_file("jo").write_text("a key")
    assert person_of(space, None, signs=True) == "jo"


def test_in_the_demos_workspace_its_names_count(tmp_path: Path) -> None:
    init_sandbox(tmp_path / "w")
    space = Workspace.open(tmp_path / "w")
    assert (person_of(space, None), agent_of(space, None)) == ("lead", "support-bot")


def test_the_agent_is_the_only_one_with_a_token_here(tmp_path: Path) -> None:
    space = of_people(tmp_path / "w", "maria")
    with pytest.raises(AilyusError) as nobody:
        agent_of(space, None)
    assert nobody.value.hint == "`ailyus agent add NAME`"
    space.token_file("helper").parent.mkdir(parents=True)
    for name in ("helper", "other"):
        space.token_file(name).write_text("a token")
        assert agent_of(space, name) == name
    with pytest.raises(AilyusError) as several:
        agent_of(space, None)
    assert several.value.hint == "say which agent with --agent: helper, other"
    with pytest.raises(AilyusError) as misspelt:
        agent_of(space, "helpr")
    assert misspelt.value.hint == "did you mean `helper`?"
