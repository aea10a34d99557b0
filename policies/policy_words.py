"""A policy's words for people: what it is called and why it is there, from its annotations `@title` and `@why`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from policies.policy_slice import Slice

REVIEW: Final = "review"
"""The annotation of a permit that names who reviews afterwards what it alone permits: it decides nothing."""


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """One policy by its `@id`, in words. They decide nothing; each is empty where the policy does not say it."""

    id: str
    title: str
    why: str


def words_of(own: Slice, ids: Iterable[str]) -> list[PolicyWords]:
    """The words of these policies of a slice, in their order; an id that is not in it is left out."""
    found = [(name, own.nodes[name].annotations) for name in ids if name in own.nodes]
    return [PolicyWords(name, said.get("title", ""), said.get("why", "")) for name, said in found]
