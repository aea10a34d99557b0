"""What the row of an action says otherwise than its statements: of its sentence, and of one that was erased."""

from collections.abc import Iterator

from contracts.canonical import commitment
from receipts.action.sentence import ActionSentence
from receipts.action.word_index import word_token
from receipts.audit.row_words import ActionWords
from receipts.store.row import Read, Row, blob
from receipts.store.sealed_value import is_sealed


def erased_faults(row: Row, known: ActionWords) -> Iterator[str]:
    """Of an action that was erased the row still says who did what by which contract, and how it ended."""
    signed = (known.tenant, known.agent, known.contract, known.connection)
    if (row[1], row[2], row[4], row[5]) != signed or row[6] not in known.ended or (row[11] and not is_sealed(row[11])):
        yield f"the row of the action `{row[0]!s}`, which was erased, is not what its statements say"


def sentence_faults(read: Read, row: Row, known: ActionWords, key: bytes) -> Iterator[str]:
    """The sentence that lists show, against the statement that commits to it; one that was erased says nothing."""
    said = ActionSentence.unpacked(str(row[11])) if row[11] else None
    if said is None:
        return
    salts = read("SELECT salt, data FROM evidence WHERE leaf_index = ? AND label = 'says'", known.says_at)
    # guard: lists say what was signed
    if not known.says or (salts and commitment(blob(salts[0][0]), str(row[11]).encode()) != known.says):
        yield f"the sentence of the action `{row[0]!s}` is not what its statement says"
    found = {str(word) for (word,) in read("SELECT word FROM action_words WHERE action_id = ?", row[0])}
    # an archive keeps no words: it is not searched
    there = all(word_token(key, word) in found or word in found for word in said.words)
    if not there and (found or read("SELECT 1 FROM action_words LIMIT 1")):
        yield f"the action `{row[0]!s}` is not found by every word of its sentence"
