"""Where the shipped policies are."""

from tests.world import ROOT

LIBRARY = ROOT / "policies" / "library"
