"""Contracts that are refused."""

from pathlib import Path

from tests.world import ROOT

LIBRARY = ROOT / "contracts" / "library"


GOOD = (LIBRARY / "okta" / "unlock_user.yaml").read_text()


SYSTEM = (LIBRARY / "okta" / "_system.yaml").read_text()


FINDER = (LIBRARY / "okta" / "find_user.yaml").read_text()


BAD = {
    "unknown_key": (GOOD + "colour: blue\n", "bad_contract", "`colour`"),
    "duplicate_key": (GOOD + "risk: low\n", "bad_contract", "duplicate key"),
    "alias": (GOOD.replace("tags: [identity, account_access]", "tags: &a [identity]\nfoo: *a"), "bad_contract", "aliases"),
    "typo_in_cel": (GOOD.replace("after.user.status ==", "after.usr.status =="), "bad_expression", "does not compile"),
    "undeclared_input": (GOOD.replace("${inputs.user_id}/lifecycle", "${inputs.uid}/lifecycle"), "bad_expression", "does not compile"),
    "two_in_a_segment": (GOOD.replace("users/${inputs.user_id}/", "users/${inputs.user_id}${inputs.user_id}/"), "bad_contract", "stands a mark"),
    "dots_in_path": (GOOD.replace("/lifecycle/unlock", "/../unlock"), "bad_contract", "none is `.` or `..`"),
    "unknown_keyword": (GOOD.replace("pattern:", "patern:"), "bad_contract", "patern"),
    "no_finder": (GOOD.replace("from: find_user", "from: find_nobody"), "bad_contract", "no read"),
    "browser": (GOOD.replace("  - http:", "  - browser: {flow: x}\n    http:"), "bad_contract", "exactly one of http, browser"),
    "undo": (GOOD.replace("undo: none", "undo: {contract: lock_user}"), "bad_contract", "no action of this catalog"),
    "undo_word": (GOOD.replace("undo: none", "undo: lock_user"), "bad_contract", "undo"),
    "secret": (GOOD.replace("description: \"Okta user id.\"", "description: x, secret: true"), "not_supported_yet", "secret"),
    "two_methods": (GOOD.replace("timeout: 10s", "timeout: 10s, put: /x"), "bad_contract", "exactly one"),
    "bad_duration": (GOOD.replace("settle: 5s", "settle: soon"), "bad_contract", "duration"),
    "checks_nothing": (GOOD.replace("after.user.status == 'ACTIVE'", "true"), "bad_contract", "the same whatever is read"),
    "checks_nothing_in_the_end": (GOOD.replace("after.user.status == 'ACTIVE'", "after.user.status == 'ACTIVE' || 1 == 1"), "bad_contract", "the same whatever is read"),
    "absence_is_proof": (GOOD.replace("after.user.status == 'ACTIVE'", "!has(after.user.locked) || !after.user.locked"), "bad_contract", "a field that is not there"),
    "presence_is_asked": (GOOD.replace("after.user.status == 'ACTIVE'", "has(after.user.status) && after.user.status == 'ACTIVE'"), "bad_contract", "a field that is not there"),
    "absence_lets_through": (GOOD.replace("before.user.status in", "!has(before.user.locked) || before.user.status in"), "bad_contract", "a field that is not there"),
    "bound_without_a_reason": (GOOD.replace("settle: 5s", "settle: {within: 5s}"), "bad_contract", "needs `within`"),
    "no_read_shows_the_resource": (
        GOOD.replace("resource: system", 'resource: {type: OktaUser, id: "${inputs.serial}"}').replace(
            "inputs:\n", 'inputs:\n  serial: {type: string, description: "Serial."}\n'
        ),
        "bad_contract",
        "no read shows that `serial` is the resource",
    ),
    "no_expectation": (GOOD.replace("expect:\n", "require2:\n"), "bad_contract", "require2"),
    "no_evidence": (GOOD.replace("[before, after, response]", "[before]"), "bad_contract", "evidence"),
    "credential_header": (GOOD.replace("timeout: 10s}", "timeout: 10s, headers: {Authorization: x}}"), "bad_contract", "not for contracts"),
    "reserved_input": (GOOD.replace("inputs:\n", 'inputs:\n  reason: {type: string, description: "x"}\n'), "bad_contract", "reserved"),
    "unobserved_path": (GOOD.replace("shows: [before.user.status]", "shows: [before.group.x]"), "bad_contract", "observed nowhere"),
    "too_deep": ("a: " + "[" * 9_000, "bad_contract", "no YAML: more than 64"),
    "a_list_as_key": (GOOD + "? [a]\n: b\n", "bad_contract", "no YAML: a key must be a word"),
    "not_yaml": ("{{{", "bad_contract", "no YAML"),
    "a_list": ("- a\n- b\n", "bad_contract", "no YAML object"),
    "a_number_input": (GOOD.replace("type: string", "type: number", 1), "bad_contract", "type"),
    "untyped_function": (
        GOOD.replace("timeout: 10s}", "timeout: 10s, query: {q: \"name eq '${inputs.user_id}'\"}}"),
        "bad_expression",
        "another grammar",
    ),
}  # fmt: skip


def folder(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "contracts" / "okta"
    path.mkdir(parents=True)
    (path / "_system.yaml").write_text(SYSTEM)
    (path / "find_user.yaml").write_text(FINDER)
    (path / "unlock_user.yaml").write_text(text)
    return tmp_path / "contracts"
