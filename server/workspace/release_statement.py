"""The statement of a release: what its author, its files and its policies are, and the evidence that keeps them.

Files and settings are kept whole, so that a gateway can start from the last release when the folder holds nonsense,
another replica can take it, and it can be released again. A proof of one action opens only the policies that decide on
it, so each contract has a slice of its own.
"""

from collections.abc import Mapping

import orjson

from policies.bundle import ENGINE
from policies.release import Release
from policies.release_approval import ReleaseApproval
from policies.signed_release import SignedRelease
from receipts.statement import releases
from receipts.statement.gateway_facts import ReleaseApprovalFacts, ReleaseFacts
from server.workspace.release_acceptance import releasers_of
from server.workspace.release_settings import SETTINGS, ReleaseSettings
from server.workspace.widening import CONNECTIONS, connections_of


def release_facts(release: Release, labels: Mapping[str, str], signed: SignedRelease | None) -> ReleaseFacts:
    """What the statement says; `labels` are the versions of its contracts, marked where content changed without one."""
    bundle = release.decider.bundle
    facts = ReleaseFacts(
        release=release.digest,
        author=release.author,
        governed=release.governed,
        contracts=dict(labels),
        policies=bundle.digest,
        schema_=bundle.schema_digest,
        engine=ENGINE,
    )
    if signed is None:
        return facts
    word = signed.document
    facts = facts.also({"keyid": signed.keyid, "signed": word.digest, "reason": word.reason})
    if not signed.approvals:
        return facts
    return facts.also({"approvals": tuple(_approval(one) for one in signed.approvals)})


def _approval(approval: ReleaseApproval) -> ReleaseApprovalFacts:
    said = approval.document
    return ReleaseApprovalFacts(approver=said.approver, role=said.role, keyid=approval.keyid, signed=said.digest)


def release_evidence(release: Release, sources: Mapping[str, bytes], signed: SignedRelease | None) -> dict[str, bytes]:
    """The release as compiled, its files as they were, who may release after it, and its author's signature."""
    programs, bundle = release.catalog.programs.values(), release.decider.bundle
    evidence = {f"contract/{p.name}": p.document for p in programs}
    evidence |= {f"plan/{p.name}": p.document for p in release.catalog.plans.values()}
    evidence |= {f"policy/{name}": text.encode() for name, text in bundle.texts.items()}
    evidence[CONNECTIONS] = connections_of(release)
    evidence[SETTINGS] = ReleaseSettings.of(release).encoded
    # a proof of one action opens the policies that decide on it, and nobody else's
    evidence |= {f"slice/{p.name}": bundle.slice_document(p.name) for p in programs}
    evidence["schema"] = bundle.schema_text.encode()
    evidence |= {releases.FILE + name: data for name, data in sources.items()}
    evidence[releases.RELEASERS] = orjson.dumps(releasers_of(release))
    if signed is not None:
        evidence[releases.SIGNED] = signed.model_dump_json().encode()
    return evidence
