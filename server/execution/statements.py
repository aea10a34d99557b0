"""Signed statements about actions under one release."""

from collections.abc import Mapping

from policies.decision import ResourceFacts
from policies.release import Release
from receipts.action.action import Action
from receipts.journal.journal import Journal
from receipts.statement.facts import ActionFacts
from receipts.statement.plan_facts import PlanStepRef
from receipts.statement.statement import SignedStatement, StatementSubject


class ActionStatements:
    """Seals what happened to actions. Nothing is committed here."""

    def __init__(self, journal: Journal, release: Release) -> None:
        self._journal = journal
        self._release = release

    def seal(
        self,
        facts: ActionFacts,
        receipt: str,
        about: StatementSubject,
        status: str,
        changed: bool | None,
        evidence: Mapping[str, bytes],
    ) -> SignedStatement:
        """A signed statement about an action, now."""
        return self._journal.notary.seal(
            facts,
            receipt,
            about,
            status=status,
            changed=changed,
            at_ms=self._journal.store.now_ms(),
            evidence=evidence,
        )

    def about(self, action: Action, facts: ResourceFacts | None = None) -> StatementSubject:
        """What a statement about this action says of it."""
        return StatementSubject(
            request=action.request,
            action_id=action.id,
            release=self._release.digest,
            governed=self._release.governed,
            resource_type=facts.resource_type if facts else "",
            resource_id=facts.resource_id if facts else "",
            label=facts.label if facts else None,
            indexed=self._release.indexed(action.request),
            sentence=action.sentence,
        )


def plan_fields(action: Action) -> dict[str, object]:
    """The fields of a statement that name the plan and what is undone; none where there is neither."""
    fields: dict[str, object] = {}
    if (step := action.step) is not None:
        fields["plan"] = PlanStepRef(
            action=step.plan_id, step=step.key, position=step.position, of=step.size, wave=step.wave, digest=step.digest
        )
    if action.undoes:
        fields["undoes"] = action.undoes
    return fields
