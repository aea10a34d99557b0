"""Signed statements about actions: under which release, about which resource, and as which step."""

from dataclasses import replace

from receipts.action.action import PlanStep
from receipts.statement.plan_facts import PlanStepRef
from server.execution.statements import ActionStatements, plan_fields
from tests.free import free
from tests.receipts.making import action
from tests.server.engine import Engine, predicate_of


async def test_a_statement_says_its_release_and_who_asked(permissive: Engine) -> None:
    one = permissive.action()
    statements = ActionStatements(permissive.journal, permissive.release)
    sealed = statements.seal(free("decision"), "rcp_1", statements.about(one), "denied", False, {"why": b"no"})
    said = predicate_of(sealed)
    assert (said["release"], said["governed"]) == (permissive.release.digest, permissive.release.governed)
    assert (said["action"], said["agent"], said["status"], said["changed"]) == (one.id, "bot", "denied", False)
    assert set(said["commitments"]) == {"params", "why"}
    assert sealed.envelope.holds({permissive.journal.store.signer.keyid: permissive.journal.store.signer.public})


async def test_nothing_is_committed_by_it(permissive: Engine) -> None:
    before = await permissive.rows("SELECT count(*) FROM statements")
    statements = ActionStatements(permissive.journal, permissive.release)
    statements.seal(free("decision"), "rcp_1", statements.about(permissive.action()), "denied", False, {})
    assert await permissive.rows("SELECT count(*) FROM statements") == before


async def test_a_resource_is_named_only_where_it_was_established(permissive: Engine) -> None:
    one = permissive.action()
    ready = await permissive.permitted(one)
    statements = ActionStatements(permissive.journal, permissive.release)
    about = statements.about(one, ready.permitted.facts)
    assert (about.resource_type, about.resource_id) == ("Record", "r1")
    assert (statements.about(one).resource_id, statements.about(one).label) == ("", None)


def test_a_step_and_an_undo_name_what_they_belong_to() -> None:
    one = action()
    assert plan_fields(one) == {}
    step = replace(one, step=PlanStep("act_p", 3, 1, 4, "two", 2, "digest"), undoes="act_x")
    assert plan_fields(step) == {
        "plan": PlanStepRef(action="act_p", step="two", position=1, of=4, wave=2, digest="digest"),
        "undoes": "act_x",
    }
