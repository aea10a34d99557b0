"""Flows: what is refused at load, with file and line."""

import shutil
from pathlib import Path

import pytest

from contracts.compiler.catalog import Complaints, load_catalog
from contracts.schema.flow import Flow
from tests.world import ROOT

LIBRARY = ROOT / "contracts" / "library" / "helpdesk"
FLOW = "flow_set_priority.yaml"
IDENTITY = '  - {identity: {role: heading, level: 2, within: {role: main}}, is: "${inputs.ticket_id} ${before.ticket.title}"}\n'
COMMIT = ', commit: {post: "/admin/helpdesk/ticket/${inputs.ticket_id}/change/"}'

BAD = {
    "no_identity": (FLOW, IDENTITY, "", "comes before the `identity`"),
    "identity_of_another_page": (FLOW, "  - {select", "  - goto: /admin/\n  - {select", "comes before the `identity`"),
    "no_commit": (FLOW, COMMIT, "", "exactly one"),
    "two_commits": (FLOW, "  - expect:", "  - {click: {text: x}, commit: {post: /x}}\n  - expect:", "exactly one"),
    "two_verbs": (FLOW, '{select: {label: "Priority:"}', '{fill: {label: x}, select: {label: "Priority:"}', "exactly one of goto"),
    "unknown_verb": (FLOW, "  - expect:", "  - evaluate: alert(1)\n  - expect:", "evaluate"),
    "a_word_of_another_verb": (FLOW, "  - expect: {", "  - option: x\n    expect: {", "does not belong"),
    "two_ways_to_find": (FLOW, 'label: "Priority:"', 'label: "Priority:", css: select', "exactly one of role"),
    "value_in_css": (FLOW, 'select: {label: "Priority:"}', "select: {css: \"#${inputs.priority}\"}", "no value goes into CSS"),
    "value_in_a_mask": (FLOW, '{label: "Submitter E-Mail:"}', '{text: "${before.ticket.title}"}', "no value goes into `declined`"),
    "two_in_a_segment": (FLOW, "ticket/${inputs.ticket_id}/change/\"\n", "ticket/${inputs.ticket_id}x${inputs.ticket_id}/change/\"\n", "stands a mark"),
    "typo_in_cel": (FLOW, "before.ticket.title", "before.tickt.title", "does not compile"),
    "first_is_no_goto": (FLOW, "steps:\n", "steps:\n  - expect: {text: x}\n", "first step is a `goto`"),
    "other_system": (FLOW, "target: helpdesk", "target: okta", "is for `okta`"),
    "unknown_login": (FLOW, "login: helpdesk_login", "login: nobody", "no flow `nobody` that is a login"),
    "a_read_for_a_write": (FLOW, "kind: write", "kind: read", "a read has no `commit`"),
    "reads_a_stranger": ("flow_account.yaml", '  - {identity: {label: "Username:"}, is: "${inputs.username}"}\n', "", "comes before"),
    "no_star": ("flow_account.yaml", "user/*/change", "user/x/change", "exactly one `*`"),
    "login_without_account": ("flow_login.yaml", "account: {role: strong, within: {role: banner}}\n", "", "needs `account`"),
    "unknown_flow": ("set_ticket_priority.yaml", "flow: helpdesk_set_priority", "flow: helpdesk_none", "no flow `helpdesk_none`"),
    "ok_of_pages": ("set_ticket_priority.yaml", "timeout: 30s}\ndetect", "timeout: 30s}\n    ok: 'true'\ndetect", "declared in its flow"),
    "no_evidence": ("set_ticket_priority.yaml", "browser: [before, after, screenshot, snapshot]", "browser: [after]", "needs at least"),
    "picture_of_http": ("set_ticket_priority.yaml", "http: [before, after, response]", "http: [before, after, screenshot]", "only a `browser`"),
    "picture_of_a_secret": ("set_helpdesk_password.yaml", "browser: [before, after]", "browser: [before, after, screenshot]", "no screenshot"),
    "secret_in_an_identity": ("flow_set_password.yaml", "Change password: ${inputs.username}", "Change ${inputs.password}", "the secret `password`"),
    "part_of_a_secret": ("flow_set_password.yaml", 'confirmation:"}, with: "${inputs.password}"', 'confirmation:"}, with: "x${inputs.password}"', "the secret `password`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_flow_is_refused_with_its_file(tmp_path: Path, name: str) -> None:
    file, old, new, words = BAD[name]
    folder = tmp_path / "contracts" / "helpdesk"
    shutil.copytree(LIBRARY, folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(Complaints) as caught:
        load_catalog(tmp_path / "contracts")
    said = str(caught.value)
    assert words in said, said
    assert "contracts/helpdesk/" in said


def test_a_flow_is_part_of_what_is_approved(tmp_path: Path) -> None:
    """Another flow is another contract digest; a contract without flows keeps its own."""
    folder = tmp_path / "contracts" / "helpdesk"
    shutil.copytree(LIBRARY, folder)
    before = load_catalog(tmp_path / "contracts").programs
    login = folder / "flow_login.yaml"
    login.write_text(login.read_text().replace("name: Log in", "name: Sign in"))
    after = load_catalog(tmp_path / "contracts").programs
    changed = {name for name in before if before[name].digest != after[name].digest}
    assert changed == {
        "set_ticket_priority", "resolve_ticket", "get_helpdesk_account", "deactivate_helpdesk_account",
        "set_helpdesk_password",
    }  # fmt: skip


def test_the_model_is_closed() -> None:
    with pytest.raises(ValueError, match="extra"):
        Flow.model_validate({"flow": "x", "colour": "blue"})
