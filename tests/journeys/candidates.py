"""Proposed releases in tests: the package of what the files say, and people who sign with passkeys in software."""

import pytest

from contracts.errors import AilyusError
from policies.passkey import encode
from policies.principal import Key, Passkey, keyid_of
from server.approvals.keys import link_key
from server.operations.candidates import Candidates, CandidateWord
from server.workspace.release_files import sources_of
from server.workspace.release_package import ReleasePackage
from server.workspace.workspace import Workspace
from tests.console.authenticator import Authenticator
from tests.journeys.releases import signed
from tests.world import World


def package(world: World, author: str = "lead") -> ReleasePackage:
    """What the files say now, signed."""
    space = Workspace.open(world.workspace.root)
    made = ReleasePackage.of(space.release(), sources_of(space.root))
    return made.model_copy(update={"signed": signed(space, author)})


class Signer:
    """A person with a passkey in software."""

    def __init__(self, world: World, person: str) -> None:
        self.passkey = Authenticator("http://localhost:1", credential=person.encode())
        self.world, self.name = world, person
        place = Passkey(encode(self.passkey.credential), self.passkey.rp_id, self.passkey.origin)
        self.key = Key(keyid_of(self.passkey.cose), self.passkey.cose, person, "passkey", passkey=place)

    async def linked(self) -> "Signer":
        await link_key(self.world.app.runner, self.key, "terminal")
        return self

    async def word(self, digest: str, role: str = "SecurityLead", **changes: object) -> CandidateWord:
        review = await candidates(self.world).reviews.review(digest)
        at_ms = self.world.app.store.now_ms()
        document = review.document(self.name, role, at_ms).model_copy(update=changes)
        assertion = self.passkey.sign(bytes.fromhex(document.digest))
        return CandidateWord(document=document, keyid=self.key.keyid, assertion=assertion)

    async def approve(self, digest: str, **changes: object) -> CandidateWord:
        word = await self.word(digest, **changes)
        await self.say(word)
        return word

    async def say(self, word: CandidateWord) -> None:
        person = self.world.app.runner.release.people.get(self.name)
        assert person is not None
        await candidates(self.world).decide(person, word)

    async def refused(self, digest: str, **changes: object) -> str:
        with pytest.raises(AilyusError) as caught:
            await self.approve(digest, **changes)
        return caught.value.code


def candidates(world: World) -> Candidates:
    return world.app.candidates
