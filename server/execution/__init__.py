"""One decided request, from its intent to its outcome."""
