"""The shipped policies: where they are, and their bundle over the shipped contracts."""

from policies.bundle import Bundle, load_bundle
from tests.policies.making import PROGRAMS
from tests.world import ROOT

LIBRARY = ROOT / "policies" / "library"
ROLES = ("Support", "Operations", "SecurityLead")


def shipped() -> Bundle:
    """The shipped policies over the shipped contracts."""
    texts = {path.name: path.read_text() for path in LIBRARY.glob("*.cedar")}
    return load_bundle(texts, PROGRAMS, ROLES, ("prod", "staging"))
