"""The keys of a log, each with the part of the log that it signs.

A key signs the statements from leaf `first` on and those before `end`; the checkpoints of the sizes `first` to `end`
without `end` are signed by it too. So the checkpoint that first covers a rotation is signed by the new key: it proves
that somebody holds that key, and whoever still holds the former one alone can add nothing to the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.rotation import LogRotation
from receipts.log.signing import Envelope, Signer, open_note


@dataclass(frozen=True, slots=True)
class LogKey:
    """One key (raw Ed25519, 32 bytes) and its part of the log; `end` is None while it signs."""

    keyid: str
    public: bytes
    first: int = 0
    end: int | None = None

    def covers(self, index: int) -> bool:
        """May it sign the statement at this leaf, or the checkpoint of this size?"""
        return self.first <= index and (self.end is None or index < self.end)


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys that somebody trusts for one log."""

    keys: tuple[LogKey, ...]

    @classmethod
    def of(cls, signer: Signer) -> "LogKeys":
        """The one key of a log that was never rotated."""
        return cls((LogKey(signer.keyid, signer.public),))

    @property
    def public(self) -> Mapping[str, bytes]:
        """All of them by their id, wherever in the log they sign."""
        return {key.keyid: key.public for key in self.keys}

    @property
    def newest(self) -> LogKey:
        """The key that was rotated to last."""
        return self.keys[-1]

    def holds(self, envelope: Envelope, index: int) -> bool:
        """Is the statement at this leaf signed by a key that may sign there?"""
        public = {key.keyid: key.public for key in self.keys if key.covers(index)}  # guard: the part of a key
        return envelope.holds(public)

    def signed(self, note: str, origin: str) -> tuple[Checkpoint, str]:
        """The tree head of a note, and the id of its key, which may sign that size. Raises `not_authentic`."""
        for key in self.keys:
            try:
                checkpoint = Checkpoint.parse(open_note(note, origin, key.public))
            except AilyusError:
                continue
            # the signature names the log, and the text must name the same one
            if checkpoint.origin == origin and key.covers(checkpoint.size):  # guard: checkpoints of a key
                return checkpoint, key.keyid
        raise AilyusError("not_authentic", "the checkpoint is not signed by a trusted key")

    def after(self, rotation: LogRotation, index: int) -> "LogKeys":
        """The keys after a rotation at this leaf, whose signature was checked. Raises `not_authentic`.

        A key that is known already keeps its part: the rotation must say the same.
        """
        end = index + 1
        former = next((key for key in self.keys if key.keyid == rotation.former.keyid and key.covers(index)), None)
        known = next((key for key in self.keys if key.keyid == rotation.key.keyid), None)
        # a key of which nobody said where it begins begins here
        fits = former is not None and (
            former.end is None
            if known is None
            else former.end in (None, end) and (known.first == end or (known.first, known.end) == (0, None))
        )
        if former is None or not fits:  # guard: a rotation in its place
            raise AilyusError("not_authentic", "a rotation of the log's key is not one that the trusted keys know")
        others = tuple(key for key in self.keys if key is not former and key.keyid != rotation.key.keyid)
        following = replace(known, first=end) if known else LogKey(rotation.key.keyid, rotation.key.public, end)
        return LogKeys((*others, replace(former, end=end), following))
