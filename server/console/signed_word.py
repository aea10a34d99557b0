"""A signed word about a key, and the introduction of a person that such words make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.canonical import digest
from contracts.errors import AilyusError
from policies.passkey import Assertion
from receipts.tables.introductions import StoredIntroduction


class KeyAuthorization(BaseModel):
    """What somebody signs about a key: `add` their own, `introduce` a person, or `revoke` a key.

    `about` is the digest of the new passkey's attestation object, the introduction's id, or the id of the key that is
    to be revoked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Literal["ailyus-key-v1"]
    origin: str
    event: Literal["add", "introduce", "revoke"]
    about: str = Field(max_length=100)
    person: str = Field(max_length=100)
    by: str = Field(max_length=100)
    at_ms: int
    nonce: str = Field(max_length=64)

    @property
    def digest(self) -> str:
        """The challenge that a passkey asserts, as hex."""
        return digest(self.model_dump(mode="json"))


class SignedKeyAuthorization(BaseModel):
    """A word, the passkey and its assertion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: KeyAuthorization
    keyid: str
    assertion: Assertion


@dataclass(frozen=True, slots=True)
class Introduction:
    """A link that is being made, or waits to be used."""

    id: str
    person: str
    words: tuple[SignedKeyAuthorization, ...]

    @property
    def by(self) -> tuple[str, ...]:
        """The admins who vouched so far."""
        return tuple(word.word.by for word in self.words)


def introduction_of(stored: StoredIntroduction) -> Introduction:
    """The introduction of a row. Its words count by their signatures, which whoever uses them checks again."""
    try:
        found = tuple(SignedKeyAuthorization.model_validate(word) for word in orjson.loads(stored.words))
    except ValidationError:
        raise AilyusError("store_corrupt", "an introduction in the store is malformed") from None
    return Introduction(stored.id, stored.person, found)


def words_of(words: Sequence[SignedKeyAuthorization]) -> bytes:
    """Words as the store and a `key` statement keep them."""
    return orjson.dumps([word.model_dump(mode="json") for word in words])
