"""What an agent reads before it calls: short, in order, and found by plain words."""

import math
import re
from collections import Counter
from pathlib import Path

import pytest

from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from policies.candidate import Candidate
from policies.principal import People
from policies.release import Release
from server.mcp.tools import MAX_DESCRIPTION, tools_for
from tests.world import ROOT

REQUESTS = {
    "reset_user_mfa": ["this user lost their phone", "reset MFA for maria, her device was stolen", "she changed her phone and cannot do two factor",
                       "remove all MFA factors so that he can enrol again", "new phone, authenticator gone, reset factors"],
    "unlock_user": ["the account is locked", "unlock leo, too many failed attempts", "password locked out, please unlock", "his sign-in is locked"],
    "suspend_user": ["suspend this account now, it may be taken over", "stop the account from signing in", "possible takeover, suspend the user"],
    "find_user": ["find the user with this e-mail address", "look up the okta id by email", "which user has maria@example.com", "get the user_id of an e-mail"],
    "get_user": ["what is the status of this okta user id", "get the user's current status and profile"],
    "list_factors": ["which MFA factors are enrolled", "list the factors of a user", "what factors does she have"],
    "get_ticket": ["what does ticket 4711 ask for", "who asked for this support ticket", "get the ticket's status"],
    "comment_on_ticket": ["add an internal comment to the ticket", "comment on the ticket what was done", "leave a note for the people who handle the ticket: comment"],
    "reply_to_ticket": ["reply to the ticket, the customer should get an answer", "answer whoever asked by a public reply"],
    "assign_ticket": ["assign the ticket to nora", "somebody else should handle this ticket"],
    "set_ticket_status": ["set the ticket to pending", "mark the ticket as solved"],
    "add_ticket_tag": ["tag the ticket", "add a tag to the ticket so that it can be counted"],
    "list_requested_tickets": ["which tickets did this person ask for", "list the tickets of a requester"],
    "find_scim_user": ["find a scim user by user name", "scim id of this user name"],
    "find_scim_group": ["find a group by display name", "which scim group is engineering, get its id"],
    "add_group_member": ["add her to the group engineering", "give him the access of a group", "needs to be a member of a group"],
    "remove_group_member": ["remove him from the group", "take away the access that a group gives", "no longer needs group access"],
    "get_action": ["what became of the action that waits", "wait for the result of an approval_required action"],
    "find_receipts": ["was it done, list receipts", "show the receipts of what was done"],
}  # fmt: skip

ALSO = {"add_group_member": "add_okta_group_member", "remove_group_member": "remove_okta_group_member"}
"""A group is in one directory or the other, and the request does not say in which."""


@pytest.fixture(scope="module")
def release() -> Release:
    targets = {
        k: Target(k, k, f"http://127.0.0.1:1/{k}", "acme", "prod", "none", "none", "p")
        for k in ("okta", "zendesk", "scim")
    }
    library = Path(ROOT / "policies" / "library")
    texts = {p.name: p.read_text() for p in library.glob("*.cedar")}
    candidate = Candidate(
        load_catalog(ROOT / "contracts" / "library"),
        texts,
        targets,
        People({}),
        ("Support", "Operations", "SecurityLead"),
        origin="o",
    )
    return Release.build(candidate)


SUPPORT = Caller("bot", "acme", "ann", "ann", frozenset({"Support"}), frozenset({"Support"}))


def test_entries(release: Release) -> None:
    tools = tools_for(release, SUPPORT)
    assert len(tools) >= 26
    for tool in tools:
        assert tool.description
        assert len(tool.description) <= MAX_DESCRIPTION
        places = [tool.description.find(word) for word in ("Use when:", "Risk:")]
        assert -1 not in places
        assert places == sorted(places)
        assert tool.input_schema["additionalProperties"] is False
        assert tool.annotations is not None
        assert tool.output_schema is not None
    reset = next(t for t in tools if t.name == "reset_user_mfa")
    assert "approval of SecurityLead" in (reset.description or "")
    assert "reason" in reset.input_schema["required"]
    assert reset.annotations is not None
    assert reset.annotations.destructive_hint
    assert (reset.meta or {})["dev.ailyus/contract"] == "reset_user_mfa@2"


def test_what_is_always_denied_is_not_listed(release: Release) -> None:
    stranger = Caller("bot", "acme", "ann", "ann", frozenset(), frozenset())
    elsewhere = Caller("bot", "globex", "ann", "ann", frozenset({"Support"}), frozenset({"Support"}))
    for caller in (stranger, elsewhere):
        assert [t.name for t in tools_for(release, caller)] == ["get_action", "find_receipts"]


def test_forty_plain_requests_find_their_tool(release: Release) -> None:
    documents = {
        t.name: words(f"{t.name.replace('_', ' ')} {t.title} {t.description}") for t in tools_for(release, SUPPORT)
    }
    asked = [(tool, text) for tool, texts in REQUESTS.items() for text in texts]
    assert len(asked) >= 40
    missed = [
        (text, tool, top)
        for tool, text in asked
        if not {tool, ALSO.get(tool)} & set(top := bm25(documents, words(text))[:3])
    ]
    assert len(missed) <= len(asked) * 0.05, missed


def words(text: str) -> list[str]:
    return [w.rstrip("s") for w in re.findall(r"[a-z0-9]+", text.lower().replace("e-mail", "email"))]


def bm25(documents: dict[str, list[str]], query: list[str], k1: float = 1.5, b: float = 0.75) -> list[str]:
    average = sum(map(len, documents.values())) / len(documents)
    counts = {name: Counter(document) for name, document in documents.items()}

    def score(name: str) -> float:
        total = 0.0
        for word in set(query):
            holders = sum(word in c for c in counts.values())
            if not holders:
                continue
            weight = math.log(1 + (len(documents) - holders + 0.5) / (holders + 0.5))
            found = counts[name][word]
            total += weight * found * (k1 + 1) / (found + k1 * (1 - b + b * len(documents[name]) / average))
        return total

    return sorted(documents, key=score, reverse=True)
